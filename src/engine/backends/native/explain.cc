#include "engine/backends/native/explain.h"

#include <algorithm>

#include "base/clock.h"
#include "base/stats.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/run_state.h"
#include "engine/normal_inputs.h"
#include "graph/data_flow.h"
#include "kernels/peak.h"
#include "ops/ops.h"

namespace scissionlite {
namespace {

double now_us() { return Clock::steady().now_us(); }

StepFacts facts_of(const native::Program& program, const native::Step& step) {
  StepFacts facts{.node = step.node, .implementation = step.implementation, .shape = {}, .macs = step.macs};
  facts.predicted_us = step.predicted_us, facts.is_measured = step.is_measured, facts.instead = step.instead, facts.instead_us = step.instead_us;
  for (const auto slot : step.inputs) facts.bytes += program.slots[static_cast<size_t>(slot)].bytes;
  for (const auto slot : step.outputs) facts.bytes += program.slots[static_cast<size_t>(slot)].bytes;
  if (!step.outputs.empty()) facts.shape = program.slots[static_cast<size_t>(step.outputs[0])].shape;
  return facts;
}

/// Values that the model's operators read and write one by one; weights are none. 0 where a size is unknown.
int64_t traffic_by_operators(Graph graph, const std::vector<Shape>& shapes) {
  for (size_t i = 0; i < graph.inputs.size() && i < shapes.size(); ++i) graph.inputs[i].shape = shapes[i], graph.inputs[i].has_shape = true;
  graph.values.clear();
  ops::infer_shapes(graph);
  const auto flow = data_flow(graph);
  int64_t bytes = 0;
  for (const auto* lists : {&flow.node_inputs, &flow.node_outputs})
    for (const auto& values : *lists)
      for (const int value : values) {
        const auto& one = flow.values[static_cast<size_t>(value)];
        if (!one.known_bytes) return 0;
        bytes += one.bytes;
      }
  return bytes;
}

}  // namespace

Explanation explain_native(const Graph& graph, const CompileOptions& options, int repeats) {
  native::Compilation compilation(graph, options, /*explains=*/true);
  const auto shapes = compilation.usual_shapes();
  if (shapes.empty() && !compilation.inputs().empty())
    throw Unsupported("[explain] '" + graph.name + "' has inputs of open size; give the model fixed sizes");
  native::RunState state(compilation.program(shapes), compilation.info().threads);
  const auto inputs = normal_inputs(compilation.inputs(), shapes);
  state.bind(inputs);
  const auto& steps = state.program().steps;
  std::vector<std::vector<double>> times(steps.size());
  std::vector<double> whole;
  for (int repeat = -1; repeat < repeats; ++repeat) {  // the first one warms up
    const double start = now_us();
    for (const auto& step : steps) step.run(state.frame());
    if (repeat >= 0) whole.push_back(now_us() - start);
    double before = now_us();
    for (size_t i = 0; i < steps.size(); ++i) {
      steps[i].run(state.frame());
      const double after = now_us();
      if (repeat >= 0) times[i].push_back(after - before);
      before = after;
    }
  }
  Explanation out;
  for (size_t i = 0; i < steps.size(); ++i) {
    out.steps.push_back(facts_of(state.program(), steps[i]));
    out.steps.back().median_us = median(times[i]);
  }
  out.run_us = median(whole);
  out.peak_gflops = kernels::peak_gflops(compilation.info().threads);
  out.arena_bytes = state.program().arena_bytes;
  out.values_bytes = state.program().values_bytes;
  for (const auto& step : out.steps) out.traffic_bytes += step.bytes;
  out.operator_traffic_bytes = traffic_by_operators(graph, shapes);
  out.engine = compilation.info();
  return out;
}

}  // namespace scissionlite
