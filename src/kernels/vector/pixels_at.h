// Where the pixels of a register tile are in memory: `value(p, i)` gives input i of pixel p in all lanes.

#if defined(__AVX512F__)
template <int P>
class PixelsAt {
 public:
  SCISSIONLITE_INLINE PixelsAt(const float* first, int64_t distance) : words_(first, distance * kFloat) {}
  SCISSIONLITE_INLINE vec value(int p, int64_t i) const { return reinterpret_cast<vec>(words_.value(p, i * kFloat)); }

 private:
  static constexpr int64_t kFloat = sizeof(float);
  SpacedWords<P> words_;
};
#else
template <int P>
class PixelsAt {
 public:
  SCISSIONLITE_INLINE PixelsAt(const float* first, int64_t distance) {
    at_[0] = first;
#pragma GCC unroll 16
    for (int p = 1; p < P; ++p) {
      at_[p] = at_[p - 1] + distance;
      asm("" : "+r"(at_[p]));  // one pointer a pixel: the compiler would keep one offset a load and run out of registers
    }
  }
  SCISSIONLITE_INLINE vec value(int p, int64_t i) const { return all(at_[p][i]); }

 private:
  const float* at_[P];
};
#endif
