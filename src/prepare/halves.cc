// The two halves of a candidate as graphs, and a question with its answer.
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "prepare/batch.h"
#include "prepare/names.h"
#include "prepare/prepare.h"
#include "profile/synthetic_image.h"
#include "score/activations.h"
#include "transfer/transfer.h"
#include "vision/model_input.h"

namespace scissionlite {
namespace {

std::string engine_of(const PrepareOptions& options) { return options.engine.empty() ? default_backend() : options.engine; }

std::vector<Tensor> run_once(const Graph& graph, const std::vector<Tensor>& inputs, const PrepareOptions& options) {
  const auto executable = compile(with_batch(graph, 1), engine_of(options), {.threads = options.threads});
  std::vector<Tensor> outputs;
  for (const auto& tensor : executable->run(inputs)) outputs.push_back(tensor.clone());
  return outputs;
}

vision::Image probe_image(const PrepareOptions& options) {
  if (!options.fit_images.empty()) return vision::load_image(options.fit_images.front());
  return synthetic_image(options.input.width * 3 / 2, options.input.height * 3 / 2);
}

/// What an edge-only device would send for `image`, and what the edge makes of it.
std::pair<std::string, Tensor> encoded_probe(const vision::Image& image, const PrepareOptions& options) {
  const auto& codec = options.candidate.codec;
  if (codec == "file") {
    const auto bytes = options.fit_images.empty() ? vision::encode(image, "png") : read_file(options.fit_images.front());
    return {bytes, vision::preprocess(vision::decode(bytes, "the probe"), options.input)};
  }
  const auto crop = vision::resize_and_crop(image, options.input);
  if (codec == "raw") return {std::string(crop.rgb.begin(), crop.rgb.end()), vision::to_tensor(crop, options.input)};
  const auto bytes = vision::encode(crop, codec);
  return {bytes, vision::to_tensor(vision::decode(bytes, "the probe"), options.input)};
}

Tensor as_bytes_tensor(const std::string& bytes) {
  Tensor tensor(Dtype::kU8, {static_cast<int64_t>(bytes.size())});
  std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
  return tensor;
}

ValueInfo info_of(const std::string& name, const Tensor& tensor) { return {name, tensor.dtype(), tensor.shape(), /*has_shape=*/true, {}}; }

void make_split(const PrepareOptions& options, const Graph& model, Halves& halves) {
  const auto cut = find_cut(options.cuts, options.candidate.cut_id);
  halves.cut_tensors = cut.tensors;
  const auto layer = options.shelf.make(options.candidate.tl);
  std::vector<std::vector<Tensor>> samples;
  if (layer->needs_samples()) {
    if (options.fit_images.empty())
      throw InvalidArgument("[prepare] the transfer layer '" + options.candidate.tl + "' is fitted on images and none was given; give unlabelled ones with --images");
    samples = fit_samples(model, cut.tensors, options.fit_images, options.input, engine_of(options), options.threads);
  }
  auto split = transfer::split(model, cut, *layer, samples);
  halves.coders = split.coders;
  halves.head = std::move(split.head);
  halves.tail = std::move(split.tail);
}

/// Outputs that the model leaves without a shape get that of the answer: a server's config needs it.
void complete_outputs(Graph& tail, const std::vector<Tensor>& answers) {
  for (size_t i = 0; i < answers.size(); ++i) {
    auto& info = tail.outputs[i];
    if (info.has_shape && info.shape.size() == answers[i].shape().size()) {
      for (size_t d = 1; d < info.shape.size(); ++d)
        if (info.shape[d] < 0) info.shape[d] = answers[i].shape()[d];
      continue;
    }
    info = info_of(info.name, answers[i]);
  }
}

}  // namespace

Halves make_halves(const PrepareOptions& given) {
  PrepareOptions options = given;
  if (options.graph.nodes.empty()) options.graph = load_model(options.model_path);
  Graph model = options.graph;
  if (model.inputs.size() != 1)
    throw Unsupported("[prepare] the model '" + model.name + "' has " + std::to_string(model.inputs.size()) + " inputs; packages feed one image to one input");
  vision::check_fits(options.input, model, "the input spec");
  model = vision::with_input_size(std::move(model), options.input);
  if (options.cuts.empty() && options.candidate.kind == Candidate::Kind::kSplit) options.cuts = ops::find_costed_cuts(model);
  else ops::annotate(model);

  Halves halves;
  const bool is_split = options.candidate.kind == Candidate::Kind::kSplit;
  if (is_split) make_split(options, model, halves);
  else halves.tail = model;
  halves.original_output_names = use_plain_names(halves.tail, /*inputs=*/!is_split);

  const auto image = probe_image(options);
  std::vector<Tensor> tail_inputs;
  if (is_split) {
    tail_inputs = run_once(halves.head, {vision::preprocess(image, options.input)}, options);
    halves.probe_picture = vision::encode(vision::resize_and_crop(image, options.input), "png");
  } else if (options.candidate.kind == Candidate::Kind::kEdge && options.candidate.codec != "tensor") {
    auto [bytes, tensor] = encoded_probe(image, options);
    halves.probe.inputs.emplace_back(halves.tail.inputs[0].name, as_bytes_tensor(bytes));
    tail_inputs = {tensor};
  } else {
    tail_inputs = {vision::preprocess(image, options.input)};
  }
  for (size_t i = 0; i < tail_inputs.size(); ++i) {
    const auto& name = halves.tail.inputs[i].name;
    halves.wire.push_back(info_of(name, tail_inputs[i]));
    if (halves.probe.inputs.size() <= i) halves.probe.inputs.emplace_back(name, tail_inputs[i]);
  }

  auto batch = make_batch_dynamic(halves.tail, tail_inputs, {.engine = engine_of(options), .threads = options.threads});
  halves.tail = std::move(batch.graph);
  halves.batch_dynamic = batch.dynamic;
  halves.batch_note = batch.note;
  const auto answers = run_once(halves.tail, tail_inputs, options);
  complete_outputs(halves.tail, answers);
  for (size_t i = 0; i < answers.size(); ++i) halves.probe.outputs.emplace_back(halves.tail.outputs[i].name, answers[i]);
  return halves;
}

}  // namespace scissionlite
