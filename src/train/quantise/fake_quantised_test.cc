#include "train/quantise/fake_quantised.h"

#include <gtest/gtest.h>

#include "graph/slice.h"
#include "train/op/fake_quantize_whole.h"
#include "train/quantise/fit_low_bits.h"
#include "train/quantise/quantise.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

Graph fake_quantize_graph(const Shape& shape, int64_t steps, int64_t axis, const compress::CodeRange& range) {
  Graph g;
  g.opsets = {{"", 13}, {"scissionlite", 1}};
  g.inputs = {{"x", Dtype::kF32, shape, true, {}}, {"step", Dtype::kF32, {steps}, true, {}}};
  g.outputs = {{"y", Dtype::kF32, shape, true, {}}};
  g.nodes = {{"fq",
              "FakeQuantize",
              "scissionlite",
              {"x", "step"},
              {"y"},
              {{"low", int64_t{range.low}}, {"high", int64_t{range.high}}, {"is_odd", int64_t{range.is_odd}}, {"axis", axis}},
              ""}};
  return g;
}

/// The same of ordinary operators for codes that are not odd, whose gradients autograd knows: rounding passes them, the ends stop them.
torch::Tensor by_autograd(const torch::Tensor& x, const torch::Tensor& step, const compress::CodeRange& range) {
  const auto v = x / step;
  const auto inside = v.clamp(range.low, range.high);
  return (inside + (inside.round() - inside).detach()) * step;
}

TEST(FakeQuantize, HasTheGradientsOfItsParts) {
  torch::manual_seed(7);
  for (const auto& [bits, encoding] : std::vector<std::pair<int, compress::Encoding>>{
           {1, compress::Encoding::kTwos}, {2, compress::Encoding::kTwos}, {8, compress::Encoding::kTwos}, {3, compress::Encoding::kUnsigned}})
    for (const int64_t axis : {-1, 0, 1}) {  // -1: one step
      const auto range = compress::weight_range(bits, encoding);
      auto x = (3 * torch::randn({5, 4, 3})).requires_grad_(), again = x.detach().clone().requires_grad_();
      auto step = (torch::rand({axis < 0 ? 1 : x.size(axis)}) + 0.2).requires_grad_(), same_step = step.detach().clone().requires_grad_();
      Module module(fake_quantize_graph({5, 4, 3}, step.numel(), std::max<int64_t>(0, axis), range));
      const auto y = module.run({{"x", x}, {"step", step}}, {"y"}).at("y");
      std::vector<int64_t> shape(3, 1);
      if (axis >= 0) shape[static_cast<size_t>(axis)] = -1;
      const auto expected = by_autograd(again, same_step.view(shape), range);
      const auto weights = torch::randn_like(x);
      (y * weights).sum().backward();
      (expected * weights).sum().backward();
      EXPECT_TRUE(torch::allclose(y, expected, 1e-6, 1e-6)) << bits;
      EXPECT_TRUE(torch::allclose(x.grad(), again.grad(), 1e-5, 1e-6)) << bits;
      EXPECT_TRUE(torch::allclose(step.grad(), same_step.grad(), 1e-4, 1e-5)) << bits << step.grad() << same_step.grad();
    }
}

TEST(FakeQuantize, OddCodesByHand) {
  Module module(fake_quantize_graph({6}, 1, 0, compress::weight_range(2, compress::Encoding::kBipolar)));
  auto x = torch::tensor({-9.0F, -2.5F, -0.1F, 0.3F, 3.9F, 4.5F}).requires_grad_(), step = torch::tensor({1.0F}).requires_grad_();
  const auto y = module.run({{"x", x}, {"step", step}}, {"y"}).at("y");
  EXPECT_TRUE(torch::equal(y, torch::tensor({-3.0F, -3.0F, -1.0F, 1.0F, 3.0F, 3.0F})));
  y.sum().backward();
  EXPECT_TRUE(torch::equal(x.grad(), torch::tensor({0.0F, 1.0F, 1.0F, 1.0F, 1.0F, 0.0F})));
  // outside the code, inside code - x / step
  EXPECT_NEAR(step.grad().item<float>(), -3 + (-3 + 2.5) + (-1 + 0.1) + (1 - 0.3) + (3 - 3.9) + 3, 1e-5);
}

