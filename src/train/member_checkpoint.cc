#include "train/member_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/log.h"

namespace scissionlite::train {
namespace {

fs::path of_rank(const fs::path& file, int rank) { return rank == 0 ? file : fs::path(file.string() + ".rank" + std::to_string(rank)); }

int64_t rounds_of(const Checkpoint& checkpoint) { return checkpoint.header.at("rounds").get<int64_t>(); }

}  // namespace

MemberCheckpoints::MemberCheckpoints(fs::path file, Json identity, Collective& members) : file_(of_rank(file, members.rank())), before_(file_.string() + ".before"), identity_(std::move(identity)), members_(members) {}

void MemberCheckpoints::save(Checkpoint checkpoint) const {
  checkpoint.header["identity"] = identity_;
  checkpoint.header["members"] = members_.size();
  if (fs::exists(file_)) {  // which stays there until the new one takes its place
    fs::remove(before_);
    fs::create_hard_link(file_, before_);
  }
  write_checkpoint(file_, checkpoint);
}

/// The newest one first. Without it the one before does not count: it was taken away to begin anew.
std::vector<Checkpoint> MemberCheckpoints::read() const {
  std::vector<Checkpoint> out;
  if (!fs::exists(file_)) return out;
  for (const auto& path : {file_, before_})
    if (fs::exists(path)) {
      out.push_back(read_checkpoint(path));
      check_same_run(JsonReader(out.back().header, path.string()).at("identity").raw(), identity_, path.string());
    }
  return out;
}

/// Its bytes for all, in pieces that any transport takes.
std::string MemberCheckpoints::of_rank_0(const std::string& mine) const {
  constexpr size_t kPiece = size_t{64} << 20;
  const auto size = std::stoull(members_.gather(std::to_string(mine.size()))[0]);
  std::string out;
  while (out.size() < size) out += members_.gather(members_.rank() == 0 ? std::string_view(mine).substr(out.size(), kPiece) : "")[0];
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
  for (size_t i = 0; i < mine.size(); ++i)
    if (!common.empty() && mine[i].header.at("members") == members_.size() && rounds_of(mine[i]) == *common.rbegin()) {
      if (i > 0) fs::rename(before_, file_);  // the newer one is of no use, as others lack it
      return std::move(mine[i]);
    }
  // The first state of as many members, which not all of them had written when they were stopped: begun anew, the run has the same result.
  const bool is_cut_short = mine.size() == 1 && mine[0].header.at("members") == members_.size();
  const auto of_first = of_rank_0(members_.rank() == 0 && !mine.empty() && !is_cut_short ? read_file(file_) : "");
  if (of_first.empty()) return std::nullopt;
  if (members_.rank() == 0) log::warning("members have no state in common; all go on from rank 0's, '" + file_.string() + "'");
  else write_file(file_, of_first);
  return read_checkpoint(file_);
}

}  // namespace scissionlite::train
