#include "train/loop/ahead.h"

#include <gtest/gtest.h>

#include "train/network/module.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

class Noise : public Dataset {
 public:
  [[nodiscard]] int64_t size() const override { return 5; }
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override {
    ++made;
    return {random_tensor({1, 3, 6, 6}, static_cast<uint64_t>(index) + (rng ? rng->next() : 0)), index};
  }
  [[nodiscard]] std::string identity() const override { return "noise"; }
  mutable int made = 0;
};

TEST(Ahead, EndsWhereTrainingBegins) {
  const auto graph = small_network();
  auto parameters = find_parameters(graph);
  select_parameters(graph, parameters, {.train = {"fc.*"}});
  EXPECT_EQ(frozen_until(graph, parameters), "f");
  select_parameters(graph, parameters, {.train = {"bn.*"}});
  EXPECT_EQ(frozen_until(graph, parameters), "c");
  select_parameters(graph, parameters, {});
  EXPECT_EQ(frozen_until(graph, parameters), "");
}

TEST(Ahead, GivesWhatTheModelGives) {
  const auto graph = small_network();
  const auto images = std::make_shared<Noise>();
  const Ahead ahead(images, graph, &graph, {.head = "f", .keep = true, .threads = 1});
  Module module(graph);
  for (int64_t i = 0; i < ahead.size(); ++i) {
    const auto example = ahead.get(i, nullptr);
    const auto x = to_torch(images->get(i, nullptr).input, torch::kFloat);
    const auto values = module.run({{"x", x}}, {"f", "p"});
    EXPECT_TRUE(torch::allclose(to_torch(example.input, torch::kFloat), values.at("f"), 1e-4, 1e-5));
    EXPECT_TRUE(torch::allclose(to_torch(example.answers, torch::kFloat), values.at("p"), 1e-4, 1e-5));
    EXPECT_EQ(example.label, i);
  }
  const int made = images->made;
  (void)ahead.get(3, nullptr);
  EXPECT_EQ(images->made, made) << "kept examples are made once";
}

TEST(Ahead, AugmentedImagesAreMadeAnew) {
  const auto graph = small_network();
  const auto images = std::make_shared<Noise>();
  const Ahead ahead(images, graph, nullptr, {.head = "f", .threads = 1});
  Rng rng(1);
  const auto first = ahead.get(0, &rng), second = ahead.get(0, &rng);
  EXPECT_FALSE(bit_equal(first.input, second.input));
  EXPECT_TRUE(first.answers.empty());
}

}  // namespace
}  // namespace scissionlite::train
