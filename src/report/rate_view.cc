// Bytes against agreement, family by family: what the rate chart draws.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

/// Which curve a candidate belongs to, and its place in the legend; "" for none.
std::string curve_name(const Candidate& candidate) {
  if (candidate.kind == Candidate::Kind::kEdge) {
    if (candidate.codec.starts_with("jpeg")) return candidate.codec.ends_with("444") ? "JPEG 4:4:4" : "JPEG 4:2:0";
    if (candidate.codec.starts_with("webp")) return "WebP";
    return candidate.codec == "tensor" ? "" : "image as it is";  // file, raw, png
  }
  if (candidate.kind == Candidate::Kind::kLocal) return "";
  const auto& tl = candidate.tl;
  if (tl.starts_with("uint") || tl.starts_with("fp")) return "plain bits";
  if (tl == "pool") return "pool";
  if (tl.starts_with("klt")) return tl.find("-q") == std::string::npos ? "KLT, fixed bits" : "KLT, entropy-coded";
  if (tl.starts_with("fit-")) return "calibrated";
  return tl.substr(0, tl.find('-'));
}

std::string cut_of(const std::string& key) {
  const auto candidate = candidate_from_key(key);
  return candidate.kind == Candidate::Kind::kSplit ? candidate.cut_id : "";
}

/// The chosen plan's cut, else the one with the most scores.
std::string shown_cut(const Scores& scores, const std::string& chosen_key) {
  if (!chosen_key.empty() && chosen_key.find('|') == std::string::npos && !cut_of(chosen_key).empty()) return cut_of(chosen_key);
  std::map<std::string, int> counts;
  std::string best;
  for (const auto& score : scores.scores) {
    if (score.candidate.find('|') != std::string::npos) continue;
    const auto cut = cut_of(score.candidate);
    if (!cut.empty() && ++counts[cut] > (best.empty() ? 0 : counts[best])) best = cut;
  }
  return best;
}

}  // namespace

RateView make_rate_view(const Scores& scores, const std::string& chosen_key) {
  RateView view;
  view.cut_id = shown_cut(scores, chosen_key);
  std::map<std::string, size_t> places;
  for (const auto& score : scores.scores) {
    if (score.candidate.find('|') != std::string::npos || score.bytes_mean <= 0) continue;
    const auto candidate = candidate_from_key(score.candidate);
    if (candidate.kind == Candidate::Kind::kSplit && candidate.cut_id != view.cut_id) continue;
    const auto name = curve_name(candidate);
    if (name.empty()) continue;
    const auto place = places.emplace(name, view.curves.size()).first->second;
    if (place == view.curves.size()) view.curves.push_back({name, {}});
    view.curves[place].points.push_back(
        {score.candidate, label_of(score.candidate), score.bytes_mean, {score.agreement, score.interval, score.n}, score.candidate == chosen_key});
  }
  for (auto& curve : view.curves)
    std::stable_sort(curve.points.begin(), curve.points.end(), [](const RatePoint& a, const RatePoint& b) { return a.bytes < b.bytes; });
  const auto least = [](const RateCurve& curve) { return curve.points.front().bytes; };
  std::stable_sort(view.curves.begin(), view.curves.end(), [&](const RateCurve& a, const RateCurve& b) { return least(a) < least(b); });
  return view;
}

}  // namespace scissionlite::report
