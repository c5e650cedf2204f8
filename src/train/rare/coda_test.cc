#include "train/rare/coda.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/test_messages.h"
#include "collective/threads.h"
#include "score/roc.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kFeatures = 5;

/// Images of five values, of which the first tells positives from negatives, mostly.
class Points : public Dataset {
 public:
  explicit Points(std::vector<int64_t> ids) : ids_(std::move(ids)) {}
  [[nodiscard]] int64_t size() const override { return static_cast<int64_t>(ids_.size()); }
  [[nodiscard]] Example get(int64_t index, Rng*) const override {
    const int64_t id = ids_[static_cast<size_t>(index)];
    Example out{random_tensor({1, 1, 1, kFeatures}, 1000 + static_cast<uint64_t>(id), 1), id % 3 == 0};
    out.input.mutable_as<float>()[0] += out.label == 1 ? 1.5F : -0.5F;
    return out;
  }
  [[nodiscard]] std::string identity() const override { return "points"; }

 private:
  std::vector<int64_t> ids_;
};

/// Which images each member sees: every K-th one, so that all together see them in their order.
std::vector<int64_t> ids_of(int rank, int members, int64_t count) {
  std::vector<int64_t> out;
  for (int64_t id = rank; id < count; id += members) out.push_back(id);
  return out;
}

/// A Gemm of two logits.
Graph linear_network() {
  Graph g;
  g.name = "linear";
  g.opsets = {{"", 13}};
  g.inputs = {{"x", Dtype::kF32, {-1, 1, 1, kFeatures}, true, {"N"}}};
  g.outputs = {{"l", Dtype::kF32, {-1, 2}, true, {"N"}}};
  g.initializers = {{"w", random_tensor({2, kFeatures}, 1)}, {"c", random_tensor({2}, 2)}};
  g.nodes = {{"flat", "Flatten", "", {"x"}, {"f"}, {}, ""}, {"fc", "Gemm", "", {"f", "w", "c"}, {"l"}, {{"transB", int64_t{1}}}, ""}};
  return g;
}

torch::Tensor logit_of(Module& module, const Batch& batch) {
  const auto l = module.run({{"x", to_torch(batch.input, torch::kFloat)}}, {"l"}).at("l");
  return l.select(1, 1) - l.select(1, 0);
}

struct Setting {
  CodaOptions options{.stages = 2, .first_steps = 7, .rate = 0.2, .window = 3, .proximity = 0.5, .restart_batches = 2};
  std::string objective = "auc";
  double positive_rate = 1.0 / 3;
  int64_t batch = 6, images = 96;
  bool shuffle = false;
};
struct Learned {
  std::vector<float> values;  // weights, a, b, alpha
  ExchangeCounts counts;
  std::vector<CodaProgress> rounds;
};

