#include "device/frames.h"

#include <cstring>

#include "base/text.h"

namespace scissionlite::device {
namespace {

constexpr uint64_t kMaxFrameBytes = uint64_t{256} << 20;

FrameSource::Item read_item(const fs::path& path) {
  FrameSource::Item item{.frame = {.name = path.string(), .bytes = {}, .image = {}}, .error = {}};
  try {
    item.frame.bytes = read_file(path, kMaxFrameBytes);
    if (item.frame.bytes.empty()) item.error = "[image] '" + path.string() + "' is empty; expected an image file";
  } catch (const Error& e) { item.error = e.what(); }
  return item;
}

class FileSource final : public FrameSource {
 public:
  FileSource(std::vector<fs::path> files, int64_t repeat) : files_(std::move(files)), left_(static_cast<int64_t>(files_.size()) * repeat) {}
  [[nodiscard]] std::optional<Item> next() override {
    if (left_ <= 0) return {};
    --left_;
    return read_item(files_[at_++ % files_.size()]);
  }

 private:
  std::vector<fs::path> files_;
  int64_t left_;
  size_t at_ = 0;
};

class PathSource final : public FrameSource {
 public:
  explicit PathSource(std::istream& in) : in_(in) {}
  [[nodiscard]] std::optional<Item> next() override {
    while (in_.peek() != std::istream::traits_type::eof()) {
      std::string line;
      int64_t length = 0;
      for (int c = in_.get(); c != '\n' && c != std::istream::traits_type::eof(); c = in_.get())
        if (++length <= kLongestPath) line.push_back(static_cast<char>(c));
      if (length > kLongestPath)
        return Item{.frame = {.name = line.substr(0, 100) + "...", .bytes = {}, .image = {}},
                    .error = "[image] a line of " + std::to_string(length) + " bytes is no path; expected one a line"};
      if (!line.empty() && line.back() == '\r') line.pop_back();  // of a list from Windows
      if (!line.empty()) return read_item(line);
    }
    return {};
  }

 private:
  static constexpr int64_t kLongestPath = 4096;
  std::istream& in_;
};

/// Frames of a byte stream, numbered from 0.
class StreamSource : public FrameSource {
 public:
  explicit StreamSource(std::istream& in) : in_(in) {}
  [[nodiscard]] std::optional<Item> next() override {
    if (has_failed_ || !has_next()) return {};
    Item item{.frame = {.name = "frame " + std::to_string(number_++), .bytes = {}, .image = {}}, .error = {}};
    item.error = read(item.frame.bytes);
    if (!item.error.empty()) {
      has_failed_ = !goes_on();
      item.error += has_failed_ ? "; the frames after it are lost" : "; going on with the next picture";
      item.frame.bytes.clear();
    }
    return item;
  }

 protected:
  [[nodiscard]] bool has_bytes() { return held_at_ < held_.size() || in_.peek() != std::istream::traits_type::eof(); }
  [[nodiscard]] virtual bool has_next() { return has_bytes(); }
  /// "" or what is wrong with the frame.
  [[nodiscard]] virtual std::string read(std::string& bytes) = 0;
  /// Whether frames are found again behind a damaged one.
  [[nodiscard]] virtual bool goes_on() { return false; }

  [[nodiscard]] std::optional<uint8_t> take() {
    const int byte = held_at_ < held_.size() ? static_cast<uint8_t>(held_[held_at_++]) : in_.rdbuf()->sbumpc();
    if (byte == std::istream::traits_type::eof()) return {};
    ++position_;
    return static_cast<uint8_t>(byte);
  }
  [[nodiscard]] bool take(std::string& bytes, size_t n) {
    const size_t before = bytes.size(), held = std::min(n, held_.size() - held_at_);
    bytes.resize(before + n);
    std::memcpy(bytes.data() + before, held_.data() + held_at_, held);
    held_at_ += held;
    in_.read(bytes.data() + before + held, static_cast<std::streamsize>(n - held));
    const auto got = held + static_cast<size_t>(in_.gcount());
    bytes.resize(before + got);
    position_ += got;
    return got == n;
  }
  /// To be taken again, before all else.
  void put_back(std::string_view bytes) {
    held_ = std::string(bytes) + held_.substr(held_at_);
    held_at_ = 0, position_ -= bytes.size();
  }
  [[nodiscard]] std::string damaged(const std::string& what) const { return "[stdin] byte " + std::to_string(position_) + ": " + what; }
  [[nodiscard]] bool is_first() const { return number_ == 0; }

