// Fully connected layers for one row of bytes with weights of 1 to 7 bits that are streamed from memory, against oneDNN's of bytes, which is limited to VNNI. Each way has as many copies of
// its weights as fill --mb megabytes with those of all others, more than caches hold; ways and copies take turns, so that each run reads its weights from memory. Medians of CPU time, one thread.
//   lowbit_fc_speed INPUTSxOUTPUTS ... [--mb N] [--rounds N]      one JSON line a layer
#include "base/stats.h"
#include "kernels/lowbit/dense.h"
#include "lowbit_weights.h"
#include "onednn_bytes.h"
#include "problems.h"
#include "streamed_products.h"

namespace scissionlite {
namespace {

using namespace kernels;

std::shared_ptr<const LowBitDense> dense_of(int64_t k, int64_t n, int bits, const LowBitLoops& loops) {
  Rng rng(static_cast<uint64_t>(bits));
  const auto w = lowbit_weights(k * n, bits, rng);
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
  std::vector<StreamedWay> ways{{"onednn", static_cast<double>(n * k)}};
  for (int bits = 1; bits <= kMostPackedBits; ++bits) ways.push_back({"w" + std::to_string(bits), static_cast<double>(n * k) * bits / 8});
  const int64_t copies = copies_of(ways, megabytes);
  for (size_t i = 0; i < ways.size(); ++i)
    for (int64_t copy = 0; copy < copies; ++copy) {
      if (i == 0) {
        ways[i].copies.emplace_back([product = std::make_shared<OnednnBytes>(OnednnBytes::product(1, k, n))] { product->run(); });
        continue;
      }
      const auto dense = dense_of(k, n, static_cast<int>(i), loops);
      ways[i].copies.emplace_back([dense, scratch = std::make_shared<std::vector<std::byte>>(dense->scratch_bytes(1)), &x, &y] { dense->run(x.data(), 1, y.data(), scratch->data(), 1); });
    }
  take_turns(ways, copies, rounds);
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
  limit_onednn_to_vnni();
  return compare_layers("lowbit_fc_speed", argc, argv, compare);
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("lowbit_fc_speed", scissionlite::run, argc, argv); }
