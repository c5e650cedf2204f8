#include "collective/round.h"

#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "collective/packed.h"

namespace scissionlite {
namespace {

constexpr size_t kLengthBytes = 8;

/// Of those who are there.
std::vector<std::string_view> present(const Given& by_rank) {
  std::vector<std::string_view> out;
  for (const auto& given : by_rank)
    if (given) out.push_back(*given);
  return out;
}

std::string sums(const std::vector<std::string_view>& given) {
  std::vector<double> out(given[0].size() / sizeof(double));
  for (const auto& bytes : given)
    for (size_t i = 0; i < out.size(); ++i) {
      double value;
      std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
      out[i] += value;
    }
  return {reinterpret_cast<const char*>(out.data()), out.size() * sizeof(double)};
}

/// Added in double precision.
std::string mean(const std::vector<std::string_view>& given, Packing packing) {
  std::vector<double> sums;
  for (const auto& bytes : given) {
    const auto values = unpack(bytes, packing);
    sums.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
  }
  std::vector<float> out;
  out.reserve(sums.size());
  for (const double sum : sums) out.push_back(static_cast<float>(sum / static_cast<double>(given.size())));
  return pack(out, packing_of_mean(packing));
}

std::string joined(const Given& by_rank) {
  std::string out;
  for (const auto& given : by_rank) {
    const std::string_view bytes = given.value_or(std::string_view());
    uint64_t length = bytes.size();
    for (size_t i = 0; i < kLengthBytes; ++i, length >>= 8) out.push_back(static_cast<char>(length & 255));
    out.append(bytes);
  }
  return out;
}

size_t unit_of(Round round) {
  switch (round) {
    case Round::kSum: return sizeof(double);
    case Round::kMeanBf16: return sizeof(uint16_t);
    case Round::kMeanInt8: return 1;
    default: return sizeof(float);
  }
}

void check_lengths(Round round, const Given& by_rank) {
  std::optional<size_t> expected, first;
  for (size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (!by_rank[rank]) continue;
    if (!expected) expected = by_rank[rank]->size(), first = rank;
    if (by_rank[rank]->size() != *expected || *expected % unit_of(round) != 0)
      throw InvalidArgument("[collective] rank " + std::to_string(rank) + " gave " + std::to_string(by_rank[rank]->size()) + " bytes to a " +
                            round_name(round) + ", expected " + std::to_string(*expected / unit_of(round) * unit_of(round)) + ", as rank " +
                            std::to_string(*first) + ": all members are to have models of the same shapes");
  }
}

}  // namespace

const char* round_name(Round round) {
  switch (round) {
    case Round::kMean: return "mean";
    case Round::kMeanBf16: return "mean of bf16";
    case Round::kMeanInt8: return "mean of int8";
    case Round::kSum: return "sum";
    case Round::kBroadcast: return "broadcast";
    case Round::kGather: return "gather";
    case Round::kWelcome: return "welcome";
  }
  return "round of another kind";
}

std::string combined(Round round, const Given& by_rank) {
  const auto given = present(by_rank);
  if (given.empty()) throw InternalError("[collective] a round of nobody");
  if (round == Round::kGather) return joined(by_rank);
  if (round == Round::kWelcome) return std::string(given[0]);
  check_lengths(round, by_rank);
  if (round == Round::kBroadcast) return std::string(given[0]);
  if (round == Round::kSum) return sums(given);
  return mean(given, packing_of(round));
}

std::string message_of_kinds(int rank, Round kind, Round of_first, int first) {
  return "[collective] rank " + std::to_string(rank) + " came for a " + round_name(kind) + ", rank " + std::to_string(first) + " for a " +
         round_name(of_first) + ": all members are to do the same";
}

std::string message_of_absent(const std::vector<int>& ranks, Round round, double wait_s) {
  std::vector<std::string> names;
  for (const int rank : ranks) names.push_back(std::to_string(rank));
  return std::string("[collective] ") + (ranks.size() > 1 ? "ranks " : "rank ") + join(names) + " did not come to a " + round_name(round) +
         " within " + format_fixed(wait_s, 1) + " s";
}

std::vector<std::string> parts_of(std::string_view gathered) {
  std::vector<std::string> out;
  while (!gathered.empty()) {
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes && i < gathered.size(); ++i)
      length |= static_cast<uint64_t>(static_cast<unsigned char>(gathered[i])) << (8 * i);
    if (gathered.size() < kLengthBytes || length > gathered.size() - kLengthBytes)
      throw InvalidArgument("[collective] what was gathered ends too early");
    out.emplace_back(gathered.substr(kLengthBytes, length));
    gathered.remove_prefix(kLengthBytes + length);
  }
  return out;
}

}  // namespace scissionlite
