#include "engine/backends/native/choosing/network_check.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/clock.h"
#include "base/error.h"
#include "base/stats.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/normal_inputs.h"
#include "tune/child.h"

namespace scissionlite {
namespace {

constexpr double kMostError = 1e-3;  // of max|y|, as for every engine
constexpr int kRunsOfRound = 3;      // of which the least counts: others disturb single ones
constexpr double kSecondsOfRun = 2;  // at most expected of one run; a limit of time for the child, not a goal
constexpr double kSecondsToStart = 60;

double least_us(Executable& executable, const std::vector<Tensor>& inputs) {
  double least = 0;
  for (int i = 0; i < kRunsOfRound; ++i) {
    const double start = Clock::steady().now_us();
    (void)executable.run(inputs);
    const double us = Clock::steady().now_us() - start;
    least = i == 0 ? us : std::min(least, us);
  }
  return least;
}

/// "error, then usual and tuned us of each round".
std::string measure(const Graph& graph, int threads, const std::string& tuning, int rounds) {
  unsetenv("SCISSIONLITE_TUNING");
  const auto usual = compile(graph, "native", {.threads = threads}), tuned = compile(graph, "native", {.threads = threads, .tuning = tuning});
  const auto inputs = normal_inputs(usual->inputs(), native::usual_shapes(usual->inputs()));
  std::vector<Tensor> expected;
  for (const auto& output : usual->run(inputs)) expected.push_back(output.clone());
  const auto given = tuned->run(inputs);
  double error = 0;
  for (size_t i = 0; i < given.size(); ++i)
    if (given[i].dtype() == Dtype::kF32) error = std::max(error, max_relative_error(given[i], expected[i]));
  std::ostringstream out;
  out << error;
  for (int round = 0; round < rounds; ++round) {
    double us[2];
    for (const int which : {round % 2, 1 - round % 2}) us[which] = least_us(which == 0 ? *usual : *tuned, inputs);  // who is first changes
    out << " " << us[0] << " " << us[1];
  }
  return out.str();
}

}  // namespace

const char* name_of(NetworkCheck::Verdict verdict) {
  return verdict == NetworkCheck::Verdict::kFaster ? "faster" : verdict == NetworkCheck::Verdict::kSlower ? "slower" : "undecided";
}

NetworkCheck judge(const std::vector<double>& usual_us, const std::vector<double>& tuned_us) {
  std::vector<double> ratios;
  for (size_t i = 0; i < usual_us.size(); ++i) ratios.push_back(usual_us[i] / tuned_us[i]);
  const auto interval = median_interval(ratios);
  return {median(usual_us), median(tuned_us), median(ratios), interval.low, interval.high, 0};
}

NetworkCheck check_network(const Graph& graph, int threads, const std::string& tuning, int rounds) {
  tune::Child child([&]() -> tune::Child::Serve { return [&](const std::string&) { return measure(graph, threads, tuning, rounds); }; },
                    {.seconds = kSecondsToStart + rounds * kSecondsOfRun * 2 * kRunsOfRound, .memory_bytes = int64_t{16} << 30});
  const auto reply = child.ask("check");
  if (!reply.failure.empty()) throw ResourceError("[tune] the whole network '" + graph.name + "' could not be run as tuned: " + reply.failure);
  std::istringstream in(reply.answer);
  double error = 0;
  in >> error;
  if (!(error <= kMostError))
    throw InternalError("[tune] '" + graph.name + "' as tuned by '" + tuning + "' differs from the usual choices by " + std::to_string(error) +
                        " of the largest value; at most " + std::to_string(kMostError) + " is allowed. Do not use this file");
  std::vector<double> usual_us, tuned_us;
  for (double usual = 0, tuned = 0; in >> usual >> tuned;) usual_us.push_back(usual), tuned_us.push_back(tuned);
  auto out = judge(usual_us, tuned_us);
  out.error = error;
  return out;
}

}  // namespace scissionlite
