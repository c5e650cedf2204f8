#include "server/models/stream_decoder.h"

#include "base/error.h"

namespace scissionlite::server {

std::unique_ptr<coding::Coder> StreamDecoder::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto coder = std::move(idle_.back());
      idle_.pop_back();
      return coder;
    }
  }
  return std::make_unique<coding::Coder>(model_);
}

Tensor StreamDecoder::decode(const std::vector<std::string_view>& streams) {
  const auto& one = model_->shape();
  Tensor out(Dtype::kU8, {static_cast<int64_t>(streams.size()), one.channels, one.rows, one.columns});
  auto codes = out.mutable_as<uint8_t>();
  auto coder = take();
  const auto size = static_cast<size_t>(one.symbols());
  for (size_t i = 0; i < streams.size(); ++i)
    while_doing("decoding stream " + std::to_string(i) + " of the request", [&] { coder->decode(streams[i], codes.subspan(i * size, size)); });
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(coder));
  return out;
}

}  // namespace scissionlite::server
