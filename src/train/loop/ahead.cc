#include "train/loop/ahead.h"

#include <algorithm>
#include <set>

#include "graph/cuts.h"
#include "graph/slice.h"

namespace scissionlite::train {
namespace {

constexpr uint64_t kKeptBytes = uint64_t{2} << 30;

std::vector<std::string> input_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& info : graph.inputs) names.push_back(info.name);
  return names;
}

std::unique_ptr<Executable> compile_part(const Graph& graph, const std::string& value, int threads) {
  return compile(with_batch(extract(graph, input_names(graph), {value}), 1), default_backend(), {.threads = threads});
}

}  // namespace

std::string frozen_until(const Graph& graph, const std::vector<Parameter>& parameters) {
  if (graph.inputs.size() != 1) return "";
  std::set<std::string> trained;
  for (const auto& parameter : parameters)
    if (parameter.trained) trained.insert(parameter.values.begin(), parameter.values.end());
  const auto cuts = find_cuts(graph, {.max_tensors = 1});
  const auto is_frozen = [&](const Cut& cut) {
    const auto nodes = extract(graph, input_names(graph), cut.tensors).nodes;
    return std::none_of(nodes.begin(), nodes.end(), [&](const Node& node) { return trained.count(node.outputs[0]) > 0; });
  };
  const auto it = std::find_if(cuts.rbegin(), cuts.rend(), is_frozen);
  return it == cuts.rend() ? "" : it->tensors[0];
}

Ahead::Ahead(std::shared_ptr<const Dataset> images, const Graph& student, const Graph* teacher, const AheadOptions& options)
    : images_(std::move(images)), keep_(options.keep) {
  if (!options.head.empty()) head_ = compile_part(student, options.head, options.threads);
  if (teacher) teacher_ = compile_part(*teacher, teacher->outputs.at(0).name, options.threads);
  if (!keep_) return;
  const auto first = compute(images_->get(0, nullptr));
  keep_ = (first.input.size_bytes() + first.answers.size_bytes()) * static_cast<uint64_t>(images_->size()) <= kKeptBytes;
  if (keep_) kept_.resize(static_cast<size_t>(images_->size()));
}

Example Ahead::compute(Example example) const {
  const std::vector<Tensor> image{example.input};
  if (head_) example.input = head_->run(image)[0].clone();  // the engine's own buffer is valid until the next run only
  if (teacher_) example.answers = teacher_->run(image)[0].clone();
  return example;
}

Example Ahead::get(int64_t index, Rng* rng) const {
  if (keep_) {
    const std::lock_guard lock(mutex_);
    if (const auto& kept = kept_[static_cast<size_t>(index)]; !kept.input.empty()) return kept;
  }
  auto image = images_->get(index, rng);  // by several threads at once; the engine has threads of its own
  const std::lock_guard lock(mutex_);
  auto example = compute(std::move(image));
  if (keep_) kept_[static_cast<size_t>(index)] = example;
  return example;
}

}  // namespace scissionlite::train
