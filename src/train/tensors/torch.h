// What this folder uses of libtorch: tensors and gradients, without its modules, optimisers and data loaders, which take
// as long again to read. Precompiled.
#pragma once

#include <torch/types.h>
#include <torch/utils.h>
