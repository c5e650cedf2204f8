// Convolutions with 2:4 sparse weights against dense ones, problem by problem: our usual dense way and oneDNN's. Rounds alternate; medians.
// With one thread its CPU time counts, so that other programs on the machine disturb through the caches only.
//   sparse24_speed PROBLEMS.txt [--threads N] [--rounds N] [--tuned 1]      one JSON line a problem
// Problems of one group whose channels are a multiple of four. With --tuned the best knobs of the sparse and of the dense direct implementation,
// found in a first pass of few rounds, stand for 1x1 of stride 1; wider kernels and strides have the usual ones on both sides.
#include <omp.h>

#include <cstdlib>

#include "base/json.h"
#include "base/stats.h"
#include "chosen_convolution.h"
#include "kernels/vector/loops.h"
#include "onednn_convolution.h"
#include "problems.h"

namespace scissionlite {
namespace {

using kernels::ConvProblem;

constexpr double kRoundUs = 500;  // each turn is at least so long, and short against what the machine gives a program at once

int repeats_of(double us) { return static_cast<int>(std::clamp(kRoundUs / std::max(us, 1.0), 1.0, 1000.0)); }

/// All settings of the given knobs of an implementation, others as usual.
std::vector<kernels::ConvChoice> settings(const ConvProblem& p, const char* implementation, const std::vector<std::string>& of) {
  const auto& row = kernels::conv_implementation(implementation);
  const auto& loops = kernels::best_loops();
  std::vector<kernels::ConvChoice> out{{&row, row.usual(p, loops)}};
  for (const auto& range : row.knobs(p, loops)) {
    if (std::find(of.begin(), of.end(), range.name) == of.end()) continue;
    std::vector<kernels::ConvChoice> more;
    for (const auto& choice : out)
      for (const int64_t value : range.values) {
        more.push_back(choice);
        more.back().knobs[range.name] = value;
      }
    out = more;
  }
  std::map<kernels::KnobEffect, kernels::ConvChoice> distinct;
  for (const auto& choice : out) distinct.emplace(row.effect(p, loops, choice.knobs), choice);
  out.clear();
  for (const auto& [effect, choice] : distinct) out.push_back(choice);
  return out;
}

/// Behind a run that is not timed: what ran in between has taken the caches.
template <typename Runner>
double turn_us(Runner& runner, int repeats, int threads) {
  runner.run();
  return run_us(runner, repeats, threads);
}

kernels::ConvChoice fastest(const ConvProblem& p, const std::vector<kernels::ConvChoice>& choices, int threads) {
  constexpr int kTurns = 3;
  size_t best = 0;
  double least = 0;
  for (size_t i = 0; i < choices.size(); ++i) {
    ChosenConvolution conv(p, choices[i], threads);
    const int repeats = repeats_of(run_us(conv, 2, threads));
    std::vector<double> us;
    for (int turn = 0; turn < kTurns; ++turn) us.push_back(run_us(conv, repeats, threads));
    if (i == 0 || median(us) < least) best = i, least = median(us);
  }
  return choices[best];
}

const kernels::ConvImplementation& sparse_row(const ConvProblem& p) {
  return kernels::conv_implementation(p.is_pointwise() ? "sparse24" : "sparse24_window");
}

Json compare(ConvProblem p, bool is_tuned, int threads, int rounds) {
  const auto& loops = kernels::best_loops();
  p.is_two_four = false;
  const auto dense_choice =
      is_tuned && p.is_pointwise() ? fastest(p, settings(p, "direct", {"vectors", "chunk", "order"}), threads) : kernels::usual_conv(p, loops);
  ChosenConvolution dense(p, dense_choice, threads);
  OnednnConvolution onednn(p);
  p.is_two_four = true;
  const auto& row = sparse_row(p);
  ChosenConvolution sparse(p,
                           is_tuned && p.is_pointwise() ? fastest(p, settings(p, row.name, {"code", "order", "inputs", "tiles"}), threads)
                                                        : kernels::ConvChoice{&row, row.usual(p, loops)},
                           threads);
  const int repeats = repeats_of(std::max(run_us(dense, 2, threads), std::max(run_us(onednn, 2, threads), run_us(sparse, 2, threads))));
  std::vector<double> of_dense, of_onednn, of_sparse;
  for (int round = 0; round < rounds; ++round) {
    of_sparse.push_back(turn_us(sparse, repeats, threads));
    of_dense.push_back(turn_us(dense, repeats, threads));
    of_onednn.push_back(turn_us(onednn, repeats, threads));
  }
  const double best = std::min(median(of_dense), median(of_onednn));
  return {{"problem", p.text()},
          {"macs", p.macs()},
          {"sparse_us", median(of_sparse)},
          {"dense_us", median(of_dense)},
          {"onednn_us", median(of_onednn)},
          {"times_faster", best / median(of_sparse)},
          {"sparse", kernels::describe(row.name, sparse.choice().knobs)},
          {"dense", kernels::describe(dense_choice.implementation->name, dense_choice.knobs)},
          {"usual", kernels::usual_conv(p, loops).implementation->name},
          {"threads", threads}};
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--threads", 1}, {"--rounds", 21}, {"--tuned", 0}};
  std::ifstream file;
  if (!read_command(argc, argv, "sparse24_speed PROBLEMS.txt [--threads N] [--rounds N] [--tuned 1]", numbers, file,
                    [&] { return numbers["--threads"] >= 1 && numbers["--rounds"] >= 1; }))
    return 2;
  omp_set_num_threads(numbers["--threads"]);
  for_each_problem(file, [&](const ConvProblem& p, std::istringstream&) {
    if (p.groups == 1 && p.c % kernels::kTwoFourGroup == 0)
      std::cout << compare(p, numbers["--tuned"] == 1, numbers["--threads"], numbers["--rounds"]).dump() << std::endl;
  });
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("sparse24_speed", scissionlite::run, argc, argv); }
