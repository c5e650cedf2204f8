#include "bench/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace scissionlite {
namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    throw ResourceError(std::string("[bench] cannot make a pipe: ") + std::strerror(errno) + "; close some files");
  return ends;
}

std::string tail_of(const std::string& path) {
  constexpr size_t kKept = 600;
  try {
    const auto text = read_file(path);
    return text.size() > kKept ? "..." + text.substr(text.size() - kKept) : text;
  } catch (const Error&) { return ""; }
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::string& log_path, const std::string& program)
    : arguments_(arguments), log_path_(log_path) {
  const auto in = make_pipe(), out = make_pipe();
  std::vector<std::string> words{"scissionlite"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {  // only async-signal-safe calls until exec
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    if (log >= 0) dup2(log, STDERR_FILENO);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  const int reason = errno;
  close(in[0]);
  close(out[1]);
  if (log >= 0) close(log);
  input_ = in[1];
  output_ = out[0];
  if (pid_ < 0) {
    close(input_);
    close(output_);
    throw ResourceError(std::string("[bench] cannot start a process: ") + std::strerror(reason) + "; end some others");
  }
}

void ChildProcess::kill_now() {
  if (pid_ > 0) kill(pid_, SIGKILL);
  (void)wait();
}

int ChildProcess::wait() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) return -1;
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

ChildProcess::~ChildProcess() {
  close_input();
  if (pid_ > 0) end_gently();
  close(output_);
}

void ChildProcess::end_gently() {
  constexpr int kPatienceMs = 3000;
  kill(pid_, SIGTERM);
  for (int waited = 0; waitpid(pid_, nullptr, WNOHANG) == 0; waited += 10) {
    if (waited == kPatienceMs) kill(pid_, SIGKILL);
    Clock::steady().sleep_us(10e3);
  }
  pid_ = -1;
}

void ChildProcess::close_input() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

std::string ChildProcess::describe() const { return "scissionlite " + join(arguments_, " "); }

void ChildProcess::fail(const std::string& what) const {
  throw TransportError("[bench] the process '" + describe() + "' " + what + ": " + tail_of(log_path_), /*retryable=*/false);
}

void ChildProcess::write_line(const std::string& line) {
  const std::string text = line + "\n";
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t n = write(input_, text.data() + sent, text.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("takes no more input");
    sent += static_cast<size_t>(n);
  }
}

std::string ChildProcess::read_line(double timeout_us) {
  const double end_us = Clock::steady().now_us() + timeout_us;
  while (true) {
    const auto newline = buffer_.find('\n');
    if (newline != std::string::npos) {
      std::string line = buffer_.substr(0, newline);
      buffer_.erase(0, newline + 1);
      return line;
    }
    const double left_ms = (end_us - Clock::steady().now_us()) / 1e3;
    pollfd entry{.fd = output_, .events = POLLIN, .revents = 0};
    const int ready = left_ms > 0 ? poll(&entry, 1, static_cast<int>(left_ms) + 1) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) fail("said nothing for " + format_us(timeout_us));
    std::array<char, 65536> bytes;
    const ssize_t n = read(output_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("ended");
    buffer_.append(bytes.data(), static_cast<size_t>(n));
  }
}

}  // namespace scissionlite
