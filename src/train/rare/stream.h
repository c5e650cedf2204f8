// Batches without end: one epoch after the other. Private to train/.
#pragma once

#include <memory>

#include "train/data/dataset.h"

namespace scissionlite::train {

class Stream {
 public:
  /// @param taken  batches that were read before, as by a run that was stopped.
  explicit Stream(const Loader& loader, int64_t taken = 0) : taken_(taken), reader_(loader.from(taken)) {}

  [[nodiscard]] Batch next() {
    auto batch = reader_->next().value();
    ++taken_;
    return batch;
  }
  [[nodiscard]] int64_t taken() const { return taken_; }

 private:
  int64_t taken_;
  std::unique_ptr<EpochReader> reader_;
};

}  // namespace scissionlite::train
