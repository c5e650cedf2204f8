// The inference of a request whose caller may go at any time, told on another thread and also before there is one.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "server/inference/infer_internal.h"

namespace scissionlite::server {

class HeldInference {
 public:
  /// Of a caller who has gone already it is cancelled before it starts, which answers it.
  void start(std::shared_ptr<Inference> inference) {
    bool is_gone = false;
    {
      const std::lock_guard lock(mutex_);
      inference_ = inference;
      is_gone = is_gone_;
    }
    if (is_gone) inference->cancel();
    inference->start();
  }
  /// The caller has gone, and sends nothing more.
  void cancel() {
    std::shared_ptr<Inference> inference;
    {
      const std::lock_guard lock(mutex_);
      is_gone_ = true;
      inference = inference_;
    }
    if (inference) inference->cancel();
  }
  /// Once it is answered: a caller who takes its time to read, or to send the next request, holds nothing of this one.
  [[nodiscard]] std::shared_ptr<Inference> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(inference_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Inference> inference_;
  bool is_gone_ = false;
};

}  // namespace scissionlite::server
