// Range variant of asymmetric numeral systems: one state, one symbol at a time.
//
// A state is at least 2^16 between symbols and gives or takes 16 bits at a time. A step holds a row's symbol (13 bits of
// probability) and `bits` plain bits below it: both together are one symbol of probability frequency / 2^(13 + bits).
// Source: Duda, Asymmetric numeral systems, arXiv:1311.2540 (2014), Sec. 3; the streaming form with 16-bit words is ours.
#pragma once

#include <cstring>

#include "coding/model_data.h"

namespace scissionlite::coding {
namespace {  // see context.h

inline constexpr uint32_t kLowestState = uint32_t{1} << 16;
inline constexpr int kEscapeBits = 8;
inline constexpr uint32_t kSlots = uint32_t{1} << kProbabilityBits;

/// Where a residual stands among a row's buckets.
struct Bucket {
  int symbol = kEscape, low = 0;
};
inline Bucket bucket_of(const uint16_t* row, int residual, int bits) {
  const int shifted = residual + (1 << bits >> 1) + (kCentre << bits), symbol = shifted >> bits;
  if (shifted < 0 || symbol >= kEscape || frequency(row, symbol) == 0) return {};
  return {symbol, shifted & ((1 << bits) - 1)};
}
inline int residual_of(int symbol, int low, int bits) { return ((symbol - kCentre) << bits) + low - (1 << bits >> 1); }

/// Words are written from the end towards the front, since decoding undoes encoding in reverse.
inline void put_word(uint32_t& state, uint8_t*& end) {
  const auto word = static_cast<uint16_t>(state);
  end -= 2;
  std::memcpy(end, &word, 2);
  state >>= 16;
}
inline void put_escape(uint32_t& state, uint32_t symbol, uint8_t*& end) {
  if (state >= (kLowestState << (16 - kEscapeBits))) put_word(state, end);
  state = state << kEscapeBits | symbol;
}
inline void put_bucket(uint32_t& state, const uint16_t* row, const Bucket& bucket, int bits, uint8_t*& end) {
  const auto f = static_cast<uint32_t>(frequency(row, bucket.symbol));
  if (state >= f << (32 - kProbabilityBits - bits)) put_word(state, end);
  const uint32_t quotient = state / f, rest = state - quotient * f;
  state = (quotient << (kProbabilityBits + bits)) + (static_cast<uint32_t>(bucket.low) << kProbabilityBits) + rest + row[bucket.symbol];
}

inline void refill(uint32_t& state, const uint8_t*& next) {
  uint16_t word = 0;
  std::memcpy(&word, next, 2);
  const bool needed = state < kLowestState;
  state = needed ? state << 16 | word : state;
  next += needed ? 2 : 0;
}
/// Index of the last cumulative frequency of a row that is not above `slot`.
inline int find(const uint16_t* row, uint32_t slot) {
  int count = 0;
  for (int i = 0; i < kRowSymbols; ++i) count += row[i] <= slot;
  return count - 1;
}
inline Bucket take_bucket(uint32_t& state, const uint16_t* row, int bits, const uint8_t*& next) {
  const uint32_t slot = state & (kSlots - 1);
  const int symbol = find(row, slot), low = static_cast<int>((state >> kProbabilityBits) & ((1U << bits) - 1));
  state = static_cast<uint32_t>(frequency(row, symbol)) * (state >> (kProbabilityBits + bits)) + slot - row[symbol];
  refill(state, next);
  return {symbol, low};
}
inline uint32_t take_escape(uint32_t& state, const uint8_t*& next) {
  const uint32_t symbol = state & ((1U << kEscapeBits) - 1);
  state >>= kEscapeBits;
  refill(state, next);
  return symbol;
}

}  // namespace
}  // namespace scissionlite::coding
