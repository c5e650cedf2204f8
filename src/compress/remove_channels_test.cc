#include "compress/remove_channels.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compress/test_random_cnn.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;
using testing_graphs::random_inputs;
using testing_graphs::run_nodes;

/// A share of the removable classes; one channel of each value and constant stays.
std::set<int> some_classes(const Channels& channels, Rng& rng, double share) {
  std::set<int> kept, out;
  for (const auto& [where, units] : channels.constants()) kept.insert(units[rng.below(units.size())]);
  for (const auto& [name, value] : channels.values()) kept.insert(value.units[rng.below(value.units.size())]);
  for (size_t i = 0; i < channels.classes().size(); ++i)
    if (channels.classes()[i].fixed.empty() && !kept.count(static_cast<int>(i)) && rng.uniform() < share) out.insert(static_cast<int>(i));
  return out;
}

RC_GTEST_PROP(RandomCnns, RebuiltEqualsMasked, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1 << 30);
  const auto opset = *rc::gen::element<int64_t>(9, 11, 13, 18);
  const auto steps = *rc::gen::inRange(1, 16);
  const auto graph = RandomCnn(opset, seed).make(steps);
  const Channels channels(graph);
  Rng rng(seed + 1);
  const auto removal = remove_channels(channels, some_classes(channels, rng, 0.6), kReference);
  RC_ASSERT(removal.removed.empty() || parameter_count(removal.rebuilt) < parameter_count(graph));
  const auto inputs = random_inputs(graph, seed, /*batch=*/2);
  const auto masked = run_nodes(removal.masked, inputs), rebuilt = run_nodes(removal.rebuilt, inputs);
  for (size_t i = 0; i < masked.size(); ++i) {
    RC_ASSERT(rebuilt[i].shape() == masked[i].shape());
    RC_ASSERT(max_relative_error(rebuilt[i], masked[i]) <= 1e-5);
  }
  RC_CLASSIFY(!removal.removed.empty(), "channels were removed");
  RC_CLASSIFY(!removal.zeroed.empty(), "shifts were zeroed");
}

}  // namespace
}  // namespace scissionlite::compress
