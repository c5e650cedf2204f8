#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"

namespace scissionlite {

Progress::Progress(std::string label, int64_t total)
    : label_(std::move(label)),
      total_(std::max<int64_t>(1, total)),
      started_us_(Clock::steady().now_us()),
      on_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (!drawn_) return;
  draw(/*force=*/true);
  std::fputc('\n', stderr);
}

void Progress::advance(int64_t steps, const std::string& note) {
  done_ += steps;
  note_ = note;
  draw(/*force=*/false);
}

void Progress::draw(bool force) {
  constexpr double kIntervalUs = 1e5, kQuietUs = 5e5;  // nothing is drawn for work under half a second
  const double now_us = Clock::steady().now_us();
  if (!on_terminal_ || (!force && (now_us - drawn_us_ < kIntervalUs || now_us - started_us_ < kQuietUs))) return;
  drawn_us_ = now_us;
  drawn_ = true;
  constexpr int kWidth = 30;
  const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
  const auto filled = static_cast<size_t>(share * kWidth);
  const double left_s = share > 0 ? (now_us - started_us_) * 1e-6 * (1 - share) / share : 0;
  std::fprintf(stderr, "\r\033[K%s [%s%s] %lld/%lld %3.0f%% %02d:%02d left %s", label_.c_str(), std::string(filled, '=').c_str(),
               std::string(kWidth - filled, ' ').c_str(), static_cast<long long>(done_), static_cast<long long>(total_), share * 100,
               static_cast<int>(left_s) / 60, static_cast<int>(left_s) % 60, note_.c_str());
  std::fflush(stderr);
}

}  // namespace scissionlite
