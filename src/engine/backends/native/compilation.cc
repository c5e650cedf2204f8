#include "engine/backends/native/compilation.h"

#include <algorithm>

#include "base/cpu.h"
#include "base/version.h"
#include "engine/backends/native/conv_problems.h"
#include "engine/backends/native/conv_stage.h"
#include "engine/backends/native/lowering.h"
#include "kernels/vector/loops.h"
#include "optimise/optimise.h"

namespace scissionlite::native {
namespace {

/// The optimised graph for inputs of these shapes. @throws Unsupported naming a node whose results' sizes depend on values.
Graph specialise(const Graph& graph, const std::vector<Shape>& shapes) {
  Graph out = graph;
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

Compilation::Compilation(const Graph& graph, const CompileOptions& options, bool explains) : inputs_(graph.inputs), outputs_(graph.outputs), explains_(explains), graph_(graph) {
  const int threads = options.threads > 0 ? options.threads : this_machine().cores;
  info_ = {.spec = "native", .version = kVersion, .isa = kernels::best_loops().isa, .precision = "f32", .threads = threads};
  tuned_ = tune::load_choices(options.tuning, kernels::best_loops(), threads);
  if (const auto shapes = usual_shapes(); !shapes.empty() || inputs_.empty()) (void)program(shapes);
  if (std::all_of(inputs_.begin(), inputs_.end(), is_settled)) graph_ = {};  // weights are packed now
}

std::vector<Shape> Compilation::usual_shapes() const { return shapes_of(inputs_); }

std::shared_ptr<const Program> Compilation::program(const std::vector<Shape>& shapes) {
  const std::lock_guard lock(mutex_);
  auto& program = programs_[shapes];
  if (!program) program = std::make_shared<const Program>(lower(specialise(graph_, shapes), {.loops = &kernels::best_loops(), .threads = info_.threads, .tuned = tuned_.get(), .explains = explains_}));
  return program;
}

}  // namespace scissionlite::native

namespace scissionlite {

namespace {

/// One more of `key` among the uses, by its text.
template <typename Use, typename Key>
void count(std::vector<Use>& uses, const Key& key, const Key& (*key_of)(const Use&)) {
  const auto it = std::find_if(uses.begin(), uses.end(), [&](const Use& use) { return key_of(use).text() == key.text(); });
  if (it == uses.end()) uses.push_back({key, 1});
  else ++it->count;
}
const tune::ConvWithEnd& conv_of(const ConvUse& use) { return use.conv; }
const tune::ChainOfConvs& chain_of(const ChainUse& use) { return use.chain; }

}  // namespace

ConvUses conv_problems(const Graph& graph, int threads) {
  const auto shapes = native::shapes_of(graph.inputs);
  if (shapes.empty() && !graph.inputs.empty()) throw Unsupported("[native] '" + graph.name + "' has inputs of open size; give the model fixed sizes");
  native::Program program;
  program.graph = std::make_shared<Graph>(native::specialise(graph, shapes));
  const native::Lowering l(program, {.loops = &kernels::best_loops(), .threads = threads});
  ConvUses uses;
  uses.network = native::network_text(l);
  for (size_t i = 0; i < program.graph->nodes.size(); ++i) {
    const auto& node = program.graph->nodes[i];
    if (const auto stage = native::coming_stage_of(l, node)) count(uses.convs, stage->with_end(), conv_of);
    for (const auto& nodes : native::find_chains(l, i)) {
      tune::ChainOfConvs chain;
      for (const auto at : nodes) chain.stages.push_back(native::stage_of(l, program.graph->nodes[at])->with_end());
      count(uses.chains, chain, chain_of);
    }
  }
  return uses;
}

}  // namespace scissionlite
