#include "engine/backends/native/compiled/attribute_json.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/base64.h"

namespace scissionlite::native {
namespace {

/// JSON has no infinities.
Json float_to_json(float value) {
  if (std::isfinite(value)) return static_cast<double>(value);
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

float float_from_json(const JsonReader& json) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (json.raw().is_string()) {
    const auto text = json.text();
    if (text != "inf" && text != "-inf" && text != "nan") json.fail("a number, inf, -inf or nan");
    return text == "inf" ? kInfinity : text == "-inf" ? -kInfinity : std::numeric_limits<float>::quiet_NaN();
  }
  const double value = json.number();
  if (std::abs(value) > static_cast<double>(std::numeric_limits<float>::max())) json.fail("a number within float32");
  return static_cast<float>(value);
}

Json tensor_to_json(const Tensor& tensor) {
  return {{"dtype", dtype_name(tensor.dtype())},
          {"shape", tensor.shape()},
          {"base64", to_base64({reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes()})}};
}

Tensor tensor_from_json(const JsonReader& json) {
  json.allow_only({"dtype", "shape", "base64"});
  const auto bytes = from_base64(json.at("base64").text());
  if (!bytes) json.at("base64").fail("base64");
  const auto dtype = dtype_from_name(json.at("dtype").text());
  if (dtype_size(dtype) == 0) json.at("dtype").fail("a type such as float32 or uint8");
  const auto shape = json.at("shape").integers();
  int64_t count = 0;
  try {
    count = element_count(shape);
  } catch (const InvalidArgument&) { json.at("shape").fail("sizes of a tensor"); }
  if (count != static_cast<int64_t>(bytes->size() / dtype_size(dtype)) || bytes->size() % dtype_size(dtype) != 0)
    json.at("base64").fail("as many bytes as the shape has");
  Tensor tensor(dtype, shape);
  std::memcpy(tensor.mutable_data(), bytes->data(), bytes->size());
  return tensor;
}

struct ToJson {
  Json operator()(int64_t value) const { return {{"int", value}}; }
  Json operator()(float value) const { return {{"float", float_to_json(value)}}; }
  Json operator()(const std::string& value) const { return {{"text", value}}; }
  Json operator()(const Tensor& value) const { return {{"tensor", tensor_to_json(value)}}; }
  Json operator()(const std::vector<int64_t>& values) const { return {{"ints", values}}; }
  Json operator()(const std::vector<float>& values) const {
    Json list = Json::array();
    for (const float value : values) list.push_back(float_to_json(value));
    return {{"floats", list}};
  }
  Json operator()(const std::vector<std::string>& values) const { return {{"texts", values}}; }
};

}  // namespace

Json attribute_to_json(const Attribute& attribute) { return std::visit(ToJson{}, attribute); }

Attribute attribute_from_json(const JsonReader& json) {
  const auto members = json.members();
  if (members.size() != 1) json.fail("an object of one member: int, float, text, tensor, ints, floats or texts");
  const auto& [type, value] = members[0];
  if (type == "int") return value.integer();
  if (type == "float") return float_from_json(value);
  if (type == "text") return value.text();
  if (type == "tensor") return tensor_from_json(value);
  if (type == "ints") return value.integers();
  if (type == "texts") return value.texts();
  if (type != "floats") json.fail("an object of one member: int, float, text, tensor, ints, floats or texts");
  std::vector<float> values;
  for (const auto& element : value.elements()) values.push_back(float_from_json(element));
  return values;
}

}  // namespace scissionlite::native
