// The arithmetic of one position, in whole numbers, so that every instruction set finds the same tables.
//
// At position p, with history h (symbols less their zero symbol, clamped, plus 64) and errors' energy e of what is coded:
//   mean[k]   = round(sum over terms of h * w, scaled) + bias[k]                        in 1/32 symbol, clamped to the channel
//   spread[k] = base[k] + around[k] * T(p) + before[k] * P(p, group of k)               in 1/4096 of the channel's scale
//   T = 8 * (2 left + 2 top + top right + top left) of the positions' mean energies, P = mean energy of earlier groups
//   table[k]  = (class of spread: quarter octaves) * 8 + (distance of the mean from its rounding, in 1/16, mirrored)
// This file is the plain form; context_avx2.h gives the same numbers. 16-bit sums wrap, products are as the instructions
// pmaddubsw, pmulhrsw and pmulhuw give them.
#pragma once

#include <bit>
#include <cstdlib>

#include "coding/codec.h"
#include "coding/rans.h"

namespace scissionlite::coding {
namespace {  // each instruction set compiles its own: a linker that kept one of several would mix them

/// What the coder needs to know about the 16 channels of a group.
struct Contexts {
  alignas(32) uint16_t table[kGroup];
  alignas(32) int16_t base[kGroup];  // the mean, rounded to a symbol
  alignas(32) int16_t sign[kGroup];  // 1, or -1 where the residual is mirrored
};

/// T of a position from the activities of the four neighbours; `stride` positions are in a row.
inline uint16_t energy_around(const uint16_t* activity, int64_t stride) {
  const uint32_t sum = 2U * activity[-1] + 2U * activity[-stride] + activity[1 - stride] + activity[-1 - stride];
  return static_cast<uint16_t>(std::min(8 * sum, 65535U));
}
/// P of a group.
inline uint16_t energy_before(const ModelData& data, int group, uint32_t sum) {
  return static_cast<uint16_t>(std::min<uint64_t>((uint64_t{sum} * data.before_scale[group]) >> 16, 65535));
}
/// What a finished position leaves for later ones: 256 = ordinary.
inline uint16_t activity_of(const ModelData& data, uint32_t sum) {
  return static_cast<uint16_t>(std::min<uint64_t>(16 * uint64_t{sum} / static_cast<uint64_t>(data.shape.channels), 4080));
}

struct PlainOps {
  static constexpr const char* kName = "scalar";

  static int16_t clamp16(int value) { return static_cast<int16_t>(std::clamp(value, -32768, 32767)); }

  /// means of all channels at the position whose history is at `here`.
  static void means(const ModelData& data, const uint8_t* here, int16_t* mean) {
    for (const Block& block : data.blocks) {
      int16_t* out = mean + block.first_group * kGroup;
      const int channels = block.groups * kGroup;
      uint16_t sums[kBlock];
      for (int k = 0; k < channels; ++k) sums[k] = static_cast<uint16_t>(data.starts[block.first_group * kGroup + k]);
      const int8_t* weights = block.weights.data();
      for (const int32_t offset : block.offsets) {
        const int a = here[offset], b = here[offset + 1];
        for (int k = 0; k < channels; ++k) sums[k] = static_cast<uint16_t>(sums[k] + a * weights[2 * k] + b * weights[2 * k + 1]);
        weights += 2 * channels;
      }
      for (int k = 0; k < channels; ++k) out[k] = finish_mean(data, block.first_group * kGroup + k, static_cast<int16_t>(sums[k]));
    }
  }

  static void contexts(const ModelData& data, int group, const int16_t* mean, uint16_t around, uint16_t before, Contexts& out) {
    for (int j = 0; j < kGroup; ++j) {
      const int k = group * kGroup + j;
      const uint32_t spread = data.spread_base[k] + ((uint32_t{data.spread_around[k]} * around) >> 16) + ((uint32_t{data.spread_before[k]} * before) >> 16);
      const int spread_class = std::clamp(quarter_octaves(std::clamp(spread, 1U, 65535U)) + data.scales[k], 0, kClasses - 1);
      const int base = (mean[k] + kMeanUnit / 2) >> 5, place = (mean[k] - base * kMeanUnit + kMeanUnit / 2) >> 1;  // 0 .. 15
      const bool mirrored = place >= kFractions;
      out.table[j] = static_cast<uint16_t>(spread_class * kFractions + (mirrored ? 2 * kFractions - 1 - place : place));
      out.base[j] = static_cast<int16_t>(base);
      out.sign[j] = mirrored ? -1 : 1;
    }
  }

