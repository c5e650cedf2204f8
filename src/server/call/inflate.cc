#include "server/call/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>

namespace scissionlite::server {
namespace {

constexpr size_t kStepBytes = 64 << 10;

/// Of `inflateInit2`: 15 bits, and how the data begins.
int window_bits(std::string_view bytes, Coding coding) {
  if (coding == Coding::kGzip) return 15 + 16;
  const bool is_zlib =
      bytes.size() >= 2 && (bytes[0] & 0x0f) == 8 && (static_cast<unsigned char>(bytes[0]) * 256 + static_cast<unsigned char>(bytes[1])) % 31 == 0;
  return is_zlib ? 15 : -15;
}

class Inflater {
 public:
  Inflater(std::string_view bytes, int window, bool has_members) : has_members_(has_members) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    left_ = bytes.size();
    if (inflateInit2(&stream_, window) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  [[nodiscard]] bool has_ended() const { return has_ended_; }
  /// Up to `room` bytes, fewer at the end of the data only. Returns how many.
  size_t fill(char* to, size_t room) {
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(room);
    while (!has_ended_ && stream_.avail_out > 0) advance();
    made_ += room - stream_.avail_out;
    return room - stream_.avail_out;
  }

 private:
  [[nodiscard]] size_t bytes_left() const { return stream_.avail_in + left_; }

  void advance() {
    if (stream_.avail_in == 0) {  // its counters are 32 bits wide
      stream_.avail_in = static_cast<uInt>(std::min<size_t>(left_, size_t{1} << 30));
      left_ -= stream_.avail_in;
    }
    const auto room = stream_.avail_out;
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) return end_member();
    const bool is_starved = result == Z_BUF_ERROR || (result == Z_OK && bytes_left() == 0 && stream_.avail_out > 0);
    if (is_starved)
      throw InflateError(false, "what is compressed ends early, after " + std::to_string(made_ + room - stream_.avail_out) + " bytes of data");
    if (result != Z_OK) throw InflateError(false, std::string("what is compressed is damaged: ") + (stream_.msg ? stream_.msg : "no such data"));
  }

  void end_member() {
    constexpr Bytef kMember = 0x1f;
    has_ended_ = bytes_left() == 0;
    if (has_ended_) return;
    if (stream_.avail_in == 0 || !has_members_ || *stream_.next_in != kMember || inflateReset(&stream_) != Z_OK)
      throw InflateError(false, "what is compressed has " + std::to_string(bytes_left()) + " bytes behind its end");
  }

  z_stream stream_{};
  bool has_members_;  // one after the other may follow (RFC 1952, 2.2)
  bool has_ended_ = false;
  size_t left_ = 0;  // of the input, behind what the stream has
  size_t made_ = 0;  // by earlier calls
};

}  // namespace

std::string inflate(std::string_view bytes, Coding coding, size_t limit_bytes) {
  Inflater inflater(bytes, window_bits(bytes, coding), coding == Coding::kGzip);
  std::string out;
  size_t size = 0;
  while (!inflater.has_ended() && size <= limit_bytes) {
    out.resize(size + std::min(std::max(size, kStepBytes), limit_bytes - size + 1));
    size += inflater.fill(out.data() + size, out.size() - size);
  }
  out.resize(size);
  if (size > limit_bytes)
    throw InflateError(true, "what is compressed becomes larger than " + std::to_string(limit_bytes) + " bytes; raise --max-message-mb or send less");
  return out;
}

}  // namespace scissionlite::server
