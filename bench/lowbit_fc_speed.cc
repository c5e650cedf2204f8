// Fully connected layers of bytes with weights of 1 to 7 bits that are streamed from memory, against oneDNN's of bytes, which is limited to VNNI: one
// row. Each way has as many copies of its weights as fill --mb megabytes with those of all others, more than caches hold; ways and copies take turns,
// so that each run reads its weights from memory. Medians of CPU time, one thread.
// --amx: sixteen rows, weights of 1 and 2 bits by the way that the engine takes, against oneDNN's with AMX.
//   lowbit_fc_speed INPUTSxOUTPUTS ... [--mb N] [--rounds N] [--amx]      one JSON line a layer; {"skipped": reason} where the CPU has no AMX
#include "base/cpu.h"
#include "base/stats.h"
#include "kernels/lowbit/dense.h"
#include "lowbit_weights.h"
#include "onednn_bytes.h"
#include "problems.h"
#include "streamed_products.h"

namespace scissionlite {
namespace {

using namespace kernels;

constexpr int64_t kBatch = 16;  // rows with --amx
constexpr int kMostBitsOfBatch = 2;

/// Weights of a layer in few bits.
struct Layer {
  std::vector<int16_t> w;
  std::vector<float> scale;
  Int8Problem problem;  // as a convolution of `rows` pixels
  Layer(int64_t k, int64_t n, int64_t rows, int bits) : scale(static_cast<size_t>(n), 1e-4F), problem{.conv = {.c = k, .h = 1, .w = rows, .k = n}} {
    Rng rng(static_cast<uint64_t>(bits));
    w = lowbit_weights(k * n, bits, rng);
    note_weights(problem, w.data());
  }
  [[nodiscard]] Int8Weights weights() const { return {w.data(), nullptr, scale.data()}; }
};

/// x and y that all ways share.
struct Values {
  Buffer<uint8_t> x, y;
  Values(int64_t inputs, int64_t outputs) : x(inputs), y(outputs) {
    Rng rng(1);
    for (int64_t i = 0; i < inputs; ++i) x[i] = static_cast<uint8_t>(rng.below(256));
  }
};

/// One row, packed.
std::function<void()> row_of(int64_t k, int64_t n, int bits, Values& values) {
  const Layer layer(k, n, 1, bits);
  const auto dense = std::make_shared<const LowBitDense>(Int8DenseProblem{.k = k, .n = n, .high = 255}, layer.weights(),
                                                         weight_code_of(layer.problem), low_bit_loops_beside(best_int8_loops()));
  return [dense, scratch = std::make_shared<std::vector<std::byte>>(dense->scratch_bytes(1)), &values] {
    dense->run(values.x.data(), 1, values.y.data(), scratch->data(), 1);
  };
}

/// Several, as the engine takes them; notes the way.
std::function<void()> batch_of(int64_t k, int64_t n, int bits, Values& values, std::string& way) {
  const Layer layer(k, n, kBatch, bits);
  const auto& usual = usual_int8_conv(layer.problem, best_int8_loops());
  way = usual.name;
  const std::shared_ptr<const Int8Convolution> conv = usual.make(layer.problem, layer.weights(), best_int8_loops());
  auto scratch = std::make_shared<Buffer<uint8_t>>(conv->scratch_bytes(1));
  return [conv, scratch, &values] { conv->run(values.x.data(), values.y.data(), reinterpret_cast<std::byte*>(scratch->data()), 1); };
}

/// Times of all ways, the first of which is oneDNN's, in turns.
Json compare(int64_t k, int64_t n, double megabytes, int rounds, bool is_batch) {
  const int64_t rows = is_batch ? kBatch : 1;
  const int most_bits = is_batch ? kMostBitsOfBatch : kMostPackedBits;
  Values values(rows * k, rows * n);
  std::vector<StreamedWay> ways{{"onednn", static_cast<double>(n * k)}};
  for (int bits = 1; bits <= most_bits; ++bits) ways.push_back({"w" + std::to_string(bits), static_cast<double>(n * k) * bits / 8});
  std::vector<std::string> names(ways.size());
  const int64_t copies = copies_of(ways, megabytes);
  for (size_t i = 0; i < ways.size(); ++i)
    for (int64_t copy = 0; copy < copies; ++copy) {
      const int bits = static_cast<int>(i);
      if (i == 0) {
        const auto product = std::make_shared<OnednnBytes>(OnednnBytes::product(rows, k, n));
        names[i] = product->name();
        ways[i].copies.emplace_back([product] { product->run(); });
      } else {
        ways[i].copies.push_back(is_batch ? batch_of(k, n, bits, values, names[i]) : row_of(k, n, bits, values));
      }
    }
  take_turns(ways, copies, rounds);
  Json json{{"inputs", k},      {"outputs", n},
            {"rows", rows},     {"megabytes", megabytes},
            {"copies", copies}, {"isa", low_bit_loops_beside(best_int8_loops()).isa}};
  const double bytes_us = median(ways[0].us);
  for (size_t i = 0; i < ways.size(); ++i) {
    const double us = median(ways[i].us);
    json[ways[i].name] = {{"us", us}, {"gb_per_s", ways[i].weight_bytes / us / 1e3}, {"times_as_fast", bytes_us / us}};
    if (!names[i].empty()) json[ways[i].name]["way"] = names[i];
    if (i > 0) json[ways[i].name]["share_of_byte_ratio"] = bytes_us / us * static_cast<double>(i) / 8;
  }
  return json;
}

int run(int argc, char** argv) {
  std::vector<char*> words(argv, argv + argc);
  const bool is_batch = std::erase_if(words, [](const char* word) { return std::string(word) == "--amx"; }) > 0;
  if (is_batch && !has_isa({"amx_int8"})) {
    Json json;
    json["skipped"] = "needs amx_int8";
    std::cout << json.dump() << std::endl;
    return 0;
  }
  if (is_batch) limit_onednn_to_amx();
  else limit_onednn_to_vnni();
  return compare_layers("lowbit_fc_speed", static_cast<int>(words.size()), words.data(),
                        [=](int64_t k, int64_t n, double megabytes, int rounds) { return compare(k, n, megabytes, rounds, is_batch); });
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("lowbit_fc_speed", scissionlite::run, argc, argv); }
