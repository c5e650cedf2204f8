#include "server/models/joints.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "base/rng.h"
#include "engine/engine.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "server/models/repository.h"

namespace scissionlite::server {
namespace {

constexpr int kLayers = 5, kChannels = 4;

/// x -> five times (1x1 convolution, Relu) -> GlobalAveragePool; `seed` makes the weights.
Graph model(uint64_t seed = 1) {
  Graph g;
  g.name = "net";
  g.opsets = {{"", 13}};
  g.inputs = {{.name = "x", .dtype = Dtype::kF32, .shape = {-1, kChannels, 3, 3}, .has_shape = true, .symbols = {}}};
  Rng rng(seed);
  std::string last = "x";
  for (int i = 0; i < kLayers; ++i) {
    const std::string n = std::to_string(i);
    Tensor weights(Dtype::kF32, {kChannels, kChannels, 1, 1});
    for (auto& value : weights.mutable_as<float>()) value = static_cast<float>(rng.normal() * 0.5);
    g.initializers["w" + n] = weights;
    g.nodes.push_back(
        {.name = "conv" + n, .op_type = "Conv", .domain = "", .inputs = {last, "w" + n}, .outputs = {"c" + n}, .attributes = {}, .doc = ""});
    g.nodes.push_back({.name = "relu" + n, .op_type = "Relu", .domain = "", .inputs = {"c" + n}, .outputs = {"r" + n}, .attributes = {}, .doc = ""});
    last = "r" + n;
  }
  g.nodes.push_back({.name = "mean", .op_type = "GlobalAveragePool", .domain = "", .inputs = {last}, .outputs = {"y"}, .attributes = {}, .doc = ""});
  g.outputs = {{.name = "y", .dtype = Dtype::kF32, .shape = {-1, kChannels, 1, 1}, .has_shape = true, .symbols = {}}};
  return g;
}

/// Codes and their scale.
Graph tail_of_codes(int layer) {
  auto out = part_at(model(), "r" + std::to_string(layer)).second;
  Graph decoder;
  decoder.opsets = out.opsets;
  decoder.inputs = {out.inputs[0], {.name = "scale", .dtype = Dtype::kF32, .shape = {-1, 1, 1, 1}, .has_shape = true, .symbols = {}}};
  decoder.inputs[0].name = "codes";
  decoder.outputs = out.inputs;
  decoder.nodes = {
      {.name = "scaled", .op_type = "Mul", .domain = "", .inputs = {"codes", "scale"}, .outputs = {out.inputs[0].name}, .attributes = {}, .doc = ""}};
  return join(decoder, out);
}

/// The tail behind layer `layer`, with an input of a wire's name; with `decodes` behind a step that halves the values.
Graph tail(int layer, bool decodes, uint64_t seed = 1) {
  auto out = part_at(model(seed), "r" + std::to_string(layer)).second;
  rename_value(out, "r" + std::to_string(layer), decodes ? "decoded" : "cut0");
  if (!decodes) return out;
  Graph decoder;
  decoder.opsets = out.opsets;
  decoder.inputs = out.inputs;
  decoder.inputs[0].name = "cut0";
  decoder.outputs = out.inputs;
  decoder.initializers["half"] = Tensor::of<float>({1}, {0.5F});
  decoder.nodes = {
      {.name = "halve", .op_type = "Mul", .domain = "", .inputs = {"cut0", "half"}, .outputs = {"decoded"}, .attributes = {}, .doc = ""}};
  return join(decoder, out);
}

std::vector<float> run(const Graph& graph, const Tensor& input) {
  auto executable = compile(graph, "reference", {});
  const auto outputs = executable->run(std::vector<Tensor>{input});
  const auto values = outputs.at(0).as<float>();
  return {values.begin(), values.end()};
}

Tensor random_input(int64_t batch, uint64_t seed) {
  Tensor out(Dtype::kF32, {batch, kChannels, 3, 3});
  Rng rng(seed);
  for (auto& value : out.mutable_as<float>()) value = static_cast<float>(rng.uniform());
  return out;
}

std::optional<std::string> shared_ending(const Graph& a, const Graph& b) { return best_joint({endings_of(a), endings_of(b)}); }

TEST(Endings, OfTailsOfOneModelAreTheSameWhateverTheirNames) {
  const auto early = endings_of(tail(0, true)), late = endings_of(tail(2, false));
  const auto joint = best_joint({early, late});
  ASSERT_TRUE(joint);
  EXPECT_EQ(late.front().hash, *joint) << "all of the later one";
  const auto found = std::find_if(early.begin(), early.end(), [&](const auto& e) { return e.hash == *joint; });
  ASSERT_NE(found, early.end());
  EXPECT_EQ(found->tensor, "r2");
  EXPECT_EQ(found->macs, late.front().macs);
}

TEST(Endings, OfATailWithTwoInputsBeginBehindItsDecoder) {
  const auto codes = tail_of_codes(1);
  EXPECT_EQ(shared_ending(codes, tail(1, false)), endings_of(tail(1, false)).front().hash);
  const auto parts = part_at(codes, "r1");
  EXPECT_EQ(parts.first.inputs.size(), 2U);
  EXPECT_EQ(parts.second.inputs.size(), 1U);
}

TEST(Endings, OtherWeightsAreAnotherEnding) { EXPECT_FALSE(shared_ending(tail(0, true), tail(2, false, /*seed=*/2))); }

TEST(Endings, OtherAttributesAreAnotherEnding) {
  auto other = tail(2, false);
  other.nodes.front().attributes["strides"] = std::vector<int64_t>{2, 2};
  EXPECT_NE(endings_of(tail(2, false)).front().hash, endings_of(other).front().hash);
}

TEST(Endings, BothPartsTogetherComputeTheModel) {
  const auto whole = tail(0, true);
  const auto input = random_input(2, 3);
  const auto expected = run(whole, input);
  for (const auto& ending : endings_of(whole)) {
    const auto parts = part_at(whole, ending.tensor);
    EXPECT_EQ(parts.second.inputs.at(0).shape[0], -1) << ending.tensor;
    auto first = compile(parts.first, "reference", {});
    const auto between = first->run(std::vector<Tensor>{input}).at(0).clone();
    EXPECT_EQ(run(parts.second, between), expected) << ending.tensor;
  }
}

TEST(Joints, TakesWhatSavesMost) {
  const std::vector<Ending> a{{"", "long", 100}, {"", "short", 10}}, b{{"", "long", 100}, {"", "short", 10}}, c{{"", "short", 10}};
  EXPECT_EQ(best_joint({a, b, c}), "long") << "100 once, before 10 twice";
  const std::vector<Ending> d{{"", "long", 15}, {"", "short", 10}};
  EXPECT_EQ(best_joint({d, d, c}), "short") << "10 twice, before 15 once";
  EXPECT_EQ(best_joint({a}), std::nullopt);
}

/// A repository of tails, and their answers through both stages.
class JoinedModels : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(root_); }
  void add(const std::string& name, const Graph& graph, const std::string& uncut) {
    fs::create_directories(root_ / name / "1");
    save_model(graph, root_ / name / "1" / "model.onnx");
    write_file(root_ / name / "config.pbtxt",
               "name: \"" + name + "\"\nmax_batch_size: 8\ndynamic_batching { max_queue_delay_microseconds: 100000 preferred_batch_size: 2 }\n");
    write_file(root_ / name / "manifest.json", R"({"schema": "scissionlite.manifest/1", "model_sha256": ")" + uncut + "\"}");
  }
  Repository& load(const std::string& engine = "reference") {
    repository_ = std::make_unique<Repository>(std::vector<fs::path>{root_},
                                               ModelOptions{.engine = engine, .threads = 1, .joints = std::make_shared<Joints>()});
    const auto failures = repository_->load_all();
    EXPECT_TRUE(failures.empty()) << failures.begin()->second;
    return *repository_;
  }
  struct Answers {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::vector<float>> values;
    std::vector<int64_t> run_items;
    size_t failures = 0;
  };
  /// Asks as a front end does.
  void ask(const std::string& name, const Tensor& input) {
    const auto model = repository_->find(name, "");
    auto job = std::make_shared<Job>();
    job->inputs = {input}, job->batch = input.shape()[0];
    const auto tell = [answers = answers_, name](const Outcome& outcome) {
      const std::lock_guard lock(answers->mutex);
      if (outcome.code != Code::kOk) ++answers->failures;
      else {
        const auto values = outcome.outputs.at(0).as<float>();
        answers->values[name] = {values.begin(), values.end()}, answers->run_items.push_back(outcome.run_items);
      }
      answers->changed.notify_all();
    };
    job->done = [model, job, tell](const Outcome& outcome) {
      if (outcome.code == Code::kOk && model->next()) model->next()->finish(job, outcome, tell);
      else tell(outcome);
    };
    model->batcher().submit(job);
  }
  bool wait(size_t count) {
    std::unique_lock lock(answers_->mutex);
    return answers_->changed.wait_for(lock, std::chrono::seconds(10), [&] { return answers_->values.size() + answers_->failures >= count; });
  }
  fs::path root_ = fs::path(::testing::TempDir()) / ("joints_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  std::unique_ptr<Repository> repository_;
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
};

