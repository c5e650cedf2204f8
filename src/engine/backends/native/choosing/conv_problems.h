// What a model computes that can be tuned: convolutions of floats and of bytes, chains, poolings and strips.
#pragma once

#include "graph/graph.h"
#include "kernels/int8/conv.h"
#include "kernels/pool/pool.h"
#include "kernels/strip/strip_problem.h"
#include "tune/chain_problem.h"

namespace scissionlite {

struct ConvUse {
  tune::ConvWithEnd conv;
  int count = 0;  // nodes of the model
};
struct ByteConvUse {
  kernels::Int8Problem problem;
  int count = 0;
};
struct ChainUse {
  tune::ChainOfConvs chain;
  int count = 0;
};
struct PoolUse {
  kernels::PoolProblem pool;
  int count = 0;
};
struct StripUse {
  kernels::StripProblem strip;
  int count = 0;
};
struct ConvUses {
  std::string network;  // names the whole in a tuning database (network_text in conv_stage.h)
  std::vector<ConvUse> convs;
  std::vector<ByteConvUse> byte_convs;
  std::vector<ChainUse> chains;  // that could be made, also such as share convolutions
  std::vector<PoolUse> pools;
  std::vector<StripUse> strips;  // of several steps over many values: of others a kernel has nothing to gain
};

/// The distinct convolutions of either kind, chains, poolings and strips that the native backend could compute the model by, for batch 1, in order of
/// the model. Nothing runs on several threads. @throws Unsupported, ModelError as compile does.
[[nodiscard]] ConvUses conv_problems(const Graph& graph, int threads);

}  // namespace scissionlite
