// One caller's memory for each of the shapes that it ran last: a server's batches change their size from run to run, and a new arena
// means zeroed pages, a tenth of a run.
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

  /// For inputs of these shapes; made where there is none. Those not used for longest go while all take more than twice what the largest
  /// takes.
  [[nodiscard]] RunState& of(std::span<const Tensor> inputs);
  [[nodiscard]] size_t size() const { return states_.size(); }

 private:
  struct Entry {
    std::vector<Shape> shapes;
    RunState state;
  };
  void shrink();
  Make make_;
  int threads_;
  std::list<Entry> states_;  // used last, first
};

}  // namespace scissionlite::native
