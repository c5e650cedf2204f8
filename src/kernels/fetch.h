// Included by the loops of one instruction set only, inside its own namespace.

/// Brings to L2 what is wanted next, a few lines at a time between other work, so that its way from beyond L2 costs no time.
class Fetch {
 public:
  /// `bytes` at `at` in `calls` of `some`.
  SCISSIONLITE_INLINE Fetch(const void* at, int64_t bytes, int64_t calls)
      : at_(static_cast<const char*>(at)), end_(at_ + bytes), a_call_(bytes > 0 && calls > 0 ? (bytes / kLine + calls - 1) / calls * kLine : 0) {}
  /// What one call does.
  SCISSIONLITE_INLINE void some() {
    const char* const stop = at_ + a_call_ < end_ ? at_ + a_call_ : end_;
    for (; at_ < stop; at_ += kLine) __builtin_prefetch(at_, /*rw=*/0, /*locality=*/2);
  }

 private:
  static constexpr int64_t kLine = 64;
  const char* at_;
  const char* end_;
  int64_t a_call_;
};
