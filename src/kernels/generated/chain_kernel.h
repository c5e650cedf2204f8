// A generated kernel as a chain of convolutions.
#pragma once

#include "kernels/generated/chain_plan.h"
#include "kernels/generated/kernel_store.h"

namespace scissionlite::kernels {

/// x, residual and y are blocked. @throws InvalidArgument when the kernel is of another plan than the chain's with these knobs.
[[nodiscard]] std::unique_ptr<Convolution> make_generated_chain(const ChainProblem& chain, const Knobs& knobs,
                                                                std::shared_ptr<const KernelObject> kernel, const VectorLoops& loops);

}  // namespace scissionlite::kernels
