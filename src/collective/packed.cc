#include "collective/packed.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace scissionlite {
namespace {

constexpr float kLargestCode = 127;

template <typename Value>
void append(std::string& out, Value value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <typename Value>
Value value_at(std::string_view bytes, size_t at) {
  Value value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

constexpr float kIsWide = -1;  // in the place of a step

float from_bf16(uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }

std::string pack_int8(std::span<const float> values, size_t wide_from) {
  std::string out;
  out.reserve(values.size() + (values.size() + kPackedTogether - 1) / kPackedTogether * sizeof(float));
  for (size_t from = 0; from < values.size(); from += kPackedTogether) {
    const auto block = values.subspan(from, std::min(kPackedTogether, values.size() - from));
    if (from >= wide_from) {
      append(out, kIsWide);
      for (const float value : block) append(out, to_bf16(value));
      continue;
    }
    float largest = 0;
    bool are_finite = true;
    for (const float value : block) largest = std::max(largest, std::abs(value)), are_finite = are_finite && std::isfinite(value);
    const float step = are_finite ? largest / kLargestCode : std::nanf("");
    append(out, step);
    for (const float value : block)
      out.push_back(step > 0 ? static_cast<char>(static_cast<int8_t>(std::clamp(std::nearbyint(value / step), -kLargestCode, kLargestCode))) : '\0');
  }
  return out;
}

std::vector<float> unpack_int8(std::string_view bytes) {
  std::vector<float> out;
  while (!bytes.empty()) {
    if (bytes.size() <= sizeof(float)) throw InvalidArgument("[collective] packed values end too early");
    const auto step = value_at<float>(bytes, 0);
    const bool is_wide = step == kIsWide;
    const size_t unit = is_wide ? sizeof(uint16_t) : 1, count = std::min(kPackedTogether, (bytes.size() - sizeof step) / unit);
    if (count == 0) throw InvalidArgument("[collective] packed values end too early");
    for (size_t i = 0; i < count; ++i)
      out.push_back(is_wide ? from_bf16(value_at<uint16_t>(bytes, sizeof step + i * unit))
                            : step * static_cast<float>(static_cast<int8_t>(bytes[sizeof step + i])));
    bytes.remove_prefix(sizeof step + count * unit);
  }
  return out;
}

}  // namespace

Round mean_of(Packing packing) {
  switch (packing) {
    case Packing::kNone: return Round::kMean;
    case Packing::kBf16: return Round::kMeanBf16;
    case Packing::kInt8: return Round::kMeanInt8;
  }
  throw InternalError("[collective] values packed in an unknown way");
}

Packing packing_of_mean(Packing given) { return given == Packing::kInt8 ? Packing::kBf16 : given; }

Packing packing_of(Round round) {
  switch (round) {
    case Round::kMean: return Packing::kNone;
    case Round::kMeanBf16: return Packing::kBf16;
    case Round::kMeanInt8: return Packing::kInt8;
    default: throw InternalError(std::string("[collective] a ") + round_name(round) + " is no mean");
  }
}

std::string pack(std::span<const float> values, Packing packing, size_t wide_from) {
  if (packing == Packing::kInt8) return pack_int8(values, wide_from);
  if (packing == Packing::kNone) return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
  std::string out;
  out.reserve(values.size() * sizeof(uint16_t));
  for (const float value : values) append(out, to_bf16(value));
  return out;
}

std::vector<float> unpack(std::string_view bytes, Packing packing) {
  if (packing == Packing::kInt8) return unpack_int8(bytes);
  const size_t unit = packing == Packing::kBf16 ? sizeof(uint16_t) : sizeof(float);
  if (bytes.size() % unit != 0)
    throw InvalidArgument("[collective] " + std::to_string(bytes.size()) + " bytes are no whole values of " + std::to_string(unit));
  std::vector<float> out(bytes.size() / unit);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = packing == Packing::kBf16 ? from_bf16(value_at<uint16_t>(bytes, i * unit)) : value_at<float>(bytes, i * unit);
  return out;
}

}  // namespace scissionlite
