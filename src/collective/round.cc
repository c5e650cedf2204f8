#include "collective/round.h"

#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite {
namespace {

constexpr size_t kLengthBytes = 8;

/// Sums in double precision, as `Value` in the end.
template <typename Value>
std::string added(const std::vector<std::string_view>& by_rank, double divisor) {
  const size_t count = by_rank[0].size() / sizeof(Value);
  std::vector<double> sums(count);
  for (const auto& bytes : by_rank)
    for (size_t i = 0; i < count; ++i) {
      Value value;
      std::memcpy(&value, bytes.data() + i * sizeof(Value), sizeof value);
      sums[i] += value;
    }
  std::string out(by_rank[0].size(), '\0');
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<Value>(sums[i] / divisor);
    std::memcpy(out.data() + i * sizeof(Value), &value, sizeof value);
  }
  return out;
}

std::string joined(const std::vector<std::string_view>& by_rank) {
  std::string out;
  for (const auto& bytes : by_rank) {
    uint64_t length = bytes.size();
    for (size_t i = 0; i < kLengthBytes; ++i, length >>= 8) out.push_back(static_cast<char>(length & 255));
    out.append(bytes);
  }
  return out;
}

void check_lengths(Round round, const std::vector<std::string_view>& by_rank) {
  const size_t expected = by_rank[0].size(), unit = round == Round::kSum ? sizeof(double) : sizeof(float);
  for (size_t rank = 0; rank < by_rank.size(); ++rank)
    if (by_rank[rank].size() != expected || expected % unit != 0)
      throw InvalidArgument("[collective] rank " + std::to_string(rank) + " gave " + std::to_string(by_rank[rank].size()) + " bytes to a " + round_name(round) + ", expected " + std::to_string(expected / unit * unit) +
                            ", as rank 0: all members are to have models of the same shapes");
}

}  // namespace

const char* round_name(Round round) {
  switch (round) {
    case Round::kMean: return "mean";
    case Round::kSum: return "sum";
    case Round::kBroadcast: return "broadcast";
    case Round::kGather: return "gather";
  }
  return "round of another kind";
}

std::string combined(Round round, const std::vector<std::string_view>& by_rank) {
  if (by_rank.empty()) throw InternalError("[collective] a round of nobody");
  if (round == Round::kGather) return joined(by_rank);
  check_lengths(round, by_rank);
  if (round == Round::kBroadcast) return std::string(by_rank[0]);
  if (round == Round::kSum) return added<double>(by_rank, 1);
  return added<float>(by_rank, static_cast<double>(by_rank.size()));
}

std::string message_of_kinds(int rank, Round kind, Round of_rank_0) {
  return "[collective] rank " + std::to_string(rank) + " came for a " + round_name(kind) + ", rank 0 for a " + round_name(of_rank_0) + ": all members are to do the same";
}

std::string message_of_absent(const std::vector<int>& ranks, Round round, double wait_s) {
  std::vector<std::string> names;
  for (const int rank : ranks) names.push_back(std::to_string(rank));
  return std::string("[collective] ") + (ranks.size() > 1 ? "ranks " : "rank ") + join(names) + " did not come to a " + round_name(round) + " within " + format_fixed(wait_s, 1) + " s";
}

std::vector<std::string> parts_of(std::string_view gathered) {
  std::vector<std::string> out;
  while (!gathered.empty()) {
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes && i < gathered.size(); ++i) length |= static_cast<uint64_t>(static_cast<unsigned char>(gathered[i])) << (8 * i);
    if (gathered.size() < kLengthBytes || length > gathered.size() - kLengthBytes) throw InvalidArgument("[collective] what was gathered ends too early");
    out.emplace_back(gathered.substr(kLengthBytes, length));
    gathered.remove_prefix(kLengthBytes + length);
  }
  return out;
}

}  // namespace scissionlite
