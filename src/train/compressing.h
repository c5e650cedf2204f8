// What jobs share that make a model smaller: prune and sparsify. Free of libtorch.
#pragma once

#include <optional>

#include "engine/engine.h"
#include "train/train.h"

namespace scissionlite::train {

/// Labels say what is right, the model itself how it looked at the images: the uncut model teaches, unless another one does or the teacher's
/// weight is 0.
[[nodiscard]] TrainJob with_itself_as_teacher(TrainJob job);

/// The job's model. @param command  of messages. @throws InvalidArgument for constants that are not finite, and images that do not fit.
[[nodiscard]] Graph load_to_compress(const TrainJob& job, const std::string& command);

/// The same at each call.
[[nodiscard]] std::vector<Tensor> inputs_at_random(const Executable& model);

/// Largest relative difference of what both answer to a random input, by the engine.
[[nodiscard]] double largest_difference(const Graph& a, const Graph& b);
/// @throws InternalError when they differ by more than rounding: nothing is written then.
double check_answers_alike(const Graph& a, const Graph& b, const std::string& command, const std::string& what);

/// Of an epoch; nothing where it was not measured.
[[nodiscard]] std::optional<double> score_of(const std::vector<EpochRecord>& epochs, int64_t epoch);
/// Leaves out what was not measured.
void add_score(Json& to, const char* name, const std::optional<double>& value);

}  // namespace scissionlite::train