std::vector<float> values_of(Module& module, Objective& objective) {
  std::vector<float> out;
  auto all = module.state();
  all.merge(objective.minimised());
  all.merge(objective.maximised());
  for (const auto& [name, tensor] : all) {
    const auto flat = tensor.detach().contiguous();
    out.insert(out.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
  return out;
}

/// What each member has in the end.
std::vector<Learned> learn(const Setting& setting, int members) {
  std::vector<Learned> out(static_cast<size_t>(members));
  run_in_threads(members, 60, [&](Collective& c) {
    Module module(linear_network());
    module.train({});
    const auto objective = make_objective(setting.objective, {.positive_rate = setting.positive_rate});
    const Loader loader(std::make_shared<Points>(ids_of(c.rank(), members, setting.images)),
                        {.batch_size = setting.batch / members, .shuffle = setting.shuffle, .seed = 5 + static_cast<uint64_t>(c.rank())});
    Stream data(loader);
    auto& mine = out[static_cast<size_t>(c.rank())];
    Coda(module, *objective, c, setting.options)
        .run(
            data, [&](const Batch& batch) { return logit_of(module, batch); },
            [&](const CodaProgress& at) {
              const auto values = values_of(module, *objective);
              const auto others = c.gather({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
              for (const auto& other : others) EXPECT_EQ(other, others[0]) << "round " << at.rounds;  // the same bits
              mine.rounds.push_back(at);
              return true;
            });
    mine.values = values_of(module, *objective), mine.counts = c.counts();
  });
  return out;
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << i;
}

/// Algorithms 1 and 2 of the paper for the linear network, by hand and in double precision; all members one after the other.
class ByHand {
 public:
  ByHand(const Setting& setting, int members) : setting_(setting), p_(setting.positive_rate) {
    const auto graph = linear_network();
    for (const char* name : {"c", "w"})
      for (const float v : graph.initializers.at(name).as<float>()) common_.push_back(v);
    common_.resize(common_.size() + 3);  // a, b, alpha
    for (int rank = 0; rank < members; ++rank) data_.emplace_back(ids_of(rank, members, setting.images)), taken_.push_back(0);
    variates_ = zeros(), mean_variate_ = V(common_.size());
    double rate = setting.options.rate, steps = static_cast<double>(setting.options.first_steps);
    for (int64_t stage = 0; stage < setting.options.stages; ++stage, rate /= 3, steps *= 3) run_stage(rate, static_cast<int64_t>(steps));
  }
  [[nodiscard]] std::vector<float> values() const {  // in the order of values_of: a, alpha, b, c, w by name
    const size_t n = common_.size();
    std::vector<float> out{static_cast<float>(common_[n - 3]), static_cast<float>(common_[n - 1]), static_cast<float>(common_[n - 2])};
    for (size_t i = 0; i + 3 < n; ++i) out.push_back(static_cast<float>(common_[i]));
    return out;
  }

 private:
  bool is_first_ = true;          // stage
  using V = std::vector<double>;  // c (2), w (2, features), a, b, alpha

  [[nodiscard]] double h(const V& v, const Example& x) const {
    double logit = v[1] - v[0];
    for (size_t f = 0; f < kFeatures; ++f) logit += (v[2 + kFeatures + f] - v[2 + f]) * x.input.as<float>()[f];
    return 1 / (1 + std::exp(-logit));
  }
  std::vector<Example> batch(size_t rank) {
    std::vector<Example> out;
    const auto size = static_cast<size_t>(setting_.batch) / data_.size();
    for (size_t i = 0; i < size; ++i) out.push_back(data_[rank].get(taken_[rank]++ % data_[rank].size(), nullptr));
    return out;
  }
  void restart() {
    double of_positives = 0, positives = 0, of_negatives = 0, negatives = 0;
    for (size_t rank = 0; rank < data_.size(); ++rank)
      for (int64_t i = 0; i < setting_.options.restart_batches; ++i)
        for (const auto& x : batch(rank)) x.label == 1 ? (of_positives += h(common_, x), ++positives) : (of_negatives += h(common_, x), ++negatives);
    common_.back() = of_negatives / negatives - of_positives / positives;
    if (std::exchange(is_first_, false))
      common_[common_.size() - 3] = of_positives / positives, common_[common_.size() - 2] = of_negatives / negatives;
  }
  /// @param correction  added to the gradient. @return the gradient without it.
  V step(V& v, const V& start, const std::vector<Example>& batch, double rate, const V& correction) const {
    V g(v.size());
    const size_t n = v.size();
    const double a = v[n - 3], b = v[n - 2], alpha = v[n - 1], count = static_cast<double>(batch.size());
    for (const auto& x : batch) {
      const double score = h(v, x);
      double by_score = 0;
      if (x.label == 1)
        by_score = 2 * (1 - p_) * (score - a) - 2 * (1 + alpha) * (1 - p_), g[n - 3] -= 2 * (1 - p_) * (score - a) / count,
        g[n - 1] -= 2 * (1 - p_) * score / count;
      else by_score = 2 * p_ * (score - b) + 2 * (1 + alpha) * p_, g[n - 2] -= 2 * p_ * (score - b) / count, g[n - 1] += 2 * p_ * score / count;
      const double by_logit = by_score * score * (1 - score) / count;
      g[1] += by_logit, g[0] -= by_logit;
      for (size_t f = 0; f < kFeatures; ++f) g[2 + kFeatures + f] += by_logit * x.input.as<float>()[f], g[2 + f] -= by_logit * x.input.as<float>()[f];
    }
    g[n - 1] -= 2 * p_ * (1 - p_) * alpha;
    for (size_t i = 0; i + 1 < n; ++i) v[i] -= rate * (g[i] + correction[i] + setting_.options.proximity * (v[i] - start[i]));
    v[n - 1] += rate * (g[n - 1] + correction[n - 1]);
    return g;
  }
  static V mean(const std::vector<V>& all) {
    V out(all[0].size());
    for (const auto& one : all)
      for (size_t i = 0; i < out.size(); ++i) out[i] += one[i] / static_cast<double>(all.size());
    return out;
  }
  void run_stage(double rate, int64_t steps) {
    restart();
    const V start = common_;
    std::vector<V> members(data_.size(), common_), sums(data_.size(), V(common_.size()));
    V behind_round = common_, pace(common_.size());
    int64_t in_window = 0;
    std::vector<V> gradients = zeros();
    for (int64_t t = 1; t <= steps; ++t) {
      ++in_window;
      for (size_t rank = 0; rank < members.size(); ++rank) {
        V correction(start.size());
        for (size_t i = 0; i < start.size() && setting_.options.has_control_variates; ++i) correction[i] = mean_variate_[i] - variates_[rank][i];
        const auto g = step(members[rank], start, batch(rank), rate, correction);
        for (size_t i = 0; i < start.size(); ++i) sums[rank][i] += members[rank][i], gradients[rank][i] += g[i];
      }
      if (t % setting_.options.window != 0 && t != steps) continue;
      V common = mean(members);
      for (size_t i = 0; i < common.size() && t != steps; ++i) {
        pace[i] = setting_.options.round_momentum * pace[i] + common[i] - behind_round[i];
        common[i] = behind_round[i] + pace[i];
      }
      behind_round = common;
      std::fill(members.begin(), members.end(), common);
      for (auto& sum : gradients)
        for (auto& value : sum) value /= static_cast<double>(in_window);
      variates_ = std::exchange(gradients, zeros()), mean_variate_ = mean(variates_), in_window = 0;
    }
    common_ = mean(sums);
    for (auto& v : common_) v /= static_cast<double>(steps);
  }

  [[nodiscard]] std::vector<V> zeros() const { return std::vector<V>(data_.size(), V(common_.size())); }

  Setting setting_;
  double p_;
  V common_, mean_variate_;
  std::vector<V> variates_;
  std::vector<Points> data_;
  std::vector<int64_t> taken_;
};

double auc_of_learned(const std::vector<float>& values) {
  const size_t w = values.size() - 2 * kFeatures;
  std::vector<Scored> scored;
  const Points points(ids_of(0, 1, 900));
  for (int64_t i = 500; i < 900; ++i) {
    const auto x = points.get(i, nullptr);
    double logit = 0;
    for (size_t f = 0; f < kFeatures; ++f) logit += (values[w + kFeatures + f] - values[w + f]) * x.input.as<float>()[f];
    scored.push_back({static_cast<float>(logit), x.label == 1});
  }
  return auc_of(scored).value;
}

TEST(Coda, IsThePapersAlgorithm) {
  for (const int members : {1, 2, 3})
    for (const int64_t window : {1, 3, 50}) {
      Setting setting;
      setting.options.window = window;
      const auto learned = learn(setting, members);
      for (const auto& one : learned) expect_near(one.values, ByHand(setting, members).values(), 2e-5);
    }
}

/// Of CODASCA, on members that see different images.
TEST(Coda, ControlVariatesAreThePapers) {
  for (const int members : {1, 2, 3})
    for (const int64_t window : {1, 3, 5}) {
      Setting setting;
      setting.options.window = window, setting.options.has_control_variates = true;
      const auto learned = learn(setting, members);
      for (const auto& one : learned) expect_near(one.values, ByHand(setting, members).values(), 2e-5);
      setting.options.has_control_variates = false;
      const auto without = learn(setting, members)[0].values;
      double most = 0;
      for (size_t i = 0; i < without.size(); ++i) most = std::max(most, static_cast<double>(std::abs(without[i] - learned[0].values[i])));
      if (members > 1 && window == 5) { EXPECT_GT(most, 1e-4); }
    }
}

/// SlowMo's, with and without CODASCA's corrections.
TEST(Coda, RoundsGoOnByHowFarTheOneBeforeWent) {
  for (const int members : {1, 3})
    for (const int64_t window : {1, 3, 50})
      for (const bool has_control_variates : {false, true}) {
        Setting setting;
        setting.options.window = window, setting.options.has_control_variates = has_control_variates, setting.options.round_momentum = 0.6;
        const auto learned = learn(setting, members);
        for (const auto& one : learned) expect_near(one.values, ByHand(setting, members).values(), 2e-5);
        setting.options.round_momentum = 0;
        const auto without = learn(setting, members)[0].values;
        double most = 0;
        for (size_t i = 0; i < without.size(); ++i) most = std::max(most, static_cast<double>(std::abs(without[i] - learned[0].values[i])));
        if (window == 3) { EXPECT_GT(most, 1e-4); }
        if (window == 50) { EXPECT_EQ(most, 0) << "a stage's only round is the mean alone"; }
      }
}

/// Fewer bytes, nearly the same weights, the same bits in all members (`learn` looks after each round).
TEST(Coda, PackedChangesGiveNearlyTheSame) {
  Setting setting;
  setting.images = 480, setting.batch = 24;
  setting.options = {.stages = 2, .first_steps = 40, .rate = 0.5, .window = 4};
  const auto exact = learn(setting, 3)[0];
  for (const auto packing : {Packing::kBf16, Packing::kInt8}) {
    setting.options.packing = packing;
    for (const auto& [has_control_variates, round_momentum] : {std::pair{false, 0.0}, {true, 0.0}, {false, 0.5}, {true, 0.5}}) {
      setting.options.has_control_variates = has_control_variates, setting.options.round_momentum = round_momentum;
      const auto packed = learn(setting, 3)[0];
      if (!has_control_variates && round_momentum == 0) expect_near(packed.values, exact.values, packing == Packing::kBf16 ? 2e-3 : 2e-2);
      EXPECT_GT(auc_of_learned(packed.values), 0.88);
    }
  }
}

/// A window of 1: as one member that sees all batches joined.
TEST(Coda, MembersThatMeetAtEachStepAreOne) {
  Setting setting;
  setting.options.window = 1;
  const auto alone = learn(setting, 1)[0];
  for (const int members : {2, 3, 6}) expect_near(learn(setting, members)[0].values, alone.values, 2e-5);
}

TEST(Coda, RoundsAndBytesAreCounted) {
  Setting setting;
  setting.options.window = 5;
  for (const auto& one : learn(setting, 2)) {
    EXPECT_EQ(one.rounds.size(), 2U + 5U);  // of 7 and 21 steps; the last one ends each stage
    EXPECT_EQ(one.rounds.back().step, 28);
    EXPECT_TRUE(one.rounds[1].ends_stage);
    EXPECT_EQ(one.counts.rounds, 1 + 2 + 7 + 7);  // the beginning, alpha, averages, and what this test gathers
    EXPECT_EQ(one.counts.bytes_sent, (1 + 7 + 7) * 4 * (2 + 2 * kFeatures + 3) + (1 + 7) * 4 + 2 * 4 * 8);  // a flag in each average
  }
}

TEST(Coda, SameSeedsSameBits) {
  Setting setting;
  setting.shuffle = true;
  const auto first = learn(setting, 3), second = learn(setting, 3);
  EXPECT_EQ(first[0].values, second[0].values);
  setting.options.window = 2;
  EXPECT_NE(learn(setting, 3)[0].values, first[0].values);
}

TEST(Coda, LearnsWithEveryObjective) {
  for (const auto& name : objective_names()) {
    Setting setting;
    setting.objective = name, setting.shuffle = true, setting.images = 480, setting.batch = 24;
    setting.options = {.stages = 2, .first_steps = 60, .rate = 0.5, .window = 8};
    const double before = auc_of_learned(learn({.options = {.stages = 1, .first_steps = 1, .rate = 1e-9}, .objective = name}, 1)[0].values),
                 after = auc_of_learned(learn(setting, 2)[0].values);
    EXPECT_LT(before, 0.8) << name;
    EXPECT_GT(after, 0.9) << name;
  }
}

TEST(Coda, SaysWhatIsWrong) {
  const auto refusal = [](const Setting& setting) { return message_of([&] { (void)learn(setting, 2); }); };
  Setting setting;
  setting.options.window = 0;
  EXPECT_NE(refusal(setting).find("every 0 steps"), std::string::npos);
  setting = {};
  setting.options.rate = 0;
  EXPECT_NE(refusal(setting).find("the learning rate is 0.0"), std::string::npos);
  setting = {};
  setting.options.proximity = 6;
  EXPECT_NE(refusal(setting).find("the pull to a stage's start"), std::string::npos);
  setting = {};
  setting.options.round_momentum = 1;
  EXPECT_NE(refusal(setting).find("the momentum of rounds is 1.0000"), std::string::npos);
  setting = {};
  setting.options.proximity = 0, setting.options.rate = 1e38;
  EXPECT_NE(refusal(setting).find("not finite in stage 1, step"), std::string::npos) << refusal(setting);
}

}  // namespace
}  // namespace scissionlite::train
