#include "train/distill_decoder.h"

#include "coding/coder.h"
#include "train/convert.h"
#include "train/loss.h"
#include "train/trainer.h"

namespace scissionlite::train {

DecoderDistiller::DecoderDistiller(Module& model, std::vector<std::string> tensors, std::vector<transfer::Codec> codecs, DistillDecoderOptions options)
    : model_(model), tensors_(std::move(tensors)), codecs_(std::move(codecs)), options_(std::move(options)), logits_(logits_value(model.graph())) {
  for (const auto& codec : codecs_) {
    encoders_.push_back(std::make_unique<Module>(codec.encoder));
    decoders_.push_back(std::make_unique<Module>(codec.decoder));
  }
}

std::vector<torch::Tensor> DecoderDistiller::codes_of(const Values& cut) {
  torch::NoGradGuard guard;
  std::vector<torch::Tensor> codes;
  for (size_t t = 0; t < tensors_.size(); ++t) codes.push_back(encoders_[t]->forward({cut.at(tensors_[t])})[0]);
  return codes;
}

Values DecoderDistiller::restored(const std::vector<torch::Tensor>& codes) {
  Values out;
  for (size_t t = 0; t < tensors_.size(); ++t) out[tensors_[t]] = decoders_[t]->forward({codes[t]})[0];
  return out;
}

CodedMeasurement DecoderDistiller::measure(const std::shared_ptr<const Dataset>& images) {
  torch::NoGradGuard guard;
  CodedMeasurement out;
  std::vector<coding::Coder> coders;
  for (const auto& codec : codecs_) coders.emplace_back(codec.coder);
  std::string stream;
  auto wanted = tensors_;
  wanted.push_back(logits_);
  const Loader loader(images, {.batch_size = options_.batch_size, .shuffle = false, .augment = false});
  const auto reader = loader.epoch(0);
  while (const auto batch = reader->next()) {
    const auto values = model_.run({{model_.graph().inputs[0].name, to_torch(batch->input, model_.compute_type())}}, wanted);
    const auto codes = codes_of(values);
    const auto answers = model_.run(restored(codes), {logits_}).at(logits_);
    const auto whole = values.at(logits_).flatten(1), coded = answers.flatten(1);
    out.agreeing += coded.argmax(1).eq(whole.argmax(1)).sum().item<int64_t>();
    const auto log_p = torch::log_softmax(whole, 1);
    out.divergence += (log_p.exp() * (log_p - torch::log_softmax(coded, 1))).sum().item<double>();
    for (int64_t i = 0; i < batch->size(); ++i) {
      double bytes = 0;
      for (size_t t = 0; t < codes.size(); ++t) {
        const auto code = from_torch(codes[t].narrow(0, i, 1).contiguous(), Dtype::kU8);
        stream.clear();
        bytes += static_cast<double>(coders[t].encode(code.as<uint8_t>(), stream));
      }
      out.bytes.push_back(bytes);
    }
    out.images += batch->size();
  }
  if (out.images > 0) out.divergence /= static_cast<double>(out.images);
  out.agreement = out.images > 0 ? static_cast<double>(out.agreeing) / static_cast<double>(out.images) : 0;
  return out;
}

void DecoderDistiller::train(const std::shared_ptr<const Dataset>& images, const std::shared_ptr<const Dataset>& held_out, int64_t& best_epoch, bool& overfitted) {
  for (auto& decoder : decoders_) decoder->train({});
  Values more;
  for (size_t t = 1; t < decoders_.size(); ++t)
    for (const auto& [name, tensor] : decoders_[t]->trained()) more[std::to_string(t) + "/" + name] = tensor;
  TrainerOptions options;
  options.epochs = options_.epochs;
  options.optimizer.kind = "adam";
  options.schedule = {.kind = "cosine", .rate = options_.rate};
  options.seed = options_.seed;
  options.threads = options_.threads;
  options.keep_best = true;
  options.patience = options_.patience;
  Trainer trainer(*decoders_[0], options, more);
  auto wanted = tensors_;
  wanted.push_back(logits_);
  const auto loss = [&](const Batch& batch) {
    Values teacher;
    {
      torch::NoGradGuard guard;
      teacher = model_.run({{model_.graph().inputs[0].name, to_torch(batch.input, model_.compute_type())}}, wanted);
    }
    const auto given = restored(codes_of(teacher));
    auto sum = distillation(model_.run(given, {logits_}).at(logits_), teacher.at(logits_), options_.temperature);
    for (const auto& name : tensors_) sum = sum + feature_difference(given.at(name), teacher.at(name));
    return sum;
  };
  const Loader loader(images, {.batch_size = options_.batch_size, .seed = options_.seed});
  const auto result = trainer.run(loader, loss, [&] {
    const auto measured = measure(held_out);
    return Evaluation{measured.agreement, Json{{"agreement", measured.agreement}}};
  });
  best_epoch = result.best_epoch;
  const auto& last = result.epochs.back();
  const auto best = std::find_if(result.epochs.begin(), result.epochs.end(), [&](const auto& e) { return e.epoch == result.best_epoch; });
  const bool loss_fell = result.epochs.size() > 2 && last.loss < result.epochs[1].loss;
  overfitted = loss_fell && best != result.epochs.end() && last.score < best->score;
}

std::vector<transfer::Codec> DecoderDistiller::codecs() const {
  auto out = codecs_;
  for (size_t t = 0; t < out.size(); ++t) out[t].decoder = decoders_[t]->export_graph();
  return out;
}

}  // namespace scissionlite::train
