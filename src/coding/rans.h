// Range variant of asymmetric numeral systems: one state, one symbol at a time.
//
// A state is at least 2^16 between symbols and gives or takes 16 bits at a time. A step holds an interval of the 2^13 slots.
// Source: Duda, Asymmetric numeral systems, arXiv:1311.2540 (2014), Sec. 3; the streaming form with 16-bit words is ours.
#pragma once

#include <cstring>

#include "coding/model_data.h"

namespace scissionlite::coding {
namespace {  // see context.h

inline constexpr uint32_t kLowestState = uint32_t{1} << 16;
inline constexpr int kEscapeBits = 8;
inline constexpr uint32_t kSlots = uint32_t{1} << kProbabilityBits;

/// The slots of a symbol: `frequency` from `low` on.
struct Interval {
  uint32_t low = kEscapeSlot, frequency = 1;
};

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
inline void put_interval(uint32_t& state, const Interval& interval, uint8_t*& end) {
  const uint32_t f = interval.frequency;
  if (state >> (32 - kProbabilityBits) >= f) put_word(state, end);
  const uint32_t quotient = state / f, rest = state - quotient * f;
  state = (quotient << kProbabilityBits) + rest + interval.low;
}

inline void refill(uint32_t& state, const uint8_t*& next) {
  uint16_t word = 0;
  std::memcpy(&word, next, 2);
  const bool needed = state < kLowestState;
  state = needed ? state << 16 | word : state;
  next += needed ? 2 : 0;
}
inline uint32_t slot_of(uint32_t state) { return state & (kSlots - 1); }
/// @pre the state's slot is of the interval.
inline void take_interval(uint32_t& state, const Interval& interval, const uint8_t*& next) {
  state = interval.frequency * (state >> kProbabilityBits) + slot_of(state) - interval.low;
  refill(state, next);
}
inline uint32_t take_escape(uint32_t& state, const uint8_t*& next) {
  const uint32_t symbol = state & ((1U << kEscapeBits) - 1);
  state >>= kEscapeBits;
  refill(state, next);
  return symbol;
}

}  // namespace
}  // namespace scissionlite::coding
