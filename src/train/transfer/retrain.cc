#include "train/transfer/retrain.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/engine.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "train/accuracy.h"
#include "train/loop/loss.h"
#include "train/network/classifier.h"
#include "train/tensors/convert.h"
#include "train/train_graph.h"
#include "transfer/transfer.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kFitImages = 100;  // for TLs that are fitted on activations

std::string where_of(const RetrainJob& job) { return "retrain with '" + job.tl + "' at cut " + job.train.cut; }

void check_retrain(const RetrainJob& job) {
  check_job(job.train);
  if (job.train.cut.empty()) throw InvalidArgument("[retrain] no cut given; `scissionlite inspect --cuts` prints them");
  if (job.train.side != "tail" && job.train.side != "all") throw InvalidArgument("[retrain] side is '" + job.train.side + "', expected tail or all");
}

/// Per tensor of the cut, of some of the images.
std::vector<std::vector<Tensor>> activations(const Graph& model, const Cut& cut, const Dataset& images) {
  const auto head = compile(with_batch(cut_graph(model, cut.tensors).head, 1), default_backend());
  std::vector<std::vector<Tensor>> out(cut.tensors.size());
  const int64_t count = std::min(kFitImages, images.size());
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<Tensor> x{images.get(i * images.size() / count, nullptr).input};
    const auto values = head->run(x);
    for (size_t t = 0; t < values.size(); ++t) out[t].push_back(values[t].clone());
  }
  return out;
}

transfer::SplitModel split_model(const RetrainJob& job, const Graph& model, const Cut& cut, const Dataset& images) {
  const auto layer = transfer::make(job.tl);
  auto split = transfer::split(model, cut, *layer, layer->needs_samples() ? activations(model, cut, images) : std::vector<std::vector<Tensor>>{});
  const bool is_plain =
      std::all_of(split.codecs.begin(), split.codecs.end(), [](const auto& codec) { return codec.note.rfind("crosses plainly", 0) == 0; });
  if (is_plain)
    throw InvalidArgument("[" + where_of(job) + "] the transfer layer takes no tensor of this cut: it " + split.codecs.at(0).note +
                          "; give another cut");
  return split;
}

/// The head learns through encoder and decoder: some gradient has to come back.
void check_gradient(const RetrainJob& job, const transfer::SplitModel& split, const Cut& cut) {
  for (size_t t = 0; t < split.codecs.size(); ++t) {
    Module encoder(split.codecs[t].encoder, {.straight_through = true}), decoder(split.codecs[t].decoder, {.straight_through = true});
    auto shape = split.codecs[t].encoder.inputs.at(0).shape;
    for (auto& size : shape) size = std::max<int64_t>(1, size);
    const auto x = torch::linspace(0, 1, element_count(shape)).reshape(shape).requires_grad_(true);
    const auto y = decoder.forward(encoder.forward({x}))[0];
    if (y.requires_grad()) (y * y).sum().backward();
    if (!x.grad().defined() || !x.grad().isfinite().all().item<bool>() || x.grad().abs().max().item<double>() == 0)
      throw InvalidArgument("[" + where_of(job) + "] no gradient comes back through the transfer layer at '" + cut.tensors[t] +
                            "', so the head cannot learn; retrain with --side tail");
  }
}

/// All of the model's weights on the wanted side; the TL stays as it was fitted, and so does a weight of both sides.
Selection selection_of(const RetrainJob& job, const Graph& original, const Graph& inserted, const transfer::SplitModel& split) {
  Selection selection{job.train.train, job.train.freeze, {}, ""};
  std::set<std::string> own, tail;
  for (const auto& node : split.tail_body.nodes) tail.insert(node.outputs[0]);
  for (const auto& parameter : find_parameters(original)) {
    const auto in_tail = std::count_if(parameter.values.begin(), parameter.values.end(), [&](const auto& value) { return tail.count(value) > 0; });
    if (in_tail == 0 || in_tail == static_cast<int64_t>(parameter.values.size())) own.insert(parameter.name);
  }
  for (const auto& parameter : find_parameters(inserted))
    if (!own.count(parameter.name)) selection.freeze.push_back(parameter.name);
  if (job.train.side == "tail") {
    for (const auto& info : split.wire) selection.cut.push_back(info.name);
    selection.side = "tail";
  }
  return selection;
}