  /// Stores values (symbols less zero) for later neighbours and returns the energy of their errors.
  static uint32_t remember(const ModelData& data, int group, const int16_t* values, const int16_t* mean, uint8_t* history) {
    uint32_t sum = 0;
    for (int j = 0; j < kGroup; ++j) {
      const int k = group * kGroup + j, error = std::min(std::abs(values[j] * kMeanUnit - mean[k]), 8191);
      sum += std::min<uint32_t>((static_cast<uint32_t>(8 * error) * data.inverse[k]) >> 16, 255);
      history[k] = static_cast<uint8_t>(std::clamp<int>(values[j], -kMostValue, kMostValue) + kHistoryZero);
    }
    return sum;
  }

  /// Puts a whole group onto the lanes: escapes behind the buckets, all in order of channels.
  static void put_group(const ModelData& data, const uint16_t* tables, const int16_t* residuals, const uint8_t* symbols, uint32_t* lanes, uint8_t*& end) {
    Bucket buckets[kGroup];
    for (int j = kGroup - 1; j >= 0; --j) {
      const int table = tables[j] & ~kMirrored;
      buckets[j] = bucket_of(&data.rows[table * kRowSymbols], residuals[j], data.row_bits[table]);
      if (buckets[j].symbol == kEscape) put_escape(lanes[j], symbols[j], end);
    }
    for (int j = kGroup - 1; j >= 0; --j) {
      const int table = tables[j] & ~kMirrored;
      put_bucket(lanes[j], &data.rows[table * kRowSymbols], buckets[j], data.row_bits[table], end);
    }
  }

  /// The inverse but for escapes: gives values, and a bit for each channel whose escape is still to be taken.
  static uint32_t take_group(const ModelData& data, const Contexts& contexts, uint32_t* lanes, const uint8_t*& next, int16_t* values) {
    uint32_t escapes = 0;
    for (int j = 0; j < kGroup; ++j) {
      const int table = contexts.table[j], bits = data.row_bits[table];
      const Bucket bucket = take_bucket(lanes[j], &data.rows[table * kRowSymbols], bits, next);
      values[j] = static_cast<int16_t>(contexts.base[j] + contexts.sign[j] * residual_of(bucket.symbol, bucket.low, bits));
      escapes |= static_cast<uint32_t>(bucket.symbol == kEscape) << j;
    }
    return escapes;
  }

  /// Symbols from values; whether all are within their channels' levels.
  static bool to_symbols(const ModelData& data, int group, const int16_t* values, uint8_t* symbols) {
    int wrong = 0;
    for (int j = 0; j < kGroup; ++j) {
      const int k = group * kGroup + j, symbol = values[j] + data.zeros[k];
      wrong |= static_cast<uint32_t>(symbol) > data.tops[k];
      symbols[j] = static_cast<uint8_t>(symbol);
    }
    return wrong == 0;
  }

 private:
  static int16_t finish_mean(const ModelData& data, int k, int16_t sum) {
    const int scaled = (int{sum} * data.multipliers[k] + 0x4000) >> 15;
    return std::clamp(clamp16(static_cast<int16_t>(scaled) + data.biases[k]), data.lows[k], data.highs[k]);
  }
  /// 4 * log2(spread / 4096), in steps of a quarter of each octave.
  static int quarter_octaves(uint32_t spread) {
    const int octave = std::bit_width(spread) - 1;
    return 4 * octave + static_cast<int>((spread << 2 >> octave) & 3) - 48;
  }
};

}  // namespace
}  // namespace scissionlite::coding
