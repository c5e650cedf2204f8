// A function compiled for several instruction sets, of which one is picked at load time.
#pragma once

// SCISSIONLITE_CLONES("avx2") void loop(...): for AVX2 and for every CPU. Other compilers and architectures make one; sanitizers do not see through
// the indirect functions that this needs.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(SCISSIONLITE_SANITIZED)
#define SCISSIONLITE_CLONES(...) __attribute__((target_clones(__VA_ARGS__, "default")))
#else
#define SCISSIONLITE_CLONES(...)
#endif
