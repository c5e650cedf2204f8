#include "tune/child.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace scissionlite::tune {
namespace {

/// Messages: length, then bytes. False when nobody reads.
bool write_all(int fd, const void* data, size_t size) {
  const char* p = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = send(fd, p, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n, size -= static_cast<size_t>(n);
  }
  return true;
}
bool write_message(int fd, const std::string& text) {
  const uint64_t size = text.size();
  return write_all(fd, &size, sizeof size) && write_all(fd, text.data(), text.size());
}

enum class Read { kDone, kEnd, kLate };
/// `until_us` 0: waits as long as it takes.
Read read_all(int fd, void* data, size_t size, double until_us) {
  char* p = static_cast<char*>(data);
  while (size > 0) {
    if (until_us > 0) {
      pollfd waiting{fd, POLLIN, 0};
      const double left_us = until_us - Clock::steady().now_us();
      const int ready = left_us > 0 ? poll(&waiting, 1, static_cast<int>(left_us / 1e3) + 1) : 0;
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return Read::kLate;
    }
    const ssize_t n = read(fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Read::kEnd;
    p += n, size -= static_cast<size_t>(n);
  }
  return Read::kDone;
}
Read read_message(int fd, std::string& text, double until_us) {
  constexpr uint64_t kMost = 1 << 20;  // a child that writes into the socket at random asks for no more memory than that
  uint64_t size = 0;
  if (const auto result = read_all(fd, &size, sizeof size, until_us); result != Read::kDone) return result;
  if (size > kMost) return Read::kEnd;
  text.resize(size);
  return read_all(fd, text.data(), text.size(), until_us);
}

void limit_memory(int64_t more_bytes) {
#ifndef SCISSIONLITE_SANITIZED  // a sanitizer maps more as it goes
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const auto bytes = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + more_bytes);
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_AS, &limit);
#else
  (void)more_bytes;
#endif
}

void check_single_thread() {
#ifndef SCISSIONLITE_SANITIZED  // which have threads of their own
  std::error_code ignored;
  int64_t threads = 0;
  for (auto it = fs::directory_iterator("/proc/self/task", ignored); !ignored && it != fs::directory_iterator(); it.increment(ignored)) ++threads;
  if (threads > 1)
    throw Unsupported("[tune] this process has " + std::to_string(threads) +
                      " threads, which a child process would lack; measure before anything runs on several threads");
#endif
}

}  // namespace

Child::~Child() { (void)stop(); }

void Child::start() {
  check_single_thread();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw ResourceError(std::string("[tune] no socket for a child process: ") + std::strerror(errno));
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    close(ends[0]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);  // it died before that
    serve(ends[1]);
  }
  close(ends[1]);
  socket_ = ends[0];
  ++starts_;
  if (pid_ < 0) {
    (void)stop();
    throw ResourceError(std::string("[tune] no child process: ") + std::strerror(errno));
  }
}

/// Leaves by _exit: buffers and locks copied from the parent are the parent's.
void Child::serve(int socket) const {
  for (const int signal_number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM}) signal(signal_number, SIG_DFL);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  limit_memory(limits_.memory_bytes);
  Serve answer;
  std::string question;
  while (read_message(socket, question, 0) == Read::kDone) {
    std::string text;
    try {
      if (!answer) answer = make_();
      text = "+" + answer(question);
    } catch (const std::exception& e) { text = std::string("-") + e.what(); }
    if (!write_message(socket, text)) break;
  }
  _exit(0);
}

std::string Child::stop() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  if (pid_ <= 0) return "";
  int status = 0;
  // It may be dying: a crash is told by its own signal, not by ours.
  constexpr int kTries = 50;
  pid_t done = 0;
  for (int i = 0; i < kTries && (done = waitpid(pid_, &status, WNOHANG)) == 0; ++i) Clock::steady().sleep_us(1000);
  if (done == 0) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
  }
  pid_ = -1;
  if (WIFSIGNALED(status)) return "crash by signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
  return "ended with exit status " + std::to_string(WEXITSTATUS(status));
}

Child::Reply Child::ask(const std::string& question) {
  if (pid_ <= 0) start();
  const double until_us = Clock::steady().now_us() + limits_.seconds * 1e6;
  std::string text;
  const auto result = write_message(socket_, question) ? read_message(socket_, text, until_us) : Read::kEnd;
  if (result == Read::kDone && !text.empty()) return text[0] == '+' ? Reply{text.substr(1), ""} : Reply{"", text.substr(1)};
  if (result == Read::kLate) {
    kill(pid_, SIGKILL);
    (void)stop();
    return {"", "no answer within " + format_fixed(limits_.seconds, 1) + " s"};
  }
  const auto reason = stop();
  return {"", reason};
}

}  // namespace scissionlite::tune
