// Convolutions with products of bf16, by every way that this CPU has, against the usual ones of float32, problem by problem. Rounds alternate;
// medians. With one thread its CPU time counts.
//   bf16_speed PROBLEMS.txt [--threads N] [--rounds N] [--knobs 1]      one JSON line a problem
// With --knobs each way is measured with all of its knobs, and the best ones are told.
#include <omp.h>

#include "base/json.h"
#include "base/stats.h"
#include "chosen_convolution.h"
#include "kernels/bf16/loops.h"
#include "problems.h"

namespace scissionlite {
namespace {

using kernels::ConvProblem;

/// Of one way.
std::vector<kernels::ConvChoice> choices_of(const ConvProblem& p, const kernels::Bf16Loops& way, bool with_knobs) {
  const auto& row = kernels::conv_implementation("bf16");
  const auto& loops = kernels::best_loops();
  auto usual = row.usual(p, loops);
  usual["way"] = static_cast<int64_t>(way.way);
  std::vector<kernels::ConvChoice> out{{&row, usual}};
  if (!with_knobs) return out;
  for (const auto& range : row.knobs(p, loops)) {
    if (range.name == "way") continue;
    std::vector<kernels::ConvChoice> more;
    for (const auto& choice : out)
      for (const int64_t value : range.values) {
        more.push_back(choice);
        more.back().knobs[range.name] = value;
      }
    out = std::move(more);
  }
  return out;
}

constexpr double kRoundUs = 2000;  // each turn is at least so long

int repeats_of(ChosenConvolution& runner, int threads) {
  (void)run_us(runner, 1, threads);
  return static_cast<int>(std::clamp(kRoundUs / std::max(run_us(runner, 1, threads), 1.0), 1.0, 1000.0));
}

/// The one that is fastest in a few runs.
kernels::ConvChoice best_of(const ConvProblem& p, const std::vector<kernels::ConvChoice>& choices, int threads) {
  size_t best = 0;
  double least = 0;
  for (size_t i = 0; choices.size() > 1 && i < choices.size(); ++i) {
    ChosenConvolution runner(p, choices[i], threads);
    const int repeats = repeats_of(runner, threads);
    const double us = std::min({run_us(runner, repeats, threads), run_us(runner, repeats, threads), run_us(runner, repeats, threads)});
    if (i == 0 || us < least) best = i, least = us;
  }
  return choices[best];
}

Json compare(const ConvProblem& p, int threads, int rounds, bool with_knobs) {
  std::vector<std::unique_ptr<ChosenConvolution>> runners;
  std::vector<std::string> names{"f32"};
  runners.push_back(std::make_unique<ChosenConvolution>(p, kernels::usual_conv(p, kernels::best_loops()), threads));
  for (const auto* way : kernels::bf16_loops(kernels::best_loops().lanes)) {
    runners.push_back(std::make_unique<ChosenConvolution>(p, best_of(p, choices_of(p, *way, with_knobs), threads), threads));
    names.emplace_back(way->isa);
  }
  const int repeats = repeats_of(*runners[0], threads);
  std::vector<std::vector<double>> us(runners.size());
  for (int round = 0; round < rounds; ++round)
    for (size_t i = 0; i < runners.size(); ++i) us[i].push_back(run_us(*runners[i], repeats, threads));
  Json json{{"problem", p.text()},
            {"macs", p.macs()},
            {"threads", threads},
            {"usual_bf16", kernels::usual_conv(p, kernels::best_loops(), kernels::Precision::kBf16).implementation->name}};
  for (size_t i = 0; i < runners.size(); ++i) {
    const double took_us = median(us[i]);
    json[names[i]] = {{"by", kernels::describe(runners[i]->choice().implementation->name, runners[i]->choice().knobs)},
                      {"us", took_us},
                      {"gflops", 2e-3 * static_cast<double>(p.macs()) / took_us}};
  }
  return json;
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--threads", 1}, {"--rounds", 7}, {"--knobs", 0}};
  std::ifstream file;
  if (!read_command(argc, argv, "bf16_speed PROBLEMS.txt [--threads N] [--rounds N] [--knobs 1]", numbers, file,
                    [&] { return numbers["--threads"] >= 1 && numbers["--rounds"] >= 1; }))
    return 2;
  const int threads = numbers["--threads"], rounds = numbers["--rounds"];
  omp_set_num_threads(threads);
  for_each_problem(file, [&](const ConvProblem& p, std::istringstream&) {
    if (kernels::conv_implementation("bf16").reason_against(p, kernels::best_loops()).empty())
      std::cout << compare(p, threads, rounds, numbers["--knobs"] != 0).dump() << std::endl;
  });
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("bf16_speed", scissionlite::run, argc, argv); }
