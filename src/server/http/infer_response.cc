#include <algorithm>
#include <charconv>
#include <cmath>

#include "protocol/classification.h"
#include "protocol/wire_internal.h"
#include "server/http/infer_internal.h"

namespace scissionlite::server::http {
namespace {

[[noreturn]] void refuse(const std::string& output, const std::string& what) {
  throw Refusal(Code::kInvalidArgument,
                "output '" + output + "' " + what + ", which JSON has no form for; ask for it with the parameter binary_data");
}

/// `values` with commas between, shortest text that reads back the same.
template <typename T>
std::string number_list(const Tensor& tensor) {
  std::string out;
  const auto values = tensor.as<T>();
  out.reserve(values.size() * 4);
  char text[32];
  for (const T value : values) {
    if (!out.empty()) out += ',';
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }
  return out;
}

std::string flag_list(const Tensor& tensor) {
  std::string out;
  for (size_t i = 0; i < tensor.size_bytes(); ++i) out += std::string(i > 0 ? "," : "") + (tensor.data()[i] != std::byte{0} ? "true" : "false");
  return out;
}

std::string text_list(const Tensor& tensor) {
  std::string out, error;
  for (const auto element : protocol::split_strings({reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes()}, error)) {
    if (!out.empty()) out += ',';
    out += Json(element).dump();
  }
  return out;
}

template <typename T>
void check_finite(const Tensor& tensor, const std::string& name) {
  for (const T value : tensor.as<T>())
    if (!std::isfinite(value)) refuse(name, "has values that are infinite or no number");
}
void check_text(const Tensor& tensor, const std::string& name) {
  try {
    (void)text_list(tensor);
  } catch (const Json::exception&) { refuse(name, "has elements that are not UTF-8"); }
}

/// @param datatype  of the output; BYTES come as a tensor of raw contents.
std::string list_of(const Tensor& tensor, const std::string& datatype, const std::string& name) {
  switch (dtype_from_oip_name(datatype)) {
    case Dtype::kBool: return flag_list(tensor);
    case Dtype::kU8: return number_list<uint8_t>(tensor);
    case Dtype::kU16: return number_list<uint16_t>(tensor);
    case Dtype::kU32: return number_list<uint32_t>(tensor);
    case Dtype::kU64: return number_list<uint64_t>(tensor);
    case Dtype::kI8: return number_list<int8_t>(tensor);
    case Dtype::kI16: return number_list<int16_t>(tensor);
    case Dtype::kI32: return number_list<int32_t>(tensor);
    case Dtype::kI64: return number_list<int64_t>(tensor);
    case Dtype::kF32: return number_list<float>(tensor);
    case Dtype::kF64: return number_list<double>(tensor);
    case Dtype::kString: return text_list(tensor);
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

Response write_infer_response(const KeptReply& reply, const BinaryOutputs& binary) {
  Response response;
  Json head = Json::object();
  if (!reply.head.id().empty()) head["id"] = reply.head.id();
  head["model_name"] = reply.head.model_name();
  head["model_version"] = reply.head.model_version();
  head["parameters"] = parameters_of(reply.head);
  // Data is appended as text: as values of a tree it would take ten times the space.
  std::string outputs;
  for (int i = 0; i < reply.head.outputs_size(); ++i) {
    const auto& output = reply.head.outputs(i);
    const auto& tensor = reply.outputs[static_cast<size_t>(i)];
    const bool is_binary = binary.wants(output.name());
    Json json{
        {"name", output.name()}, {"datatype", output.datatype()}, {"shape", std::vector<int64_t>(output.shape().begin(), output.shape().end())}};
    if (is_binary) json["parameters"] = {{"binary_data_size", tensor.size_bytes()}};
    std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (is_binary) response.blobs.push_back(tensor);
    else text.replace(text.size() - 1, 1, ",\"data\":[" + list_of(tensor, output.datatype(), output.name()) + "]}");
    outputs += (i > 0 ? "," : "") + text;
  }
  response.body = head.dump(-1, ' ', false, Json::error_handler_t::replace);
  response.body.replace(response.body.size() - 1, 1, ",\"outputs\":[" + outputs + "]}");
  if (response.blobs.empty()) return response;
  response.content_type = "application/octet-stream";
  response.fields.emplace_back("Inference-Header-Content-Length", std::to_string(response.body.size()));
  return response;
}

}  // namespace scissionlite::server::http
