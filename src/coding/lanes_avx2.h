// The steps of rans.h on eight lanes an instruction; a group is two of them.
#pragma once

#include <immintrin.h>

#include <bit>

#include "coding/context.h"

namespace scissionlite::coding {
namespace {  // see context.h

/// For each set of lanes in need of a word, which word each takes; for words given off, which lane's goes where.
struct Routes {
  alignas(32) uint8_t expand[256][8] = {}, gather_right[256][8] = {};
  constexpr Routes() {
    for (int mask = 0; mask < 256; ++mask) {
      int count = 0;
      for (int i = 0; i < 8; ++i)
        if ((mask >> i & 1) != 0) expand[mask][i] = static_cast<uint8_t>(count++);
      int place = 8 - count;
      for (int i = 0; i < 8; ++i)
        if ((mask >> i & 1) != 0) gather_right[mask][place++] = static_cast<uint8_t>(i);
    }
  }
};
constexpr Routes kRoutes{};

struct Avx2Lanes {
  static __m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static void store(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }

  static uint32_t take_group(const ModelData& data, const Contexts& contexts, uint32_t* lanes, const uint8_t*& next, int16_t* values) {
    return take_halves<Avx2Lanes>(data, contexts, lanes, next, values);
  }

  static void put_group(const ModelData& data, const uint16_t* tables, const int16_t* residuals, const uint8_t* symbols, uint32_t* lanes, uint8_t*& end) {
    const __m256i table = _mm256_and_si256(load(tables), _mm256_set1_epi16(0x7fff)), residual = load(residuals);
    __m256i bits = _mm256_setzero_si256();
    for (const int16_t first : data.bit_tables) bits = _mm256_sub_epi16(bits, _mm256_cmpgt_epi16(table, _mm256_set1_epi16(static_cast<int16_t>(first - 1))));
    Half low = half_of(data, _mm256_castsi256_si128(table), _mm256_castsi256_si128(residual), _mm256_castsi256_si128(bits));
    Half high = half_of(data, _mm256_extracti128_si256(table, 1), _mm256_extracti128_si256(residual, 1), _mm256_extracti128_si256(bits, 1));
    if (const uint32_t escapes = low.escapes | high.escapes << 8; escapes != 0) [[unlikely]]
      for (int j = kGroup - 1; j >= 0; --j)
        if ((escapes >> j & 1) != 0) put_escape(lanes[j], symbols[j], end);
    put_half(high, lanes + 8, end);
    put_half(low, lanes, end);
  }

