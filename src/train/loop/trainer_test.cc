#include "train/loop/trainer.h"

#include <gtest/gtest.h>
#include <torch/optim.h>

#include <filesystem>

#include "train/loop/loss.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

/// Images whose class is the channel that is brightest.
class Colours : public Dataset {
 public:
  [[nodiscard]] int64_t size() const override { return 40; }
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override {
    Example out{random_tensor({1, 3, 6, 6}, 100 + static_cast<uint64_t>(index), 0.2F), index % 3};
    auto values = out.input.mutable_as<float>();
    for (size_t i = 0; i < 36; ++i)
      values[static_cast<size_t>(out.label) * 36 + i] += 1.0F + (rng ? 0.1F * static_cast<float>(rng->uniform()) : 0.0F);
    return out;
  }
  [[nodiscard]] std::string identity() const override { return "colours"; }
};

struct SmallRun {
  Module module;
  Loader loader{std::make_shared<Colours>(), {.batch_size = 8, .seed = 5}};
  explicit SmallRun(bool update_statistics = true) : module(small_network(), {.update_statistics = update_statistics}) { module.train({}); }
  TrainResult operator()(const TrainerOptions& options, const Trainer::Evaluate& evaluate = {}) {
    Trainer trainer(module, options);
    return trainer.run(
        loader, [&](const Batch& batch) { return loss(batch); }, evaluate);
  }
  torch::Tensor loss(const Batch& batch) {
    return cross_entropy(module.run({{"x", to_torch(batch.input, torch::kFloat)}}, {"l"}).at("l"), batch.labels);
  }
  Evaluation evaluate() {
    double total = 0;
    const auto reader = loader.epoch(0);
    while (const auto batch = reader->next()) total += loss(*batch).item<double>();
    return {-total, {{"loss", total}}};
  }
};

bool same(const Values& a, const Values& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a)
    if (!torch::equal(tensor, b.at(name))) return false;
  return true;
}

TrainerOptions options_with(const std::string& optimizer) {
  TrainerOptions options;
  options.epochs = 3;
  options.threads = 1;
  options.optimizer.kind = optimizer;
  options.schedule = {.kind = "cosine", .rate = optimizer == "sgd" ? 0.1 : 0.02, .warmup_epochs = 0.5};
  options.identity = {{"model", "small"}};
  return options;
}

struct TemporaryFile {
  fs::path path = fs::temp_directory_path() / ("scissionlite_checkpoint_" + std::to_string(::getpid()));
  TemporaryFile() { fs::remove(path); }
  ~TemporaryFile() { fs::remove(path); }
};

TEST(Trainer, LearnsColours) {
  for (const char* kind : {"sgd", "adam", "adamw"}) {
    SmallRun run;
    auto options = options_with(kind);
    options.epochs = 8;
    const auto result = run(options, [&] { return run.evaluate(); });
    EXPECT_LT(result.epochs.back().metrics["loss"].get<double>(), 0.5 * result.epochs.front().metrics["loss"].get<double>()) << kind;
    EXPECT_EQ(result.epochs.size(), 9U);
  }
}

TEST(Trainer, SameSeedSameResult) {
  SmallRun a, b;
  (void)a(options_with("adam"));
  (void)b(options_with("adam"));
  EXPECT_TRUE(same(a.module.state(), b.module.state()));
}

TEST(Trainer, StoppedAndResumedEqualsUninterrupted) {
  for (const char* kind : {"sgd", "adam", "adamw"})
    for (const int64_t stop : {1, 5, 7}) {  // within the first epoch, at its end, within the second
      TemporaryFile file;
      auto options = options_with(kind);
      options.keep_best = true;
      SmallRun whole;
      const auto all = whole(options, [&] { return whole.evaluate(); });
      options.checkpoint = file.path;
      options.stop_after_steps = stop;
      SmallRun first;
      EXPECT_FALSE(first(options, [&] { return first.evaluate(); }).finished);
      options.stop_after_steps = 0;
      SmallRun second;
      const auto rest = second(options, [&] { return second.evaluate(); });
      EXPECT_TRUE(rest.resumed);
      EXPECT_TRUE(same(whole.module.state(), second.module.state())) << kind << " stopped after " << stop;
      ASSERT_EQ(rest.epochs.size(), all.epochs.size());
      for (size_t i = 0; i < all.epochs.size(); ++i) EXPECT_EQ(rest.epochs[i].loss, all.epochs[i].loss);
    }
}

