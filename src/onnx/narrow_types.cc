#include "onnx/narrow_types.h"

#include "base/error.h"

namespace scissionlite {
namespace {

constexpr int64_t kUint4 = 21, kInt4 = 22, kUint2 = 25, kInt2 = 26;  // TensorProto.DataType

Tensor scalar_of(const NarrowType& type, int value) {
  return type.is_signed ? Tensor::scalar<int8_t>(static_cast<int8_t>(value)) : Tensor::scalar<uint8_t>(static_cast<uint8_t>(value));
}

/// What the node's results are by its zero point or attribute; the attribute then says in what they are held.
std::optional<NarrowType> type_of_result(Node& node, const std::map<std::string, NarrowType>& narrow) {
  std::optional<NarrowType> found;
  if (const auto it = node.inputs.size() > 2 ? narrow.find(node.inputs[2]) : narrow.end(); it != narrow.end()) found = it->second;
  const auto attribute = node.attributes.find("output_dtype");
  if (attribute == node.attributes.end()) return found;
  auto* value = std::get_if<int64_t>(&attribute->second);  // of another type: the operator's rule says so
  if (!value) return found;
  if (const auto type = narrow_type(*value)) found = type, *value = static_cast<int64_t>(type->held_in());
  return found;
}

}  // namespace

std::optional<NarrowType> narrow_type(int64_t data_type) {
  switch (data_type) {
    case kUint4: return NarrowType{4, false};
    case kInt4: return NarrowType{4, true};
    case kUint2: return NarrowType{2, false};
    case kInt2: return NarrowType{2, true};
    default: return std::nullopt;
  }
}

Tensor unpack_narrow(const NarrowType& type, const Shape& shape, const uint8_t* packed) {
  Tensor out(type.held_in(), shape);
  auto* to = reinterpret_cast<uint8_t*>(out.mutable_data());
  const int of_byte = 8 / type.bits, mask = (1 << type.bits) - 1, sign = type.is_signed ? 1 << (type.bits - 1) : 0;
  for (int64_t i = 0; i < out.size(); ++i) {
    const int value = packed[i / of_byte] >> (i % of_byte * type.bits) & mask;
    to[i] = static_cast<uint8_t>((value ^ sign) - sign);
  }
  return out;
}

void bound_narrow_results(Graph& graph, const std::map<std::string, NarrowType>& narrow) {
  std::vector<Node> nodes;
  for (auto& node : graph.nodes) {
    const bool is_of_onnx = node.domain.empty();
    if (is_of_onnx && node.op_type == "Cast" && narrow_type(node.int_attribute("to", 0)))
      throw Unsupported("[onnx import] [" + node.label() +
                        "] casts to a type of fewer than 8 bits; expected QuantizeLinear, which says what is beyond its range");
    const auto type = is_of_onnx && node.op_type == "QuantizeLinear" ? type_of_result(node, narrow) : std::nullopt;
    nodes.push_back(std::move(node));
    if (!type) continue;
    auto& quantize = nodes.back();
    const auto result = quantize.outputs[0], bytes = graph.fresh_name(result + "_bytes"), low = graph.fresh_name(result + "_least");
    const int least = type->is_signed ? -(1 << (type->bits - 1)) : 0;
    graph.initializers[low] = scalar_of(*type, least);
    const auto high = graph.fresh_name(result + "_most");
    graph.initializers[high] = scalar_of(*type, least + (1 << type->bits) - 1);
    quantize.outputs[0] = bytes;
    nodes.push_back({bytes + "_clip", "Clip", "", {bytes, low, high}, {result}, {}, ""});
  }
  graph.nodes = std::move(nodes);
}

}  // namespace scissionlite
