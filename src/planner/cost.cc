#include "planner/cost.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::planner {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kMostMachines = 3;

std::string who(const Profile& profile) { return "the profile of '" + profile.machine_name + "'"; }

const Timing* find(const std::map<std::string, Timing>& timings, const std::string& name) {
  const auto found = timings.find(name);
  return found == timings.end() || !found->second.measured() ? nullptr : &found->second;
}

const TlProfile* find_tl(const Profile& profile, const Hop& hop) {
  const auto& tls = profile.cuts[static_cast<size_t>(hop.cut)].tls;
  const auto found = tls.find(hop.candidate.tl);
  return found == tls.end() ? nullptr : &found->second;
}

/// Of an image that already has the model's size.
double values_us(const Profile& profile) { return (profile.values.measured() ? profile.values : profile.preprocess).median_us; }
double geometry_us(const Profile& profile) {
  return profile.values.measured() ? std::fmax(0, profile.preprocess.median_us - profile.values.median_us) : profile.preprocess.median_us;
}

/// Restoring the model's input from what crossed.
double image_decode_us(const Profile& profile, const std::string& codec) {
  if (codec == "tensor") return 0;
  const auto* decode = find(profile.image_decode, codec);
  if (!decode && codec != "raw") return kUnknown;
  return (decode ? decode->median_us : 0) + (codec == "file" ? profile.preprocess.median_us : values_us(profile));
}

double image_encode_us(const Profile& profile, const std::string& codec) {
  const auto* encode = find(profile.image_encode, codec);
  if (encode) return encode->median_us;
  return codec == "file" || codec == "raw" || codec == "tensor" ? 0 : kUnknown;
}

/// Alone, else the difference it makes to the slice; nothing for tensors sent as they are.
double alone_us(const Timing& alone, const Timing& joined, const Timing& bare, const std::string& tl) {
  if (alone.measured()) return alone.median_us;
  if (joined.measured() && bare.measured()) return std::fmax(0, joined.median_us - bare.median_us);
  return tl == kUnchangedTl ? 0 : kUnknown;
}

/// A slice with its TL: joined when measured so, else the sum. `compute_us` and `tl_us` add up to it.
struct Joined {
  double compute_us, tl_us;
};
Joined join_times(const Timing& joined, double bare_us, double tl_us) {
  if (!joined.measured()) return {bare_us, tl_us};
  if (std::isnan(bare_us)) return {joined.median_us, 0};
  const double compute = std::fmin(bare_us, joined.median_us);
  return {compute, joined.median_us - compute};
}

bool is_known(const SliceCost& cost) { return !std::isnan(cost.total_us()); }

}  // namespace

std::map<std::string, double> scored_bytes(const Scores* scores) {
  std::map<std::string, double> out;
  if (!scores) return out;
  for (const auto& score : scores->scores)
    if (score.bytes_mean > 0 && score.candidate.starts_with("split/")) out[score.candidate] = score.bytes_mean;
  return out;
}

CostModel::CostModel(std::vector<Profile> machines, std::vector<Link> links, CostOptions options)
    : machines_(std::move(machines)), links_(std::move(links)), options_(std::move(options)) {
  check();
  list_hops();
  for (const auto& profile : machines_) tables_.push_back(measure(profile));
}

