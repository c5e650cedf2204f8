#include "train/privacy/rebuilder.h"

#include <memory>

#include "score/picture_quality.h"
#include "train/loop/trainer.h"
#include "train/privacy/rebuild_graph.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kJudgedAtOnce = 32;

/// Batches of numbers: the examples themselves lie ready in two tensors.
class Numbers : public Dataset {
 public:
  explicit Numbers(int64_t count) : count_(count), nothing_(Tensor::of<float>({1, 1}, {0})) {}
  [[nodiscard]] int64_t size() const override { return count_; }
  [[nodiscard]] Example get(int64_t index, Rng*) const override { return {nothing_, index}; }
  [[nodiscard]] std::string identity() const override { return std::to_string(count_); }

 private:
  int64_t count_;
  Tensor nothing_;
};

/// Mean and 1 / standard deviation of each channel, example by example: all of them as floats would take twice the memory.
std::pair<torch::Tensor, torch::Tensor> statistics(const torch::Tensor& tensors) {
  const int64_t c = tensors.size(1), n = tensors.size(0);
  auto sum = torch::zeros({c}, torch::kDouble), squares = torch::zeros({c}, torch::kDouble);
  for (int64_t i = 0; i < n; ++i) {
    const auto x = tensors.select(0, i).to(torch::kDouble).flatten(1);
    sum += x.mean(1);
    squares += (x * x).mean(1);
  }
  const auto mean = sum / n, variance = (squares / n - mean * mean).clamp_min(0);
  const auto floor = variance.max().item<double>() * 1e-6 + 1e-12;  // a channel that never changes says nothing
  const auto shaped = [&](const torch::Tensor& t) { return t.to(torch::kFloat).view({1, c, 1, 1}); };
  return {shaped(mean), shaped((variance + floor).rsqrt())};
}

Graph network(const Received& fit, uint64_t seed) {
  return rebuild_graph(fit.tensors.sizes().vec(), static_cast<int>(fit.pictures.size(2)), static_cast<int>(fit.pictures.size(3)), seed);
}

}  // namespace

Rebuilder::Rebuilder(const Received& fit, const Received& held_out, const RebuildOptions& options)
    : fit_(fit),
      held_out_(held_out),
      options_(options),
      mean_picture_(torch::zeros({1, 3, fit.pictures.size(2), fit.pictures.size(3)})),
      network_(network(fit, options.seed)) {
  torch::NoGradGuard guard;
  std::tie(mean_, scale_) = statistics(fit.tensors);
  for (int64_t i = 0; i < fit.size(); ++i) mean_picture_ += fit.pictures.narrow(0, i, 1).to(torch::kFloat);
  mean_picture_ /= 255.0 * static_cast<double>(fit.size());
  network_.train({});
}

torch::Tensor Rebuilder::rebuild(const Received& from, const torch::Tensor& which) {
  const auto x = (from.tensors.index_select(0, which).to(torch::kFloat) - mean_) * scale_;
  return mean_picture_ + network_.forward({x})[0];
}

void Rebuilder::judge_each(const std::function<void(const vision::Image&, const vision::Image&)>& judge) {
  torch::NoGradGuard guard;
  for (int64_t first = 0; first < held_out_.size(); first += kJudgedAtOnce) {
    const int64_t count = std::min(kJudgedAtOnce, held_out_.size() - first);
    const auto rebuilt = rebuild(held_out_, torch::arange(first, first + count));
    for (int64_t i = 0; i < count; ++i)
      judge(to_image(held_out_.pictures.select(0, first + i).to(torch::kFloat) / 255), to_image(rebuilt.select(0, i)));
  }
}

void Rebuilder::train(int64_t& best_epoch) {
  TrainerOptions options;
  options.epochs = options_.epochs;
  options.optimizer.kind = "adam";
  options.schedule = {.kind = "cosine", .rate = options_.rate};
  options.clip_norm = 1;
  options.seed = options_.seed;
  options.threads = options_.threads;
  options.keep_best = true;
  options.patience = options_.patience;
  Trainer trainer(network_, options);
  const auto loss = [&](const Batch& batch) {
    const auto which = torch::tensor(batch.labels, torch::kLong);
    return (rebuild(fit_, which) - fit_.pictures.index_select(0, which).to(torch::kFloat) / 255).square().mean();
  };
  const Loader loader(std::make_shared<Numbers>(fit_.size()), {.batch_size = options_.batch_size, .augment = false, .seed = options_.seed});
  best_epoch = trainer
                   .run(loader, loss,
                        [&] {
                          std::vector<double> values;
                          judge_each([&](const auto& original, const auto& rebuilt) { values.push_back(psnr_db(original, rebuilt)); });
                          return Evaluation{mean(values), Json{{"psnr_db", mean(values)}}};
                        })
                   .best_epoch;
}

Rebuilt Rebuilder::run(size_t pictures) {
  Rebuilt out;
  train(out.best_epoch);
  std::vector<double> psnr, similarity;
  judge_each([&](const auto& original, const auto& rebuilt) {
    psnr.push_back(psnr_db(original, rebuilt));
    similarity.push_back(ssim(original, rebuilt));
    if (out.pictures.size() < pictures) out.pictures.push_back(rebuilt);
  });
  out.quality = rebuild_quality(psnr, similarity);
  return out;
}

}  // namespace scissionlite::train
