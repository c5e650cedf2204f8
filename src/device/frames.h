// Where images come from: files, a watched folder, or a stream on stdin.
#pragma once

#include <atomic>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "device/answer.h"

namespace scissionlite::device {

/// One caller at a time.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  /// The next image; nothing at the end. A file that cannot be read comes as a frame with empty bytes and `error` set.
  struct Item {
    Frame frame;
    std::string error;
  };
  [[nodiscard]] virtual std::optional<Item> next() = 0;
};

/// Each file `repeat` times, in rounds.
[[nodiscard]] std::unique_ptr<FrameSource> make_file_source(std::vector<fs::path> files, int64_t repeat);
/// Image files (by extension, not hidden) as they are closed or moved into `folder`; those there already come first. Ends
/// when `stop` becomes true or the folder goes away.
/// @throws ResourceError when the folder cannot be watched.
[[nodiscard]] std::unique_ptr<FrameSource> make_watch_source(const fs::path& folder, const std::atomic<bool>& stop);
/// "frames": each image file after its length as uint32, little-endian. "mjpeg": JPEG files one after the other, with zeros or the headers of a
/// camera's multipart stream between them. "paths": one path a line. A damaged stream of lengths ends with an Item whose error says at which byte; of
/// JPEG files, the next one is found behind such an Item.
/// What is being read when `stop` becomes true is dropped: a camera is within a picture at nearly every moment.
/// @throws InvalidArgument for another format.
[[nodiscard]] std::unique_ptr<FrameSource> make_stream_source(const std::string& format, std::istream& in, const std::atomic<bool>& stop);

}  // namespace scissionlite::device
