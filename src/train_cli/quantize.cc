#include "train/quantise/quantise.h"

#include <iostream>
#include <memory>

#include "base/text.h"
#include "train_cli/job_options.h"

namespace scissionlite::cli {
namespace {

struct Options {
  JobOptions common;
  train::QuantiseJob job;
  std::vector<std::string> rules, search;
  std::optional<double> latency_ms, size_kib;
  std::string encoding, plan, report, steps = "output";
  bool frozen_statistics = false;
};

void print_table(const train::QuantiseReport& report) {
  std::vector<std::vector<std::string>> rows{{"layer", "weights", "weight bits", "encoding", "activation bits", ""}};
  for (const auto& layer : report.layers)
    rows.push_back({layer.bits.name, std::to_string(layer.weights), std::to_string(layer.bits.weight_bits),
                    compress::encoding_name(layer.bits.encoding), std::to_string(layer.bits.activation_bits),
                    layer.constant_outputs > 0
                        ? std::to_string(layer.constant_outputs) + " of " + std::to_string(layer.outputs) + " outputs are constant"
                        : ""});
  const auto percent = [](const std::optional<double>& share) { return share ? format_fixed(100 * *share, 2) + " %" : "-"; };
  std::cout << format_table(rows) << "\n";
  for (const auto& note : report.notes) std::cout << "note: " << note << "\n";
  if (report.search && report.search->predicted_us)
    std::cout << "a run: predicted " << format_fixed(*report.search->predicted_us / 1000, 3) << " ms, measured "
              << format_fixed(report.search->measured_us.value_or(0) / 1000, 3) << " ms\n";
  std::cout << "constants: " << format_bytes(static_cast<double>(report.float_bits) / 8) << " as float32, "
            << format_bytes(static_cast<double>(report.size_bits) / 8) << " in these bits, " << format_bytes(static_cast<double>(report.file_bytes))
            << " as a file\nheld out: " << percent(report.before) << " float32, " << percent(report.post_training) << " post-training, "
            << percent(report.after) << " trained, " << percent(report.written)
            << " as written (native); the written model agrees with the trained one on " << percent(report.agreement) << "\nwrote "
            << report.stages.back().training.output << "\n";
}

int quantize(Options& options, const Common& common) {
  complete(options.common, common);
  auto& job = options.job;
  job.train = options.common.job;
  job.train.update_statistics = !options.frozen_statistics;
  if (!options.encoding.empty()) job.encoding = compress::encoding_named(options.encoding);
  for (const auto& bits : options.search) job.search.push_back(train::bits_candidate(bits));
  if (options.latency_ms) job.latency_us = 1000 * *options.latency_ms;
  if (options.size_kib) job.size_bytes = static_cast<int64_t>(1024 * *options.size_kib);
  for (const auto& rule : options.rules) job.rules.push_back(train::bits_rule(rule));
  job.plan = options.plan;
  job.one_step_a_layer = options.steps == "layer";
  job.report = options.report;
  const auto report = train::quantise(job);
  if (common.json) std::cout << to_json(report).dump(2) << "\n";
  else print_table(report);
  return 0;
}

}  // namespace

Run declare_quantize(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& shared = options->common;
  auto& job = options->job;
  declare_data(app, shared);
  const auto bits = [&](const char* name, int& value, const char* help) {
    app.add_option(name, value, help)->check(CLI::Range(1, compress::kMostBits))->capture_default_str();
  };
  bits("--weight-bits", job.weight_bits, "of weights");
  bits("--activation-bits", job.activation_bits, "of what layers read");
  app.add_option(
         "--encoding", options->encoding,
         "of weights: twos (two's complement), unsigned, bipolar (sums of -2^s and 2^s); default: twos, for 1 bit bipolar or, where no weight is negative, unsigned; first and last layer keep the default")
      ->check(CLI::IsMember({"twos", "unsigned", "bipolar"}));
  bits("--residual-bits", job.residual_bits, "of what sums, means and concatenations read");
  bits("--first-last-bits", job.first_last_bits, "of weights and inputs of the first and the last layer");
  const auto rules =
      app.add_option("--bits", options->rules, "other bits for the layers whose names match, later ones win: GLOB=w2a4, GLOB=w1, GLOB=w2a4:bipolar");
  const auto plan =
      app.add_option("--layers", options->plan,
                     "JSON file that says the bits of each layer, in place of the options above; layers that it does not name stay float32")
          ->excludes(rules);
  const auto search =
      app.add_option(
             "--search", options->search,
             "bits to choose from for each layer but the first, the last and those of --bits, by what the layer loses and costs: w1a2,w2a2,w4a4,w8a8")
          ->delimiter(',')
          ->excludes(plan);
  const auto latency = app.add_option("--latency-ms", options->latency_ms, "with --search: of a run on this machine, in the engine native")
                           ->check(CLI::PositiveNumber)
                           ->needs(search);
  app.add_option("--size-kib", options->size_kib, "with --search: of all weights")->check(CLI::PositiveNumber)->needs(search)->excludes(latency);
  app.add_option("--weight-steps", options->steps, "learned steps of weights: one an output, or one a layer")
      ->check(CLI::IsMember({"output", "layer"}))
      ->capture_default_str();
  app.add_option("--progressive", job.progressive, "train in stages of at least so many bits, the plan's at last, which share --epochs: 8,4,2")
      ->delimiter(',');
  app.add_option("--calibration-images", job.calibration_images, "of --images that steps and statistics are fitted to before training")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--freeze", shared.job.freeze,
                 "globs on names of weights or of the nodes that use them, which stay as they are; their steps are learned");
  app.add_flag("--frozen-statistics", options->frozen_statistics, "BatchNormalization keeps its statistics (default: it follows the batches)");
  app.add_flag(
      "--keep-bytes", job.keeps_bytes,
      "a byte a weight in the file (default: weights of up to 7 bits are packed, and standard operators unpack them when the model is loaded)");
  declare_loss(app, shared);
  declare_trainer(app, shared);
  declare_device(app, shared);
  app.add_option("--report", options->report, "JSON file to write: bits of each layer, sizes, accuracy before, post-training and after");
  app.add_option("-o,--output", shared.output, "ONNX file to write: QuantizeLinear, DequantizeLinear and Clip of bytes")->required();
  return [options, &common] { return quantize(*options, common); };
}

}  // namespace scissionlite::cli