void CostModel::check() const {
  if (machines_.size() < 2 || machines_.size() > kMostMachines)
    throw InvalidArgument("[plan] got " + std::to_string(machines_.size()) + " profiles, expected two (device, edge) or three (device, edge, cloud)");
  if (links_.size() + 1 != machines_.size())
    throw InvalidArgument("[plan] got " + std::to_string(links_.size()) + " links for " + std::to_string(machines_.size()) + " machines, expected " +
                          std::to_string(machines_.size() - 1) + "; give one --bandwidth and --rtt a link, or a network.json with as many");
  for (const auto& link : links_)
    if (!(link.up_bps > 0) || !(link.down_bps > 0) || !(link.rtt_us >= 0))
      throw InvalidArgument("[plan] the link from '" + link.from + "' to '" + link.to + "' needs rates above 0 and a round-trip time of at least 0");
  const auto& first = machines_[0];
  std::set<std::string> names;
  for (const auto& other : machines_) {
    if (!names.insert(other.machine_name).second)
      throw InvalidArgument("[plan] two profiles are named '" + other.machine_name +
                            "'; give each machine a name of its own with `scissionlite profile --name`");
    if (other.model_sha256 != first.model_sha256)
      throw InvalidArgument("[plan] profiles of different models: " + who(first) + " is of '" + first.model_name + "' (" +
                            first.model_sha256.substr(0, 12) + "), " + who(other) + " of '" + other.model_name + "' (" +
                            other.model_sha256.substr(0, 12) + "); profile the same file on both");
    if (other.cuts.size() != first.cuts.size())
      throw InvalidArgument("[plan] profiles with different cut lists: " + who(first) + " has " + std::to_string(first.cuts.size()) + " cuts, " +
                            who(other) + " " + std::to_string(other.cuts.size()) + "; profile both with the same options");
    for (size_t i = 0; i < first.cuts.size(); ++i)
      if (other.cuts[i].id != first.cuts[i].id || other.cuts[i].tensors != first.cuts[i].tensors)
        throw InvalidArgument("[plan] profiles with different cut lists: cut number " + std::to_string(i) + " is '" + first.cuts[i].id + "' (" +
                              join(first.cuts[i].tensors, "+") + ") in " + who(first) + ", '" + other.cuts[i].id + "' (" +
                              join(other.cuts[i].tensors, "+") + ") in " + who(other) + "; profile both with the same options");
  }
}

void CostModel::list_hops() {
  std::map<std::string, double> codecs;
  for (const auto& profile : machines_)
    for (const auto& [codec, bytes] : profile.image_bytes)
      if (bytes > 0 && (options_.from_file || codec != "file")) codecs.emplace(codec, static_cast<double>(bytes));
  for (const auto& [codec, bytes] : codecs)
    hops_.push_back({.candidate = {.kind = Candidate::Kind::kEdge, .codec = codec, .cut_id = "", .tl = ""}, .bytes = bytes});
  for (size_t c = 0; c < cuts().size(); ++c) {
    std::map<std::string, std::pair<int64_t, const Profile*>> tls;
    for (const auto& profile : machines_)
      for (const auto& [spec, tl] : profile.cuts[c].tls) {
        auto& [bytes, origin] = tls.emplace(spec, std::pair{tl.wire_bytes, &profile}).first->second;
        if (tl.wire_bytes_vary && bytes > 0 && tl.wire_bytes > 0) {
          bytes = std::min(bytes, tl.wire_bytes);
          continue;
        }
        if (bytes > 0 && tl.wire_bytes > 0 && bytes != tl.wire_bytes)
          throw InvalidArgument("[plan] profiles disagree about what crosses at cut " + cuts()[c].id + " with " + spec + ": " +
                                std::to_string(bytes) + " bytes in " + who(*origin) + ", " + std::to_string(tl.wire_bytes) + " in " + who(profile) +
                                "; profile both with the same version");
        bytes = std::max(bytes, tl.wire_bytes);
      }
    for (const auto& [spec, tl] : tls) {
      Hop hop{.candidate = {.kind = Candidate::Kind::kSplit, .codec = "", .cut_id = cuts()[c].id, .tl = spec},
              .cut = static_cast<int>(c),
              .bytes = static_cast<double>(tl.first)};
      if (const auto scored = options_.scored_bytes.find(hop.candidate.key()); scored != options_.scored_bytes.end()) hop.bytes = scored->second;
      hops_.push_back(std::move(hop));
    }
  }
}

double CostModel::source_decode_us(const Profile& profile) const {
  const auto* decode = options_.from_file ? find(profile.image_decode, "file") : nullptr;
  return decode ? decode->median_us : 0;
}

