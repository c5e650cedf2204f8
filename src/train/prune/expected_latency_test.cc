#include "train/prune/expected_latency.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compress/remove_channels.h"
#include "compress/test_random_cnn.h"
#include "engine/engine.h"
#include "ops/cut_cost.h"

namespace scissionlite::train {
namespace {

using compress::Channels;
using testing_graphs::Maker;

const std::string kSha(64, 'a');

Timing timed(double us) {
  Timing out;
  out.median_us = us, out.n = 1;
  return out;
}

struct Layers {
  Graph graph;
  std::string first, first_activated, second;  // values
};
/// Convolutions of 8, 4 and 2 channels; an activation behind the first one.
Layers three_layers() {
  Maker m;
  Layers out;
  out.first = m.conv(m.input({-1, 3, 6, 6}), 3, 8);
  out.first_activated = m.op("Relu", {out.first});
  out.second = m.conv(out.first_activated, 8, 4);
  out.graph = testing_graphs::with_output(m, m.conv(m.op("GlobalAveragePool", {out.second}), 4, 2, 1));
  return out;
}

CutProfile cut_at(const std::string& tensor, double head_us) {
  CutProfile cut;
  cut.id = tensor;
  cut.tensors = {tensor};
  if (head_us > 0) cut.head = timed(head_us);
  return cut;
}

Profile profile_of(const Layers& layers, double whole_us) {
  Profile out;
  out.machine_name = "phone";
  out.model_sha256 = kSha;
  out.whole = timed(whole_us);
  out.cuts = {cut_at(layers.first, 120), cut_at(layers.first_activated, 200), cut_at(layers.second, 600)};
  return out;
}

/// Half of the channels of the first convolution.
std::set<int> half_of_first(const Channels& channels, const Layers& layers) {
  const auto& units = channels.value(layers.first)->units;
  return {units.begin(), units.begin() + 4};
}

TEST(ExpectedLatency, IsThatOfTheProfileWhereNothingGoes) {
  const auto layers = three_layers();
  const ExpectedLatency latency(layers.graph, kSha, profile_of(layers, 800), "p.json");
  EXPECT_EQ(latency.pieces(), 4U);
  EXPECT_DOUBLE_EQ(latency.us(Channels(layers.graph), {}), 800);
}

TEST(ExpectedLatency, OfBlocksIsOnTheScaleOfTheWhole) {
  const auto layers = three_layers();
  auto profile = profile_of(layers, 800);
  profile.blocks = {timed(100), timed(40), timed(200), timed(60)};  // half of the whole
  const ExpectedLatency latency(layers.graph, kSha, profile, "p.json");
  const Channels channels(layers.graph);
  // the convolution and the one that reads it have half of the multiplications, the activation half of the bytes, the rest is as it was
  EXPECT_NEAR(latency.us(channels, half_of_first(channels, layers)), 100 + 40 + 200 + 120, 1e-9);
}

TEST(ExpectedLatency, OfHeadsIsTheirDifferences) {
  const auto layers = three_layers();
  auto profile = profile_of(layers, 800);
  const Channels channels(layers.graph);
  const auto half = half_of_first(channels, layers);
  EXPECT_NEAR(ExpectedLatency(layers.graph, kSha, profile, "p.json").us(channels, half), 60 + 40 + 200 + 200, 1e-9);
  profile.blocks = {timed(100), timed(40), Timing{}, timed(60)};  // one is missing: heads again
  EXPECT_NEAR(ExpectedLatency(layers.graph, kSha, profile, "p.json").us(channels, half), 60 + 40 + 200 + 200, 1e-9);
  profile.cuts[1] = cut_at(layers.first_activated, 0);  // not measured: its pieces are one, of which half of the multiplications are left
  EXPECT_NEAR(ExpectedLatency(layers.graph, kSha, profile, "p.json").us(channels, half), 60 + 240 + 200, 1e-9);
}

TEST(ExpectedLatency, WithoutCutsIsTheShareOfAllMultiplications) {
  const auto layers = three_layers();
  auto profile = profile_of(layers, 800);
  profile.cuts.clear();
  const ExpectedLatency latency(layers.graph, kSha, profile, "p.json");
  const Channels channels(layers.graph);
  const auto half = half_of_first(channels, layers);
  const double left = static_cast<double>(compress::size_without(channels, half).macs),
               all = static_cast<double>(compress::size_without(channels, {}).macs);
  EXPECT_NEAR(latency.us(channels, half), 800 * left / all, 1e-9);
}

TEST(ExpectedLatency, RefusesWhatSaysNothingOfTheModel) {
  const auto layers = three_layers();
  const auto error_of = [&](const Profile& profile) {
    try {
      const ExpectedLatency latency(layers.graph, kSha, profile, "p.json");
    } catch (const InvalidArgument& e) { return std::string(e.what()); }
    return std::string();
  };
  auto profile = profile_of(layers, 800);
  profile.model_sha256 = std::string(64, 'b'), profile.model_name = "other";
  EXPECT_NE(error_of(profile).find("'p.json' is of a model 'other' with sha256 bbbbbbbbbbbb, the one to prune has aaaaaaaaaaaa"), std::string::npos)
      << error_of(profile);
  profile = profile_of(layers, 800);
  profile.whole = Timing{};
  EXPECT_NE(error_of(profile).find("'p.json' has no time of the whole model"), std::string::npos) << error_of(profile);
  profile = profile_of(layers, 800);
  profile.cuts[0] = cut_at("nowhere", 100);
  EXPECT_NE(error_of(profile).find("cut 'nowhere' of 'p.json' is no value of the model"), std::string::npos) << error_of(profile);
}

/// Head times of all single cuts, a unit each node.
Profile made_profile(const Graph& given) {
  Graph graph = given;
  Profile out;
  out.model_sha256 = kSha;
  for (const auto& cut : ops::find_costed_cuts(graph))
    if (cut.is_single()) out.cuts.push_back(cut_at(cut.tensors[0], static_cast<double>(cut.position)));
  out.whole = timed(static_cast<double>(graph.nodes.size()) + 1);
  return out;
}

RC_GTEST_PROP(ExpectedLatency, IsThatOfTheRebuiltNetwork, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1 << 30);
  const auto graph = compress::RandomCnn(13, seed).make(8);
  const ExpectedLatency latency(graph, kSha, made_profile(graph), "p.json");
  const Channels channels(graph);
  Rng rng(seed);
  std::map<int, double> magnitude;
  for (size_t i = 0; i < channels.classes().size(); ++i)
    magnitude.emplace(static_cast<int>(i), channels.classes()[i].fixed.empty() && rng.uniform() < 0.5 ? 0 : 1);
  const auto removal =
      compress::remove_channels(channels, compress::small_classes(channels, compress::find_layers(channels), magnitude, 1e-3), compress::kReference);
  const double predicted = latency.us(channels, removal.removed);
  RC_ASSERT(predicted <= latency.whole_us() * (1 + 1e-9));
  // biases that hold what removed channels were are some bytes more
  RC_ASSERT(std::abs(latency.us(Channels(removal.rebuilt), {}) - predicted) <= 0.03 * latency.whole_us());
}

}  // namespace
}  // namespace scissionlite::train