/// The original graph with the weights and statistics that `trained` has under the same names.
Graph without_tl(const Graph& original, const Graph& trained, const Selection& selection) {
  Module from(trained), to(original);
  const std::set<std::string> frozen(selection.freeze.begin(), selection.freeze.end());
  for (const auto& parameter : to.parameters())
    if (!frozen.count(parameter.name)) {
      const auto before = to.parameter(parameter.name), after = from.parameter(parameter.name);
      if (!before.equal(after)) to.assign(parameter.name, after);
    }
  Graph out = to.export_graph();
  for (const auto& node : original.nodes)
    if (node.op_type == "BatchNormalization")
      for (size_t i = 3; i < std::min<size_t>(5, node.inputs.size()); ++i)
        if (const auto it = trained.initializers.find(node.inputs[i]); it != trained.initializers.end())
          out.initializers[node.inputs[i]] = it->second;
  return out;
}

/// That `prepare` splits the written model by. A layer that sends a range beside its codes is no cut that `find_cuts` offers.
std::string candidate_of(const RetrainJob& job, const Cut& cut, Graph inserted, const std::vector<ValueInfo>& wire) {
  if (job.without_tl) return "split/" + cut.id + "/" + job.tl;
  std::vector<std::string> names;
  for (const auto& info : wire) names.push_back(info.name);
  const auto cuts = ops::find_costed_cuts(inserted);
  const auto it = std::find_if(cuts.begin(), cuts.end(), [&](const Cut& found) { return found.tensors == names; });
  if (it != cuts.end()) return "split/" + it->id + "/fp32";
  throw InvalidArgument("[" + where_of(job) + "] the transfer layer sends " + join(names, " and ") +
                        ", which is no cut that `prepare` knows; give --without-tl, which writes a model to be split at cut " + cut.id + " with " +
                        job.tl);
}

std::optional<double> accuracy_of(const std::vector<EpochRecord>& epochs, int64_t epoch) {
  for (const auto& record : epochs)
    if (record.epoch == epoch && record.metrics.contains("accuracy")) return record.metrics["accuracy"].get<double>();
  return std::nullopt;
}

}  // namespace

Json to_json(const RetrainReport& report) {
  Json json{{"schema", "scissionlite.retraining/1"},
            {"tl", report.tl},
            {"side", report.side},
            {"cut", report.cut_id},
            {"tensors", report.tensors},
            {"candidate", report.candidate},
            {"wire_bytes", report.wire_bytes},
            {"training", to_json(report.training)}};
  json["accuracy"] = Json::object();
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) json["accuracy"][name] = *value;
  };
  add("original", report.accuracy_original);
  add("with_tl", report.accuracy_with_tl);
  add("retrained", report.accuracy_retrained);
  if (report.accuracy_original && report.accuracy_retrained) json["points_lost"] = 100 * (*report.accuracy_original - *report.accuracy_retrained);
  return json;
}

RetrainReport retrain(const RetrainJob& job) {
  check_retrain(job);
  const Graph original = load_model(job.train.model);
  vision::check_fits(job.train.input, original, job.train.model.string());
  Graph costed = original;
  const auto cut = find_cut(ops::find_costed_cuts(costed), job.train.cut);
  const auto data = load_data(job.train, job.train.input, classes_of(original));
  const auto split = split_model(job, original, cut, *data.train);
  if (job.train.side == "all") check_gradient(job, split, cut);
  RetrainReport report;
  report.tl = job.tl;
  report.side = job.train.side;
  report.cut_id = cut.id;
  report.tensors = cut.tensors;
  report.wire_bytes = split.wire_bytes;
  const auto inserted = transfer::insert(split);
  report.candidate = candidate_of(job, cut, inserted, split.wire);
  const GraphJob what{
      inserted, selection_of(job, original, inserted, split), /*straight_through=*/true, {{"tl", job.tl}, {"without_tl", job.without_tl}}};
  report.accuracy_original = accuracy(original, *data.held_out, job.train.trainer.threads);
  report.training = train_graph(job.train, what, data, [&](const Graph& trained) {
    save_model(job.without_tl ? without_tl(original, trained, what.selection) : trained, job.train.output);
  });
  report.accuracy_with_tl = accuracy_of(report.training.epochs, 0);
  report.accuracy_retrained = accuracy_of(report.training.epochs, report.training.best_epoch);
  return report;
}

}  // namespace scissionlite::train
