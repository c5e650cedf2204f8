// A child process of this same program, talked to by lines.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace scissionlite {

/// The executable that runs now; the child of a program that is not scissionlite must name another.
inline constexpr const char* kThisProgram = "/proc/self/exe";

/// Runs `scissionlite ARGUMENTS...` with pipes on stdin and stdout; stderr goes to a file. The child is ended with the object, and
/// by the kernel if this process dies first.
class ChildProcess {
 public:
  /// @param log_path  where its stderr goes. @throws ResourceError when it cannot be started.
  ChildProcess(const std::vector<std::string>& arguments, const std::string& log_path, const std::string& program = kThisProgram);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// @throws TransportError when the child has ended (with the end of its stderr).
  void write_line(const std::string& line);
  /// @throws TransportError when the child ends or is silent for `timeout_us`.
  [[nodiscard]] std::string read_line(double timeout_us);
  /// No more input: the child ends by itself.
  void close_input();
  /// Ends the child at once, as a crash would.
  void kill_now();
  /// Waits for its end. @return its exit code, 128 + signal.
  [[nodiscard]] int wait();
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string describe() const;

 private:
  void end_gently();
  [[noreturn]] void fail(const std::string& what) const;
  std::vector<std::string> arguments_;
  std::string log_path_, buffer_;
  pid_t pid_ = -1;
  int input_ = -1, output_ = -1;
};

}  // namespace scissionlite
