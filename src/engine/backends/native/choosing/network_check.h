// A whole network as tuned against the usual choices: single layers measured alone may add up to less than they promise.
#pragma once

#include "graph/graph.h"

namespace scissionlite {

struct NetworkCheck {
  double usual_us = 0, tuned_us = 0;      // medians
  double speed_up = 1, from = 1, to = 1;  // median of the rounds' ratios usual / tuned, and its 95 % interval (of six rounds or more)
  double error = 0;                       // largest difference of outputs, of max|y| of the usual ones
  enum class Verdict { kFaster, kSlower, kUndecided };
  [[nodiscard]] Verdict verdict() const { return from > 1 ? Verdict::kFaster : to < 1 ? Verdict::kSlower : Verdict::kUndecided; }
};
[[nodiscard]] const char* name_of(NetworkCheck::Verdict verdict);

/// Compiles both in a child process, compares their outputs on a random image, and runs them in turns. Batch 1.
/// @param tuning file of `scissionlite tune`; the environment is not looked at.
/// @throws InternalError when outputs differ by more than 1e-3 of max|y|; ResourceError when the child died or could not run one of them, with the
/// reason; Unsupported where the caller has threads.
[[nodiscard]] NetworkCheck check_network(const Graph& graph, int threads, const std::string& tuning, int rounds);

/// What the rounds say, without the outputs' difference. One round or more.
[[nodiscard]] NetworkCheck judge(const std::vector<double>& usual_us, const std::vector<double>& tuned_us);

}  // namespace scissionlite
