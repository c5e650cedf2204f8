#include "planner/one_cut_list.h"

#include <algorithm>

#include "base/log.h"

namespace scissionlite::planner {
namespace {

bool is_same(const CutProfile& a, const CutProfile& b) { return a.id == b.id && a.tensors == b.tensors; }

/// The cut of `list` with the times that were measured through the server.
CutProfile known_of(CutProfile cut, const std::vector<CutProfile>& served) {
  cut.head = cut.tail = {};
  cut.tls.clear();
  const auto found = std::find_if(served.begin(), served.end(), [&](const auto& other) { return is_same(other, cut); });
  if (found != served.end()) cut.tail = found->tail, cut.tls = found->tls;
  return cut;
}

void take_list(Profile& profile, const Profile& local) {
  for (const auto& cut : profile.cuts)
    if (std::none_of(local.cuts.begin(), local.cuts.end(), [&](const auto& other) { return is_same(other, cut); }))
      log::warning("[plan] cut " + cut.id + ", measured through " + profile.via + ", is not in the profile of '" + local.machine_name +
                   "' and is left out; profile it there with --cuts or --scores");
  std::vector<CutProfile> cuts;
  for (const auto& cut : local.cuts) cuts.push_back(known_of(cut, profile.cuts));
  profile.cuts = std::move(cuts);
}

}  // namespace

std::vector<Profile> with_one_cut_list(std::vector<Profile> machines) {
  const auto local = std::find_if(machines.begin(), machines.end(), [](const Profile& profile) { return profile.via.empty(); });
  if (local == machines.end()) return machines;
  for (auto& profile : machines)
    if (!profile.via.empty() && profile.model_sha256 == local->model_sha256) take_list(profile, *local);
  return machines;
}

}  // namespace scissionlite::planner
