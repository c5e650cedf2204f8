// ONNX's integers of 4 and 2 bits, which are held in bytes here. Private to onnx/.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "graph/graph.h"

namespace scissionlite {

struct NarrowType {
  int bits = 4;
  bool is_signed = false;
  [[nodiscard]] Dtype held_in() const { return is_signed ? Dtype::kI8 : Dtype::kU8; }
  [[nodiscard]] int64_t packed_bytes(int64_t count) const { return (count * bits + 7) / 8; }
};
/// Of TensorProto's uint4, int4, uint2 or int2.
[[nodiscard]] std::optional<NarrowType> narrow_type(int64_t data_type);
/// Of packed values, the first one in a byte's lowest bits, one a byte.
[[nodiscard]] Tensor unpack_narrow(const NarrowType& type, const Shape& shape, const uint8_t* packed);

/// Bytes saturate later than the types they stand for: Clip behind QuantizeLinear whose zero point, or output_dtype, is narrow.
/// @param narrow  constants that were narrow. @throws Unsupported naming a node that makes narrow values otherwise (Cast).
void bound_narrow_results(Graph& graph, const std::map<std::string, NarrowType>& narrow);

}  // namespace scissionlite
