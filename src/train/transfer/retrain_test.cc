// The inserted model against its halves; the job as a whole is tested by tests/train/test_retrain.py.
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "ops/cut_cost.h"
#include "train/network/module.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"
#include "transfer/transfer.h"

namespace scissionlite::train {
namespace {

Tensor run_one(const Graph& graph, const std::vector<Tensor>& inputs) { return compile(graph, "reference", {.threads = 1})->run(inputs)[0].clone(); }

TEST(Insert, AnswersAsHeadEncoderDecoderAndTail) {
  Graph graph = small_network();
  const auto cuts = ops::find_costed_cuts(graph);
  const auto x = random_tensor({1, 3, 6, 6}, 7, 1);
  int64_t compared = 0;
  for (const char* spec : {"pool", "uint8", "uint4", "fp16", "fp32"})
    for (const auto& cut : cuts) {
      const auto split = transfer::split(graph, cut, *transfer::make(spec));
      const auto whole = transfer::insert(split);
      const auto codes = compile(split.head, "reference", {.threads = 1})->run(std::vector<Tensor>{x});
      std::vector<Tensor> sent;
      for (const auto& code : codes) sent.push_back(code.clone());
      const auto halves = run_one(split.tail, sent), inserted = run_one(whole, {x});
      EXPECT_LE(max_relative_error(halves, inserted), 1e-4) << spec << " at " << cut.id;
      Module module(whole, {.straight_through = true});
      EXPECT_LE(max_relative_error(halves, from_torch(module.forward({to_torch(x, torch::kFloat)})[0], Dtype::kF32)), 2e-3)
          << spec << " at " << cut.id;
      ++compared;
    }
  EXPECT_GE(compared, 15);
}

TEST(Insert, WireTensorsAreACutOfTheWhole) {
  Graph graph = small_network();
  const auto cut = find_cut(ops::find_costed_cuts(graph), "r");
  const auto split = transfer::split(graph, cut, *transfer::make("pool"));
  auto whole = transfer::insert(split);
  const auto found = find_cut(ops::find_costed_cuts(whole), split.wire.at(0).name);
  EXPECT_EQ(found.bytes, split.wire_bytes);
  const auto again = transfer::split(whole, found, *transfer::make("fp32"));
  const auto x = random_tensor({1, 3, 6, 6}, 7, 1);
  EXPECT_LE(max_relative_error(run_one(whole, {x}), run_one(again.tail, {run_one(again.head, {x})})), 1e-5);
}

}  // namespace
}  // namespace scissionlite::train
