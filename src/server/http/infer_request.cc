#include <algorithm>
#include <charconv>
#include <cstring>

#include "server/call/names.h"
#include "server/http/infer_internal.h"
#include "server/http/json_data.h"

namespace scissionlite::server::http {
namespace {

constexpr const char *kBinarySize = "binary_data_size", *kBinary = "binary_data", *kBinaryDefault = "binary_data_output";

[[noreturn]] void refuse(const std::string& text) { throw Refusal(Code::kInvalidArgument, text); }

inference::InferParameter parameter_of(const JsonReader& value) {
  inference::InferParameter out;
  const Json& json = value.raw();
  if (json.is_boolean()) out.set_bool_param(json.get<bool>());
  else if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX) out.set_uint64_param(json.get<uint64_t>());
  else if (json.is_number_integer()) out.set_int64_param(json.get<int64_t>());
  else if (json.is_number()) out.set_double_param(json.get<double>());
  else out.set_string_param(value.text());
  return out;
}

using Parameters = google::protobuf::Map<std::string, inference::InferParameter>;

void read_parameters(const JsonReader& owner, Parameters& out) {
  if (!owner.has("parameters")) return;
  for (const auto& [key, value] : owner.at("parameters").members()) out[key] = parameter_of(value);
}

bool is_count(const inference::InferParameter& value) { return value.has_uint64_param() || (value.has_int64_param() && value.int64_param() >= 0); }
bool is_name_or_count(const inference::InferParameter& value) { return value.has_string_param() || is_count(value); }
bool is_flag(const inference::InferParameter& value) { return value.has_bool_param(); }

/// Parameters of a request that the protocol gives a type, beside `timeout`, which is checked for every front end. Others may be anything.
struct Typed {
  const char* key;
  bool (*fits)(const inference::InferParameter& value);
  const char* expected;
};
constexpr Typed kTyped[] = {
    {"priority", is_count, "an integer of at least 0"},
    {"sequence_id", is_name_or_count, "a string or an integer of at least 0"},
    {"sequence_start", is_flag, "true or false"},
    {"sequence_end", is_flag, "true or false"},
};

void check_types(const Parameters& parameters) {
  for (const auto& typed : kTyped)
    if (const auto it = parameters.find(typed.key); it != parameters.end() && !typed.fits(it->second))
      refuse(std::string("parameter '") + typed.key + "' must be " + typed.expected);
}

/// Takes `key` out, which is HTTP's own and means nothing to the model.
std::optional<inference::InferParameter> take(Parameters& parameters, const char* key) {
  const auto it = parameters.find(key);
  if (it == parameters.end()) return std::nullopt;
  auto value = it->second;
  parameters.erase(it);
  return value;
}

std::optional<bool> take_flag(Parameters& parameters, const char* key) {
  const auto value = take(parameters, key);
  if (!value) return std::nullopt;
  if (value->parameter_choice_case() != inference::InferParameter::kBoolParam) refuse(std::string("parameter '") + key + "' must be true or false");
  return value->bool_param();
}

/// The bytes behind the JSON, taken from the front.
class Blobs {
 public:
  explicit Blobs(std::string_view bytes) : left_(bytes) {}
  std::string_view take(const inference::InferParameter& size, const std::string& input) {
    if (size.parameter_choice_case() != inference::InferParameter::kInt64Param || size.int64_param() < 0)
      refuse("parameter 'binary_data_size' of input '" + printable(input) + "' must be an integer of at least 0");
    const auto wanted = static_cast<uint64_t>(size.int64_param());
    if (wanted > left_.size())
      refuse("input '" + printable(input) + "' has binary_data_size " + std::to_string(wanted) + ", but only " + std::to_string(left_.size()) +
             " bytes are left of the body");
    const auto out = left_.substr(0, wanted);
    left_.remove_prefix(wanted);
    return out;
  }
  [[nodiscard]] size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
};

void read_input(const JsonReader& reader, std::optional<std::string>&& data, Blobs& blobs, inference::ModelInferRequest& message) {
  auto& input = *message.add_inputs();
  input.set_name(reader.at("name").text());
  input.set_datatype(reader.at("datatype").text());
  for (const int64_t size : reader.at("shape").integers()) input.add_shape(size);
  read_parameters(reader, *input.mutable_parameters());
  const auto size = take(*input.mutable_parameters(), kBinarySize);
  const std::string name = "input '" + printable(input.name()) + "'";
  if (input.parameters().count("shared_memory_region")) refuse(name + " lies in shared memory, which this server does not take; send its data");
  if (size && data) refuse(name + " has both 'data' and 'binary_data_size'; give one of them");
  if (size) message.add_raw_input_contents(std::string(blobs.take(*size, input.name())));
  else if (data) message.add_raw_input_contents(std::move(*data));
  else refuse("unable to find data for input tensor '" + printable(input.name()) + "' in request.");
}

void read_outputs(const JsonReader& root, InferRequest& out) {
  if (!root.has("outputs")) return;
  for (const auto& reader : root.at("outputs").elements()) {
    auto& output = *out.message->add_outputs();
    output.set_name(reader.at("name").text());
    read_parameters(reader, *output.mutable_parameters());
    if (output.parameters().count("shared_memory_region"))
      refuse("output '" + printable(output.name()) + "' is to go to shared memory, which this server does not have");
    if (const auto is_binary = take_flag(*output.mutable_parameters(), kBinary)) out.binary.by_name[output.name()] = *is_binary;
  }
}

bool has_no_json(const std::optional<std::string_view>& json_bytes) { return json_bytes && number_of(*json_bytes) == uint64_t{0}; }

/// The body is the model's only input, one item; a single dynamic size follows from the number of bytes.
InferRequest of_raw_body(std::string_view body, const ModelInterface& model) {
  if (model.inputs.size() != 1)
    refuse("a body without JSON fits models with one input, but '" + model.name + "' has " + std::to_string(model.inputs.size()));
  const auto& info = model.inputs[0];
  InferRequest out{.message = std::make_shared<inference::ModelInferRequest>(), .binary = {.by_default = true, .by_name = {}}};
  auto& input = *out.message->add_inputs();
  input.set_name(info.name);
  input.set_datatype(std::string(dtype_oip_name(info.dtype)));
  Shape shape = info.shape;
  if (model.max_batch > 0) shape[0] = 1;
  auto one_bytes = static_cast<int64_t>(dtype_size(info.dtype));  // of all sizes but the dynamic one
  for (const int64_t size : shape)
    if (size > 0 && one_bytes <= INT64_MAX / size) one_bytes *= size;
  const auto dynamic = std::count(shape.begin(), shape.end(), -1);
  if (dynamic > 1) refuse("a body without JSON fits inputs with at most one dynamic size, but '" + info.name + "' has " + to_string(info.shape));
  if (dynamic == 1 && one_bytes > 0) *std::find(shape.begin(), shape.end(), -1) = static_cast<int64_t>(body.size()) / one_bytes;
  for (const int64_t size : shape) input.add_shape(size);
  out.message->add_raw_input_contents(std::string(body));
  return out;
}

}  // namespace

