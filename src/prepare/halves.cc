// The halves of a candidate as graphs, and a question with its answer.
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

/// What a TL is fitted on; nothing where it needs nothing.
std::vector<std::vector<Tensor>> samples_of(const PrepareOptions& options, const Graph& model, const Cut& cut, const transfer::TransferLayer& layer,
                                            const std::string& spec) {
  if (!layer.needs_samples()) return {};
  if (options.fit_images.empty())
    throw InvalidArgument("[prepare] the transfer layer '" + spec + "' is fitted on images and none was given; give unlabelled ones with --images");
  return fit_samples(model, cut.tensors, options.fit_images, options.input, engine_of(options), options.threads);
}

void make_split(const PrepareOptions& options, const Graph& model, Halves& halves) {
  const auto cut = find_cut(options.cuts, options.candidate.cut_id);
  halves.cut_tensors = cut.tensors;
  const auto layer = options.shelf.make(options.candidate.tl);
  auto split = transfer::split(model, cut, *layer, samples_of(options, model, cut, *layer, options.candidate.tl));
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

/// The tail in two: what the edge keeps, and what the cloud runs.
void split_again(const PrepareOptions& options, const Graph& model, Halves& halves) {
  const auto cut = find_cut(options.cuts, options.next->cut_id);
  if (options.candidate.kind == Candidate::Kind::kSplit && find_cut(options.cuts, options.candidate.cut_id).position >= cut.position)
    throw InvalidArgument("[prepare] cut " + cut.id + " (" + join(cut.tensors, "+") + ") does not lie behind cut " + options.candidate.cut_id +
                          "; the second part of a chain is a later cut");
  halves.next = std::make_unique<Halves>();
  halves.next->cut_tensors = cut.tensors;
  const auto layer = options.shelf.make(options.next->tl);
  auto split = transfer::split(halves.tail, cut, *layer, samples_of(options, model, cut, *layer, options.next->tl));
  halves.next->coders = split.coders;
  halves.next->tail = std::move(split.tail);
  halves.tail = std::move(split.head);
}

/// What the tail takes, as it arrives from a device with the probe's picture.
std::vector<Tensor> arriving(const PrepareOptions& options, Halves& halves) {
  const auto image = probe_image(options);
  if (options.candidate.kind == Candidate::Kind::kSplit) {
    halves.probe_picture = vision::encode(vision::resize_and_crop(image, options.input), "png");
    return run_once(halves.head, {vision::preprocess(image, options.input)}, options);
  }
  if (options.candidate.kind == Candidate::Kind::kLocal || options.candidate.codec == "tensor") return {vision::preprocess(image, options.input)};
  auto [bytes, tensor] = encoded_probe(image, options);
  halves.probe.inputs.emplace_back(halves.tail.inputs[0].name, as_bytes_tensor(bytes));
  return {tensor};
}

/// Everything about the tail that its inputs tell. @return its answer.
std::vector<Tensor> complete_tail(const PrepareOptions& options, Halves& halves, const std::vector<Tensor>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& name = halves.tail.inputs[i].name;
    halves.wire.push_back(info_of(name, inputs[i]));
    if (halves.probe.inputs.size() <= i) halves.probe.inputs.emplace_back(name, inputs[i]);
  }
  auto batch = make_batch_dynamic(halves.tail, inputs, {.engine = engine_of(options), .threads = options.threads});
  halves.tail = std::move(batch.graph);
  halves.batch_dynamic = batch.dynamic;
  halves.batch_note = batch.note;
  auto answers = run_once(halves.tail, inputs, options);
  complete_outputs(halves.tail, answers);
  return answers;
}

void answer_probe(Halves& halves, const Graph& by, const std::vector<Tensor>& answers) {
  for (size_t i = 0; i < answers.size(); ++i) halves.probe.outputs.emplace_back(by.outputs[i].name, answers[i]);
}

/// The cloud's side, and what depends on both.
void complete_chain(const PrepareOptions& options, Halves& halves, const std::vector<Tensor>& sent) {
  auto& cloud = *halves.next;
  const auto answers = complete_tail(options, cloud, sent);
  answer_probe(cloud, cloud.tail, answers);
  answer_probe(halves, cloud.tail, answers);
  const bool are_dynamic = halves.batch_dynamic && cloud.batch_dynamic;
  halves.local = are_dynamic ? join(halves.tail, cloud.tail) : join(with_batch(halves.tail, 1), with_batch(cloud.tail, 1));
  if (halves.batch_dynamic && !are_dynamic) halves.batch_dynamic = false, halves.batch_note = "the cloud's half: " + cloud.batch_note;
}

/// @throws Unsupported, InvalidArgument for a chain that is none.
void check_chain(const PrepareOptions& options) {
  const auto key = options.candidate.key() + "|" + options.next->key();
  if (options.candidate.kind == Candidate::Kind::kLocal || options.next->kind == Candidate::Kind::kLocal)
    throw InvalidArgument("[prepare] '" + key + "' is no chain: 'local' crosses no link");
  if (options.candidate.key() == options.next->key())
    throw Unsupported("[prepare] in '" + key + "' the edge only passes on what it gets: prepare '" + options.next->key() +
                      "' for two machines, and give the device the cloud's address");
  if (options.next->kind != Candidate::Kind::kSplit)
    throw InvalidArgument("[prepare] in '" + key +
                          "' the edge would send an image on; the second part is to be split/<cut>/<transfer layer> at a later cut");
}

}  // namespace

Halves make_halves(const PrepareOptions& given) {
  PrepareOptions options = given;
  if (options.next) check_chain(options);
  if (options.graph.nodes.empty()) options.graph = load_model(options.model_path);
  Graph model = options.graph;
  if (model.inputs.size() != 1)
    throw Unsupported("[prepare] the model '" + model.name + "' has " + std::to_string(model.inputs.size()) +
                      " inputs; packages feed one image to one input");
  vision::check_fits(options.input, model, "the input spec");
  model = vision::with_input_size(std::move(model), options.input);
  const bool is_split = options.candidate.kind == Candidate::Kind::kSplit;
  if (options.cuts.empty() && (is_split || options.next)) options.cuts = ops::find_costed_cuts(model);
  else ops::annotate(model);

  Halves halves;
  if (is_split) make_split(options, model, halves);
  else halves.tail = model;
  if (options.next) split_again(options, model, halves);
  halves.original_output_names = use_plain_names(options.next ? halves.next->tail : halves.tail, /*inputs=*/!is_split && !options.next);
  if (options.next) (void)use_plain_names(halves.tail, /*inputs=*/!is_split);

  const auto answers = complete_tail(options, halves, arriving(options, halves));
  if (options.next) complete_chain(options, halves, answers);
  else answer_probe(halves, halves.tail, answers);
  return halves;
}

}  // namespace scissionlite
