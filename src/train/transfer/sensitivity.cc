#include "train/transfer/sensitivity.h"

#include <torch/csrc/autograd/autograd.h>

#include "base/progress.h"
#include "train/loop/loss.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

/// Splits a batch into tensors of one image each and appends them.
void append_each(const torch::Tensor& batch, std::vector<Tensor>& out) {
  for (int64_t i = 0; i < batch.size(0); ++i) out.push_back(from_torch(batch.narrow(0, i, 1).contiguous(), Dtype::kF32));
}

int gradients_a_view(Sensitivity sensitivity) { return sensitivity == Sensitivity::kNone ? 0 : sensitivity == Sensitivity::kMargin ? 1 : 2; }

class Collector {
 public:
  Collector(Module& model, const std::vector<std::string>& tensors, const CutStatisticsOptions& options)
      : model_(model), tensors_(tensors), options_(options), logits_(logits_value(model.graph())) {
    out_.activations.resize(tensors.size());
    out_.gradients.resize(tensors.size());
  }

  void add(const Batch& batch) {
    Values cut;
    {
      torch::NoGradGuard guard;
      cut = model_.run({{model_.graph().inputs[0].name, to_torch(batch.input, model_.compute_type())}}, tensors_);
    }
    for (size_t t = 0; t < tensors_.size(); ++t) {
      auto& tensor = cut.at(tensors_[t]);
      if (!torch::isfinite(tensor).all().item<bool>())
        throw InvalidArgument("[calibrate] '" + tensors_[t] +
                              "' holds values that are not finite; check the model and the preprocessing of its images");
      tensor = tensor.detach().requires_grad_(options_.sensitivity != Sensitivity::kNone);
      append_each(tensor.detach(), out_.activations[t]);
      bytes_ += tensor.numel() * 4 * (1 + gradients_a_view(options_.sensitivity));
    }
    if (options_.sensitivity != Sensitivity::kNone) add_gradients(cut);
  }
  [[nodiscard]] bool is_full() const { return bytes_ >= options_.most_bytes; }
  [[nodiscard]] CutStatistics take() { return std::move(out_); }

 private:
  void add_gradients(const Values& cut) {
    std::vector<torch::Tensor> inputs;
    for (const auto& name : tensors_) inputs.push_back(cut.at(name));
    const auto logits = model_.run(cut, {logits_}).at(logits_).flatten(1);
    if (options_.sensitivity == Sensitivity::kMargin) add_margins(logits, inputs);
    else add_draws(torch::log_softmax(logits, 1), inputs);
  }
  void add_margins(const torch::Tensor& logits, const std::vector<torch::Tensor>& inputs) {
    if (logits.size(1) < 2)
      throw InvalidArgument("[calibrate] '" + logits_ +
                            "' holds one score an image, so there is no lead of one answer over another; take --sensitivity none");
    const auto best = std::get<0>(logits.topk(2, 1));
    auto gradients = torch::autograd::grad({(best.select(1, 0) - best.select(1, 1)).sum()}, inputs);
    auto energy = torch::zeros({logits.size(0)}, logits.options());  // over all tensors of the cut
    check_finite(gradients);
    for (const auto& g : gradients) energy = energy + g.square().flatten(1).sum(1);
    const auto scale = energy.clamp_min(1e-30).pow(-0.25);
    for (size_t t = 0; t < gradients.size(); ++t) {
      std::vector<int64_t> shape(static_cast<size_t>(gradients[t].dim()), 1);
      shape[0] = -1;
      append_each(gradients[t] * scale.reshape(shape), out_.gradients[t]);
    }
  }
  void check_finite(const std::vector<torch::Tensor>& gradients) const {
    for (size_t t = 0; t < gradients.size(); ++t)
      if (!torch::isfinite(gradients[t]).all().item<bool>())
        throw InvalidArgument("[calibrate] the gradients at '" + tensors_[t] +
                              "' are not finite, as those of Sqrt and Log are at zero; take another cut, or --sensitivity none");
  }
  void add_draws(const torch::Tensor& log_p, const std::vector<torch::Tensor>& inputs) {
    const int draws = gradients_a_view(Sensitivity::kFisher);
    for (int draw = 0; draw < draws; ++draw) {
      const auto y = torch::multinomial(log_p.detach().exp(), 1);
      const auto gradients = torch::autograd::grad({log_p.gather(1, y).sum()}, inputs, {}, /*retain_graph=*/draw + 1 < draws);
      check_finite(gradients);
      for (size_t t = 0; t < gradients.size(); ++t) append_each(gradients[t], out_.gradients[t]);
    }
  }

  Module& model_;
  const std::vector<std::string>& tensors_;
  const CutStatisticsOptions& options_;
  std::string logits_;
  CutStatistics out_;
  int64_t bytes_ = 0;
};

}  // namespace

Sensitivity parse_sensitivity(const std::string& text) {
  if (text == "margin") return Sensitivity::kMargin;
  if (text == "fisher") return Sensitivity::kFisher;
  if (text == "none") return Sensitivity::kNone;
  throw InvalidArgument("[calibrate] the sensitivity '" + text + "' is unknown; expected margin, fisher or none");
}

CutStatistics collect_cut_statistics(Module& model, const std::vector<std::string>& tensors, std::shared_ptr<const Dataset> images,
                                     const CutStatisticsOptions& options) {
  torch::manual_seed(options.seed);
  Collector collector(model, tensors, options);
  Progress progress("activations", images->size() * options.views);
  for (int64_t view = 0; view < options.views && !collector.is_full(); ++view) {
    const Loader loader(images, {.batch_size = options.batch_size, .shuffle = false, .augment = view > 0, .seed = options.seed});
    const auto reader = loader.epoch(view);
    while (const auto batch = reader->next()) {
      if (collector.is_full()) break;
      collector.add(*batch);
      progress.advance(batch->size());
    }
  }
  return collector.take();
}

}  // namespace scissionlite::train
