// A watched folder, by inotify: a file counts when its writer has closed it or moved it in. Of what no event was seen, because it was there before or
// because the kernel had no room for events, the folder is listed: a file counts then when it was not written to for a while.
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <set>
#include <unordered_set>

#include "base/clock.h"
#include "base/log.h"
#include "device/frames.h"

namespace scissionlite::device {
namespace {

constexpr int kStopLatencyMs = 100;
constexpr double kSettledUs = 2e6;  // a file that was not written to for so long is whole
constexpr size_t kLeastPrune = 10'000;

class WatchSource final : public FrameSource {
 public:
  WatchSource(fs::path folder, const std::atomic<bool>& stop) : folder_(std::move(folder)), stop_(stop) {
    std::error_code error;
    if (fs::exists(folder_, error) && !fs::is_directory(folder_, error))
      throw InvalidArgument("[watch] '" + folder_.string() + "' is a file; give the folder in which images appear");
    fd_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd_ < 0 || inotify_add_watch(fd_, folder_.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF) < 0) {
      const std::string reason = std::strerror(errno);
      if (fd_ >= 0) close(fd_);
      throw ResourceError("[watch] cannot watch '" + folder_.string() + "': " + reason + "; give a folder that exists and can be read");
    }
    (void)list(error);
    if (error) {
      close(fd_);
      throw ResourceError("[watch] cannot read '" + folder_.string() + "': " + error.message() + "; give a folder that exists and can be read");
    }
  }
  ~WatchSource() override { close(fd_); }

  [[nodiscard]] std::optional<Item> next() override {
    read_events(/*wait_ms=*/0);  // so that they do not pile up in the kernel behind a device that is slower than its camera
    while (waiting_.empty() && !stop_ && !is_gone_) read_events(kStopLatencyMs);
    if (waiting_.empty() && is_gone_ && !stop_)
      throw ResourceError("[watch] '" + folder_.string() + "' was removed or renamed; start again once it is there");
    if (waiting_.empty()) return {};
    const auto path = waiting_.front();
    waiting_.pop_front();
    is_waiting_.erase(path.native());
    if (const auto print = fingerprint(path)) note_taken(*print);
    return make_file_source({path}, 1)->next();
  }

 private:
  /// Writers use other names until a file is whole ("a.jpg.part", ".a.jpg"), so the name decides here.
  static bool is_image_name(const fs::path& path) {
    static const std::set<std::string> kExtensions{".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm"};
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
    return !path.filename().string().starts_with('.') && kExtensions.count(extension) > 0;
  }

  /// Whole as soon as it is there: what it leads to, or another name of a file, was written before.
  static bool is_link(const fs::path& path) {
    struct stat s {};
    return lstat(path.c_str(), &s) == 0 && (S_ISLNK(s.st_mode) || s.st_nlink > 1);
  }
  /// Opening a pipe would wait for its writer.
  static bool is_file(const fs::path& path) {
    struct stat s {};
    return stat(path.c_str(), &s) != 0 || S_ISREG(s.st_mode);
  }

