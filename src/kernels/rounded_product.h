// Included by the loops of one instruction set only, inside its own namespace, after its vec.h.

/// a * b of vectors of floats, rounded before anything is added to it: the compiler would fuse the two. For results that have to come out
/// as where they are rounded twice.
template <typename Vector>
static __attribute__((always_inline)) inline Vector rounded_product(Vector a, Vector b) {
  Vector product = a * b;
#if defined(__AVX512F__)
  asm("" : "+v"(product));
#elif defined(__x86_64__)
  asm("" : "+x"(product));
#elif defined(__aarch64__)
  asm("" : "+w"(product));
#endif
  return product;
}
