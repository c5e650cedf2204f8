// scissionlite-train create: a small network with random weights, to begin with.
#include <iostream>

#include "base/text.h"
#include "onnx/onnx.h"
#include "train/network/architecture.h"
#include "train_cli/command.h"

namespace scissionlite::cli {
namespace {

struct Options {
  train::ArchitectureOptions architecture;
  std::string input, output;
};

int create(Options& options, const Common& common) {
  auto& architecture = options.architecture;
  architecture.input = vision::load_input_spec(options.input);
  if (static_cast<int64_t>(architecture.input.labels.size()) != architecture.classes) architecture.input.labels.clear();
  const auto graph = train::make_architecture(architecture);
  save_model(graph, options.output);
  int64_t values = 0;
  for (const auto& [name, tensor] : graph.initializers) values += tensor.size();
  if (common.json)
    std::cout << Json{{"schema", "scissionlite.created/1"},
                      {"architecture", architecture.name},
                      {"classes", architecture.classes},
                      {"values", values},
                      {"output", options.output}}
                     .dump(2)
              << "\n";
  else
    std::cout << architecture.name << " of " << architecture.classes << " classes, " << values << " values with random weights\nwrote "
              << options.output << "\n";
  return 0;
}

std::string described() {
  std::vector<std::string> parts;
  for (const auto& [name, what] : train::architectures()) parts.push_back(name + " (" + what + ")");
  return join(parts);
}

}  // namespace

Run declare_create(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& architecture = options->architecture;
  app.add_option("architecture", architecture.name, described())->required();
  app.add_option("--input,--input-spec", options->input, "input.json: size and channels of images, which the model carries")->required();
  app.add_option("--classes", architecture.classes, "that it tells apart")->capture_default_str();
  app.add_option("--width", architecture.width, "times as many channels")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", architecture.seed, "of the weights")->capture_default_str();
  app.add_option("-o,--output", options->output, "ONNX file to write")->required();
  return [options, &common] { return create(*options, common); };
}

}  // namespace scissionlite::cli
