// Progress of long work: a bar on a terminal, nothing in a pipe.
#pragma once

#include <cstdint>
#include <string>

namespace scissionlite {

/// Draws "label [=====>    ] 12/40 30% 00:05 left note" on stderr, at most ten times a second, when stderr is a
/// terminal. The destructor ends the line.
class Progress {
 public:
  Progress(std::string label, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(int64_t steps = 1, const std::string& note = "");

 private:
  void draw(bool force);
  std::string label_, note_;
  int64_t total_, done_ = 0;
  double started_us_, drawn_us_ = 0;
  bool on_terminal_, drawn_ = false;
};

}  // namespace scissionlite
