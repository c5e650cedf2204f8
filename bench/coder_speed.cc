// The entropy coder on codes of a transfer layer: bytes an image and MB/s (10^6 symbols a second) on one core, in CPU time.
//   coder_speed [--fit N] [--terms N] [--coder FILE] CODES.npy...   one JSON line a file and instruction set
// A file holds uint8 (images, channels, rows, columns). With --coder, a layer's fitted code model codes all images. Without, the
// zero symbol is 128 and a model is fitted on the first half (or the first N images); bytes and times are those of the second
// half. Every image is decoded and compared.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/npy.h"
#include "base/stats.h"
#include "coding/coder.h"

namespace scissionlite::coding {
namespace {

constexpr int kRounds = 15;
constexpr uint8_t kZero = 128;

struct Options {
  int64_t fit = 0;
  int terms = FitOptions{}.terms;
  std::string coder;  // a file; empty: fitted here
  std::vector<std::string> files;
};

std::vector<Tensor> images_of(const Tensor& all) {
  const Shape& shape = all.shape();
  if (shape.size() != 4 || all.dtype() != Dtype::kU8 || shape[0] < 2)
    throw InvalidArgument("[coder_speed] expected uint8 (images, channels, rows, columns), two images at least");
  const auto size = static_cast<size_t>(all.size() / shape[0]);
  std::vector<Tensor> images;
  for (int64_t i = 0; i < shape[0]; ++i)
    images.push_back(Tensor::of<uint8_t>({shape[1], shape[2], shape[3]}, all.as<uint8_t>().subspan(i * size, size)));
  return images;
}

/// CPU time of this thread: the coder never waits, and other work on the machine must not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Speeds {
  double encode = 0, decode = 0, encode_low = 0, decode_low = 0;  // medians and least over rounds, MB/s
};

Speeds measure(Coder& coder, std::span<const Tensor> images, int rounds) {
  std::vector<std::string> streams(images.size());
  std::vector<uint8_t> back(static_cast<size_t>(images[0].size()));
  std::vector<double> encode, decode;
  const double megabytes = static_cast<double>(images.size() * back.size()) / 1e6;
  for (int round = 0; round <= rounds; ++round) {
    double start = cpu_seconds();
    for (size_t i = 0; i < images.size(); ++i) streams[i].clear(), coder.encode(images[i].as<uint8_t>(), streams[i]);
    const double encoded = megabytes / (cpu_seconds() - start);
    start = cpu_seconds();
    for (const auto& stream : streams) coder.decode(stream, back);
    if (round > 0) encode.push_back(encoded), decode.push_back(megabytes / (cpu_seconds() - start));  // the first one warms up
  }
  for (size_t i = 0; i < images.size(); ++i) {
    coder.decode(streams[i], back);
    if (std::memcmp(back.data(), images[i].data(), back.size()) != 0) throw InternalError("[coder_speed] decoding gives other codes");
  }
  return {median(encode), median(decode), *std::min_element(encode.begin(), encode.end()), *std::min_element(decode.begin(), decode.end())};
}

struct Fitted {
  std::shared_ptr<const CodeModel> model;
  size_t images = 0;
  double seconds = 0;
};
Fitted fit(std::span<const Tensor> images, const Options& options) {
  const double start = cpu_seconds();
  const FitOptions fitting{.zeros = std::vector<uint8_t>(static_cast<size_t>(images[0].shape()[0]), kZero), .levels = {}, .terms = options.terms};
  return {std::make_shared<const CodeModel>(CodeModel::fit(images, fitting)), images.size(), cpu_seconds() - start};
}

void run(const std::string& file, const Options& options) {
  const auto images = images_of(from_npy(read_file(file), file));
  const std::span<const Tensor> all(images);
  const auto half = images.size() / 2, first = options.fit > 0 ? std::min(static_cast<size_t>(options.fit), half) : half;
  const bool is_given = !options.coder.empty();
  const Fitted fitted = is_given ? Fitted{std::make_shared<const CodeModel>(CodeModel::parse(read_file(options.coder), options.coder)), 0, 0}
                                 : fit(all.first(first), options);
  const auto& model = fitted.model;
  const auto held_out = is_given ? all : all.subspan(half);
  for (const auto& isa : coder_isas()) {
    Coder coder(model, isa);
    double bytes = 0, bits = 0;
    for (const Tensor& image : held_out) {
      std::string stream;
      bytes += static_cast<double>(coder.encode(image.as<uint8_t>(), stream)), bits += model->bits(image.as<uint8_t>());
    }
    const Speeds speeds = measure(coder, held_out, isa == "scalar" ? 2 : kRounds);
    const auto n = static_cast<double>(held_out.size());
    fmt::print(
        R"({{"codes": "{}", "isa": "{}", "symbols": {}, "fit_images": {}, "images": {}, "fit_s": {:.2f}, "model_bytes": {}, "entropy_bytes": {:.1f}, )"
        R"("stream_bytes": {:.1f}, "encode_mb_per_s": {:.1f}, "encode_low": {:.1f}, "decode_mb_per_s": {:.1f}, "decode_low": {:.1f}}})"
        "\n",
        fs::path(file).stem().string(), isa, images[0].size(), fitted.images, held_out.size(), fitted.seconds, model->serialize().size(),
        bits / 8 / n, bytes / n, speeds.encode, speeds.encode_low, speeds.decode, speeds.decode_low);
    std::fflush(stdout);
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--fit" && i + 1 < argc) options.fit = std::atoll(argv[++i]);
    else if (word == "--terms" && i + 1 < argc) options.terms = std::atoi(argv[++i]);
    else if (word == "--coder" && i + 1 < argc) options.coder = argv[++i];
    else options.files.push_back(word);
  }
  return options;
}

}  // namespace
}  // namespace scissionlite::coding

int main(int argc, char** argv) {
  try {
    const auto options = scissionlite::coding::parse(argc, argv);
    for (const auto& file : options.files) scissionlite::coding::run(file, options);
    return options.files.empty() ? 2 : 0;
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