CostModel::Machine CostModel::measure(const Profile& profile) const {
  Machine table;
  std::vector<double> tail;
  for (size_t c = 0; c < cuts().size(); ++c) {
    bool estimated = false;
    table.head.push_back(head_us(profile, c, estimated));
    table.head_estimated.push_back(estimated);
    tail.push_back(tail_us(profile, c, estimated));
    table.tail_estimated.push_back(estimated);
  }
  const double source = source_decode_us(profile), pixels = source + profile.preprocess.median_us;
  const double whole = profile.whole.measured() ? profile.whole.median_us : kUnknown;
  table.whole = {profile.whole.measured(), pixels, whole, 0};
  for (const auto& hop : hops_) {
    SliceCost start, end;
    if (hop.cut < 0) {
      const auto& codec = hop.candidate.codec;
      table.decode.push_back(image_decode_us(profile, codec));
      table.encode.push_back(image_encode_us(profile, codec));
      start = {true, codec == "file" ? 0 : codec == "tensor" ? pixels : source + geometry_us(profile), 0, table.encode.back()};
      end = {true, table.decode.back(), whole, 0};
    } else {
      const auto c = static_cast<size_t>(hop.cut);
      const auto& cut = profile.cuts[c];
      const TlProfile none, *tl = find_tl(profile, hop);
      const TlProfile& times = tl ? *tl : none;
      table.encode.push_back(tl ? alone_us(times.encode, times.head_with_tl, cut.head, hop.candidate.tl) : kUnknown);
      table.decode.push_back(tl ? alone_us(times.decode, times.tail_with_tl, cut.tail, hop.candidate.tl) : kUnknown);
      const auto head = join_times(times.head_with_tl, table.head[c], table.encode.back());
      const auto rest = join_times(times.tail_with_tl, tail[c], table.decode.back());
      start = {true, pixels, head.compute_us, head.tl_us};
      end = {true, rest.tl_us, rest.compute_us, 0};
    }
    start.possible = is_known(start);
    end.possible = is_known(end);
    table.start.push_back(start);
    table.end.push_back(end);
  }
  return table;
}

bool CostModel::may_follow(int in, int out) const {
  if (in == out) return true;
  const int a = hops_[static_cast<size_t>(in)].cut, b = hops_[static_cast<size_t>(out)].cut;
  if (b < 0 || a == b) return false;
  if (a < 0) return true;
  const auto& first = cuts()[static_cast<size_t>(a)];
  const auto& second = cuts()[static_cast<size_t>(b)];
  // Two multi-tensor cuts of one block need not be nested, and a profile cannot tell.
  return first.region < second.region || (first.region == second.region && second.single && !first.single);
}

SliceCost CostModel::slice(size_t index, int in, int out) const {
  const auto& table = tables_[index];
  if (in == kNone) return out == kNone ? table.whole : table.start[static_cast<size_t>(out)];
  if (out == kNone) return table.end[static_cast<size_t>(in)];
  if (is_relay(in, out)) return {.possible = true};
  const int from = hops_[static_cast<size_t>(in)].cut, to = hops_[static_cast<size_t>(out)].cut;
  if (to < 0) return {};
  const double before = from < 0 ? 0 : table.head[static_cast<size_t>(from)];
  SliceCost cost{true, table.decode[static_cast<size_t>(in)], std::max(0.0, table.head[static_cast<size_t>(to)] - before),
                 table.encode[static_cast<size_t>(out)]};
  cost.possible = !std::isnan(before) && !std::isnan(table.head[static_cast<size_t>(to)]) && is_known(cost);
  return cost;
}

double CostModel::transfer_us(size_t link, double bytes) const { return (bytes + options_.message_overhead_bytes) * 8e6 / links_[link].up_bps; }

double CostModel::answer_transfer_us(size_t link) const {
  return (static_cast<double>(machines_[0].answer_bytes) + options_.message_overhead_bytes) * 8e6 / links_[link].down_bps;
}

