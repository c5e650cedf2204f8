#include "train/transfer/distill_decoder.h"

#include "coding/code_model.h"
#include "coding/coder.h"
#include "train/loop/loss.h"
#include "train/loop/trainer.h"
#include "train/tensors/convert.h"
#include "train/transfer/rate.h"

namespace scissionlite::train {

DecoderDistiller::DecoderDistiller(Module& model, std::vector<std::string> tensors, std::vector<transfer::Codec> codecs,
                                   DistillDecoderOptions options)
    : model_(model), tensors_(std::move(tensors)), codecs_(std::move(codecs)), options_(std::move(options)), logits_(logits_value(model.graph())) {
  for (const auto& codec : codecs_) {
    encoders_.push_back(std::make_unique<Module>(codec.encoder, ModuleOptions{.straight_through = true}));
    if (options_.encoder) first_encoders_.push_back(std::make_unique<Module>(codec.encoder));
    decoders_.push_back(std::make_unique<Module>(codec.decoder));
  }
}

namespace {

/// Weights and biases of convolutions; zeros of the code and what else is added stay.
void train_weights(Module& module) {
  Selection selection{{}, {}, {}, ""};
  for (const auto& parameter : module.parameters())
    if (parameter.role == Role::kWeight || parameter.role == Role::kBias) selection.train.push_back(parameter.name);
  module.train(selection);
}

}  // namespace

Values DecoderDistiller::trained() const {
  Values out;
  for (size_t t = 1; t < decoders_.size(); ++t)
    for (const auto& [name, tensor] : decoders_[t]->trained()) out[std::to_string(t) + "/" + name] = tensor;
  for (size_t t = 0; t < encoders_.size(); ++t)
    for (const auto& [name, tensor] : encoders_[t]->trained()) out["encoder " + std::to_string(t) + "/" + name] = tensor;
  return out;
}

torch::Tensor DecoderDistiller::relative_bits(const Values& cut, const std::vector<torch::Tensor>& codes) {
  torch::Tensor bits;
  double start = 0;
  for (size_t t = 0; t < codes.size(); ++t) {
    const auto part = bits_of(codes[t], *codecs_[t].coder);
    bits = bits.defined() ? bits + part : part;
    torch::NoGradGuard guard;
    start += bits_of(first_encoders_[t]->forward({cut.at(tensors_[t])})[0], *codecs_[t].coder).item<double>();
  }
  return bits / std::max(1.0, start);
}

void DecoderDistiller::fit_coders(const Dataset& images) {
  torch::NoGradGuard guard;
  std::vector<std::vector<Tensor>> codes(tensors_.size());
  for (int64_t i = 0; i < images.size(); ++i) {
    const auto values = model_.run({{model_.graph().inputs[0].name, to_torch(images.get(i, nullptr).input, model_.compute_type())}}, tensors_);
    const auto made = codes_of(values);
    for (size_t t = 0; t < made.size(); ++t) codes[t].push_back(from_torch(made[t].contiguous(), Dtype::kU8));
  }
  for (size_t t = 0; t < codecs_.size(); ++t) {
    const auto& old = *codecs_[t].coder;
    coding::FitOptions options;
    for (int64_t c = 0; c < old.shape().channels; ++c) options.zeros.push_back(old.zero(c)), options.levels.push_back(old.levels(c));
    codecs_[t].coder = std::make_shared<const coding::CodeModel>(coding::CodeModel::fit(codes[t], options));
    double bits = 0;
    for (const auto& code : codes[t]) bits += codecs_[t].coder->bits(code.as<uint8_t>());
    codecs_[t].code_bytes = static_cast<int64_t>(bits / 8 / static_cast<double>(codes[t].size()));
  }
}

std::vector<torch::Tensor> DecoderDistiller::codes_of(const Values& cut) {
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
    if (!torch::isfinite(coded).all().item<bool>())
      throw InvalidArgument(
          "[calibrate] behind what '" + options_.what + "' restores at '" + tensors_[0] +
          "' the answers are not finite: a layer there cannot take values outside of the range that the model itself gives (Sqrt, Log, Pow); take another cut");
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

void DecoderDistiller::train(const std::shared_ptr<const Dataset>& images, const std::shared_ptr<const Dataset>& held_out, int64_t& best_epoch,
                             bool& overfitted) {
  for (auto& decoder : decoders_) train_weights(*decoder);
  if (options_.encoder)
    for (auto& encoder : encoders_) train_weights(*encoder);
  TrainerOptions options;
  options.epochs = options_.epochs;
  options.optimizer.kind = "adam";
  options.schedule = {.kind = "cosine", .rate = options_.rate};
  options.seed = options_.seed;
  options.threads = options_.threads;
  options.keep_best = true;
  options.patience = options_.patience;
  Trainer trainer(*decoders_[0], options, trained());
  constexpr double kPrice = 0.3;  // of all bits, at the start; the answers' divergence is of that order
  Price price(kPrice);
  auto wanted = tensors_;
  wanted.push_back(logits_);
  const auto loss = [&](const Batch& batch) {
    Values teacher;
    {
      torch::NoGradGuard guard;
      teacher = model_.run({{model_.graph().inputs[0].name, to_torch(batch.input, model_.compute_type())}}, wanted);
    }
    const auto codes = codes_of(teacher);
    const auto given = restored(codes);
    auto sum = distillation(model_.run(given, {logits_}).at(logits_), teacher.at(logits_), options_.temperature);
    for (const auto& name : tensors_) sum = sum + feature_difference(given.at(name), teacher.at(name));
    if (!options_.encoder) return sum;
    const auto bits = relative_bits(teacher, codes);
    price.pay(bits.item<double>());
    return sum + bits * price.now();
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
  for (size_t t = 0; t < out.size(); ++t) {
    out[t].decoder = decoders_[t]->export_graph();
    if (options_.encoder) out[t].encoder = encoders_[t]->export_graph();
  }
  return out;
}

}  // namespace scissionlite::train
