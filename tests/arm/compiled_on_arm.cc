// A model that another machine compiled, run on this one: what a device needs of the native engine and no more. Whatever belongs to
// compiling (passes, choices, ONNX) is not linked in and throws when it is called, so that loading is shown to do without.
//   compiled_on_arm FOLDER INPUT EXPECTED     raw float32 files; exit 1 when the answer differs by more than 1e-4 of the largest value
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/log.h"
#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/compiled/stored_kernels.h"
#include "engine/backends/native/run_state.h"
#include "onnx/onnx.h"
#include "ops/ops.h"
#include "optimise/optimise.h"

namespace scissionlite {
namespace {

[[noreturn]] void not_here(const char* what) { throw Unsupported(std::string("[arm test] ") + what + " is not part of this program"); }

}  // namespace

std::vector<PassReport> optimise(Graph&, const OptimiseOptions&) { not_here("optimise"); }
Graph load_model(const fs::path&) { not_here("load_model"); }
std::string model_sha256(const fs::path&) { not_here("model_sha256"); }
std::string sha256_hex(std::string_view) { not_here("sha256_hex"); }
void remove_abandoned(const fs::path&, const std::string&) { not_here("remove_abandoned"); }
namespace log {
void info(const std::string& message, const Fields&) { std::fprintf(stderr, "%s\n", message.c_str()); }
void warning(const std::string& message, const Fields& fields) { info(message, fields); }
}  // namespace log
namespace native {
void bring_kernels(const fs::path& folder, const kernels::VectorLoops&) {
  if (fs::exists(folder / "kernels.json")) not_here("bring_kernels");
}
}  // namespace native
namespace ops {
const Operator* find(const std::string&, const std::string&) { not_here("an operator's reference code"); }
void check_known(const Graph&, const Node&, const std::string&) { not_here("an operator's reference code"); }
std::vector<Tensor> run_node(const Graph&, const Node&, std::span<const Tensor>) { not_here("an operator's reference code"); }
}  // namespace ops
namespace tune {
std::string choices_file(const std::string&) { not_here("choices_file"); }
std::shared_ptr<const Choices> load_choices(const std::string&, const kernels::VectorLoops&, int) { not_here("load_choices"); }
kernels::ConvChoice choose_conv(const ConvWithEnd&, const kernels::VectorLoops&, const Choices*) { not_here("choose_conv"); }
std::string reason_of(const kernels::ConvChoice&, const ConvWithEnd&, const kernels::VectorLoops&, const Choices*, kernels::Precision) {
  not_here("reason_of");
}
std::string reason_of(const kernels::Int8ConvImplementation&, const kernels::Int8Problem&, const kernels::Int8Loops&, const Choices*) {
  not_here("reason_of");
}
std::string ConvWithEnd::text() const { not_here("ConvWithEnd::text"); }
std::string ChainOfConvs::text() const { not_here("ChainOfConvs::text"); }
std::optional<TunedByteConv> Choices::find(const kernels::Int8Problem&, const kernels::Int8Loops&) const { not_here("find"); }
bool Choices::keeps_usual(const std::string&) const { not_here("keeps_usual"); }
}  // namespace tune
namespace native {
GraphSelection select_for(const Lowering&, const tune::Choices*, bool) { not_here("select_for"); }
}  // namespace native

namespace {

Tensor read_floats(const std::string& path, const Shape& shape) {
  const auto bytes = read_file(path);
  Tensor t(Dtype::kF32, shape);
  if (bytes.size() != t.size_bytes())
    throw InvalidArgument("[arm test] " + path + " has " + std::to_string(bytes.size()) + " bytes, expected " + std::to_string(t.size_bytes()));
  std::memcpy(t.mutable_data(), bytes.data(), bytes.size());
  return t;
}

int check(const std::string& folder, const std::string& input, const std::string& expected) {
  native::Compilation compilation(compiled_graph(folder), {.threads = 2});
  const auto shapes = compilation.usual_shapes();
  native::RunState state(compilation.program(shapes), 2);
  const Tensor x = read_floats(input, shapes.at(0));
  state.bind(std::span(&x, 1));
  for (const auto& step : state.program().steps) step.run(state.frame());
  const auto y = state.output(0);
  const double error = max_relative_error(y, read_floats(expected, y.shape()));
  std::printf("%zu steps with %s, error %.2g\n", state.program().steps.size(), compilation.info().isa.c_str(), error);
  return error <= 1e-4 ? 0 : 1;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    return scissionlite::check(argv[1], argv[2], argv[3]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