std::string CostModel::estimate_note(size_t index, int in, int out) const {
  const auto& table = tables_[index];
  const std::string on = " on '" + machines_[index].machine_name + "'";
  const auto cut_of = [&](int hop) { return hop == kNone ? -1 : hops_[static_cast<size_t>(hop)].cut; };
  const int from = cut_of(in), to = cut_of(out);
  if (in != kNone && out != kNone && !is_relay(in, out) && from >= 0 && to >= 0) return "slice" + on + " estimated from the difference of two heads";
  if (to >= 0 && !is_relay(in, out) && table.head_estimated[static_cast<size_t>(to)] &&
      !find_tl(machines_[index], hops_[static_cast<size_t>(out)])->head_with_tl.measured())
    return "head" + on + " estimated from its blocks";
  if (from >= 0 && out == kNone && table.tail_estimated[static_cast<size_t>(from)] &&
      !find_tl(machines_[index], hops_[static_cast<size_t>(in)])->tail_with_tl.measured())
    return "tail" + on + " estimated from its blocks";
  return "";
}

std::string CostModel::key(const Choice& choice) const {
  if (choice.first == kNone) return "local";
  const auto first = hops_[static_cast<size_t>(choice.first)].candidate.key();
  return choice.second == kNone ? first : first + "|" + hops_[static_cast<size_t>(choice.second)].candidate.key();
}

Choice CostModel::choice_of(const std::string& key) const {
  if (key == "local") return {};
  const auto parts = split(key, '|');
  if (parts.size() > links_.size())
    throw InvalidArgument("[plan] candidate '" + key + "' crosses " + std::to_string(parts.size()) + " links, but there are " +
                          std::to_string(links_.size()));
  Choice choice;
  for (size_t link = 0; link < parts.size(); ++link) {
    const auto found = std::find_if(hops_.begin(), hops_.end(), [&](const Hop& hop) { return hop.candidate.key() == parts[link]; });
    if (found == hops_.end()) {
      (void)candidate_from_key(parts[link]);  // says the grammar when that is the trouble
      std::vector<std::string> keys{"local"};
      for (const auto& hop : hops_) keys.push_back(hop.candidate.key());
      throw InvalidArgument("[plan] no candidate '" + parts[link] + "' in these profiles" + did_you_mean(parts[link], keys));
    }
    (link == 0 ? choice.first : choice.second) = static_cast<int>(found - hops_.begin());
  }
  if (choice.second != kNone && !may_follow(choice.first, choice.second))
    throw InvalidArgument("[plan] in '" + key + "' the second part cannot follow the first: it must be the same, or a later cut in a later block");
  return choice;
}

Share CostModel::share(size_t machine, const Choice& choice) const {
  const auto head_of = [&](int hop) { return hops_[static_cast<size_t>(hop)].cut; };
  Share share;
  if (machine > 0) {
    const int in = choice.hop(machine - 1);
    if (in == kNone) return {Share::kAll, Share::kAll};  // the answer was given before
    share.lower = head_of(in);
  }
  const int out = machine < links_.size() ? choice.hop(machine) : kNone;
  share.upper = out == kNone ? Share::kAll : head_of(out);
  return share;
}

int64_t CostModel::blocks_in(const Share& share) const {
  const auto cut = [&](int index) -> const CutProfile& { return cuts()[static_cast<size_t>(index)]; };
  const int64_t begun = share.lower == Share::kNothing ? 0 : share.lower == Share::kAll ? block_count() : cut(share.lower).region + 1;
  const int64_t done = share.upper == Share::kNothing ? 0
                       : share.upper == Share::kAll   ? block_count()
                                                      : cut(share.upper).region + (cut(share.upper).single ? 1 : 0);
  return std::max<int64_t>(0, done - begun);
}

int64_t CostModel::block_count() const {
  int64_t last = 0;
  for (const auto& cut : cuts()) last = std::max<int64_t>(last, cut.region + (cut.single ? 1 : 0));
  return last + 1;
}

}  // namespace scissionlite::planner
