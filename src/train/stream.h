// Batches without end: one epoch after the other. Private to train/.
#pragma once

#include <memory>

#include "train/dataset.h"

namespace scissionlite::train {

class Stream {
 public:
  /// @param taken  batches that were read before, as by a run that was stopped.
  explicit Stream(const Loader& loader, int64_t taken = 0) : loader_(loader), taken_(taken) {}

  [[nodiscard]] Batch next() {
    for (;;) {
      if (!reader_) reader_ = loader_.epoch(taken_ / loader_.batches(), taken_ % loader_.batches());
      if (auto batch = reader_->next()) {
        if (++taken_ % loader_.batches() == 0) reader_.reset();
        return std::move(*batch);
      }
      reader_.reset();
    }
  }
  [[nodiscard]] int64_t taken() const { return taken_; }

 private:
  const Loader& loader_;
  int64_t taken_;
  std::unique_ptr<EpochReader> reader_;
};

}  // namespace scissionlite::train
