#include "engine/backends/native/explain.h"

#include <algorithm>

#include "base/clock.h"
#include "base/rng.h"
#include "base/stats.h"
#include "engine/backends/native/compilation.h"
#include "engine/backends/native/run_state.h"
#include "kernels/parallel.h"
#include "kernels/vector/loops.h"

namespace scissionlite {
namespace {

double now_us() { return Clock::steady().now_us(); }

/// Multiply-adds of one register tile over data in L1, times two: what a kernel cannot pass.
double peak_gflops(int threads) {
  const auto& loops = kernels::best_loops();
  constexpr int64_t kSteps = 8, kRuns = 400;
  constexpr int kVectors = 2;
  const int64_t pixels = loops.panel_pixels[kVectors];
  std::vector<double> seconds;
  for (int repeat = 0; repeat < 12; ++repeat) {
    const double start = now_us();
    kernels::in_team(threads, [&](const kernels::Member&) {
      kernels::AlignedFloats x(kSteps * pixels * loops.lanes), w(kSteps * loops.lanes * kVectors * loops.lanes), y(kVectors * pixels * loops.lanes);
      std::vector<int64_t> steps;
      for (int64_t s = 0; s < kSteps; ++s) steps.push_back(s * pixels * loops.lanes);
      kernels::PanelArguments a;
      a.x = x.data(), a.x_pixel = loops.lanes, a.steps_at = steps.data(), a.steps = kSteps, a.w = w.data(), a.vectors = kVectors, a.pixels = pixels;
      a.y = y.data(), a.y_pixel = loops.lanes, a.y_vector = pixels * loops.lanes;
      for (int64_t i = 0; i < kRuns; ++i) loops.panel_blocked(a);
    });
    seconds.push_back((now_us() - start) / 1e6);
  }
  const double flops = 2.0 * static_cast<double>(threads * kRuns * kSteps * loops.lanes * pixels * kVectors * loops.lanes);
  return flops / *std::min_element(seconds.begin(), seconds.end()) / 1e9;
}

std::vector<Tensor> random_inputs(const native::Program& program) {
  Rng rng(1);
  std::vector<Tensor> inputs;
  for (const auto id : program.inputs) {
    const auto& slot = program.slots[static_cast<size_t>(id)];
    Tensor t(slot.dtype, slot.shape);
    std::fill_n(t.mutable_data(), t.size_bytes(), std::byte{0});
    if (slot.dtype == Dtype::kF32)
      for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal());
    inputs.push_back(t);
  }
  return inputs;
}

StepFacts facts_of(const native::Program& program, const native::Step& step) {
  StepFacts facts{.node = step.node, .implementation = step.implementation, .shape = {}, .macs = step.macs};
  for (const auto slot : step.inputs) facts.bytes += program.slots[static_cast<size_t>(slot)].bytes;
  for (const auto slot : step.outputs) facts.bytes += program.slots[static_cast<size_t>(slot)].bytes;
  if (!step.outputs.empty()) facts.shape = program.slots[static_cast<size_t>(step.outputs[0])].shape;
  return facts;
}

}  // namespace

Explanation explain_native(const Graph& graph, const CompileOptions& options, int repeats) {
  native::Compilation compilation(graph, options);
  const auto shapes = compilation.usual_shapes();
  if (shapes.empty() && !compilation.inputs().empty()) throw Unsupported("[explain] '" + graph.name + "' has inputs of open size; give the model fixed sizes");
  native::RunState state(compilation.program(shapes), compilation.info().threads);
  const auto inputs = random_inputs(state.program());
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
  out.peak_gflops = peak_gflops(compilation.info().threads);
  out.arena_bytes = state.program().arena_bytes;
  out.values_bytes = state.program().values_bytes;
  out.engine = compilation.info();
  return out;
}

}  // namespace scissionlite
