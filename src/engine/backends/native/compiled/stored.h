// graphs.json of a compiled model: what its programs are lowered from, and where weights.bin holds which weights.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/backends/native/lowering/lowering.h"

namespace scissionlite::native {

inline constexpr const char* kGraphsJson = "graphs.json";
inline constexpr const char* kWeightsBin = "weights.bin";

/// A run of bytes of weights.bin, by the key under which a WeightStore is asked for it. Values read as they are stand under
/// "values IDENTITY".
struct StoredWeights {
  std::string key;
  int64_t offset = 0, bytes = 0;  // offset a multiple of 64
  std::string checksum;           // fast_hash, 16 hexadecimal digits
};

/// For inputs of known shapes: the optimised graph, the types of its constants without their values, and what was decided.
struct StoredProgram {
  Graph graph;                                // initializers: Tensors without data
  Lowered lowered;                            // `decisions` and `identities`
  std::map<std::string, std::string> values;  // identities of constants whose values are stored as they are
};

struct Stored {
  std::vector<StoredWeights> weights;
  std::vector<StoredProgram> programs;
};

/// "scissionlite.compiled_graphs/1".
[[nodiscard]] Json to_json(const Stored& stored);
/// @throws InvalidArgument naming the field.
[[nodiscard]] Stored stored_from_json(const Json& json, const std::string& where);

/// As a program of its own is stored: nodes that are constants left out, constants that nothing asks for too.
[[nodiscard]] StoredProgram stored_program(const Graph& optimised, const Lowered& lowered);
/// A constant's type, with no data behind it.
[[nodiscard]] Tensor without_values(Dtype dtype, const Shape& shape);
/// Equal for equal values, whatever their name and shape.
[[nodiscard]] std::string identity_of(const Tensor& tensor);
[[nodiscard]] std::string key_of_values(const std::string& identity);

}  // namespace scissionlite::native
