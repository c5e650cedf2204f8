#include "train/rare/member_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/log.h"

namespace scissionlite::train {
namespace {

/// Ranks of members that are apart may be others the next time, as they are by the names of those who come.
fs::path of_member(const fs::path& file, const Collective& members) {
  return members.rank() == 0 || members.is_apart() ? file : fs::path(file.string() + ".rank" + std::to_string(members.rank()));
}

int64_t rounds_of(const Checkpoint& checkpoint) { return checkpoint.header.at("rounds").get<int64_t>(); }

void keep_as(const fs::path& from, const fs::path& to) {
  fs::remove(to);
  std::error_code has_no_links;  // FAT, some network disks
  fs::create_hard_link(from, to, has_no_links);
  if (has_no_links) fs::copy_file(from, to);
}

}  // namespace

MemberCheckpoints::MemberCheckpoints(fs::path file, Json identity, Collective& members)
    : file_(of_member(file, members)), before_(file_.string() + ".before"), identity_(std::move(identity)), members_(members) {}

void MemberCheckpoints::save(Checkpoint checkpoint) const {
  checkpoint.header["identity"] = identity_;
  checkpoint.header["members"] = members_.size();
  if (fs::exists(file_)) keep_as(file_, before_);  // it stays there until the new one takes its place
  write_checkpoint(file_, checkpoint);
}

/// The newest one first. Without it the one before does not count: it was taken away to begin anew.
std::vector<Checkpoint> MemberCheckpoints::read() const {
  std::vector<Checkpoint> out;
  if (!fs::exists(file_)) return out;
  for (const auto& path : {file_, before_})
    if (fs::exists(path)) {
      out.push_back(read_checkpoint(path));
      (void)JsonReader(out.back().header, path.string()).at("identity");
    }
  return out;
}

/// @throws InvalidArgument: they are of another run.
void MemberCheckpoints::check(const std::vector<Checkpoint>& mine) const {
  for (size_t i = 0; i < mine.size(); ++i) check_same_run(mine[i].header.at("identity"), identity_, (i == 0 ? file_ : before_).string());
}

/// Of the run that is begun anew: this member's, and by the first one those of members that are no more.
void MemberCheckpoints::remove_old() const {
  std::error_code ignored;
  for (const auto& path : {file_, before_}) fs::remove(path, ignored);
  for (int rank = members_.size(); members_.rank() == 0; ++rank) {
    const auto of_rank = file_.string() + ".rank" + std::to_string(rank);
    if (!fs::remove(of_rank, ignored)) break;
    fs::remove(of_rank + ".before", ignored);
  }
}

/// A member's file for all, in pieces that any transport takes. @param mine  of this member; what others than `rank` give is not looked at.
std::string MemberCheckpoints::bytes_of(int rank, const std::string& mine) const {
  constexpr size_t kPiece = size_t{64} << 20;
  const auto of_rank = static_cast<size_t>(rank);
  const auto size = std::stoull(members_.gather(std::to_string(mine.size())).at(of_rank));
  std::string out;
  while (out.size() < size) out += members_.gather(members_.rank() == rank ? std::string_view(mine).substr(out.size(), kPiece) : "").at(of_rank);
  return out;
}

std::optional<MemberCheckpoints::Resumed> MemberCheckpoints::resume() const {
  auto mine = read();
  Json have = Json::array();
  for (const auto& one : mine)
    if (one.header.at("members") == members_.size()) have.push_back(rounds_of(one));
  // The first state of as many members, which not all of them had written when they were stopped: begun anew, the run has the same result.
  const bool is_cut_short = mine.size() == 1 && !have.empty();
  const int64_t newest = mine.empty() || is_cut_short ? -1 : rounds_of(mine[0]);
  std::set<int64_t> common;
  int64_t newest_of_all = -1;
  int owner = 0, rank = 0;
  bool was_taken_away = false;  // the first one's, which is the file that was named
  for (const auto& text : members_.gather(Json{{"have", have}, {"newest", newest}, {"has_file", !mine.empty()}}.dump())) {
    const auto json = parse_json(text, "a member's checkpoints");
    if (rank == 0 && !members_.is_apart()) was_taken_away = !json.at("has_file").get<bool>();
    const auto of_member = json.at("have").get<std::set<int64_t>>();
    std::set<int64_t> both;
    std::set_intersection(common.begin(), common.end(), of_member.begin(), of_member.end(), std::inserter(both, both.end()));
    common = rank == 0 ? of_member : both;
    if (const auto of_it = json.at("newest").get<int64_t>(); of_it > newest_of_all) newest_of_all = of_it, owner = rank;
    ++rank;
  }
  if (was_taken_away) {
    remove_old();
    return std::nullopt;
  }
  check(mine);
  for (size_t i = 0; i < mine.size(); ++i)
    if (!common.empty() && mine[i].header.at("members") == members_.size() && rounds_of(mine[i]) == *common.rbegin()) {
      if (i > 0) fs::rename(before_, file_);  // the newer one is of no use, as others lack it
      return Resumed{std::move(mine[i])};
    }
  if (newest_of_all < 0) {
    if (is_cut_short) log::info("the run was stopped before all members had a first state; it begins anew");
    return std::nullopt;
  }
  const bool is_owner = members_.rank() == owner;
  const auto bytes = bytes_of(owner, is_owner ? read_file(file_) : "");
  if (is_owner)
    log::warning("members have no state in common; all go on from that of rank " + std::to_string(owner) + ", behind " +
                 std::to_string(newest_of_all) + " averages: '" + file_.string() + "'");
  else write_file(file_, bytes);
  return Resumed{read_checkpoint(file_), /*is_own=*/false};
}

}  // namespace scissionlite::train
