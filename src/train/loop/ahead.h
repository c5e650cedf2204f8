// What of a run needs no gradients (a frozen head, a teacher) is computed by the engine, which is several times faster than
// libtorch, in the threads that make the batches, one image at a time; and once for all epochs where images are never changed. Free of libtorch.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "train/data/dataset.h"
#include "train/network/parameters.h"

namespace scissionlite::train {

/// The tensor of the last single-tensor cut that no trained parameter stands before; "" when there is none.
[[nodiscard]] std::string frozen_until(const Graph& graph, const std::vector<Parameter>& parameters);

struct AheadOptions {
  std::string head;   // value of the student that examples hold in place of the input; "": the input itself
  bool keep = false;  // examples do not change from epoch to epoch, and are kept where all fit into 2 GiB
  int threads = 0;    // of the engine
};

/// Examples behind a frozen head, with a teacher's answers.
class Ahead : public Dataset {
 public:
  /// @param teacher  with the value of its answers as its only output; null: none.
  Ahead(std::shared_ptr<const Dataset> images, const Graph& student, const Graph* teacher, const AheadOptions& options);
  [[nodiscard]] int64_t size() const override { return images_->size(); }
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override;
  [[nodiscard]] std::string identity() const override { return images_->identity(); }

 private:
  [[nodiscard]] Example compute(Example example) const;
  std::shared_ptr<const Dataset> images_;
  std::unique_ptr<Executable> head_, teacher_;  // null: not needed
  bool keep_;
  mutable std::mutex mutex_;
  mutable std::vector<Example> kept_;
};

}  // namespace scissionlite::train