 private:
  std::istream& in_;
  std::string held_;
  size_t held_at_ = 0;
  uint64_t position_ = 0;
  int64_t number_ = 0;
  bool has_failed_ = false;
};

class LengthPrefixedSource final : public StreamSource {
 public:
  using StreamSource::StreamSource;

 private:
  [[nodiscard]] std::string read(std::string& bytes) override {
    std::string prefix;
    if (!take(prefix, 4)) return damaged("the stream ends inside a frame's length (uint32, little-endian)");
    uint32_t length = 0;
    for (int i = 3; i >= 0; --i) length = length << 8 | static_cast<uint8_t>(prefix[static_cast<size_t>(i)]);
    if (length == 0 || length > kMaxFrameBytes)
      return damaged("a frame of " + std::to_string(length) + " bytes, expected 1 to " + std::to_string(kMaxFrameBytes));
    // Grows with what arrives, so that a wrong length takes no memory.
    constexpr size_t kPiece = 1 << 20;
    while (bytes.size() < length)
      if (!take(bytes, std::min<size_t>(kPiece, length - bytes.size())))
        return damaged("the stream ends after " + std::to_string(bytes.size()) + " of a frame's " + std::to_string(length) + " bytes");
    return "";
  }
};

/// Follows the markers of JPEG files from SOI to EOI. In scan data 0xFF is followed by 0 or a restart marker. Between files may be zeros, as cameras
/// pad, and text, as the headers of multipart/x-mixed-replace; behind a damaged file the next one that begins is found.
class MjpegSource final : public StreamSource {
 public:
  using StreamSource::StreamSource;

 private:
  static constexpr uint8_t kStart = 0xD8, kEnd = 0xD9, kScan = 0xDA;

  [[nodiscard]] bool has_next() override {
    if (!has_begun_) find_start();
    return has_begun_ || noise_ > 0;
  }
  [[nodiscard]] bool goes_on() override { return has_begun_ || has_bytes(); }

  [[nodiscard]] std::string read(std::string& bytes) override {
    if (noise_ > 0) return damaged(std::to_string(std::exchange(noise_, 0)) + " bytes before here are no JPEG (expected the bytes FF D8)");
    has_begun_ = false;
    bytes = "\xFF\xD8";
    size_t piece = 0;
    const auto error = follow(bytes, piece);
    if (error.empty() || has_begun_) return error;
    if (const auto start = bytes.find("\xFF\xD8", piece); start != std::string::npos)
      put_back(std::string_view(bytes).substr(start));  // of a file that what is damaged took for its own
    return error;
  }

  /// Up to behind the next SOI.
  void find_start() {
    uint64_t skipped = 0;
    bool is_odd = false;
    for (std::optional<uint8_t> before, byte = take(); byte; before = byte, byte = take()) {
      if (before == 0xFF && byte == kStart) {
        has_begun_ = true;
        --skipped;  // its 0xFF
        break;
      }
      ++skipped;
      is_odd = is_odd || (before == 0xFF) || !(byte == 0xFF || byte == 0 || is_text(*byte));
    }
    if (is_odd || (is_first() && !has_begun_)) noise_ = skipped;
  }
  static bool is_text(uint8_t byte) { return (byte >= 0x20 && byte < 0x7F) || byte == '\r' || byte == '\n' || byte == '\t'; }

