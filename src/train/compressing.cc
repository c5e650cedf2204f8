#include "train/compressing.h"

#include <algorithm>
#include <cmath>

#include "engine/engine.h"
#include "engine/normal_inputs.h"
#include "graph/slice.h"
#include "onnx/onnx.h"

namespace scissionlite::train {
namespace {

constexpr double kAlikeWithin = 1e-4;  // rounding of another order of sums

}  // namespace

TrainJob with_itself_as_teacher(TrainJob job) {
  if (job.distill.teacher.empty() && job.distill.weight > 0) job.distill.teacher = job.model;
  return job;
}

Graph load_to_compress(const TrainJob& job, const std::string& command) {
  auto graph = load_model(job.model);
  vision::check_fits(job.input, graph, job.model.string());
  for (const auto& [name, tensor] : graph.initializers)
    if (tensor.dtype() == Dtype::kF32 && std::any_of(tensor.as<float>().begin(), tensor.as<float>().end(), [](float v) { return !std::isfinite(v); }))
      throw InvalidArgument("[" + command + "] constant '" + name + "' of '" + job.model.string() +
                            "' holds values that are not finite; nothing can be learned from them");
  return graph;
}

std::vector<Tensor> inputs_at_random(const Executable& model) {
  std::vector<Shape> shapes;
  for (const auto& info : model.inputs()) shapes.push_back(info.shape);
  return normal_inputs(model.inputs(), shapes);
}

double largest_difference(const Graph& a, const Graph& b) {
  const auto first = compile(with_batch(a, 1), "native"), second = compile(with_batch(b, 1), "native");
  const auto inputs = inputs_at_random(*first);
  const auto expected = first->run(inputs), answers = second->run(inputs);
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) largest = std::max(largest, max_relative_error(answers[i], expected[i]));
  return largest;
}

double check_answers_alike(const Graph& a, const Graph& b, const std::string& command, const std::string& what) {
  const double difference = largest_difference(a, b);
  if (!(difference <= kAlikeWithin))
    throw InternalError("[" + command + "] the network " + what + " answers otherwise, by " + std::to_string(difference) + "; nothing is written");
  return difference;
}

std::optional<double> score_of(const std::vector<EpochRecord>& epochs, int64_t epoch) {
  for (const auto& record : epochs)
    if (record.epoch == epoch) return record.score;
  return std::nullopt;
}

void add_score(Json& to, const char* name, const std::optional<double>& value) {
  if (value) to[name] = *value;
}

}  // namespace scissionlite::train
