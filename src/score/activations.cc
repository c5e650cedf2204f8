#include "score/activations.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "engine/engine.h"
#include "graph/slice.h"
#include "vision/vision.h"

namespace scissionlite {
namespace {

constexpr int64_t kFitBytes = int64_t{1} << 30;

std::vector<std::string> names_of(const std::vector<ValueInfo>& infos) {
  std::vector<std::string> names;
  for (const auto& info : infos) names.push_back(info.name);
  return names;
}

/// Runs the head on images until `limit_bytes` are held (at least one image).
std::vector<std::vector<Tensor>> collect(const Graph& model, const std::vector<std::string>& tensors, const std::vector<fs::path>& images,
                                         const vision::InputSpec& input, const std::string& engine, int threads, int64_t limit_bytes) {
  const auto head = compile(extract(model, names_of(model.inputs), tensors), engine, {.threads = threads});
  std::vector<std::vector<Tensor>> out(tensors.size());
  int64_t held = 0;
  for (const auto& image : images) {
    const std::vector<Tensor> x{vision::preprocess(vision::load_image(image), input)};
    const auto values = head->run(x);
    for (size_t t = 0; t < values.size(); ++t) {
      out[t].push_back(values[t].clone());  // the engine's own buffer is valid until the next run only
      held += static_cast<int64_t>(values[t].size_bytes());
    }
    if (held > limit_bytes) break;
  }
  return out;
}

/// A count, or a share of all.
struct Amount {
  double value = 0;
  bool is_share = false;
};

Amount parse_amount(const std::string& text) {
  const bool percent = !text.empty() && text.back() == '%';
  const std::string number = percent ? text.substr(0, text.size() - 1) : text;
  Amount out{0, percent || number.find('.') != std::string::npos};
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.value);
  if (percent) out.value /= 100;
  if (error != std::errc() || end != number.data() + number.size() || !(out.value >= 0) || (out.is_share && out.value >= 1))
    throw InvalidArgument("[images] '" + text + "' images to fit on; expected a count as 100, a share as 0.33 or 33%, or 0");
  return out;
}

/// How many of `n` images TLs are fitted on; none when every TL is fixed or was fitted beforehand.
int64_t fit_count(const std::string& text, int64_t n) {
  const auto amount = parse_amount(text);
  if (amount.value == 0) return 0;
  if (n < 2)
    throw InvalidArgument("[images] " + std::to_string(n) +
                          " different image given; expected two or more: TLs are fitted on some and scored on others");
  const double count = amount.is_share ? amount.value * static_cast<double>(n) : amount.value;
  if (count > static_cast<double>(n - 1))
    throw InvalidArgument("[images] " + text + " images to fit on leave none of " + std::to_string(n) +
                          " different ones to score; give more images or fit on fewer");
  return std::max<int64_t>(1, std::llround(count));
}

std::string hash_of(const std::vector<std::string>& sorted_hashes) {
  Sha256 sha;
  for (const auto& hash : sorted_hashes) sha.update(hash);
  return sha.hex();
}

}  // namespace

std::vector<std::vector<Tensor>> fit_samples(const Graph& model, const std::vector<std::string>& cut_tensors, const std::vector<fs::path>& fit_images,
                                             const vision::InputSpec& input, const std::string& engine, int threads) {
  return collect(model, cut_tensors, fit_images, input, engine, threads, kFitBytes);
}

HashSplit split_by_hash(const std::vector<std::string>& hashes, const std::string& fit) {
  std::map<std::string, size_t> first_by_hash;  // in order of the hashes: as good as random, the same everywhere
  for (size_t i = 0; i < hashes.size(); ++i) first_by_hash.emplace(hashes[i], i);
  const int64_t count = fit_count(fit, static_cast<int64_t>(first_by_hash.size()));
  HashSplit out;
  std::vector<std::string> fit_hashes, score_hashes;
  for (const auto& [hash, first] : first_by_hash) {
    if (static_cast<int64_t>(fit_hashes.size()) < count) {
      out.fit.push_back(first);  // a copy of the same picture adds nothing
      fit_hashes.push_back(hash);
    } else {
      score_hashes.push_back(hash);
    }
  }
  for (size_t i = 0; i < hashes.size(); ++i)
    if (std::binary_search(score_hashes.begin(), score_hashes.end(), hashes[i])) out.score.push_back(i);
  out.fit_sha256 = hash_of(fit_hashes);
  out.score_sha256 = hash_of(score_hashes);
  return out;
}

ImageSplit split_images(const std::vector<fs::path>& images, const std::string& fit_images) {
  std::vector<std::string> hashes;
  for (const auto& image : images) hashes.push_back(sha256_hex(read_file(image)));
  const auto split = split_by_hash(hashes, fit_images);
  ImageSplit out{{}, {}, split.fit_sha256, split.score_sha256};
  for (const size_t i : split.fit) out.fit.push_back(images[i]);
  for (const size_t i : split.score) out.score.push_back(images[i]);
  return out;
}

}  // namespace scissionlite
