#include "planner/exposures.h"

#include "base/error.h"

namespace scissionlite::planner {
namespace {

using Kind = Exposure::Kind;

Exposure worse(const Exposure& a, const Exposure& b) {
  for (const auto kind : {Kind::kImage, Kind::kUnknown})
    if (a.kind == kind || b.kind == kind) return {kind};
  Exposure out = a.quality.psnr_db >= b.quality.psnr_db ? a : b;
  const auto& similar = a.quality.ssim >= b.quality.ssim ? a.quality : b.quality;
  out.quality.ssim = similar.ssim;
  out.quality.ssim_interval = similar.ssim_interval;
  return out;
}

}  // namespace

Exposures::Exposures(const CostModel& model, const Privacy* privacy) : by_hop_(model.hops().size()) {
  const auto& profile = model.machine(0);
  if (privacy && privacy->model_sha256 != profile.model_sha256)
    throw InvalidArgument("[plan] the privacy file is of another model (" + privacy->model_sha256.substr(0, 12) + ") than the profile of '" +
                          profile.machine_name + "' (" + profile.model_sha256.substr(0, 12) + "); measure the same file with `scissionlite privacy`");
  for (size_t h = 0; h < by_hop_.size(); ++h) {
    const auto& hop = model.hops()[h];
    if (hop.cut < 0) by_hop_[h].kind = Kind::kImage;
    else if (const auto* row = privacy ? privacy->find(hop.candidate.key()) : nullptr) by_hop_[h] = {Kind::kMeasured, row->quality};
  }
}

Exposure Exposures::of(const Choice& choice) const {
  if (choice.first == CostModel::kNone) return {Kind::kNothing};
  const auto& first = by_hop_[static_cast<size_t>(choice.first)];
  return choice.second == CostModel::kNone ? first : worse(first, by_hop_[static_cast<size_t>(choice.second)]);
}

}  // namespace scissionlite::planner
