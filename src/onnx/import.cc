#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/text.h"
#include "onnx/compiled.h"
#include "onnx/convert_tensor.h"
#include "onnx/external_file.h"
#include "onnx/narrow_types.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

constexpr int64_t kOldestOpset = 7;

void check_size(uint64_t bytes, const std::string& where) {
  if (bytes == 0) throw ModelError("[onnx import] " + where + " is empty; expected an ONNX model");
  constexpr uint64_t kLargest = (uint64_t{1} << 31) - 1;
  if (bytes > kLargest)
    throw ModelError("[onnx import] " + where + " has " + std::to_string(bytes) +
                     " bytes; an ONNX file ends at 2 GiB: save the weights as external data");
}

pb::ModelProto parse_proto(google::protobuf::io::ZeroCopyInputStream& stream, uint64_t bytes, const std::string& where) {
  pb::ModelProto model;
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetRecursionLimit(64);
  if (!model.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    throw ModelError("[onnx import] " + where + " (" + std::to_string(bytes) +
                     " bytes) is not an ONNX model, or it is truncated or damaged; export or copy it again");
  if (!model.has_graph() || model.opset_import_size() == 0)
    throw ModelError("[onnx import] " + where + " parses, but holds no ONNX graph with an opset; is it another protobuf file?");
  return model;
}

pb::ModelProto parse_proto(std::string_view bytes, const std::string& where) {
  check_size(bytes.size(), where);
  google::protobuf::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  return parse_proto(array, bytes.size(), where);
}

/// Takes the weights out of the model.
class Importer {
 public:
  Importer(pb::ModelProto& model, const fs::path& folder, std::string where) : model_(model), where_(std::move(where)), reader_(folder, where_) {}

  Graph run() {
    import_header();
    auto& proto = *model_.mutable_graph();
    graph_.name = proto.name();
    for (auto& tensor : *proto.mutable_initializer()) add_initializer(tensor);
    if (proto.sparse_initializer_size() > 0)
      throw Unsupported("[onnx import] " + where_ + ": sparse initializers are not supported; export the model with dense weights");
    for (const auto& value : proto.input())
      if (!graph_.initializers.count(value.name())) graph_.inputs.push_back(interface_info(value));
    for (const auto& value : proto.output()) graph_.outputs.push_back(with_open_zeros(interface_info(value)));
    for (const auto& value : proto.value_info()) graph_.values.emplace(value.name(), with_open_zeros(value_info(value)));
    for (auto& node : *proto.mutable_node()) graph_.nodes.push_back(import_node(node));
    bound_narrow_results(graph_, narrow_);
    if (graph_.nodes.empty()) throw ModelError("[onnx import] " + where_ + " has no nodes; there is nothing to run");
    sort_nodes(graph_);
    while_doing("importing '" + where_ + "'", [&] { graph_.check(); });
    return std::move(graph_);
  }

 private:
  void import_header() {
    graph_.ir_version = model_.ir_version();
    graph_.producer = model_.producer_name();
    for (const auto& opset : model_.opset_import()) graph_.opsets.push_back({opset.domain() == "ai.onnx" ? "" : opset.domain(), opset.version()});
    for (const auto& entry : model_.metadata_props()) graph_.metadata[entry.key()] = entry.value();
    if (model_.functions_size() > 0)
      throw Unsupported("[onnx import] " + where_ + " defines " + std::to_string(model_.functions_size()) +
                        " local functions; inline them first (onnx.inliner.inline_local_functions)");
    const int64_t opset = graph_.opset();
    if (opset != 0 && opset < kOldestOpset)
      throw Unsupported("[onnx import] " + where_ + " uses opset " + std::to_string(opset) + "; opset 7 and newer are supported: convert it " +
                        "with onnx.version_converter");
  }

  void add_initializer(pb::TensorProto& tensor) {
    if (tensor.name().empty()) throw ModelError("[onnx import] " + where_ + ": an initializer has no name");
    if (const auto type = narrow_type(tensor.data_type())) narrow_[tensor.name()] = *type;
    if (!graph_.initializers.emplace(tensor.name(), reader_.read(tensor)).second)
      throw ModelError("[onnx import] " + where_ + ": initializer '" + tensor.name() + "' stands twice");
  }

  ValueInfo value_info(const pb::ValueInfoProto& proto) const {
    ValueInfo info;
    info.name = proto.name();
    if (!proto.type().has_tensor_type()) {
      if (proto.has_type() && proto.type().value_case() != pb::TypeProto::VALUE_NOT_SET)
        throw Unsupported("[onnx import] " + where_ + ": value '" + proto.name() + "' is a sequence, map or optional; only tensors are supported");
      return info;
    }
    const auto& type = proto.type().tensor_type();
    const auto narrow = narrow_type(type.elem_type());
    info.dtype = narrow ? narrow->held_in() : static_cast<Dtype>(type.elem_type());
    info.has_shape = type.has_shape();
    bool named = false;
    for (const auto& dim : type.shape().dim()) {
      info.shape.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1);
      info.symbols.push_back(dim.dim_param());
      named = named || !dim.dim_param().empty();
    }
    if (!named) info.symbols.clear();
    return info;
  }

  /// Some exporters write 0 for a size that they do not know. What is computed has its sizes from the operators; an input's 0 is meant.
  static ValueInfo with_open_zeros(ValueInfo info) {
    for (auto& size : info.shape)
      if (size == 0) size = -1;
    return info;
  }

  /// Of an input or an output, whose type others see.
  ValueInfo interface_info(const pb::ValueInfoProto& proto) const {
    if (narrow_type(proto.type().tensor_type().elem_type()))
      throw Unsupported("[onnx import] " + where_ + ": '" + proto.name() +
                        "' is an input or output of a type of fewer than 8 bits; quantise it inside the model");
    return value_info(proto);
  }

  Node import_node(pb::NodeProto& proto) {
    Node node;
    node.name = proto.name();
    node.op_type = proto.op_type();
    node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
    node.doc = proto.doc_string();
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    if (node.op_type.empty()) throw ModelError("[onnx import] " + where_ + ": a node has no operator type");
    if (node.outputs.empty())
      throw ModelError("[onnx import] " + where_ + ": [" + node.label() + "] has no output; each node of ONNX has one at least");
    if (graph_.opset(node.domain) == 0)
      throw ModelError("[onnx import] " + where_ + ": [" + node.label() + "] is of domain '" + node.domain + "', which the model does not import");
    for (auto& attribute : *proto.mutable_attribute()) {
      if (const auto type = narrow_type(attribute.t().data_type()); type && node.op_type == "Constant" && !node.outputs.empty())
        narrow_[node.outputs[0]] = *type;
      if (auto value = import_attribute(node, attribute)) node.attributes.emplace(attribute.name(), std::move(*value));
    }
    return node;
  }

  std::optional<Attribute> import_attribute(const Node& node, pb::AttributeProto& proto) {
    using A = pb::AttributeProto;
    switch (proto.type()) {
      case A::INT: return proto.i();
      case A::FLOAT: return proto.f();
      case A::STRING: return proto.s();
      case A::TENSOR: return reader_.read(*proto.mutable_t());
      case A::INTS: return std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
      case A::FLOATS: return std::vector<float>(proto.floats().begin(), proto.floats().end());
      case A::STRINGS: return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
      case A::UNDEFINED: break;
      case A::GRAPH:
      case A::GRAPHS:
        throw Unsupported("[onnx import] " + where_ + ": [" + node.label() + "] holds a subgraph ('" + proto.name() +
                          "'): models with control flow (If, Loop, Scan) cannot be cut; export without it");
      default: break;
    }
    throw Unsupported("[onnx import] " + where_ + ": [" + node.label() + "] attribute '" + proto.name() + "' has type " +
                      std::to_string(proto.type()) + ", which is not supported");
  }

  pb::ModelProto& model_;
  std::string where_;
  TensorReader reader_;
  Graph graph_;
  std::map<std::string, NarrowType> narrow_;  // constants of 4 or 2 bits, which are bytes now
};

