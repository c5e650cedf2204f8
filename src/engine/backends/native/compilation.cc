#include "engine/backends/native/compilation.h"

#include <algorithm>

#include "base/cpu.h"
#include "base/version.h"
#include "engine/backends/native/conv_problems.h"
#include "engine/backends/native/lowering.h"
#include "kernels/vector/loops.h"
#include "optimise/optimise.h"

namespace scissionlite::native {
namespace {

/// The optimised graph for inputs of these shapes. @throws Unsupported naming a node whose results' sizes depend on values.
Graph specialise(Graph out, const std::vector<Shape>& shapes) {
  out.values.clear();
  for (size_t i = 0; i < shapes.size(); ++i) {
    out.inputs[i].shape = shapes[i];
    out.inputs[i].has_shape = true;
  }
  for (auto& output : out.outputs) output.has_shape = false;
  optimise(out);  // infers all shapes anew
  for (const auto& node : out.nodes)
    for (const auto& value : node.outputs) {
      if (value.empty()) continue;
      const auto info = out.find_value(value);
      if (!info || !info->has_shape || !is_static(info->shape) || info->dtype == Dtype::kUndefined)
        throw Unsupported("[native] cannot compile [" + node.label() + "]: the shape of '" + value + "' is not known before it runs; try --engine openvino");
    }
  return out;
}

/// Open batches are one image; empty when another size is open.
std::vector<Shape> shapes_of(const std::vector<ValueInfo>& inputs) {
  std::vector<Shape> shapes;
  for (const auto& input : inputs) {
    Shape shape = input.shape;
    if (!shape.empty() && shape[0] < 0) shape[0] = 1;
    if (!input.has_shape || !is_static(shape)) return {};
    shapes.push_back(shape);
  }
  return shapes;
}

bool is_settled(const ValueInfo& input) { return input.has_shape && is_static(input.shape); }

}  // namespace

Compilation::Compilation(Graph graph, const CompileOptions& options) : inputs_(graph.inputs), outputs_(graph.outputs) {
  const int threads = options.threads > 0 ? options.threads : this_machine().cores;
  info_ = {.spec = "native", .version = kVersion, .isa = kernels::best_loops().isa, .precision = "f32", .threads = threads};
  tuned_ = tune::load_choices(options.tuning, kernels::best_loops(), threads);
  const auto shapes = usual_shapes();
  if (std::all_of(inputs_.begin(), inputs_.end(), is_settled)) {
    programs_[shapes] = make_program(std::move(graph), shapes);
    return;
  }
  graph_ = std::move(graph);
  if (!shapes.empty()) (void)program(shapes);
}

std::vector<Shape> Compilation::usual_shapes() const { return shapes_of(inputs_); }

std::shared_ptr<const Program> Compilation::program(const std::vector<Shape>& shapes) {
  const std::lock_guard lock(mutex_);
  auto& program = programs_[shapes];
  if (!program) program = make_program(graph_, shapes);
  return program;
}

std::shared_ptr<const Program> Compilation::make_program(Graph graph, const std::vector<Shape>& shapes) const {
  return std::make_shared<const Program>(lower(specialise(std::move(graph), shapes), {.loops = &kernels::best_loops(), .threads = info_.threads, .tuned = tuned_.get()}));
}

}  // namespace scissionlite::native

namespace scissionlite {

std::vector<ConvUse> conv_problems(const Graph& graph, int threads) {
  const auto shapes = native::shapes_of(graph.inputs);
  if (shapes.empty() && !graph.inputs.empty()) throw Unsupported("[native] '" + graph.name + "' has inputs of open size; give the model fixed sizes");
  std::vector<kernels::ConvProblem> all;
  (void)native::lower(native::specialise(graph, shapes), {.loops = &kernels::best_loops(), .threads = threads, .problems = &all});
  std::vector<ConvUse> uses;
  for (const auto& problem : all) {
    const auto it = std::find_if(uses.begin(), uses.end(), [&](const ConvUse& use) { return use.problem == problem; });
    if (it == uses.end()) uses.push_back({problem, 1});
    else ++it->count;
  }
  return uses;
}

}  // namespace scissionlite
