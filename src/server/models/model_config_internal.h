// config.pbtxt: reading it, filling in what it leaves out from the graph, checking it against the graph.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "engine/engine.h"
#include "model_config.pb.h"

namespace scissionlite::server {

/// The config in `folder`, or an empty one with the folder's name when there is no config.pbtxt. Fields that are not in
/// our model_config.proto are logged as ignored.
/// @throws InvalidArgument with file, line and column for text that is no config; for a `name` other than the folder's.
[[nodiscard]] inference::ModelConfig read_config(const fs::path& folder);

/// Fills in inputs, outputs, max_batch_size (only where there was no config at all: 4 with dynamic batching when every
/// tensor's first size is dynamic, as Triton does), platform, instance count.
/// @param is_given  whether there was a config.pbtxt.
void complete_config(inference::ModelConfig& config, const std::vector<ValueInfo>& inputs, const std::vector<ValueInfo>& outputs, bool is_given);

/// @throws InvalidArgument: a tensor that the graph does not have, or one of another dtype or shape; batching asked for
/// where the graph's first size is fixed; sizes and counts out of range.
void check_config(const inference::ModelConfig& config, const std::vector<ValueInfo>& inputs, const std::vector<ValueInfo>& outputs);

[[nodiscard]] Dtype dtype_of(inference::DataType type);
[[nodiscard]] inference::DataType type_of(Dtype dtype);

}  // namespace scissionlite::server
