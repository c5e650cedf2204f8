// Gemm + activation -> FusedGemm.
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {

int fuse_gemm(Graph& graph) {
  return sweep(graph, {[](Rewriter& r, size_t i) { return absorb_activation(r, i, "Gemm", "FusedGemm"); }});
}

}  // namespace scissionlite::passes