TEST_F(JoinedModels, RequestsOfDifferentCutsRunInOneBatch) {
  const auto early = tail(0, true), late = tail(2, false);
  add("early", early, "one"), add("late", late, "one");
  load();
  const auto joint = repository_->find("early", "")->joint();
  ASSERT_NE(joint, nullptr);
  EXPECT_EQ(joint, repository_->find("late", "")->joint()) << "one copy of what they share";
  const auto x = random_input(1, 1), z = random_input(1, 2);
  ask("early", x), ask("late", z);
  ASSERT_TRUE(wait(2));
  EXPECT_EQ(answers_->failures, 0U);
  EXPECT_EQ(answers_->values["early"], run(early, x));
  EXPECT_EQ(answers_->values["late"], run(late, z));
  EXPECT_EQ(joint->counts().inference_count, 2U);
  EXPECT_EQ(joint->counts().execution_count, 1U) << "both together";
  EXPECT_EQ(answers_->run_items, (std::vector<int64_t>{2, 2}));
}

TEST_F(JoinedModels, fault_34_ADeadlineThatPassesInTheJointIsTold) {
  const auto stop = root_ / ".stop";
  add("early", tail(0, true), "one"), add("late", tail(2, false), "one");
  load("hang:" + stop.string() + ":reference");
  auto model = repository_->find("early", "");
  ASSERT_NE(model->joint(), nullptr);
  auto job = std::make_shared<Job>();
  job->inputs = {random_input(1, 1)}, job->keeps = model;
  job->deadline_ns = Clock::steady().now_ns() + 300'000'000;
  std::atomic<Code> told{Code::kOk};
  job->done = [&](const Outcome& first) {
    ASSERT_EQ(first.code, Code::kOk) << first.message;
    write_file(stop, "");
    model->next()->finish(job, first, [&](const Outcome& outcome) { told = outcome.code; });
  };
  model->batcher().submit(job);
  for (int i = 0; i < 2000 && told == Code::kOk; ++i) Clock::steady().sleep_us(10e3), model->tell_dead();
  EXPECT_EQ(told, Code::kDeadlineExceeded);
  std::weak_ptr<Joint> joint = model->joint();
  for (const char* name : {"early", "late"}) repository_->unload(name);
  model = nullptr, job = nullptr;
  EXPECT_FALSE(joint.expired()) << "its run keeps it";
  fs::remove(stop);
  for (int i = 0; i < 2000 && !joint.expired(); ++i) Clock::steady().sleep_us(10e3);
  EXPECT_TRUE(joint.expired());
}

TEST_F(JoinedModels, OthersRunByThemselves) {
  add("early", tail(0, true), "one"), add("other_weights", tail(2, false, 2), "one"), add("other_model", tail(2, false), "two");
  load();
  for (const char* name : {"early", "other_weights", "other_model"}) EXPECT_EQ(repository_->find(name, "")->joint(), nullptr) << name;
}

TEST_F(JoinedModels, AModelThatIsLoadedAgainKeepsTheJointAndUnloadedOnesEndIt) {
  add("early", tail(0, true), "one"), add("late", tail(2, false), "one");
  load();
  std::weak_ptr<Joint> joint = repository_->find("early", "")->joint();
  repository_->load("early");
  EXPECT_EQ(repository_->find("early", "")->joint(), joint.lock());
  repository_->unload("early");
  EXPECT_FALSE(joint.expired());
  ask("late", random_input(2, 4));
  EXPECT_TRUE(wait(1));
  repository_->unload("late");
  for (int i = 0; i < 200 && !joint.expired(); ++i) Clock::steady().sleep_us(10e3);  // the last answer may still hold it
  EXPECT_TRUE(joint.expired());
}

}  // namespace
}  // namespace scissionlite::server
