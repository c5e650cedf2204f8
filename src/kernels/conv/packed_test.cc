// Weights that come packed: every way to convolve packs through the store it is given, once, and reads its weights nowhere else.
#include <gtest/gtest.h>

#include "kernels/conv/chain.h"
#include "kernels/conv/panels.h"
#include "kernels/conv/test_values.h"
#include "kernels/sparse24/weights.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

/// Gives what another store has; asked for anything else it fails.
class OnlyKnown final : public WeightStore {
 public:
  explicit OnlyKnown(const PackedInMemory& from) : from_(from) {}
  PackedBytes get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>&) override {
    const auto it = from_.all().find(key);
    if (it == from_.all().end() || it->second.bytes != bytes) throw InvalidArgument("not packed: " + key);
    return it->second;
  }

 private:
  const PackedInMemory& from_;
};

std::vector<float> computed(const Convolution& conv, const ConvProblem& p, int lanes) {
  Rng rng(7);
  const auto x = random_values(rng, round_up(p.c, lanes) * p.h * p.w);
  AlignedFloats in(static_cast<int64_t>(x.size())), scratch(conv.scratch_floats(1)), y(round_up(p.k, lanes) * p.out_h() * p.out_w());
  std::copy(x.begin(), x.end(), in.data());
  conv.run(in.data(), nullptr, y.data(), scratch.data(), 1);
  return {y.data(), y.data() + y.size()};
}

std::vector<ConvProblem> problems() {
  std::vector<ConvProblem> out{{.c = 19, .h = 9, .w = 11, .k = 21, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1},
                               {.c = 16, .h = 5, .w = 5, .k = 40},
                               {.c = 3, .h = 9, .w = 9, .k = 8, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2}};
  ConvProblem depthwise{.c = 21, .h = 8, .w = 7, .k = 21, .kernel_h = 3, .kernel_w = 3};
  depthwise.groups = 21;
  out.push_back(depthwise);
  out.push_back({.c = 40, .h = 5, .w = 5, .k = 24, .is_two_four = true});
  out.push_back({.c = 22, .h = 9, .w = 8, .k = 24, .kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 1, .top = 1, .is_two_four = true});
  return out;
}

TEST(PackedWeights, AreAllThatAConvolutionKeeps) {
  for (const auto* loops : all_loops())
    for (const auto& p : problems())
      for (const auto* row : conv_implementations(Precision::kBf16)) {
        if (!row->reason_against(p, *loops).empty()) continue;
        Rng rng(5);
        auto w = random_values(rng, p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w);
        const auto bias = random_values(rng, p.k);
        if (p.is_two_four) make_two_four(w.data(), p.k, p.c, p.kernel_h * p.kernel_w);
        PackedInMemory store;
        const auto knobs = row->usual(p, *loops);
        const auto packing = row->make(p, {w.data(), bias.data(), {&store, "weights"}}, {}, knobs, *loops),
                   alone = row->make(p, {w.data(), bias.data()}, {}, knobs, *loops);
        const bool is_halved = std::string(row->name).starts_with("sparse24");  // of which half the values and their places are kept
        EXPECT_GE(store.total_bytes() * (is_halved ? 2 : 1),
                  static_cast<int64_t>(w.size() * (row->precision == Precision::kBf16 ? sizeof(uint16_t) : sizeof(float))))
            << row->name << " " << p.text();
        OnlyKnown known(store);
        const auto packed = row->make(p, {nullptr, bias.data(), {&known, "weights"}}, {}, knobs, *loops);
        EXPECT_EQ(computed(*packed, p, loops->lanes), computed(*alone, p, loops->lanes)) << row->name << " " << p.text();
        EXPECT_EQ(computed(*packing, p, loops->lanes), computed(*alone, p, loops->lanes)) << row->name << " " << p.text();
      }
}

TEST(PackedWeights, OfAChainToo) {
  const auto& loops = best_loops();
  const ConvProblem expand{.c = 10, .h = 9, .w = 9, .k = 30}, project{.c = 30, .h = 7, .w = 7, .k = 12};
  ConvProblem depthwise{.c = 30, .h = 9, .w = 9, .k = 30, .kernel_h = 3, .kernel_w = 3};
  depthwise.groups = 30;
  Rng rng(5);
  const auto a = random_values(rng, 300), b = random_values(rng, 270), c = random_values(rng, 360);
  const auto chain = [&](const float* wa, const float* wb, const float* wc, WeightStore* store) {
    ChainProblem problem;
    problem.expand = ChainStage{expand, {wa, nullptr, {store, "a"}}, {}};
    problem.depthwise = {depthwise, {wb, nullptr, {store, "b"}}, {}};
    problem.project = ChainStage{project, {wc, nullptr, {store, "c"}}, {}};
    return make_chain(problem, 3, loops);
  };
  ConvProblem whole = expand;
  whole.k = 12, whole.kernel_h = whole.kernel_w = 3;
  PackedInMemory store;
  const auto packing = chain(a.data(), b.data(), c.data(), &store);
  OnlyKnown known(store);
  EXPECT_EQ(computed(*chain(nullptr, nullptr, nullptr, &known), whole, loops.lanes), computed(*packing, whole, loops.lanes));
  EXPECT_EQ(store.all().size(), 3U);
}

TEST(PackedWeights, AreSharedAndPackedOnce) {
  PackedInMemory store;
  int fills = 0;
  const auto fill = [&](float* to) { ++fills, to[0] = 3; };
  const WeightSource source{&store, "weights"};
  const auto first = source.packed<float>("order", 5, fill), second = source.packed<float>("order", 5, fill),
             other = source.packed<float>("another order", 5, fill);
  EXPECT_EQ(fills, 2);
  EXPECT_EQ(first.data(), second.data());
  EXPECT_NE(first.data(), other.data());
  EXPECT_EQ(first.size(), 5);
  EXPECT_EQ(first.data()[4], 0) << "what is not filled is zero";
}

}  // namespace
}  // namespace scissionlite::kernels
