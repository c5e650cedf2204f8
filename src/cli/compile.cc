#include "engine/backends/native/compiled/compiled.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/compile_options.h"
#include "engine/normal_inputs.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"

namespace scissionlite::cli {
namespace {

/// The folder as an engine loads it, where this machine can run it.
struct Loaded {
  std::unique_ptr<Executable> engine;
  double load_us = 0;  // least of a few: the first one reads the files
};

Loaded load(const CompileModelOptions& options) {
  constexpr int kLoads = 3;
  Loaded loaded;
  for (int i = 0; i < kLoads; ++i) {
    const double start_us = Clock::steady().now_us();
    loaded.engine = compile(load_model(options.folder), "native", {.threads = options.threads});
    const double took_us = Clock::steady().now_us() - start_us;
    loaded.load_us = i == 0 ? took_us : std::min(loaded.load_us, took_us);
  }
  return loaded;
}

/// @throws InternalError when the folder does not compute, to the bit, what the model computes in the same engine.
void check_same(const Graph& graph, const CompileModelOptions& options, const CompiledModel& compiled, Executable& loaded) {
  const auto direct = compile(graph, "native", {.threads = options.threads, .precision = options.precision, .tuning = options.tuning});
  const auto inputs = normal_inputs(compiled.inputs, compiled.programs.at(0).shapes);
  const auto expected = direct->run(inputs), given = loaded.run(inputs);
  for (size_t i = 0; i < expected.size(); ++i)
    if (!bit_equal(given.at(i), expected[i]))
      throw InternalError("[compile] output '" + compiled.outputs[i].name + "' of '" + options.folder.string() + "' is not what the model gives");
}

struct Share {
  std::string by;  // first word of how it is done
  int64_t macs = 0;
  int steps = 0;
};

/// Most work first.
std::vector<Share> by_implementation(const CompiledProgram& program) {
  std::map<std::string, Share> sums;
  for (const auto& step : program.steps) {
    const auto word = step.implementation.substr(0, step.implementation.find(' '));
    auto& sum = sums[word];
    sum.by = word, sum.macs += step.macs, ++sum.steps;
  }
  std::vector<Share> sorted;
  for (const auto& [word, sum] : sums) sorted.push_back(sum);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Share& a, const Share& b) { return a.macs > b.macs; });
  return sorted;
}

int64_t total_bytes(const CompiledModel& compiled) {
  int64_t bytes = 0;
  for (const auto& file : compiled.files) bytes += file.bytes;
  return bytes;
}

void print(const CompiledModel& compiled, const CompileModelOptions& options, const std::optional<Loaded>& loaded) {
  int64_t macs = 0;
  for (const auto& step : compiled.programs.at(0).steps) macs += step.macs;
  std::vector<std::vector<std::string>> rows{{"done by", "steps", "of multiply-adds"}};
  for (const auto& sum : by_implementation(compiled.programs[0]))
    rows.push_back({sum.by, std::to_string(sum.steps),
                    macs > 0 ? format_fixed(100.0 * static_cast<double>(sum.macs) / static_cast<double>(macs), 1) + " %" : "-"});
  std::cout << format_table(rows) << "\n";
  std::vector<std::string> batches;
  for (const auto& program : compiled.programs) batches.push_back(program.shapes.empty() ? "no inputs" : to_string(program.shapes[0]));
  std::cout << "compiled  " << options.folder.string() << ", " << format_bytes(static_cast<double>(total_bytes(compiled)))
            << ", of that packed weights " << format_bytes(static_cast<double>(compiled.packed_bytes)) << "\n"
            << "for       " << compiled.isa << " (" << compiled.lanes << " lanes), " << counted(compiled.threads, "thread") << ", "
            << compiled.precision << ", inputs of " << join(batches, "; ") << (options.is_portable ? "; others from the model kept in it" : "")
            << "\n";
  if (loaded) std::cout << "loads in  " << format_us(loaded->load_us) << ", and gives what the model gives\n";
  else std::cout << "not tried here: this CPU does not run " << compiled.isa << "\n";
  std::cout << "why each step is done as it is: " << (options.folder / kCompiledJson).string() << "\n";
}

int compile_command(CompileModelOptions options, const Common& common) {
  Progress bar("compile", static_cast<int64_t>(options.batches.size()) + 4);
  const auto say = [&](const std::string& doing) { bar.advance(1, doing); };
  const auto graph = load_model(options.model);
  const auto compiled = compile_model(graph, options, say);
  std::optional<Loaded> loaded;
  if (native::reason_against(compiled).empty()) {
    say("loading it, and comparing with the model");
    loaded = load(options);
    if (compiled.isa == kernels::best_loops().isa) check_same(graph, options, compiled, *loaded->engine);
  }
  say("done");
  if (!common.json) {
    print(compiled, options, loaded);
    return 0;
  }
  auto json = to_json(compiled);
  json["schema"] = "scissionlite.compile_result/1";
  json["folder"] = options.folder.string();
  json["bytes"] = total_bytes(compiled);
  json["load_us"] = loaded ? Json(loaded->load_us) : Json();
  std::cout << json.dump(2) << "\n";
  return 0;
}

}  // namespace

Run declare_compile(CLI::App& app, Common& common) {
  auto options = std::make_shared<CompileModelOptions>();
  app.add_option("model", options->model, "ONNX file")->required();
  app.add_option("-o,--output", options->folder, "folder to write; an earlier compiled model there is replaced")->required();
  add_batch_option(app, *options)->capture_default_str();
  add_target_options(app, *options);
  app.add_option("--precision", options->precision, "f32, or bf16: convolutions and dense layers may multiply rounded values where that is faster")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  app.add_flag("--portable", options->is_portable, "keep a copy of the model: other batch sizes, CPUs and versions compile from it");
  return [options, &common] { return compile_command(*options, common); };
}

}  // namespace scissionlite::cli
