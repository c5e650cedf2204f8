// A training run on disk: a JSON header and named tensors in one file. Free of libtorch.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/tensor.h"

namespace scissionlite::train {

struct Checkpoint {
  Json header;
  std::map<std::string, Tensor> tensors;
};

/// Atomic: after a kill the file holds the old state or the new one. Layout: "SCISSIONLITE-CHECKPOINT-1\n", the header's
/// size as 8 bytes (little endian), the header with a list of the tensors, their bytes, SHA-256 of all of it (64 hex digits).
void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint);
/// @throws InvalidArgument: no checkpoint, cut short, or damaged (says which).
[[nodiscard]] Checkpoint read_checkpoint(const fs::path& path);
/// What such a file holds.
[[nodiscard]] std::string checkpoint_bytes(const Checkpoint& checkpoint);
/// @param path  that messages name.
[[nodiscard]] Checkpoint checkpoint_of(std::string_view bytes, const fs::path& path);
/// Two of what runs were told, key by key.
struct Difference {
  std::string key, first, second;  // "not set" where there is none
};
[[nodiscard]] std::optional<Difference> first_difference(const Json& first, const Json& second);
/// Compares what a run was told, key by key. @throws InvalidArgument naming the first difference and both values.
void check_same_run(const Json& saved, const Json& now, const std::string& where);

}  // namespace scissionlite::train
