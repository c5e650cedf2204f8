// Models of few bits: what integers stand for weights and activations, and which layer has which.
//
// Start here, then low_bit_points.h (what of a graph is quantised), low_bit_steps.h (which steps fit given values), write_low_bit.h (the model as
// ordinary ONNX). docs/low_bits.md says what the written model is.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace scissionlite::compress {

inline constexpr int kMostBits = 8;

/// Which integers p bits of a weight stand for.
enum class Encoding {
  kTwos,      // -2^(p-1) .. 2^(p-1) - 1
  kUnsigned,  // 0 .. 2^p - 1
  kBipolar,   // the odd ones of -(2^p - 1) .. 2^p - 1: bits b_s are sum of 2^s (2 b_s - 1); p is at most 7
};
[[nodiscard]] const char* encoding_name(Encoding encoding);
/// @throws InvalidArgument naming near ones.
[[nodiscard]] Encoding encoding_named(const std::string& name);
/// Bipolar for one bit, which is -1 or 1, and two's complement for more.
[[nodiscard]] Encoding usual_encoding(int bits);

/// Codes that a value of some bits can have.
struct CodeRange {
  int low = 0, high = 255;
  bool is_odd = false;  // the odd ones only
  /// Of the value v steps: the code that stands for it, rounded half to even (odd codes: by the interval of two that v lies in).
  [[nodiscard]] float code(float v) const;
};
/// @throws InvalidArgument: bits outside 1 .. 8, bipolar with 8 bits, which int8 does not hold.
[[nodiscard]] CodeRange weight_range(int bits, Encoding encoding);
/// 0 .. 2^bits - 1. @throws InvalidArgument for bits outside 1 .. 8.
[[nodiscard]] CodeRange activation_range(int bits);

struct LayerBits {
  std::string name;  // of the node
  int weight_bits = 8;
  Encoding encoding = Encoding::kTwos;
  int activation_bits = 8;  // of what the layer reads
  bool operator==(const LayerBits&) const = default;
};

struct LowBitPlan {
  std::vector<LayerBits> layers;
  int residual_bits = 8;  // of what sums, means and concatenations read
  bool operator==(const LowBitPlan&) const = default;
};
/// {"version": 1, "residual_bits": 8, "layers": [{"name", "weight_bits", "encoding", "activation_bits"}]}
[[nodiscard]] Json to_json(const LowBitPlan& plan);
/// @throws InvalidArgument naming the field that is missing, of another type or out of range.
[[nodiscard]] LowBitPlan low_bit_plan_from_json(const JsonReader& json);

/// Key of the plan in the metadata of a written model. Readers need not know it: codes and Clips say the same.
inline constexpr char kLowBitMetadataKey[] = "scissionlite.lowbit";

}  // namespace scissionlite::compress