 protected:
  static __m256i route(const uint8_t* order) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(order))); }
  static uint32_t mask_of(__m256i lanes) { return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes))); }

  // Fields of eight cells.
  static __m256i start_of(__m256i cells) { return _mm256_and_si256(cells, _mm256_set1_epi32(kSlots - 1)); }
  static __m256i frequency_of(__m256i cells) { return start_of(_mm256_srli_epi32(cells, 13)); }
  static __m256i symbol_of(__m256i cells) { return _mm256_and_si256(_mm256_srli_epi32(cells, 26), _mm256_set1_epi32(15)); }
  static __m256i bits_of(__m256i cells) { return _mm256_srli_epi32(cells, 30); }

  static uint32_t twice_above(const uint16_t* row, __m256i slot) {
    return static_cast<uint32_t>(std::popcount(static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi16(load(row), slot)))));
  }
  static __m256i refill_half(__m256i state, const uint8_t*& next) {
    const __m256i is_low = _mm256_cmpeq_epi32(_mm256_srli_epi32(state, 16), _mm256_setzero_si256());
    const uint32_t mask = mask_of(is_low);
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next)));
    const __m256i filled = _mm256_or_si256(_mm256_slli_epi32(state, 16), _mm256_permutevar8x32_epi32(words, route(kRoutes.expand[mask])));
    next += 2 * std::popcount(mask);
    return _mm256_blendv_epi8(state, filled, is_low);
  }

  /// One of eight lanes: the cell that its slot falls into.
  template <typename Ops, int kLane>
  static int cell_of(const ModelData& data, const uint16_t* tables, __m256i slots) {
    const auto index = static_cast<size_t>(tables[kLane]) * kRowSymbols;
    const __m256i spread = _mm256_set1_epi16(static_cast<int16_t>((2 * 2 * (kLane % 4) + 1) << 8 | 2 * 2 * (kLane % 4)));
    const uint32_t above = Ops::twice_above(data.rows.data() + index, _mm256_shuffle_epi8(slots, spread));
    return static_cast<int>(data.cells[index + kRowSymbols - 1 - above / 2]);
  }
  template <typename Ops>
  static __m256i take_half(const ModelData& data, const uint16_t* tables, uint32_t* lanes, const uint8_t*& next, __m256i& residual) {
    const __m256i state = load(lanes), slots = start_of(state);
    const __m256i low = _mm256_permute2x128_si256(slots, slots, 0x00), high = _mm256_permute2x128_si256(slots, slots, 0x11);
    const __m256i cells = _mm256_setr_epi32(cell_of<Ops, 0>(data, tables, low), cell_of<Ops, 1>(data, tables, low), cell_of<Ops, 2>(data, tables, low),
                                            cell_of<Ops, 3>(data, tables, low), cell_of<Ops, 4>(data, tables, high), cell_of<Ops, 5>(data, tables, high),
                                            cell_of<Ops, 6>(data, tables, high), cell_of<Ops, 7>(data, tables, high));
    const __m256i bits = bits_of(cells), one = _mm256_set1_epi32(1), unit = _mm256_sllv_epi32(one, bits);
    const __m256i above = _mm256_srli_epi32(state, kProbabilityBits), rest = _mm256_and_si256(above, _mm256_sub_epi32(unit, one));
    const __m256i scaled = _mm256_mullo_epi32(frequency_of(cells), _mm256_srlv_epi32(above, bits));
    store(lanes, Ops::refill_half(_mm256_add_epi32(scaled, _mm256_sub_epi32(slots, start_of(cells))), next));
    const __m256i symbol = symbol_of(cells);
    residual = _mm256_sllv_epi32(_mm256_sub_epi32(symbol, _mm256_set1_epi32(kCentre)), bits);
    residual = _mm256_add_epi32(residual, _mm256_sub_epi32(rest, _mm256_srli_epi32(unit, 1)));
    return _mm256_cmpeq_epi32(symbol, _mm256_set1_epi32(kEscape));
  }
  template <typename Ops>
  static uint32_t take_halves(const ModelData& data, const Contexts& contexts, uint32_t* lanes, const uint8_t*& next, int16_t* values) {
    __m256i low, high;
    const __m256i escapes_low = take_half<Ops>(data, contexts.table, lanes, next, low);
    const __m256i escapes_high = take_half<Ops>(data, contexts.table + 8, lanes + 8, next, high);
    const __m256i residual = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    store(values, _mm256_add_epi16(load(contexts.base), _mm256_sign_epi16(residual, load(contexts.sign))));
    return mask_of(escapes_low) | mask_of(escapes_high) << 8;
  }

  struct Half {
    __m256i cells, low;  // what the eight steps hold
    uint32_t escapes;
  };
  static Half half_of(const ModelData& data, __m128i table16, __m128i residual16, __m128i bits16) {
    const __m256i table = _mm256_slli_epi32(_mm256_cvtepu16_epi32(table16), 4), bits = _mm256_cvtepu16_epi32(bits16);
    const __m256i one = _mm256_set1_epi32(1), unit = _mm256_sllv_epi32(one, bits), escape = _mm256_set1_epi32(kEscape);
    const __m256i from_centre = _mm256_add_epi32(_mm256_cvtepi16_epi32(residual16), _mm256_srli_epi32(unit, 1));
    const __m256i shifted = _mm256_add_epi32(from_centre, _mm256_sllv_epi32(_mm256_set1_epi32(kCentre), bits));
    __m256i symbol = _mm256_srav_epi32(shifted, bits);
    // Below 0 is large as an unsigned number.
    symbol = _mm256_min_epu32(symbol, escape);
    const auto* cells = reinterpret_cast<const int*>(data.cells.data());
    __m256i found = _mm256_i32gather_epi32(cells, _mm256_add_epi32(table, symbol), 4);
    const __m256i is_empty = _mm256_cmpeq_epi32(frequency_of(found), _mm256_setzero_si256());
    const __m256i is_escape = _mm256_or_si256(is_empty, _mm256_cmpeq_epi32(symbol, escape));
    const uint32_t escapes = mask_of(is_escape);
    if (escapes != 0) [[unlikely]] found = _mm256_blendv_epi8(found, _mm256_i32gather_epi32(cells, _mm256_add_epi32(table, escape), 4), is_escape);
    return {found, _mm256_andnot_si256(is_escape, _mm256_and_si256(shifted, _mm256_sub_epi32(unit, one))), escapes};
  }

  /// floor(a / b) of four u32 each, a / b < 2^31: exact, since a double holds quotients of such numbers to far below 1 / b.
  static __m128i divide(__m128i a, __m128i b) {
    const __m256d magic = _mm256_set1_pd(0x1p52);
    const __m256d top = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(_mm256_cvtepu32_epi64(a), _mm256_castpd_si256(magic))), magic);
    return _mm256_cvttpd_epi32(_mm256_div_pd(top, _mm256_cvtepi32_pd(b)));
  }
  static void put_half(const Half& half, uint32_t* lanes, uint8_t*& end) {
    __m256i state = load(lanes);
    const __m256i f = frequency_of(half.cells), bits = bits_of(half.cells);
    // state >= f << (19 - bits), compared after a shift that loses nothing of the bound
    const __m256i quotient_bound = _mm256_srlv_epi32(state, _mm256_sub_epi32(_mm256_set1_epi32(32 - kProbabilityBits), bits));
    const __m256i is_full = _mm256_cmpgt_epi32(quotient_bound, _mm256_sub_epi32(f, _mm256_set1_epi32(1)));
    const uint32_t mask = mask_of(is_full);
    const __m256i words = _mm256_permutevar8x32_epi32(_mm256_and_si256(state, _mm256_set1_epi32(0xffff)), route(kRoutes.gather_right[mask]));
    const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(end - 16), packed);
    end -= 2 * std::popcount(mask);
    state = _mm256_blendv_epi8(state, _mm256_srli_epi32(state, 16), is_full);
    const __m128i low = divide(_mm256_castsi256_si128(state), _mm256_castsi256_si128(f));
    const __m128i high = divide(_mm256_extracti128_si256(state, 1), _mm256_extracti128_si256(f, 1));
    const __m256i quotient = _mm256_set_m128i(high, low);
    const __m256i rest = _mm256_sub_epi32(state, _mm256_mullo_epi32(quotient, f));
    const __m256i upper = _mm256_add_epi32(_mm256_sllv_epi32(quotient, bits), half.low);
    store(lanes, _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(upper, kProbabilityBits), rest), start_of(half.cells)));
  }
};

}  // namespace
}  // namespace scissionlite::coding
