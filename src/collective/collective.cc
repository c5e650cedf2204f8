#include "collective/collective.h"

#include <cstring>
#include <numeric>

#include "base/clock.h"

namespace scissionlite {
namespace {

template <typename Value>
std::string_view bytes_of(std::span<Value> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

template <typename Value>
void put_back(const std::string& bytes, std::span<Value> values) {
  if (bytes.size() != values.size_bytes())
    throw InternalError("[collective] a round of " + std::to_string(values.size_bytes()) + " bytes gave " + std::to_string(bytes.size()));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
}

}  // namespace

std::string Collective::counted(Round round, std::string_view mine) {
  const double started_us = Clock::steady().now_us();
  auto out = exchange(round, mine);
  ++counts_.rounds;
  counts_.bytes_sent += static_cast<int64_t>(mine.size()), counts_.bytes_received += static_cast<int64_t>(out.size());
  counts_.seconds += (Clock::steady().now_us() - started_us) * 1e-6;
  return out;
}

std::vector<int> Collective::present() const {
  std::vector<int> out(static_cast<size_t>(size()));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

void Collective::average(std::span<float> values, Packing packing, size_t wide_from) {
  if (packing == Packing::kNone) return put_back(counted(Round::kMean, bytes_of(values)), values);
  const auto means = unpack(counted(mean_of(packing), pack(values, packing, wide_from)), packing_of_mean(packing));
  put_back(std::string(bytes_of(std::span(means))), values);
}
void Collective::sum(std::span<double> values) { put_back(counted(Round::kSum, bytes_of(values)), values); }
void Collective::broadcast(std::span<float> values) { put_back(counted(Round::kBroadcast, bytes_of(values)), values); }
std::vector<std::string> Collective::gather(std::string_view bytes) { return parts_of(counted(Round::kGather, bytes)); }

}  // namespace scissionlite