TEST(FakeQuantize, ChannelsInnermostGiveTheSame) {
  Module module(fake_quantize_graph({2, 3, 4, 4}, 1, 0, compress::activation_range(2)));
  const auto x = torch::randn({2, 3, 4, 4});
  const auto plain = module.run({{"x", x}, {"step", torch::tensor({0.3F})}}, {"y"}).at("y"),
             inner = module.run({{"x", x.contiguous(at::MemoryFormat::ChannelsLast)}, {"step", torch::tensor({0.3F})}}, {"y"}).at("y");
  EXPECT_TRUE(torch::equal(plain, inner));
}

/// What values on a GPU take, here on the CPU beside its loops: the same values, and gradients but for the order of sums.
TEST(FakeQuantize, WholeTensorsGiveTheSame) {
  torch::manual_seed(5);
  const auto x = torch::randn({3, 4, 5, 2}), gradient = torch::randn({3, 4, 5, 2});
  for (const bool is_odd : {false, true})
    for (const int64_t axis : {0, 1}) {
      const op::Codes codes = is_odd ? op::Codes{-3, 3, true} : op::Codes{-2, 1, false};
      const auto step = torch::rand({axis == 0 ? 1 : x.size(axis)}) + 0.2;
      auto expected = torch::empty_like(x), of_x = torch::empty_like(x), of_steps = torch::zeros_like(step);
      for (int64_t n = 0; n < x.size(0); ++n)
        for (int64_t c = 0; c < x.size(1); ++c) {
          const int64_t s = step.numel() == 1 ? 0 : c, size = x[n][c].numel();
          const auto unit = step[s].item<float>();
          op::values_of_codes(x[n][c].data_ptr<float>(), size, unit, codes, expected[n][c].data_ptr<float>());
          of_steps[s] +=
              op::gradients_of_codes(x[n][c].data_ptr<float>(), gradient[n][c].data_ptr<float>(), size, unit, codes, of_x[n][c].data_ptr<float>());
        }
      EXPECT_TRUE(torch::equal(op::quantised_as_a_whole(x, step, codes, axis), expected)) << is_odd << axis;
      const auto [whole_of_x, whole_of_steps] = op::gradients_as_a_whole(x, gradient, step, codes, axis);
      EXPECT_TRUE(torch::equal(whole_of_x, of_x)) << is_odd << axis;
      EXPECT_TRUE(torch::allclose(whole_of_steps, of_steps, 1e-4, 1e-5)) << is_odd << axis;
    }
}

TEST(RoundOffset, IsAMultipleOfTheUnit) {
  Graph g;
  g.opsets = {{"", 13}, {"scissionlite", 1}};
  g.inputs = {{"y", Dtype::kF32, {1, 2}, true, {}}};
  g.outputs = {{"z", Dtype::kF32, {1, 2}, true, {}}};
  for (const auto& [name, values] : std::map<std::string, std::vector<float>>{
           {"xs", {0.5F}}, {"ws", {0.5F, 1}}, {"b", {0.3F, -0.9F}}, {"scale", {2, 2}}, {"shift", {0.1F, 0}}, {"mean", {0.1F, 0}}, {"var", {1, 4}}})
    g.initializers[name] = Tensor::of<float>({static_cast<int64_t>(values.size())}, std::span<const float>(values));
  g.nodes = {{"r", "RoundOffset", "scissionlite", {"y", "xs", "ws", "b", "scale", "shift", "mean", "var"}, {"z"}, {{"epsilon", 0.0F}}, ""}};
  Module module(g);
  auto y = torch::tensor({10.0F, 20.0F}).view({1, 2}).requires_grad_();
  const auto z = module.run({{"y", y}}, {"z"}).at("z");
  // offsets (0.3 - 0.1) 2 + 0.1 = 0.5 and -0.9 by units 0.5 0.5 2 = 0.5 and 0.5 1 1 = 0.5: 0.5 and -1
  EXPECT_TRUE(torch::allclose(z, torch::tensor({10.0F, 19.9F}).view({1, 2})));
  z.sum().backward();
  EXPECT_TRUE(torch::equal(y.grad(), torch::ones({1, 2})));
}

