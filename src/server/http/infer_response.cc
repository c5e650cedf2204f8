#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "protocol/classification.h"
#include "protocol/wire_internal.h"
#include "server/http/infer_internal.h"

namespace scissionlite::server::http {
namespace {

[[noreturn]] void refuse(const std::string& output, const std::string& what) {
  throw Refusal(Code::kInvalidArgument,
                "output '" + output + "' " + what + ", which JSON has no form for; ask for it with the parameter binary_data");
}

/// Appends the elements of a tensor with commas between, as they are written.
class List {
 public:
  List(std::string& text, GrowingTicket& growth) : text_(text), growth_(growth) {}

  /// Shortest text that reads back the same.
  template <typename T>
  void add_numbers(const Tensor& tensor) {
    char number[32];
    for (const T value : tensor.as<T>()) add({number, std::to_chars(number, number + sizeof number, value).ptr});
  }
  void add_flags(const Tensor& tensor) {
    for (size_t i = 0; i < tensor.size_bytes(); ++i) add(tensor.data()[i] != std::byte{0} ? "true" : "false");
  }
  void add_texts(const Tensor& tensor) {
    std::string error;
    for (const auto element : protocol::split_strings({reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes()}, error))
      add(Json(element).dump());
  }

 private:
  void add(std::string_view element) {
    if (!std::exchange(is_first_, false)) text_ += ',';
    text_ += element;
    growth_.cover(text_.size());
  }

  std::string& text_;
  GrowingTicket& growth_;
  bool is_first_ = true;
};

template <typename T>
void check_finite(const Tensor& tensor, const std::string& name) {
  for (const T value : tensor.as<T>())
    if (!std::isfinite(value)) refuse(name, "has values that are infinite or no number");
}
void check_text(const Tensor& tensor, const std::string& name) {
  std::string error;
  try {
    for (const auto element : protocol::split_strings({reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes()}, error))
      (void)Json(element).dump();
  } catch (const Json::exception&) { refuse(name, "has elements that are not UTF-8"); }
}

/// @param datatype  of the output; BYTES come as a tensor of raw contents.
void append_list(List list, const Tensor& tensor, const std::string& datatype, const std::string& name) {
  switch (dtype_from_oip_name(datatype)) {
    case Dtype::kBool: return list.add_flags(tensor);
    case Dtype::kU8: return list.add_numbers<uint8_t>(tensor);
    case Dtype::kU16: return list.add_numbers<uint16_t>(tensor);
    case Dtype::kU32: return list.add_numbers<uint32_t>(tensor);
    case Dtype::kU64: return list.add_numbers<uint64_t>(tensor);
    case Dtype::kI8: return list.add_numbers<int8_t>(tensor);
    case Dtype::kI16: return list.add_numbers<int16_t>(tensor);
    case Dtype::kI32: return list.add_numbers<int32_t>(tensor);
    case Dtype::kI64: return list.add_numbers<int64_t>(tensor);
    case Dtype::kF32: return list.add_numbers<float>(tensor);
    case Dtype::kF64: return list.add_numbers<double>(tensor);
    case Dtype::kString: return list.add_texts(tensor);
    default: refuse(name, "has datatype " + datatype);
  }
}

Json parameters_of(const inference::ModelInferResponse& head) {
  Json out = Json::object();
  for (const auto& [key, value] : head.parameters()) {
    if (value.has_string_param()) out[key] = value.string_param();
    else if (value.has_double_param()) out[key] = value.double_param();
    else if (value.has_int64_param()) out[key] = value.int64_param();
    else if (value.has_bool_param()) out[key] = value.bool_param();
  }
  return out;
}

Json head_of(const inference::ModelInferResponse& reply) {
  Json out = Json::object();
  if (!reply.id().empty()) out["id"] = reply.id();
  out["model_name"] = reply.model_name();
  out["model_version"] = reply.model_version();
  out["parameters"] = parameters_of(reply);
  return out;
}

Json description_of(const inference::ModelInferResponse::InferOutputTensor& output) {
  return {{"name", output.name()}, {"datatype", output.datatype()}, {"shape", std::vector<int64_t>(output.shape().begin(), output.shape().end())}};
}

/// All of an object but its closing brace.
void append_open(std::string& text, const Json& object) {
  text += object.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  text.pop_back();
}

}  // namespace

void check_json_types(const inference::ModelInferRequest& request, const BinaryOutputs& binary, const ModelInterface& model) {
  const auto check = [&](const std::string& name) {
    const auto info = std::find_if(model.outputs.begin(), model.outputs.end(), [&](const TensorInfo& output) { return output.name == name; });
    if (info == model.outputs.end() || binary.wants(name)) return;  // what is unknown is refused as with gRPC
    if (info->dtype == Dtype::kF16 || info->dtype == Dtype::kBF16) refuse(name, "has datatype " + std::string(dtype_oip_name(info->dtype)));
  };
  if (request.outputs().empty())
    for (const auto& info : model.outputs) check(info.name);
  for (const auto& output : request.outputs())
    if (!output.parameters().contains(protocol::kClassificationExtension)) check(output.name());
}

void check_json_values(const inference::ModelInferResponse& head, const std::vector<Tensor>& outputs, const BinaryOutputs& binary) {
  for (int i = 0; i < head.outputs_size(); ++i) {
    const auto& name = head.outputs(i).name();
    const auto& tensor = outputs[static_cast<size_t>(i)];
    if (binary.wants(name)) continue;
    switch (dtype_from_oip_name(head.outputs(i).datatype())) {
      case Dtype::kF32: check_finite<float>(tensor, name); break;
      case Dtype::kF64: check_finite<double>(tensor, name); break;
      case Dtype::kString: check_text(tensor, name); break;
      default: break;
    }
  }
}

size_t most_json_bytes(const KeptReply& reply, const BinaryOutputs& binary) {
  size_t bytes = 0;
  for (int i = 0; i < reply.head.outputs_size(); ++i) {
    const auto& output = reply.head.outputs(i);
    const auto& tensor = reply.outputs[static_cast<size_t>(i)];
    if (binary.wants(output.name())) continue;
    const size_t size = dtype_size(dtype_from_oip_name(output.datatype()));
    bytes += size == 0 ? tensor.size_bytes() : tensor.size_bytes() / size * (4 + 3 * size);  // "false,", "-1.17549435e-38,", ...
  }
  return bytes;
}

Response write_infer_response(const KeptReply& reply, const BinaryOutputs& binary, GrowingTicket& growth) {
  Response response;
  auto& text = response.body;
  text.reserve(most_json_bytes(reply, binary));  // which becomes memory as it is filled
  append_open(text, head_of(reply.head));
  text += ",\"outputs\":[";
  for (int i = 0; i < reply.head.outputs_size(); ++i) {
    const auto& output = reply.head.outputs(i);
    const auto& tensor = reply.outputs[static_cast<size_t>(i)];
    if (i > 0) text += ',';
    append_open(text, description_of(output));
    if (binary.wants(output.name())) {
      text += ",\"parameters\":{\"binary_data_size\":" + std::to_string(tensor.size_bytes()) + "}}";
      response.blobs.push_back(tensor);
      continue;
    }
    text += ",\"data\":[";  // as values of a tree it would take ten times the space
    append_list({text, growth}, tensor, output.datatype(), output.name());
    text += "]}";
  }
  text += "]}";
  if (response.blobs.empty()) return response;
  response.content_type = "application/octet-stream";
  response.fields.emplace_back("Inference-Header-Content-Length", std::to_string(text.size()));
  return response;
}

}  // namespace scissionlite::server::http
