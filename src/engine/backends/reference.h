// The reference backend: every node by the plain code of src/ops, in order. Slow and deterministic: the oracle.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.h"

namespace scissionlite {

/// Remembers what nodes gave for inputs with the same bits, so that checking many slices of one model computes each node
/// once. Shared by executables of one thread.
class ReferenceMemo {
 public:
  /// Forgets the oldest results beyond this many bytes.
  explicit ReferenceMemo(size_t limit_bytes = size_t{4} << 30);
  ~ReferenceMemo();
  ReferenceMemo(const ReferenceMemo&) = delete;
  ReferenceMemo& operator=(const ReferenceMemo&) = delete;
  /// Nodes answered from memory, and nodes computed.
  [[nodiscard]] int64_t hits() const;
  [[nodiscard]] int64_t misses() const;

  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

[[nodiscard]] std::unique_ptr<Backend> make_reference_backend();
[[nodiscard]] std::unique_ptr<Backend> make_reference_backend(std::shared_ptr<ReferenceMemo> memo);

}  // namespace scissionlite
