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

  /// Appends up to `room` bytes. False at the end of the data.
  bool step(std::string& out, size_t room) {
    const size_t start = out.size();
    out.resize(start + room);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + start);
    stream_.avail_out = static_cast<uInt>(room);
    if (stream_.avail_in == 0) {  // its counters are 32 bits wide
      stream_.avail_in = static_cast<uInt>(std::min<size_t>(left_, size_t{1} << 30));
      left_ -= stream_.avail_in;
    }
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    out.resize(out.size() - stream_.avail_out);
    if (result == Z_STREAM_END) {
      constexpr Bytef kMember = 0x1f;
      if (stream_.avail_in + left_ > 0 && has_members_ && *stream_.next_in == kMember) return inflateReset(&stream_) == Z_OK;
      if (stream_.avail_in + left_ > 0)
        throw InflateError(false, "what is compressed has " + std::to_string(stream_.avail_in + left_) + " bytes behind its end");
      return false;
    }
    const bool is_starved = result == Z_BUF_ERROR || (result == Z_OK && stream_.avail_in == 0 && left_ == 0 && stream_.avail_out > 0);
    if (is_starved) throw InflateError(false, "what is compressed ends early, after " + std::to_string(out.size()) + " bytes of data");
    if (result != Z_OK) throw InflateError(false, std::string("what is compressed is damaged: ") + (stream_.msg ? stream_.msg : "no such data"));
    return true;
  }

 private:
  z_stream stream_{};
  bool has_members_;  // one after the other may follow (RFC 1952, 2.2)
  size_t left_ = 0;   // of the input, behind what the stream has
};

}  // namespace

std::string inflate(std::string_view bytes, Coding coding, size_t limit_bytes) {
  Inflater inflater(bytes, window_bits(bytes, coding), coding == Coding::kGzip);
  std::string out;
  while (inflater.step(out, std::min(std::max(out.size(), kStepBytes), limit_bytes - out.size() + 1)))
    if (out.size() > limit_bytes) break;
  if (out.size() > limit_bytes)
    throw InflateError(true, "what is compressed becomes larger than " + std::to_string(limit_bytes) + " bytes; raise --max-message-mb or send less");
  return out;
}

}  // namespace scissionlite::server
