#include "server/call/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <utility>

namespace scissionlite::server {
namespace {

constexpr size_t kStepBytes = 64 << 10;

class Deflater {
 public:
  Deflater(Coding coding, const std::function<void(size_t)>& grown) : grown_(grown) {
    constexpr int kWindow = 15, kGzip = 16, kMemory = 8;
    if (deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, kWindow + (coding == Coding::kGzip ? kGzip : 0), kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// The result will not move while it grows. @param bytes  of what is to come.
  void reserve(size_t bytes) { out_.reserve(deflateBound(&stream_, bytes)); }

  void add(std::string_view bytes) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    for (size_t left = bytes.size(); left > 0;) {  // its counters are 32 bits wide
      stream_.avail_in = static_cast<uInt>(std::min<size_t>(left, size_t{1} << 30));
      left -= stream_.avail_in;
      while (stream_.avail_in > 0) (void)step(Z_NO_FLUSH);
    }
  }
  std::string finish() {
    while (step(Z_FINISH) != Z_STREAM_END) continue;
    return std::move(out_);
  }

 private:
  int step(int flush) {
    const size_t size = out_.size();
    out_.resize(size + kStepBytes);
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data() + size);
    stream_.avail_out = kStepBytes;
    const int result = ::deflate(&stream_, flush);
    out_.resize(out_.size() - stream_.avail_out);
    if (grown_) grown_(out_.size());
    return result;
  }

  const std::function<void(size_t)>& grown_;
  z_stream stream_{};
  std::string out_;
};

}  // namespace

std::string deflate(const std::vector<std::string_view>& parts, Coding coding, const std::function<void(size_t)>& grown) {
  Deflater deflater(coding, grown);
  size_t bytes = 0;
  for (const auto part : parts) bytes += part.size();
  deflater.reserve(bytes);
  for (const auto part : parts) deflater.add(part);
  return deflater.finish();
}

}  // namespace scissionlite::server
