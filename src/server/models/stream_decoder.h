// Entropy-coded inputs on the edge: streams of the device's coder become the tensor that the tail expects.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "coding/coder.h"

namespace scissionlite::server {

/// Thread-safe: as many coders as there are decodings at once, kept for the next.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const coding::CodeModel> model) : model_(std::move(model)), hash_(model_->hash()) {}

  /// @return uint8 (streams, channels, rows, columns). @throws InvalidArgument naming the stream, for one that is damaged.
  [[nodiscard]] Tensor decode(const std::vector<std::string_view>& streams);
  [[nodiscard]] const std::string& hash() const { return hash_; }
  [[nodiscard]] const coding::CodeShape& shape() const { return model_->shape(); }

 private:
  std::unique_ptr<coding::Coder> take();

  std::shared_ptr<const coding::CodeModel> model_;
  std::string hash_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<coding::Coder>> idle_;
};

}  // namespace scissionlite::server
