#include "fixture.h"

#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "base/rng.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "profile/synthetic_image.h"

namespace scissionlite::testing {
namespace {

Tensor weights(Rng& rng, const Shape& shape) {
  Tensor t(Dtype::kF32, shape);
  const double scale = std::sqrt(2.0 * static_cast<double>(shape[0]) / static_cast<double>(t.size()));
  for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal() * scale);
  return t;
}

void add_conv(Graph& g, Rng& rng, const std::string& name, const std::string& in, int64_t from, int64_t to, int64_t stride) {
  g.initializers[name + "_w"] = weights(rng, {to, from, 3, 3});
  Node conv{.name = name, .op_type = "Conv", .domain = "", .inputs = {in, name + "_w"}, .outputs = {name + "_y"}, .attributes = {}, .doc = ""};
  conv.attributes["kernel_shape"] = std::vector<int64_t>{3, 3};
  conv.attributes["strides"] = std::vector<int64_t>{stride, stride};
  conv.attributes["pads"] = std::vector<int64_t>{1, 1, 1, 1};
  g.nodes.push_back(conv);
  g.nodes.push_back(
      {.name = name + "_relu", .op_type = "Relu", .domain = "", .inputs = {name + "_y"}, .outputs = {name}, .attributes = {}, .doc = ""});
}

}  // namespace

Graph small_network(uint64_t seed) {
  Rng rng(seed);
  Graph g;
  g.name = "small";
  g.opsets = {{"", 13}};
  g.inputs = {{.name = "image", .dtype = Dtype::kF32, .shape = {-1, 3, 32, 32}, .has_shape = true, .symbols = {"N", "", "", ""}}};
  g.outputs = {{.name = "scores", .dtype = Dtype::kF32, .shape = {-1, 10}, .has_shape = true, .symbols = {"N", ""}}};
  add_conv(g, rng, "conv1", "image", 3, 16, 2);
  add_conv(g, rng, "conv2", "conv1", 16, 32, 2);
  g.nodes.push_back(
      {.name = "pool", .op_type = "GlobalAveragePool", .domain = "", .inputs = {"conv2"}, .outputs = {"pooled"}, .attributes = {}, .doc = ""});
  g.nodes.push_back({.name = "flat", .op_type = "Flatten", .domain = "", .inputs = {"pooled"}, .outputs = {"flat"}, .attributes = {}, .doc = ""});
  g.initializers["fc_w"] = weights(rng, {32, 10});
  g.initializers["fc_b"] = weights(rng, {10});
  g.nodes.push_back(
      {.name = "fc", .op_type = "Gemm", .domain = "", .inputs = {"flat", "fc_w", "fc_b"}, .outputs = {"scores"}, .attributes = {}, .doc = ""});
  ops::annotate(g);
  return g;
}

vision::InputSpec small_input() {
  vision::InputSpec input;
  input.width = input.height = 32;
  input.mean = {0.5, 0.5, 0.5};
  input.std = {0.25, 0.25, 0.25};
  return input;
}

vision::Image picture(uint64_t seed) { return synthetic_image(48, 40, seed); }

DeviceFixture::DeviceFixture() : folder_(fs::path(::testing::TempDir()) / ("device-" + std::to_string(getpid()))) { fs::create_directories(folder_); }

DeviceFixture::~DeviceFixture() {
  edge_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string DeviceFixture::program() {
  const char* path = std::getenv("SCISSIONLITE_PROGRAM");
  return path == nullptr ? "" : path;
}

std::string DeviceFixture::split_key(const std::string& tl) const {
  Graph graph = small_network(1);
  for (const auto& cut : ops::find_costed_cuts(graph))
    if (cut.tensors == std::vector<std::string>{"conv1"}) return "split/" + cut.id + "/" + tl;
  return "";
}

DevicePackage DeviceFixture::prepare(const std::string& name, const std::string& candidate, uint64_t seed,
                                     const std::optional<CompileModelOptions>& compile, const std::vector<fs::path>& fit_images) {
  PrepareOptions options;
  options.graph = small_network(seed);
  options.model_path = folder_ / (name + ".onnx");
  save_model(options.graph, options.model_path);
  options.candidate = candidate_from_key(candidate);
  options.input = small_input();
  options.package = package(name);
  options.repository = repository(name);
  options.tail_name = "tail";
  options.fit_images = fit_images;
  options.compile = options.repository_options.compile = compile;
  fs::create_directories(options.repository);
  (void)prepare_candidate(options);
  return open_package(options.package);
}

int DeviceFixture::serve(const std::string& name, int port, const std::string& engine) {
  edge_.reset();
  std::vector<std::string> arguments{
      "serve", "--model-repository", repository(name).string(), "--grpc-port", std::to_string(port), "--no-http", "--no-metrics", "--json"};
  if (!engine.empty()) arguments.insert(arguments.end(), {"--engine", engine, "--threads", "1"});
  edge_ = std::make_unique<ChildProcess>(arguments, (folder_ / "edge.log").string(), program());
  const Json ready = parse_json(edge_->read_line(30e6), "ready line");
  return ready.at("port").get<int>();
}

int64_t DeviceFixture::best_class(const vision::Image& image, uint64_t seed) const {
  const auto outputs =
      compile(with_batch(small_network(seed), 1), default_backend())->run(std::vector<Tensor>{vision::preprocess(image, small_input())});
  return device::best_classes(outputs.front(), small_input(), 1).at(0).index;
}

}  // namespace scissionlite::testing
