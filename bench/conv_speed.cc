// Our convolutions against oneDNN's default ones, problem by problem: oneDNN chooses algorithm and layouts itself (format any, which
// its documentation recommends), reorders are not counted. Rounds alternate; medians. With one thread its CPU time counts, so that other
// programs on the machine disturb through the caches only.
//   conv_speed PROBLEMS.txt [--threads N] [--rounds N] [--chosen 1]      one JSON line a problem
// With --chosen each line says after the problem what computes it: "conv mb1ic64ih56oc64kh3ph1 winograd m=4 tiles=18".
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

/// "winograd m=4 tiles=18", with usual values for knobs that are left out.
kernels::ConvChoice chosen(const ConvProblem& p, std::istringstream& words) {
  std::string name;
  words >> name;
  kernels::ConvChoice choice{&kernels::conv_implementation(name), {}};
  choice.knobs = choice.implementation->usual(p, kernels::best_loops());
  for (std::string word; words >> word;)
    for (const auto& [knob, value] : kernels::parse_knobs(word)) choice.knobs[knob] = value;
  return choice;
}

Json compare(const ConvProblem& p, const kernels::ConvChoice& choice, int threads, int rounds) {
  ChosenConvolution ours(p, choice, threads);
  OnednnConvolution theirs(p);
  (void)run_us(ours, 1, threads);
  constexpr double kRoundUs = 3000;  // each turn is at least so long
  const double first = run_us(theirs, 2, threads);
  const int repeats = static_cast<int>(std::clamp(kRoundUs / std::max(first, 1.0), 1.0, 1000.0));
  std::vector<double> a, b;
  for (int round = 0; round < rounds; ++round) {
    a.push_back(run_us(ours, repeats, threads));
    b.push_back(run_us(theirs, repeats, threads));
  }
  return {
      {"problem", p.text()},     {"macs", p.macs()},  {"ours_us", median(a)}, {"onednn_us", median(b)}, {"ours", ours.choice().implementation->name},
      {"onednn", theirs.name()}, {"threads", threads}};
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--threads", 1}, {"--rounds", 7}, {"--chosen", 0}};
  std::ifstream file;
  if (!read_command(argc, argv, "conv_speed PROBLEMS.txt [--threads N] [--rounds N] [--chosen 1]", numbers, file,
                    [&] { return numbers["--threads"] >= 1 && numbers["--rounds"] >= 1; }))
    return 2;
  const int threads = numbers["--threads"], rounds = numbers["--rounds"];
  omp_set_num_threads(threads);
  for_each_problem(file, [&](const ConvProblem& p, std::istringstream& words) {
    const auto choice = numbers["--chosen"] ? chosen(p, words) : kernels::usual_conv(p, kernels::best_loops());
    std::cout << compare(p, choice, threads, rounds).dump() << std::endl;
  });
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("conv_speed", scissionlite::run, argc, argv); }
