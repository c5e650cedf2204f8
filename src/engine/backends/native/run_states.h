// One caller's programs, of the shapes that it ran last, in one arena: a server's batches change their size from run to run, and neither a
// program nor zeroed pages are to be made anew for each.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "base/tensor.h"
#include "engine/backends/native/run_state.h"

namespace scissionlite::native {

class RunStates {
 public:
  using Make = std::function<std::shared_ptr<const Program>(const std::vector<Shape>&)>;
  RunStates(Make make, int threads) : make_(std::move(make)), threads_(threads) {}

  /// For inputs of these shapes; made where there is none, and all anew where that one needs a larger arena. Valid until the next call.
  [[nodiscard]] RunState& of(std::span<const Tensor> inputs);
  [[nodiscard]] size_t size() const { return states_.size(); }

  static constexpr size_t kMost = 64;  // those not used for longest go; each batch size of a usual model has one

 private:
  struct Entry {
    std::vector<Shape> shapes;
    RunState state;
  };
  void reserve(int64_t bytes);
  Make make_;
  int threads_;
  std::list<Entry> states_;  // used last, first
  Arena arena_;              // of the largest
};

}  // namespace scissionlite::native
