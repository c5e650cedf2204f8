#include "train/member_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace scissionlite::train {
namespace {

fs::path of_rank(const fs::path& file, int rank) { return rank == 0 ? file : fs::path(file.string() + ".rank" + std::to_string(rank)); }

int64_t rounds_of(const Checkpoint& checkpoint) { return checkpoint.header.at("rounds").get<int64_t>(); }

}  // namespace

MemberCheckpoints::MemberCheckpoints(fs::path file, Json identity, Collective& members) : file_(of_rank(file, members.rank())), before_(file_.string() + ".before"), identity_(std::move(identity)), members_(members) {}

void MemberCheckpoints::save(Checkpoint checkpoint) const {
  checkpoint.header["identity"] = identity_;
  checkpoint.header["members"] = members_.size();
  if (fs::exists(file_)) fs::rename(file_, before_);
  write_checkpoint(file_, checkpoint);
}

/// The newest one first.
std::vector<Checkpoint> MemberCheckpoints::read() const {
  std::vector<Checkpoint> out;
  for (const auto& path : {file_, before_})
    if (fs::exists(path)) {
      out.push_back(read_checkpoint(path));
      check_same_run(JsonReader(out.back().header, path.string()).at("identity").raw(), identity_, path.string());
    }
  return out;
}

std::optional<Checkpoint> MemberCheckpoints::resume() const {
  auto mine = read();
  Json have = Json::array();
  for (const auto& one : mine)
    if (one.header.at("members") == members_.size()) have.push_back(rounds_of(one));
  std::set<int64_t> common;
  bool is_first = true;
  for (const auto& text : members_.gather(have.dump())) {
    const auto of_member = parse_json(text, "a member's checkpoints").get<std::set<int64_t>>();
    std::set<int64_t> both;
    std::set_intersection(common.begin(), common.end(), of_member.begin(), of_member.end(), std::inserter(both, both.end()));
    common = std::exchange(is_first, false) ? of_member : both;
  }
  for (auto& one : mine)
    if (!common.empty() && one.header.at("members") == members_.size() && rounds_of(one) == *common.rbegin()) return std::move(one);
  const fs::path& newest = fs::exists(file_) ? file_ : before_;
  // The first state of as many members, which not all of them had written when they were stopped: begun anew, the run has the same result.
  const bool is_cut_short = mine.size() == 1 && mine[0].header.at("members") == members_.size();
  const auto of_first = members_.gather(members_.rank() == 0 && !mine.empty() && !is_cut_short ? read_file(newest) : "")[0];
  if (of_first.empty()) return std::nullopt;
  if (members_.rank() != 0) write_file(file_, of_first);
  return read_checkpoint(members_.rank() == 0 ? newest : file_);
}

}  // namespace scissionlite::train
