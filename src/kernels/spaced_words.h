// Words of four bytes at P equal distances: `value(p, offset)` gives the one `offset` bytes behind place p in all lanes. Included by the loops
// of one instruction set only, inside its own namespace, after a file that defines ivec.

#if defined(__AVX512F__)
/// Fourteen pointers are more than x86 has registers for, and g++ would reload most of them for every word. An instruction adds 1, 2, 4 or 8
/// times an index to a base: two bases and one, three and five times the distance reach fourteen places. Written as instructions, since the
/// compiler would make fourteen pointers of them again.
template <int P>
class SpacedWords {
 public:
  /// `distance` in bytes.
  SCISSIONLITE_INLINE SpacedWords(const void* first, int64_t distance)
      : near_(static_cast<const char*>(first)), far_(near_ + kReach * distance), once_(distance), thrice_(3 * distance), five_times_(5 * distance) {
    asm("" : "+r"(far_), "+r"(thrice_), "+r"(five_times_));  // kept, not made again for every word
  }
  SCISSIONLITE_INLINE ivec value(int p, int64_t offset) const {
    const char* base = (p < kReach ? near_ : far_) + offset;
    switch (p % kReach) {
      case 1: return times<1>(base, once_);
      case 2: return times<2>(base, once_);
      case 3: return times<1>(base, thrice_);
      case 4: return times<4>(base, once_);
      case 5: return times<1>(base, five_times_);
      case 6: return times<2>(base, thrice_);
      default: return times<0>(base, 0);
    }
  }

 private:
  static constexpr int kReach = 7;
  static_assert(P <= 2 * kReach);

  template <int kScale>
  static SCISSIONLITE_INLINE ivec times(const char* base, int64_t index) {
    struct Memory {
      char of[1 << 30];
    };
    __m512 value;
    if constexpr (kScale == 0) asm("vbroadcastss (%1), %0" : "=v"(value) : "r"(base), "m"(*reinterpret_cast<const Memory*>(base)));
    else asm("vbroadcastss (%1,%2,%c3), %0" : "=v"(value) : "r"(base), "r"(index), "i"(kScale), "m"(*reinterpret_cast<const Memory*>(base)));
    return reinterpret_cast<ivec>(value);
  }

  const char* near_;
  const char* far_;
  int64_t once_, thrice_, five_times_;
};
#else
template <int P>
class SpacedWords {
 public:
  SCISSIONLITE_INLINE SpacedWords(const void* first, int64_t distance) : first_(static_cast<const char*>(first)), distance_(distance) {}
  SCISSIONLITE_INLINE ivec value(int p, int64_t offset) const {
    int32_t word;
    __builtin_memcpy(&word, first_ + p * distance_ + offset, sizeof word);
    return word - ivec{};
  }

 private:
  const char* first_;
  int64_t distance_;
};
#endif