std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view json_of(std::string_view body, const std::optional<std::string_view>& json_bytes) {
  if (!json_bytes) return body;
  if (has_no_json(json_bytes)) return {};
  const auto size = number_of(*json_bytes);
  if (!size || *size > body.size())
    refuse("inference header size should be in range (0, " + std::to_string(body.size()) + "), got: " + printable(*json_bytes));
  return body.substr(0, *size);
}

InferRequest read_infer_request(std::string_view body, std::optional<std::string_view> json_bytes, const ModelInterface& model,
                                GrowingTicket& growth) {
  if (has_no_json(json_bytes)) return of_raw_body(body, model);
  const auto json = json_of(body, json_bytes);
  if (json.empty()) refuse("the body is empty; expected a JSON object with \"inputs\"");
  auto parsed = parse_request(json, model, growth);
  const JsonReader root(parsed.json, "the request");
  if (!parsed.json.is_object()) root.fail("an object with \"inputs\"");
  InferRequest out{.message = std::make_shared<inference::ModelInferRequest>(), .binary = {}};
  out.message->set_id(root.text_or("id", ""));
  read_parameters(root, *out.message->mutable_parameters());
  check_types(out.message->parameters());
  out.binary.by_default = take_flag(*out.message->mutable_parameters(), kBinaryDefault).value_or(false);
  Blobs blobs(body.substr(json.size()));
  const auto inputs = root.at("inputs").elements();
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::optional<std::string> data;
    if (const auto it = parsed.raw.find(i); it != parsed.raw.end()) data = std::move(it->second);
    if (!inputs[i].raw().is_object()) inputs[i].fail("an object");
    read_input(inputs[i], std::move(data), blobs, *out.message);
  }
  if (blobs.left() > 0)
    refuse("unexpected additional input data for model '" + model.name + "': " + std::to_string(blobs.left()) + " bytes behind the last input");
  read_outputs(root, out);
  return out;
}

}  // namespace scissionlite::server::http