  [[nodiscard]] std::set<fs::path> listed(std::error_code& error) const {
    std::set<fs::path> there;
    std::error_code gone;  // a file that vanished meanwhile is none
    for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error))
      if (it->is_regular_file(gone) && is_image_name(it->path())) there.insert(it->path());
    return there;
  }

  void add(const fs::path& path) {
    if (is_waiting_.insert(path.native()).second) waiting_.push_back(path);
  }

  /// Of a file as it is now: another one of its name, or the same written again, has another.
  [[nodiscard]] static std::optional<uint64_t> fingerprint(const fs::path& path, double* age_us = nullptr) {
    struct stat s {};
    if (stat(path.c_str(), &s) != 0) return std::nullopt;
    timespec now{};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (age_us) *age_us = static_cast<double>(now.tv_sec - s.st_mtim.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec - s.st_mtim.tv_nsec) / 1e3;
    uint64_t print = std::hash<std::string>()(path.native());
    for (const auto part : {static_cast<uint64_t>(s.st_ino), static_cast<uint64_t>(s.st_size), static_cast<uint64_t>(s.st_mtim.tv_sec),
                            static_cast<uint64_t>(s.st_mtim.tv_nsec)})
      print = (print ^ part) * 0x9e3779b97f4a7c15ULL, print ^= print >> 29;
    return print;
  }

  /// Those of files that are gone are forgotten from time to time.
  void note_taken(uint64_t print) {
    taken_.insert(print);
    if (taken_.size() < prune_at_) return;
    std::unordered_set<uint64_t> there;
    std::error_code error;
    for (const auto& path : listed(error))
      if (const auto one = fingerprint(path); one && taken_.contains(*one)) there.insert(*one);
    if (!error) taken_ = std::move(there);
    prune_at_ = 2 * taken_.size() + kLeastPrune;
  }

  /// Files that have just been written may still be: they are looked at once more, unless their own event comes first. @return those that were not.
  size_t list(std::error_code& error) {
    list_at_us_ = 0;
    from_list_.clear();
    size_t found = 0;
    for (const auto& path : listed(error)) {
      double age_us = 0;
      const auto print = fingerprint(path, &age_us);
      if (!print || taken_.contains(*print) || is_waiting_.contains(path.native())) continue;
      if (age_us >= 0 && age_us < kSettledUs) list_at_us_ = Clock::steady().now_us() + kSettledUs;
      else add(path), from_list_.insert(*print), ++found;
    }
    return found;
  }

  void list_again() {
    std::error_code error;
    const size_t found = list(error);
    if (error) list_at_us_ = Clock::steady().now_us() + kSettledUs;
    if (found > 0 && overflows_ > 0)
      log::warning("[watch] " + std::to_string(found) + " images in '" + folder_.string() + "' whose events were lost are answered now");
  }

  void read_events(int wait_ms) {
    read_queue(wait_ms);
    if (list_at_us_ > 0 && Clock::steady().now_us() >= list_at_us_) list_again();
  }

  void read_queue(int wait_ms) {
    pollfd entry{.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&entry, 1, wait_ms) <= 0) return;
    alignas(inotify_event) std::array<char, 16384> buffer;
    const ssize_t n = read(fd_, buffer.data(), buffer.size());
    for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) is_gone_ = true;
      if (event->mask & IN_Q_OVERFLOW) {
        ++overflows_;
        if (list_at_us_ == 0) list_at_us_ = Clock::steady().now_us();
        log::warning("[watch] more images came than the kernel keeps events of (the " + std::to_string(overflows_) + ". time); '" + folder_.string() +
                     "' is listed again");
      }
      if (event->len == 0 || (event->mask & IN_ISDIR)) continue;
      const fs::path path = folder_ / event->name;
      if (!is_image_name(path) || !is_file(path)) continue;
      if ((event->mask & IN_CREATE) && !is_link(path)) continue;  // its writer has it open still
      if (!from_list_.empty())
        if (const auto print = fingerprint(path); print && from_list_.erase(*print) > 0)
          continue;  // its event was in the queue behind those that were lost
      add(path);
    }
  }

  fs::path folder_;
  const std::atomic<bool>& stop_;
  int fd_ = -1;
  bool is_gone_ = false;
  std::deque<fs::path> waiting_;
  std::unordered_set<std::string> is_waiting_;  // the same
  std::unordered_set<uint64_t> taken_;          // fingerprints of files that were handed out
  std::unordered_set<uint64_t> from_list_;      // of files that came by the last list
  size_t prune_at_ = kLeastPrune;
  double list_at_us_ = 0;  // 0: every file is known
  int64_t overflows_ = 0;
};

}  // namespace

std::unique_ptr<FrameSource> make_watch_source(const fs::path& folder, const std::atomic<bool>& stop) {
  return std::make_unique<WatchSource>(folder, stop);
}

}  // namespace scissionlite::device
