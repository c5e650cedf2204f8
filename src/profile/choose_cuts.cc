#include "profile/choose_cuts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/text.h"
#include "transfer/transfer.h"

namespace scissionlite {
namespace {

constexpr int kMostMultiCuts = 16;

/// Regions counted over the single cuts that are kept.
void renumber(std::vector<Cut>& cuts) {
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.position < b.position; });
  int region = 0;
  for (auto& cut : cuts) {
    cut.region = region;
    if (cut.is_single()) ++region;
  }
}

std::vector<Cut> automatic(const std::vector<Cut>& cuts) {
  std::vector<Cut> kept;
  const Cut* last_single = nullptr;
  std::vector<Cut> multi;
  int64_t smallest = std::numeric_limits<int64_t>::max();
  for (const auto& cut : cuts) {
    if (cut.is_single()) {
      if (last_single && last_single->bytes == cut.bytes && last_single->head_macs == cut.head_macs && cut.bytes >= 0) kept.pop_back();
      kept.push_back(cut);
      last_single = &kept.back();
    } else if (cut.bytes >= 0 && cut.bytes < smallest) {
      multi.push_back(cut);
    }
    if (cut.bytes >= 0) smallest = std::min(smallest, cut.bytes);
  }
  if (multi.size() > kMostMultiCuts) multi.erase(multi.begin(), multi.end() - kMostMultiCuts);  // the later, the smaller
  kept.insert(kept.end(), multi.begin(), multi.end());
  return kept;
}

std::vector<Cut> selected(const std::vector<Cut>& cuts, const std::string& wanted) {
  if (wanted == "auto") return automatic(cuts);
  if (wanted == "all") return cuts;
  std::vector<Cut> out;
  if (wanted == "single") {
    std::copy_if(cuts.begin(), cuts.end(), std::back_inserter(out), [](const Cut& cut) { return cut.is_single(); });
    return out;
  }
  for (const auto& id : split(wanted, ','))
    if (!id.empty()) out.push_back(find_cut(cuts, id));
  return out;
}

ValueInfo tensor_of(const Cut& cut) {
  ValueInfo info{cut.tensors[0], cut.dtypes.empty() ? Dtype::kUndefined : cut.dtypes[0], {}, false, {}};
  if (!cut.shapes.empty() && !cut.shapes[0].empty()) info.shape = cut.shapes[0], info.has_shape = true;
  return info;
}

/// Ids of the cuts that are smaller than all before them, the last (smallest) `most` of them.
std::set<std::string> shrinking(const std::vector<Cut>& cuts, int most) {
  std::vector<std::string> ids;
  int64_t smallest = std::numeric_limits<int64_t>::max();
  for (const auto& cut : cuts)
    if (cut.bytes >= 0 && cut.bytes < smallest) ids.push_back(cut.id), smallest = cut.bytes;
  const auto skip = ids.size() > static_cast<size_t>(most) ? ids.size() - static_cast<size_t>(most) : 0;
  return {ids.begin() + static_cast<std::ptrdiff_t>(skip), ids.end()};
}

}  // namespace

std::vector<std::string> timed_codecs() { return {"file", "raw", "png", "jpeg-q50-420", "jpeg-q75-420", "jpeg-q90-420", "jpeg-q95-444", "webp-q80"}; }

ChosenCuts choose_profiled(const std::vector<Cut>& cuts, const std::string& wanted, const std::vector<std::string>& tls, const transfer::Shelf& shelf,
                           int learned_cuts) {
  ChosenCuts chosen{selected(cuts, wanted), {}, timed_codecs()};
  renumber(chosen.cuts);
  for (const auto& spec : tls) (void)shelf.make(spec);
  const auto learned = shrinking(chosen.cuts, learned_cuts);
  for (const auto& cut : chosen.cuts) {
    auto& specs = chosen.tls[cut.id];
    if (!tls.empty()) specs = tls;
    else if (cut.is_single() && learned.count(cut.id)) specs = transfer::default_specs(tensor_of(cut));
    else specs = {"fp32", "fp16", "uint8", "pool"};
    for (const auto& fitted : shelf.fitted_at(cut.tensors))
      if (std::find(specs.begin(), specs.end(), fitted) == specs.end()) specs.push_back(fitted);
  }
  return chosen;
}

ChosenCuts cuts_of_scores(const std::vector<Cut>& cuts, const Scores& scores) {
  ChosenCuts chosen;
  for (const auto& score : scores.scores) {
    for (const auto& part : split(score.candidate, '|')) {
      const auto candidate = candidate_from_key(part);
      if (candidate.kind == Candidate::Kind::kEdge && candidate.codec != "tensor" &&
          std::find(chosen.codecs.begin(), chosen.codecs.end(), candidate.codec) == chosen.codecs.end())
        chosen.codecs.push_back(candidate.codec);
      if (candidate.kind != Candidate::Kind::kSplit) continue;
      auto& specs = chosen.tls[candidate.cut_id];
      if (specs.empty()) chosen.cuts.push_back(find_cut(cuts, candidate.cut_id));
      if (std::find(specs.begin(), specs.end(), candidate.tl) == specs.end()) specs.push_back(candidate.tl);
    }
  }
  renumber(chosen.cuts);
  return chosen;
}

void take_image_bytes(Profile& profile, const Scores& scores) {
  for (auto& [codec, bytes] : profile.image_bytes)
    if (const auto* score = scores.find("edge/" + codec); score && score->bytes_mean > 0) bytes = std::llround(score->bytes_mean);
}

}  // namespace scissionlite
