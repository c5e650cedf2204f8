// Every way to convolve bytes that can, problem by problem: least and median time of one thread in turns, the estimate that they are chosen by,
// and which would be taken. Weights are as quantisers make them: seven bits (--weight-bits 8: eight), most of them small; with one bit they are -1
// and 1.
//   int8_speed PROBLEMS.txt [--rounds N] [--weight-bits N] [--activation-bits N]      one JSON line a problem
#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/stats.h"
#include "kernels/int8/buffer.h"
#include "kernels/int8/conv.h"
#include "lowbit_weights.h"
#include "problems.h"

namespace scissionlite {
namespace {

using namespace kernels;

/// Nearly normal, within the bits; of one bit -1 and 1.
std::vector<int16_t> random_weights(int64_t count, int bits, Rng& rng) {
  if (bits == 1) return lowbit_weights(count, bits, rng);
  const double most = (1 << (bits - 1)) - 1;
  std::vector<int16_t> out;
  for (int64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (int k = 0; k < 4; ++k) sum += rng.uniform(-1, 1);
    out.push_back(static_cast<int16_t>(std::lround(std::clamp(sum * most / 4, -most, most))));
  }
  return out;
}

struct Way {
  const Int8ConvImplementation* row;
  std::unique_ptr<Int8Convolution> conv;
  Buffer<uint8_t> scratch;
  std::vector<double> us;
};

Json measure(const ConvProblem& p, int rounds, int bits, int x_bits) {
  const auto& loops = best_int8_loops();
  Rng rng(1);
  Int8Problem problem{.conv = p, .x_zero = x_bits == 8 ? 3 : 0, .y_zero = x_bits == 8 ? 10 : 0, .x_low = 0, .x_high = (1 << x_bits) - 1};
  const auto w = random_weights(p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w, bits, rng);
  const std::vector<float> scale(static_cast<size_t>(p.k), 1e-4F);
  const std::vector<int32_t> bias(static_cast<size_t>(p.k), 7);
  note_weights(problem, w.data());
  Buffer<uint8_t> x(p.n * p.c * p.h * p.w), y(p.n * p.k * p.out_h() * p.out_w());
  for (int64_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint8_t>(rng.below(uint64_t{1} << x_bits));
  std::vector<Way> ways;
  for (const auto* row : int8_conv_implementations()) {
    if (!row->reason_against(problem, loops).empty()) continue;
    auto conv = row->make(problem, {w.data(), bias.data(), scale.data()}, loops);
    const int64_t bytes = conv->scratch_bytes(1);
    ways.push_back({row, std::move(conv), Buffer<uint8_t>(bytes), {}});
  }
  for (int round = 0; round < rounds; ++round)
    for (auto& way : ways) {
      if (round == 0) way.conv->run(x.data(), y.data(), reinterpret_cast<std::byte*>(way.scratch.data()), 1);  // warm
      const double start = Clock::steady().now_us();
      way.conv->run(x.data(), y.data(), reinterpret_cast<std::byte*>(way.scratch.data()), 1);
      way.us.push_back(Clock::steady().now_us() - start);
    }
  Json out{{"problem", p.text()}, {"macs", p.macs()}, {"isa", loops.isa}, {"usual", usual_int8_conv(problem, loops).name}};
  for (const auto& way : ways)
    out["ways"][way.row->name] = {{"least_us", *std::min_element(way.us.begin(), way.us.end())},
                                  {"median_us", median(way.us)},
                                  {"estimated_cycles", way.row->estimate(problem, loops)}};
  return out;
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--rounds", 31}, {"--weight-bits", 7}, {"--activation-bits", 8}};
  std::ifstream file;
  if (!read_command(argc, argv, "int8_speed PROBLEMS.txt [--rounds N] [--weight-bits 1..8] [--activation-bits 1..8]", numbers, file, [&] {
        const auto is_bits = [](int bits) { return bits >= 1 && bits <= 8; };
        return numbers["--rounds"] >= 1 && is_bits(numbers["--weight-bits"]) && is_bits(numbers["--activation-bits"]);
      }))
    return 2;
  const int rounds = numbers["--rounds"], bits = numbers["--weight-bits"], x_bits = numbers["--activation-bits"];
  for_each_problem(file, [&](const ConvProblem& p, std::istringstream&) { std::cout << measure(p, rounds, bits, x_bits).dump() << std::endl; });
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("int8_speed", scissionlite::run, argc, argv); }
