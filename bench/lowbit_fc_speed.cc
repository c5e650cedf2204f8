// Fully connected layers for one row of bytes with weights of 1 to 7 bits that are streamed from memory, against oneDNN's of bytes, which is limited to VNNI. Each way has as many copies of
// its weights as fill --mb megabytes with those of all others, more than caches hold; ways and copies take turns, so that each run reads its weights from memory. Medians of CPU time, one thread.
//   lowbit_fc_speed INPUTSxOUTPUTS ... [--mb N] [--rounds N]      one JSON line a layer
#include <omp.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "base/clock.h"
#include "base/json.h"
#include "base/stats.h"
#include "kernels/lowbit/dense.h"
#include "onednn_bytes.h"
#include "problems.h"

namespace scissionlite {
namespace {

using namespace kernels;

/// A way to compute the layer, with weights in several places that take turns.
struct Way {
  std::string name;
  double weight_bytes = 0;  // that a run has to read
  std::vector<std::function<void()>> copies = {};
  size_t next = 0;
  std::vector<double> us = {};
  void run() {
    const double start = thread_cpu_us();
    copies[next++ % copies.size()]();
    us.push_back(thread_cpu_us() - start);
  }
};

std::shared_ptr<const LowBitDense> dense_of(int64_t k, int64_t n, int bits, const LowBitLoops& loops) {
  Rng rng(static_cast<uint64_t>(bits));
  std::vector<int16_t> w;
  for (int64_t i = 0; i < k * n; ++i) w.push_back(static_cast<int16_t>(bits == 1 ? 2 * static_cast<int64_t>(rng.below(2)) - 1 : static_cast<int64_t>(rng.below(uint64_t{1} << bits)) - (int64_t{1} << (bits - 1))));
  const std::vector<float> scale(static_cast<size_t>(n), 1e-4F);
  Int8Problem problem{.conv = {.c = k, .h = 1, .w = 1, .k = n}};
  note_weights(problem, w.data());
  return std::make_shared<const LowBitDense>(Int8DenseProblem{.k = k, .n = n, .high = 255}, Int8Weights{w.data(), nullptr, scale.data()}, weight_code_of(problem), loops);
}

Json compare(int64_t k, int64_t n, double megabytes, int rounds) {
  const auto& loops = low_bit_loops_beside(best_int8_loops());
  Rng rng(1);
  Buffer<uint8_t> x(k), y(n);
  for (int64_t i = 0; i < k; ++i) x[i] = static_cast<uint8_t>(rng.below(256));
  std::vector<Way> ways{{"onednn", static_cast<double>(n * k)}};
  double all_bytes = ways[0].weight_bytes;
  for (int bits = 1; bits <= kMostPackedBits; ++bits) {
    ways.push_back({"w" + std::to_string(bits), static_cast<double>(n * k) * bits / 8});
    all_bytes += ways.back().weight_bytes;
  }
  const auto copies = static_cast<int64_t>(std::ceil(megabytes * 1e6 / all_bytes));
  for (size_t i = 0; i < ways.size(); ++i)
    for (int64_t copy = 0; copy < copies; ++copy) {
      if (i == 0) {
        ways[i].copies.emplace_back([product = std::make_shared<OnednnBytes>(OnednnBytes::product(1, k, n))] { product->run(); });
        continue;
      }
      const auto dense = dense_of(k, n, static_cast<int>(i), loops);
      ways[i].copies.emplace_back([dense, scratch = std::make_shared<std::vector<std::byte>>(dense->scratch_bytes(1)), &x, &y] { dense->run(x.data(), 1, y.data(), scratch->data(), 1); });
    }
  for (int64_t round = -copies; round < std::max<int64_t>(rounds, copies); ++round)
    for (auto& way : ways) {
      if (round == 0) way.us.clear();
      way.run();
    }
  Json json{{"inputs", k}, {"outputs", n}, {"megabytes", megabytes}, {"copies", copies}, {"isa", loops.isa}};
  const double bytes_us = median(ways[0].us);
  for (size_t i = 0; i < ways.size(); ++i) {
    const double us = median(ways[i].us);
    json[ways[i].name] = {{"us", us}, {"gb_per_s", ways[i].weight_bytes / us / 1e3}, {"times_as_fast", bytes_us / us}};
    if (i > 0) json[ways[i].name]["share_of_byte_ratio"] = bytes_us / us * static_cast<double>(i) / 8;
  }
  return json;
}

int run(int argc, char** argv) {
  double megabytes = 1024;
  int rounds = 31;
  std::vector<std::pair<int64_t, int64_t>> layers;
  bool is_understood = true;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    int64_t k = 0, n = 0;
    if (word == "--mb" && i + 1 < argc) megabytes = std::atof(argv[++i]);
    else if (word == "--rounds" && i + 1 < argc) rounds = std::atoi(argv[++i]);
    else if (std::sscanf(word.c_str(), "%ldx%ld", &k, &n) == 2 && k > 0 && n > 0) layers.emplace_back(k, n);
    else is_understood = false;
  }
  if (!is_understood || layers.empty() || megabytes <= 0 || rounds < 1) {
    std::cerr << "usage: lowbit_fc_speed INPUTSxOUTPUTS ... [--mb N] [--rounds N]\n";
    return 2;
  }
  omp_set_num_threads(1);
  limit_onednn_to_vnni();
  for (const auto& [k, n] : layers) std::cout << compare(k, n, megabytes, rounds).dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("lowbit_fc_speed", scissionlite::run, argc, argv); }
