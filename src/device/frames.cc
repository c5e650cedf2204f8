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
  } catch (const Error& e) {
    item.error = e.what();
  }
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
      if (length > kLongestPath) return Item{.frame = {.name = line.substr(0, 100) + "...", .bytes = {}, .image = {}}, .error = "[image] a line of " + std::to_string(length) + " bytes is no path; expected one a line"};
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
    if (has_failed_ || in_.peek() == std::istream::traits_type::eof()) return {};
    Item item{.frame = {.name = "frame " + std::to_string(number_++), .bytes = {}, .image = {}}, .error = {}};
    item.error = read(item.frame.bytes);
    has_failed_ = !item.error.empty();
    return item;
  }

 protected:
  /// "" or why the stream ends here.
  [[nodiscard]] virtual std::string read(std::string& bytes) = 0;
  [[nodiscard]] bool take(std::string& bytes, size_t n) {
    if (n == 1) {
      const int byte = in_.rdbuf()->sbumpc();
      if (byte == std::istream::traits_type::eof()) return false;
      bytes.push_back(static_cast<char>(byte));
      ++position_;
      return true;
    }
    const size_t before = bytes.size();
    bytes.resize(before + n);
    in_.read(bytes.data() + before, static_cast<std::streamsize>(n));
    const auto got = static_cast<size_t>(in_.gcount());
    bytes.resize(before + got);
    position_ += got;
    return got == n;
  }
  [[nodiscard]] std::string damaged(const std::string& what) const {
    return "[stdin] byte " + std::to_string(position_) + ": " + what + "; the frames after it are lost";
  }

 private:
  std::istream& in_;
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

/// Follows the markers of a JPEG file from SOI to EOI. In scan data 0xFF is followed by 0 or a restart marker.
class MjpegSource final : public StreamSource {
 public:
  using StreamSource::StreamSource;

 private:
  static constexpr uint8_t kStart = 0xD8, kEnd = 0xD9, kScan = 0xDA;

  [[nodiscard]] std::string read(std::string& bytes) override {
    if (!take(bytes, 2)) return damaged("the stream ends inside a JPEG's first marker");
    if (at(bytes, 0) != 0xFF || at(bytes, 1) != kStart) return damaged("no JPEG begins here (expected the bytes FF D8)");
    uint8_t marker = 0;
    while (true) {
      if (marker == 0 && !next_marker(bytes, marker)) return damaged("the stream ends inside a JPEG, or a marker is damaged");
      if (marker == kEnd) return "";
      const bool is_scan = marker == kScan;
      marker = 0;
      if (!take_segment(bytes)) return damaged("the stream ends inside a JPEG segment");
      if (is_scan && !skip_scan(bytes, marker)) return damaged("the stream ends inside a JPEG's image data");
      if (bytes.size() > kMaxFrameBytes) return damaged("a JPEG over " + std::to_string(kMaxFrameBytes) + " bytes");
    }
  }
  static uint8_t at(const std::string& bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }
  bool next_marker(std::string& bytes, uint8_t& marker) {
    if (!take(bytes, 2) || at(bytes, bytes.size() - 2) != 0xFF) return false;
    while (at(bytes, bytes.size() - 1) == 0xFF)  // fill bytes
      if (!take(bytes, 1)) return false;
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
    while (take(bytes, 1) && bytes.size() <= kMaxFrameBytes) {
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
};

}  // namespace

std::unique_ptr<FrameSource> make_file_source(std::vector<fs::path> files, int64_t repeat) {
  return std::make_unique<FileSource>(std::move(files), repeat);
}

std::unique_ptr<FrameSource> make_stream_source(const std::string& format, std::istream& in) {
  if (format == "frames") return std::make_unique<LengthPrefixedSource>(in);
  if (format == "mjpeg") return std::make_unique<MjpegSource>(in);
  if (format == "paths") return std::make_unique<PathSource>(in);
  throw InvalidArgument("[stdin] unknown format '" + format + "'" + did_you_mean(format, {"frames", "mjpeg", "paths"}));
}

}  // namespace scissionlite::device