  /// From behind SOI. @param piece  out: where in `bytes` the last segment that was whole begins; its length may have been that of another one.
  std::string follow(std::string& bytes, size_t& piece) {
    uint8_t marker = 0;
    size_t next = bytes.size();
    while (true) {
      if (marker == 0) {
        piece = std::exchange(next, bytes.size());
        if (!next_marker(bytes, marker)) return damaged("the stream ends inside a JPEG, or a marker is damaged");
      }
      if (marker == kEnd) return "";
      if (marker == kStart) {
        has_begun_ = true;
        return damaged("a JPEG begins before the end of the one before");
      }
      const bool is_scan = marker == kScan;
      marker = 0;
      if (!take_segment(bytes)) return damaged("the stream ends inside a JPEG segment");
      if (is_scan && !skip_scan(bytes, marker)) return damaged("the stream ends inside a JPEG's image data");
      if (bytes.size() > kMaxFrameBytes) return damaged("a JPEG over " + std::to_string(kMaxFrameBytes) + " bytes");
    }
  }
  static uint8_t at(const std::string& bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }
  bool take_one(std::string& bytes) {
    const auto byte = take();
    if (byte) bytes.push_back(static_cast<char>(*byte));
    return byte.has_value();
  }
  bool next_marker(std::string& bytes, uint8_t& marker) {
    if (!take(bytes, 2) || at(bytes, bytes.size() - 2) != 0xFF) return false;
    while (at(bytes, bytes.size() - 1) == 0xFF)  // fill bytes
      if (!take_one(bytes)) return false;
    marker = at(bytes, bytes.size() - 1);
    return marker != 0;
  }
  bool take_segment(std::string& bytes) {
    if (!take(bytes, 2)) return false;
    const size_t length = static_cast<size_t>(at(bytes, bytes.size() - 2)) << 8 | at(bytes, bytes.size() - 1);
    return length >= 2 && take(bytes, length - 2);
  }
  bool skip_scan(std::string& bytes, uint8_t& marker) {
    bool after_ff = false;
    while (take_one(bytes) && bytes.size() <= kMaxFrameBytes) {
      const uint8_t byte = at(bytes, bytes.size() - 1);
      const bool is_restart = byte >= 0xD0 && byte <= 0xD7;
      if (after_ff && byte != 0 && byte != 0xFF && !is_restart) {
        marker = byte;
        return true;
      }
      after_ff = byte == 0xFF;
    }
    return false;
  }

  bool has_begun_ = false;  // SOI of the next file was taken
  uint64_t noise_ = 0;      // bytes before it, to be told
};

/// A signal ends what waits for bytes as the end of the stream would: what was read then is a part.
class UntilStopped final : public FrameSource {
 public:
  UntilStopped(std::unique_ptr<FrameSource> source, const std::atomic<bool>& stop) : source_(std::move(source)), stop_(stop) {}
  [[nodiscard]] std::optional<Item> next() override {
    auto item = source_->next();
    if (stop_) return {};
    return item;
  }

 private:
  std::unique_ptr<FrameSource> source_;
  const std::atomic<bool>& stop_;
};

}  // namespace

std::unique_ptr<FrameSource> make_file_source(std::vector<fs::path> files, int64_t repeat) {
  return std::make_unique<FileSource>(std::move(files), repeat);
}

std::unique_ptr<FrameSource> make_stream_source(const std::string& format, std::istream& in, const std::atomic<bool>& stop) {
  const auto until_stopped = [&](std::unique_ptr<FrameSource> source) { return std::make_unique<UntilStopped>(std::move(source), stop); };
  if (format == "frames") return until_stopped(std::make_unique<LengthPrefixedSource>(in));
  if (format == "mjpeg") return until_stopped(std::make_unique<MjpegSource>(in));
  if (format == "paths") return until_stopped(std::make_unique<PathSource>(in));
  throw InvalidArgument("[stdin] unknown format '" + format + "'" + did_you_mean(format, {"frames", "mjpeg", "paths"}));
}

}  // namespace scissionlite::device