std::string refusal(const TrainerOptions& options, SmallRun& run) {
  try {
    (void)run(options);
  } catch (const InvalidArgument& e) { return e.what(); }
  return "";
}

TEST(Trainer, RefusesACheckpointOfAnotherRunAndDamagedOnes) {
  TemporaryFile file;
  auto options = options_with("sgd");
  options.checkpoint = file.path;
  SmallRun run, other;
  (void)run(options);
  options.identity = {{"model", "large"}};
  EXPECT_NE(refusal(options, other).find("belongs to another run: 'model' was \"small\", now it is \"large\""), std::string::npos);
  options.identity = {{"model", "small"}, {"seed", 2}};
  EXPECT_NE(refusal(options, other).find("'seed' was not set, now it is 2"), std::string::npos);
  const auto bytes = read_file(file.path);
  const auto refused_with = [&](const std::string& content) {
    write_file(file.path, content);
    options.identity = {{"model", "small"}};
    return refusal(options, other);
  };
  EXPECT_NE(refused_with(bytes.substr(0, bytes.size() - 100)).find("is damaged"), std::string::npos);
  EXPECT_NE(refused_with(bytes.substr(0, 40)).find("is cut short"), std::string::npos);
  EXPECT_NE(refused_with("hello").find("is no checkpoint of scissionlite-train"), std::string::npos);
  auto flipped = bytes;
  flipped[bytes.size() / 2] = static_cast<char>(flipped[bytes.size() / 2] ^ 1);
  EXPECT_NE(refused_with(flipped).find("is damaged: its SHA-256 differs"), std::string::npos);
}

TEST(Trainer, SaysWhenTheLossIsNotFinite) {
  SmallRun run(/*update_statistics=*/false);
  auto options = options_with("sgd");
  options.schedule = {.rate = 1e30};
  EXPECT_NE(refusal(options, run).find("is not finite in epoch 1, batch"), std::string::npos);
}

TEST(Trainer, StopsWithoutGainAndKeepsTheBest) {
  SmallRun run;
  auto options = options_with("sgd");
  options.epochs = 20;
  options.patience = 2;
  options.keep_best = true;
  int64_t calls = 0;
  Values best;
  const auto result = run(options, [&] {
    if (++calls == 2)
      for (const auto& [name, tensor] : run.module.state()) best[name] = tensor.detach().clone();
    return Evaluation{calls == 2 ? 1.0 : 0.0, Json::object()};
  });
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.best_epoch, 1);
  EXPECT_EQ(result.epochs.size(), 4U);  // before, 1 (best), 2, 3
  EXPECT_TRUE(same(best, run.module.state()));
}

TEST(Trainer, TrainsTensorsBesideTheGraphAndCallsBackAfterSteps) {
  SmallRun run;
  auto offset = torch::zeros({3}).requires_grad_();
  Trainer trainer(run.module, options_with("sgd"), {{"offset", offset}});
  int calls = 0;
  trainer.set_after_step([&](const Trainer::Step&) {
    ++calls;
    offset.clamp_(-0.001, 0.001);
  });
  (void)trainer.run(run.loader, [&](const Batch& batch) {
    return cross_entropy(run.module.run({{"x", to_torch(batch.input, torch::kFloat)}}, {"l"}).at("l") + offset, batch.labels);
  });
  EXPECT_EQ(calls, 15);
  EXPECT_GT(offset.abs().max().item<double>(), 0);
  EXPECT_LE(offset.abs().max().item<double>(), 0.001001);
}

