// Entropy coding as part of what is timed: a head writes streams after its run, a tail reads them before.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "coding/coder.h"
#include "transfer/transfer.h"

namespace scissionlite::profiling {

using transfer::CodeModels;

class TimedStreams {
 public:
  /// @param infos  of the tensors in the order in which `write` and `read` see them.
  TimedStreams(const CodeModels& models, const std::vector<ValueInfo>& infos) {
    for (size_t i = 0; i < infos.size(); ++i)
      if (const auto found = models.find(infos[i].name); found != models.end()) streams_.push_back({i, coding::Coder(found->second), {}, {}});
  }
  [[nodiscard]] bool empty() const { return streams_.empty(); }
  void write(std::span<const Tensor> tensors) {
    for (auto& s : streams_) {
      s.bytes.clear();
      (void)s.coder.encode(tensors[s.tensor].as<uint8_t>(), s.bytes);
    }
  }
  /// What `write` wrote.
  void read() {
    for (auto& s : streams_) {
      s.codes.resize(static_cast<size_t>(s.coder.model().shape().symbols()));
      s.coder.decode(s.bytes, s.codes);
    }
  }

 private:
  struct Stream {
    size_t tensor;
    coding::Coder coder;
    std::string bytes;
    std::vector<uint8_t> codes;
  };
  std::vector<Stream> streams_;
};

}  // namespace scissionlite::profiling
