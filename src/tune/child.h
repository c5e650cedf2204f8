// A process of its own for what may crash, hang or take all memory.
//
// It is forked, not started anew from the program's file: whatever the caller holds is there (also what a test made up), and any program
// that links this library can measure, not `scissionlite` alone. What fork demands: OpenMP's threads do not exist in the child though
// its runtime counts on them, so a caller must not have run a team of several threads before. `scissionlite tune` computes nothing
// but in children; a Child checks that the process has one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace scissionlite::tune {

struct ChildLimits {
  double seconds = 10;                      // of one answer
  int64_t memory_bytes = int64_t{4} << 30;  // beyond what the parent has
};

/// Answers questions one by one. Starts with the first question, and again with the first one after it died.
class Child {
 public:
  using Serve = std::function<std::string(const std::string&)>;
  /// `make` runs in the child, and gives what answers there.
  Child(std::function<Serve()> make, ChildLimits limits) : make_(std::move(make)), limits_(limits) {}
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  struct Reply {
    std::string answer, failure;  // failure: "no answer within 10 s", "crash by signal 11 (Segmentation fault)", "what() of an exception"
  };
  /// @throws ResourceError when no process can be started, Unsupported when this one has other threads.
  [[nodiscard]] Reply ask(const std::string& question);
  [[nodiscard]] int starts() const { return starts_; }

 private:
  void start();
  [[noreturn]] void serve(int socket) const;
  /// Ends it. @return why it had ended by itself, in words.
  std::string stop();
  std::function<Serve()> make_;
  ChildLimits limits_;
  pid_t pid_ = -1;
  int socket_ = -1;
  int starts_ = 0;
};

}  // namespace scissionlite::tune