/// Images at random.
class Noise : public Dataset {
 public:
  [[nodiscard]] int64_t size() const override { return 24; }
  [[nodiscard]] Example get(int64_t index, Rng*) const override { return {random_tensor({1, 3, 6, 6}, static_cast<uint64_t>(index) + 1, 2)}; }
  [[nodiscard]] std::string identity() const override { return "noise"; }
};

compress::LowBitModel low_bit_model(int weight_bits, int activation_bits, compress::Encoding encoding, bool has_zeros = false) {
  auto network = small_network();
  if (has_zeros) {  // the first output's weights
    Tensor weights = network.initializers.at("conv.w").clone();
    std::fill_n(weights.mutable_as<float>().begin(), 27, 0.0F);
    network.initializers["conv.w"] = weights;
  }
  auto graph = with_biases(compress::ready_for_low_bits(network));
  compress::LowBitPlan plan;
  for (const auto& layer : compress::find_low_bit_layers(graph)) plan.layers.push_back({layer.name, weight_bits, encoding, activation_bits});
  return compress::with_plan(graph, plan);
}

/// Largest difference of the answers, which are of the order of one, of a network and of what is written of it.
double difference_when_written(const compress::LowBitModel& model) {
  Module whole(model.graph);
  const auto steps = fit_steps(model, {whole, {}}, Noise(), {});
  const FakeQuantised network(model, steps);
  Module module(network.graph()), reader(compress::write_low_bit(model, network.learned()).graph);
  auto given = network.steps();
  torch::NoGradGuard guard;
  double largest = 0;
  for (int64_t i = 0; i < Noise().size(); ++i) {
    given["x"] = to_torch(Noise().get(i, nullptr).input, torch::kFloat);
    largest = std::max(largest, (module.run(given, {"l"}).at("l") - reader.run({{"x", given["x"]}}, {"l"}).at("l")).abs().max().item<double>());
  }
  return largest;
}

TEST(FakeQuantised, IsWhatIsWritten) {
  for (int bits = 1; bits <= 8; ++bits)
    for (const auto encoding : {compress::Encoding::kTwos, compress::Encoding::kUnsigned, compress::Encoding::kBipolar})
      for (const bool has_zeros : {false, true})
        if (bits < 8 || encoding != compress::Encoding::kBipolar)
          EXPECT_LT(difference_when_written(low_bit_model(bits, bits, encoding, has_zeros)), 1e-4) << bits << encoding_name(encoding) << has_zeros;
}

/// The values that a network computes on all of Noise.
torch::Tensor computed(const Graph& graph, const Values& given, const std::string& value) {
  Module module(graph);
  torch::NoGradGuard guard;
  std::vector<torch::Tensor> all;
  for (int64_t i = 0; i < Noise().size(); ++i) {
    auto inputs = given;
    inputs["x"] = to_torch(Noise().get(i, nullptr).input, torch::kFloat);
    all.push_back(module.run(inputs, {value}).at(value));
  }
  return torch::cat(all);
}

/// Biases are multiples of a unit, to which means come back.
void expect_means(const FakeQuantised& network, const compress::LowBitSteps& steps, const torch::Tensor& wanted) {
  const auto found = computed(network.graph(), network.steps(), "l").mean(0);
  const auto unit = torch::tensor(steps.weights[1], torch::kFloat) * steps.activations.back().step;
  EXPECT_TRUE(((found - wanted).abs() <= 0.5 * unit + 1e-3).all().item<bool>()) << found << wanted << unit;
}

