// Tables of sums from bit planes: of one plane a table is known for each pattern of its bits, and those of several planes are added.
// Included by the loops of one instruction set only, after look_up.h.

/// [plane][bits of the activations][entry] = (activations chosen by the entry whose bit is set) << plane.
struct PlaneTables {
  alignas(64) uint8_t of[kPartBits][kEntries][kEntries];
  PlaneTables() {
    for (int s = 0; s < kPartBits; ++s)
      for (int bits = 0; bits < kEntries; ++bits)
        for (int entry = 0; entry < kEntries; ++entry)
          of[s][bits][entry] = static_cast<uint8_t>(__builtin_popcount(static_cast<unsigned>(bits & entry)) << s);
  }
};
static const PlaneTables& plane_tables() {
  static const PlaneTables tables;
  return tables;
}

typedef uint8_t tablevec __attribute__((vector_size(kEntries)));

/// 24 neighbouring bits, which begin with a byte.
constexpr int kTablesOfWord = 24 / kGroup;

/// Byte offset in a plane's tables of the j-th group of bits.
static SCISSIONLITE_INLINE uint32_t table_at(uint32_t word, int j) {
  constexpr uint32_t kMask = (kEntries - 1) * kEntries;
  const int left = kGroup - j * kGroup;  // kEntries is 2^kGroup
  return (left >= 0 ? word << left : word >> -left) & kMask;
}

template <int Q>
static SCISSIONLITE_INLINE tablevec table_of(const PlaneTables& known, const uint32_t (&words)[Q], int j) {
  tablevec sum = load_as<tablevec>(known.of[0][0] + table_at(words[0], j));
#pragma GCC unroll 4
  for (int s = 1; s < Q; ++s) sum += load_as<tablevec>(known.of[s][0] + table_at(words[s], j));
  return sum;
}

template <int Q>
static void make_tables_of(const TablesArguments& a) {
  const PlaneTables& known = plane_tables();
  const int64_t plane_bytes = a.plane_bytes, count = a.count;
  for (int64_t p = 0; p < a.pixels; ++p) {
    const uint8_t* planes = a.planes + p * a.planes_pixel + a.first * kGroup / 8;
    uint8_t* to = a.tables + p * a.tables_pixel;
    uint32_t total = 0;
    int64_t left = a.channels - a.first * kGroup;
    for (int64_t i = 0; i < count; i += kTablesOfWord, planes += 3, left -= 24) {
      const uint32_t mask = left >= 24 ? 0xFFFFFF : (1U << left) - 1;
      uint32_t words[Q];
#pragma GCC unroll 4
      for (int s = 0; s < Q; ++s) {
        __builtin_memcpy(&words[s], planes + s * plane_bytes, 4);
        total += static_cast<uint32_t>(__builtin_popcount(words[s] & mask)) << s;
      }
      if (count - i >= kTablesOfWord) {
#pragma GCC unroll 6
        for (int j = 0; j < kTablesOfWord; ++j) store_as(to + j * kEntries, table_of<Q>(known, words, j));
        to += kTablesOfWord * kEntries;
      } else {
        for (int j = 0; j < count - i; ++j, to += kEntries) store_as(to, table_of<Q>(known, words, j));
      }
    }
    if (a.sums) a.sums[p] += static_cast<int32_t>(total << a.shift);
  }
}
static void make_tables(const TablesArguments& a) {
  if (a.bits == 1) make_tables_of<1>(a);
  else if (a.bits == 2) make_tables_of<2>(a);
  else if (a.bits == 3) make_tables_of<3>(a);
  else make_tables_of<4>(a);
}