/// A file beside the model, and the first tensor that has its data there.
struct Location {
  std::string file, tensor;
};
void collect_locations(const pb::TensorProto& tensor, std::vector<Location>& order) {
  if (tensor.data_location() != pb::TensorProto::EXTERNAL) return;
  const auto file = external_range(tensor).location;
  if (std::none_of(order.begin(), order.end(), [&](const Location& known) { return known.file == file; })) order.push_back({file, tensor.name()});
}

}  // namespace

namespace {

Graph import_proto(pb::ModelProto proto, const fs::path& folder, const std::string& where) {
  try {
    return Importer(proto, folder, where).run();
  } catch (const InvalidArgument& e) {  // shapes that overflow and the like: here the model is at fault
    throw ModelError(e.what());
  }
}

}  // namespace

Graph parse_model(std::string_view bytes, const fs::path& folder, const std::string& where) {
  return import_proto(parse_proto(bytes, where), folder, where);
}

/// From the stream, so that weights are in memory once.
Graph load_model(const fs::path& path) {
  if (fs::is_directory(path)) return compiled_graph(path);
  std::ifstream file(path, std::ios::binary);
  if (!file || !fs::is_regular_file(path))
    return parse_model(read_file(path, (uint64_t{1} << 31)), path.parent_path(), path.string());  // says what is wrong
  const auto bytes = fs::file_size(path);
  check_size(bytes, path.string());
  google::protobuf::io::IstreamInputStream stream(&file, 1 << 16);
  return import_proto(parse_proto(stream, bytes, path.string()), path.parent_path(), path.string());
}

std::string model_sha256(const fs::path& path) {
  if (fs::is_directory(path)) return load_compiled(path).model_sha256;
  const auto bytes = read_file(path, (uint64_t{1} << 31));
  Sha256 hash;
  hash.update(bytes);
  const auto proto = parse_proto(bytes, path.string());
  std::vector<Location> files;
  for (const auto& tensor : proto.graph().initializer()) collect_locations(tensor, files);
  for (const auto& node : proto.graph().node())
    for (const auto& attribute : node.attribute())
      if (attribute.has_t()) collect_locations(attribute.t(), files);
  for (const auto& [file, tensor] : files) ExternalFile(path.parent_path(), file, said_of(path.string(), tensor)).hash(hash);
  return hash.hex();
}

}  // namespace scissionlite
