// What a model convolves and pools with, for those who tune it.
#pragma once

#include "graph/graph.h"
#include "kernels/pool/pool.h"
#include "tune/chain_problem.h"

namespace scissionlite {

struct ConvUse {
  tune::ConvWithEnd conv;
  int count = 0;  // nodes of the model
};
struct ChainUse {
  tune::ChainOfConvs chain;
  int count = 0;
};
struct PoolUse {
  kernels::PoolProblem pool;
  int count = 0;
};
struct ConvUses {
  std::string network;           // names the whole in a tuning database (network_text in conv_stage.h)
  std::vector<ConvUse> convs;
  std::vector<ChainUse> chains;  // that could be made, also such as share convolutions
  std::vector<PoolUse> pools;
};

/// The distinct convolutions, chains and poolings that the native backend could compute the model by, for batch 1, in order of the model.
/// Nothing runs on several threads. @throws Unsupported, ModelError as compile does.
[[nodiscard]] ConvUses conv_problems(const Graph& graph, int threads);

}  // namespace scissionlite
