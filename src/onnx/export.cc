#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "base/error.h"
#include "base/version.h"
#include "onnx/convert_tensor.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

void write_value_info(const ValueInfo& info, pb::ValueInfoProto& proto) {
  proto.set_name(info.name);
  if (info.dtype == Dtype::kUndefined) return;
  auto* type = proto.mutable_type()->mutable_tensor_type();
  type->set_elem_type(static_cast<int>(info.dtype));
  if (!info.has_shape) return;
  auto* shape = type->mutable_shape();
  for (size_t i = 0; i < info.shape.size(); ++i) {
    auto* dim = shape->add_dim();
    if (info.shape[i] >= 0) dim->set_dim_value(info.shape[i]);
    else if (i < info.symbols.size() && !info.symbols[i].empty()) dim->set_dim_param(info.symbols[i]);
    else if (i == 0) dim->set_dim_param("N");
  }
}

struct AttributeWriter {
  pb::AttributeProto& proto;
  using A = pb::AttributeProto;
  void operator()(int64_t v) const { proto.set_type(A::INT), proto.set_i(v); }
  void operator()(float v) const { proto.set_type(A::FLOAT), proto.set_f(v); }
  void operator()(const std::string& v) const { proto.set_type(A::STRING), proto.set_s(v); }
  void operator()(const Tensor& v) const { proto.set_type(A::TENSOR), write_tensor("", v, *proto.mutable_t()); }
  void operator()(const std::vector<int64_t>& v) const { proto.set_type(A::INTS), proto.mutable_ints()->Assign(v.begin(), v.end()); }
  void operator()(const std::vector<float>& v) const { proto.set_type(A::FLOATS), proto.mutable_floats()->Assign(v.begin(), v.end()); }
  void operator()(const std::vector<std::string>& v) const { proto.set_type(A::STRINGS), proto.mutable_strings()->Assign(v.begin(), v.end()); }
};

void write_node(const Node& node, pb::NodeProto& proto) {
  proto.set_name(node.name);
  proto.set_op_type(node.op_type);
  proto.set_domain(node.domain);
  proto.set_doc_string(node.doc);
  for (const auto& input : node.inputs) proto.add_input(input);
  for (const auto& output : node.outputs) proto.add_output(output);
  for (const auto& [key, value] : node.attributes) {
    auto* attribute = proto.add_attribute();
    attribute->set_name(key);
    std::visit(AttributeWriter{*attribute}, value);
  }
}

}  // namespace

std::string serialize_model(const Graph& graph) {
  constexpr int64_t kOldestIrWithoutInitializerInputs = 4;  // before it every initializer is also listed as an input
  pb::ModelProto model;
  model.set_ir_version(std::max<int64_t>(graph.ir_version, kOldestIrWithoutInitializerInputs));
  model.set_producer_name(graph.producer.empty() ? "scissionlite" : graph.producer);
  for (const auto& opset : graph.opsets) {
    auto* entry = model.add_opset_import();
    entry->set_domain(opset.domain);
    entry->set_version(opset.version);
  }
  for (const auto& [key, value] : graph.metadata) {
    auto* entry = model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  auto* proto = model.mutable_graph();
  proto->set_name(graph.name.empty() ? "graph" : graph.name);
  for (const auto& info : graph.inputs) write_value_info(info, *proto->add_input());
  for (const auto& info : graph.outputs) write_value_info(info, *proto->add_output());
  for (const auto& [name, info] : graph.values) write_value_info(info, *proto->add_value_info());
  for (const auto& node : graph.nodes) write_node(node, *proto->add_node());
  for (const auto& [name, tensor] : graph.initializers) write_tensor(name, tensor, *proto->add_initializer());
  constexpr size_t kLargest = (size_t{1} << 31) - 1;
  const size_t size = model.ByteSizeLong();
  if (size > kLargest)
    throw Unsupported("[onnx export] '" + graph.name + "' has " + std::to_string(size) + " bytes; a single ONNX file ends at 2 GiB");
  std::string bytes;
  bytes.reserve(size);
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    if (!model.SerializeToCodedStream(&coded)) throw InternalError("[onnx export] '" + graph.name + "' could not be serialised");
  }
  return bytes;
}

void save_model(const Graph& graph, const fs::path& path) { write_file(path, serialize_model(graph)); }

}  // namespace scissionlite