/// Our optimiser and libtorch's on the same quadratic.
template <typename Theirs, typename TheirOptions>
void compare(const OptimizerOptions& options, const TheirOptions& their_options, double rate) {
  auto ours = torch::linspace(-1, 1, 6).view({2, 3}).clone().requires_grad_(), theirs = ours.detach().clone().requires_grad_();
  const auto target = torch::linspace(2, -3, 6).view({2, 3});
  Optimizer optimizer(options, {{"w", ours}});
  Theirs reference({theirs}, their_options);
  for (int64_t step = 1; step <= 20; ++step) {
    optimizer.zero_gradients();
    ((ours - target).pow(2) * target.abs()).sum().backward();
    optimizer.step(rate, step);
    reference.zero_grad();
    ((theirs - target).pow(2) * target.abs()).sum().backward();
    reference.step();
  }
  EXPECT_TRUE(torch::allclose(ours, theirs, 1e-5, 1e-6)) << options.kind << "\n" << ours << theirs;
}

TEST(Optimizer, AgreesWithLibtorch) {
  using namespace torch::optim;
  compare<SGD>({.kind = "sgd", .momentum = 0}, SGDOptions(0.01), 0.01);
  compare<SGD>({.kind = "sgd", .momentum = 0.9, .weight_decay = 0.1}, SGDOptions(0.01).momentum(0.9).weight_decay(0.1), 0.01);
  compare<SGD>({.kind = "sgd", .momentum = 0.9, .nesterov = true}, SGDOptions(0.01).momentum(0.9).nesterov(true), 0.01);
  compare<Adam>({.kind = "adam", .weight_decay = 0.1}, AdamOptions(0.05).weight_decay(0.1), 0.05);
  compare<AdamW>({.kind = "adamw", .weight_decay = 0.1}, AdamWOptions(0.05).weight_decay(0.1), 0.05);
}

TEST(Optimizer, ClipsTheCommonNorm) {
  auto a = torch::zeros({2}).requires_grad_(), b = torch::zeros({1}).requires_grad_();
  (a.sum() * 2 + b.sum() * 1).backward();
  Optimizer optimizer({}, {{"a", a}, {"b", b}});
  EXPECT_NEAR(optimizer.clip(1.5), 3, 1e-9);
  EXPECT_NEAR(a.grad()[0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(b.grad()[0].item<double>(), 0.5, 1e-6);
}

TEST(Schedule, RisesAndFalls) {
  const ScheduleOptions cosine{.kind = "cosine", .rate = 1, .warmup_epochs = 1, .final_share = 0.1};
  EXPECT_NEAR(learning_rate(cosine, 0, 100, 10), 1.0 / 11, 1e-12);
  EXPECT_NEAR(learning_rate(cosine, 10, 100, 10), 1, 1e-12);
  EXPECT_NEAR(learning_rate(cosine, 55, 100, 10), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(cosine, 100, 100, 10), 0.1, 1e-12);
  auto first = cosine, second = cosine;
  first.epochs_after = 6, second.epochs_before = 4;
  EXPECT_EQ(learning_rate(first, 15, 40, 10), learning_rate(cosine, 15, 100, 10));
  EXPECT_EQ(learning_rate(second, 15, 60, 10), learning_rate(cosine, 55, 100, 10));
  const ScheduleOptions step{.kind = "step", .rate = 1, .step_epochs = 2, .gamma = 0.5};
  EXPECT_EQ(learning_rate(step, 19, 100, 10), 1);
  EXPECT_EQ(learning_rate(step, 20, 100, 10), 0.5);
  EXPECT_THROW((void)learning_rate({.kind = "sinus"}, 0, 1, 1), InvalidArgument);
  EXPECT_THROW((void)learning_rate({.rate = 0}, 0, 1, 1), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::train
