#include "device/halves.h"

#include <algorithm>

#include "base/text.h"
#include "control/controller.h"
#include "engine/compile_owned.h"
#include "engine/zero_inputs.h"
#include "graph/slice.h"

namespace scissionlite::device {

Half::Half(const PackagedModel& model, const std::string& engine, int threads, const std::function<void(const Graph&)>& check)
    : where_(model.onnx.filename().string()) {
  executable_ = while_doing("loading '" + model.onnx.string() + "'", [&] {
    auto graph = load_packaged(model, engine);
    if (check) check(graph);
    graph = with_batch(graph, 1);
    return compile_owned(std::move(graph), engine, {.threads = threads});
  });
  const auto inputs = zero_inputs(executable_->inputs());
  for (int warm_up = 0; warm_up < 3; ++warm_up) {
    expected_.set(0);
    (void)run_timed(inputs);
  }
  own_us_ = expected_.us();
}

std::vector<Tensor> Half::run_timed(const std::vector<Tensor>& inputs) {
  const double start_us = Clock::steady().now_us();
  auto outputs = executable_->run(inputs);
  expected_.note(Clock::steady().now_us() - start_us);
  return outputs;
}

bool Half::needs(const std::string& input) const {
  return std::any_of(inputs().begin(), inputs().end(), [&](const auto& i) { return i.name == input; });
}

double Half::slowness() const { return own_us_ >= control::kTellingUs ? std::clamp(expected_.us() / own_us_, 1.0, control::kMostSlowness) : 1; }

NamedTensors Half::run(const NamedTensors& given, bool keep) {
  const std::lock_guard lock(mutex_);
  std::vector<Tensor> inputs;
  for (const auto& wanted : executable_->inputs()) {
    const auto found = std::find_if(given.begin(), given.end(), [&](const auto& g) { return g.first == wanted.name; });
    if (found == given.end()) throw InvalidArgument("[offload] '" + where_ + "' needs the tensor '" + wanted.name + "'; prepare the package again");
    inputs.push_back(found->second);
  }
  const auto tensors = run_timed(inputs);
  NamedTensors outputs;
  for (size_t i = 0; i < tensors.size(); ++i) outputs.emplace_back(executable_->outputs()[i].name, keep ? tensors[i].clone() : tensors[i]);
  return outputs;
}

}  // namespace scissionlite::device
