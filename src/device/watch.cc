// A watched folder, by inotify: a file counts when its writer has closed it or moved it in.
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <set>

#include "device/frames.h"

namespace scissionlite::device {
namespace {

class WatchSource final : public FrameSource {
 public:
  WatchSource(fs::path folder, const std::atomic<bool>& stop) : folder_(std::move(folder)), stop_(stop) {
    std::error_code error;
    if (fs::exists(folder_, error) && !fs::is_directory(folder_, error))
      throw InvalidArgument("[watch] '" + folder_.string() + "' is a file; give the folder in which images appear");
    fd_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd_ < 0 || inotify_add_watch(fd_, folder_.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF) < 0) {
      const std::string reason = std::strerror(errno);
      if (fd_ >= 0) close(fd_);
      throw ResourceError("[watch] cannot watch '" + folder_.string() + "': " + reason + "; give a folder that exists and can be read");
    }
    std::set<fs::path> there;
    std::error_code gone;  // a file that vanished meanwhile is none
    for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error))
      if (it->is_regular_file(gone) && is_image_name(it->path())) there.insert(it->path());
    if (error) {
      close(fd_);
      throw ResourceError("[watch] cannot read '" + folder_.string() + "': " + error.message() + "; give a folder that exists and can be read");
    }
    waiting_.assign(there.begin(), there.end());
  }
  ~WatchSource() override { close(fd_); }

  [[nodiscard]] std::optional<Item> next() override {
    while (waiting_.empty() && !stop_ && !is_gone_) wait_for_events();
    if (waiting_.empty()) return {};
    auto files = make_file_source({waiting_.front()}, 1);
    waiting_.pop_front();
    return files->next();
  }

 private:
  /// Writers use other names until a file is whole ("a.jpg.part", ".a.jpg"), so the name decides here.
  static bool is_image_name(const fs::path& path) {
    static const std::set<std::string> kExtensions{".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm"};
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
    return !path.filename().string().starts_with('.') && kExtensions.count(extension) > 0;
  }

  void wait_for_events() {
    constexpr int kStopLatencyMs = 100;
    pollfd entry{.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&entry, 1, kStopLatencyMs) <= 0) return;
    alignas(inotify_event) std::array<char, 16384> buffer;
    const ssize_t n = read(fd_, buffer.data(), buffer.size());
    for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      if (event->mask & (IN_DELETE_SELF | IN_IGNORED)) is_gone_ = true;
      if (event->len == 0 || (event->mask & IN_ISDIR)) continue;
      const fs::path path = folder_ / event->name;
      if (is_image_name(path) && std::find(waiting_.begin(), waiting_.end(), path) == waiting_.end()) waiting_.push_back(path);
    }
  }

  fs::path folder_;
  const std::atomic<bool>& stop_;
  int fd_ = -1;
  bool is_gone_ = false;
  std::deque<fs::path> waiting_;
};

}  // namespace

std::unique_ptr<FrameSource> make_watch_source(const fs::path& folder, const std::atomic<bool>& stop) {
  return std::make_unique<WatchSource>(folder, stop);
}

}  // namespace scissionlite::device
