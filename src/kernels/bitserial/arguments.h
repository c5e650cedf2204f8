// Plain structures between bit-serial kernels and the loops of one instruction set; free of library code. Bit planes are those of
// kernels/lowbit/arguments.h.
//
// A product of bits is an AND, a sum of them a count of bits: with planes x[s] of activations and w[t] of weights, the sum of x * w is the sum over s
// and t of 2^(s + t) * popcount(x[s] & w[t]). Lanes are outputs: a vector holds 32 neighbouring bits of K of as many outputs as it has lanes, and the
// 32 bits of a pixel are the same in all of them. Source: arXiv 2106.12169 (APNN-TC), whose batches of bit planes are here words of one plane at a
// time.
//
// Counts are the dearest part, so that most of them are saved: adders of single bits (carry save) make of 2^kDepth words of products one word of
// carries, which alone is counted, in steps of 2^kDepth; what is left in the adders is counted once in the end (J. Harley's and R. Seal's way, H.
// Warren, Hacker's Delight, 5-1).
#pragma once

#include <cstdint>

#include "kernels/lowbit/arguments.h"

namespace scissionlite::kernels {

/// sums[p][o] = sum over s < x_bits, t < w_bits of 2^(s + t) * (sum over i < words of popcount(x[p][s][at[i]] & w[t][i][o])), modulo 2^32.
struct BitSerialArguments {
  const uint8_t* x = nullptr;        // the first pixel's window, plane 0
  int64_t x_pixel = 0, x_plane = 0;  // bytes from one to the next
  int x_bits = 1, w_bits = 1;
  const int64_t* at = nullptr;  // (words): where each 32 bits lie, bytes
  int64_t words = 0;            // a multiple of BitSerialLoops::words_unit
  const uint32_t* w = nullptr;  // (w_bits, words, lanes)
  int64_t pixels = 0;
  int32_t* sums = nullptr;  // of one vector of outputs
  int64_t sums_pixel = 0;   // int32
};

/// sums[p * sums_pixel] = sum over s < bits of 2^s * popcount of `bytes` bytes of plane s of pixel p; seven bytes past them may be read.
struct PlaneSumsArguments {
  const uint8_t* planes = nullptr;
  int64_t planes_pixel = 0, plane_bytes = 0;  // from one to the next
  int64_t pixels = 0, bytes = 0;
  int bits = 1;
  int32_t* sums = nullptr;
  int64_t sums_pixel = 0;  // int32
};

/// Estimated: for the choice.
struct BitSerialCycles {
  double word;   // of products of a vector
  double pixel;  // of a vector and a sum s + t of planes: what begins and ends a pixel
};

struct BitSerialLoops {
  const char* isa;
  int lanes;       // outputs of a vector
  int words_unit;  // words are a multiple of it
  BitSerialCycles cycles;
  void (*count_bits)(const BitSerialArguments&);
  void (*sum_planes)(const PlaneSumsArguments&);
};

}  // namespace scissionlite::kernels
