// Convolutions and products of few-bit weights and activations against oneDNN's of bytes, which is limited to VNNI: every way of ours that can,
// packing and tables included, in turns, CPU time of one thread. Which one would be taken is said. A 1x1 convolution of one row is a product in
// oneDNN.
//   lowbit_speed PROBLEMS.txt [--rounds N] [--weight-bits N] [--activation-bits N] [--all-ways 0]
//       one JSON line a problem; with --all-ways 0 of the way that would be taken only
#include <omp.h>

#include <algorithm>

#include "base/clock.h"
#include "base/json.h"
#include "base/stats.h"
#include "kernels/int8/buffer.h"
#include "kernels/int8/conv.h"
#include "lowbit_weights.h"
#include "onednn_bytes.h"
#include "problems.h"

namespace scissionlite {
namespace {

using namespace kernels;

struct Way {
  std::string name;
  std::function<void()> run;
  std::vector<double> us = {};
};

Json measure(const ConvProblem& p, int rounds, int bits, int x_bits, bool is_of_all) {
  const auto& loops = best_int8_loops();
  Rng rng(1);
  Int8Problem problem{.conv = p, .x_low = 0, .x_high = (1 << x_bits) - 1};
  const auto w = lowbit_weights(p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w, bits, rng);
  const std::vector<float> scale(static_cast<size_t>(p.k), 1e-3F);
  const std::vector<int32_t> bias(static_cast<size_t>(p.k), 7);
  problem.high = problem.x_high;
  note_weights(problem, w.data());
  Buffer<uint8_t> x(p.n * p.c * p.h * p.w), y(p.n * p.k * p.out_h() * p.out_w());
  for (int64_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint8_t>(rng.below(uint64_t{1} << x_bits));
  auto onednn = p.is_pointwise() && p.h == 1 ? OnednnBytes::product(p.n * p.w, p.c, p.k) : OnednnBytes::convolution(p);
  std::vector<Way> ways{{"onednn", [&] { onednn.run(); }}};
  const auto& usual = usual_int8_conv(problem, loops);
  for (const auto* row : int8_conv_implementations()) {
    if (!row->reason_against(problem, loops).empty() || (!is_of_all && row != &usual)) continue;
    const std::shared_ptr<const Int8Convolution> conv = row->make(problem, {w.data(), bias.data(), scale.data()}, loops);
    ways.push_back({row->name, [&, conv, scratch = std::make_shared<Buffer<uint8_t>>(conv->scratch_bytes(1))] {
                      conv->run(x.data(), y.data(), reinterpret_cast<std::byte*>(scratch->data()), 1);
                    }});
  }
  for (int round = -1; round < rounds; ++round)
    for (auto& way : ways) {
      const double start = thread_cpu_us();
      way.run();
      if (round >= 0) way.us.push_back(thread_cpu_us() - start);
    }
  Json out{{"problem", p.text()},
           {"macs", p.macs()},
           {"weight_bits", bits},
           {"activation_bits", x_bits},
           {"isa", loops.isa},
           {"usual", usual.name},
           {"keeps_packed", usual.keeps_packed},
           {"onednn", onednn.name()}};
  for (auto& way : ways) out["us"][way.name] = {{"least", *std::min_element(way.us.begin(), way.us.end())}, {"median", median(way.us)}};
  return out;
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--rounds", 31}, {"--weight-bits", 1}, {"--activation-bits", 2}, {"--all-ways", 1}};
  std::ifstream file;
  const auto is_valid = [&] {
    const auto is_bits = [&](const char* name) { return numbers[name] >= 1 && numbers[name] <= 8; };
    return numbers["--rounds"] >= 1 && is_bits("--weight-bits") && is_bits("--activation-bits");
  };
  if (!read_command(argc, argv, "lowbit_speed PROBLEMS.txt [--rounds N] [--weight-bits 1..8] [--activation-bits 1..8] [--all-ways 0|1]", numbers,
                    file, is_valid))
    return 2;
  omp_set_num_threads(1);
  limit_onednn_to_vnni();
  for_each_problem(file, [&](const ConvProblem& p, std::istringstream&) {
    std::cout << measure(p, numbers["--rounds"], numbers["--weight-bits"], numbers["--activation-bits"], numbers["--all-ways"] != 0).dump()
              << std::endl;
  });
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("lowbit_speed", scissionlite::run, argc, argv); }