TEST(FitLowBits, StatisticsBringMeansBack) {
  const auto model = low_bit_model(2, 2, compress::Encoding::kTwos);
  Module whole(model.graph);
  const auto steps = fit_steps(model, {whole, {}}, Noise(), {});
  const auto fitted = with_fitted_statistics(model, steps, {whole, {}}, Noise(), {});
  const FakeQuantised network(fitted, steps);
  const auto normalised = computed(network.graph(), network.steps(), "n").transpose(0, 1).flatten(1);
  const auto wanted = computed(model.graph, {}, "n").transpose(0, 1).flatten(1);
  EXPECT_TRUE(torch::allclose(normalised.mean(1), wanted.mean(1), 0, 0.05)) << normalised.mean(1) << wanted.mean(1);
  EXPECT_TRUE(torch::allclose(normalised.std(1), wanted.std(1), 0.1, 0)) << normalised.std(1) << wanted.std(1);
  expect_means(network, steps, computed(model.graph, {}, "l").mean(0));
}

/// The images that steps are fitted to need not be distributed as those that the network was trained on.
TEST(FitLowBits, ManyBitsKeepTheStatisticsOfTraining) {
  auto model = low_bit_model(8, 8, compress::Encoding::kTwos);
  for (float& mean : model.graph.initializers.at("bn.mean").mutable_as<float>()) mean += 3;  // far from what these images have
  Module whole(model.graph);
  const auto steps = fit_steps(model, {whole, {}}, Noise(), {});
  const auto fitted = with_fitted_statistics(model, steps, {whole, {}}, Noise(), {});
  for (const char* name : {"bn.mean", "bn.var"})
    EXPECT_TRUE(torch::allclose(to_torch(fitted.graph.initializers.at(name), torch::kFloat),
                                to_torch(model.graph.initializers.at(name), torch::kFloat), 0.05, 0.02))
        << name;
}

/// A stage of training behind another one: once steps have been learned, the quantised network has little to do with its weights taken as floats.
TEST(FitLowBits, StatisticsBringMeansOfATrainedStageBack) {
  const auto wide = low_bit_model(4, 4, compress::Encoding::kBipolar), narrow = low_bit_model(2, 2, compress::Encoding::kTwos);
  Module whole(wide.graph);
  auto learned = fit_steps(wide, {whole, {}}, Noise(), {});
  for (auto& layer : learned.weights)
    for (float& step : layer) step *= 20;  // weights near zero: -1 or 1 step
  const FakeQuantised stage(wide, learned);
  const auto wanted = computed(stage.graph(), stage.steps(), "l").mean(0);
  EXPECT_GT((wanted - computed(narrow.graph, {}, "l").mean(0)).abs().max().item<double>(), 1);
  Module quantised(stage.graph());
  const Reference reference{quantised, stage.steps()};
  const auto steps = fit_steps(narrow, reference, Noise(), {});
  expect_means({with_fitted_statistics(narrow, steps, reference, Noise(), {}), steps}, steps, wanted);
}

TEST(BitsRule, SaysWhatIsWrong) {
  const auto rule = bits_rule("layer=1/*=w2a4:bipolar");
  EXPECT_EQ(rule.glob, "layer=1/*");
  EXPECT_EQ(rule.weight_bits, 2);
  EXPECT_EQ(rule.activation_bits, 4);
  EXPECT_EQ(rule.encoding, compress::Encoding::kBipolar);
  EXPECT_FALSE(bits_rule("*=a8").weight_bits);
  const auto message = [](const char* text) -> std::string {
    try {
      (void)bits_rule(text);
    } catch (const InvalidArgument& error) { return error.what(); }
    return "";
  };
  EXPECT_NE(message("w2a4").find("names no layers"), std::string::npos);
  EXPECT_NE(message("x=w9").find("gives no bits from 1 to 8 behind 'w'"), std::string::npos);
  EXPECT_NE(message("x=w2b4").find("is not understood"), std::string::npos);
  EXPECT_NE(message("x=").find("is not understood"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::train
