#include "protocol/wire_internal.h"

namespace scissionlite::protocol {
namespace {

[[noreturn]] void refuse_answer(const std::string& address, const std::string& what) {
  throw TransportError("[protocol] the answer of " + address + " " + what, /*retryable=*/false);
}

WireTensor output_of(const std::shared_ptr<inference::ModelInferResponse>& response, int index, const std::string& address) {
  const auto& given = response->outputs(index);
  WireTensor out;
  out.name = given.name();
  out.parameters = from_message(given.parameters());
  const Dtype dtype = dtype_from_oip_name(given.datatype());
  const Shape shape(given.shape().begin(), given.shape().end());
  const auto count = checked_count(shape);
  const std::string where = "holds output '" + given.name() + "' ";
  if (dtype == Dtype::kUndefined) refuse_answer(address, where + "of the unknown datatype '" + given.datatype() + "'");
  if (!count) refuse_answer(address, where + "of the impossible shape " + to_string(shape));
  const bool raw = index < response->raw_output_contents_size();
  if (dtype == Dtype::kString) {
    std::string error;
    std::vector<std::string_view> elements;
    if (raw) elements = split_strings(response->raw_output_contents(index), error);
    else elements.assign(given.contents().bytes_contents().begin(), given.contents().bytes_contents().end());
    if (!error.empty() || static_cast<int64_t>(elements.size()) != *count)
      refuse_answer(address, where + "of BYTES with " + std::to_string(elements.size()) + " elements, expected " + std::to_string(*count) +
                                 (error.empty() ? "" : "; " + error));
    out.strings.assign(elements.begin(), elements.end());
    if (elements.size() == 1) out.blob = out.strings[0];
    out.blob_shape = shape;
  } else if (raw) {
    const auto& bytes = response->raw_output_contents(index);
    const auto size = static_cast<int64_t>(dtype_size(dtype));
    if (static_cast<int64_t>(bytes.size()) % size != 0 || static_cast<int64_t>(bytes.size()) / size != *count)
      refuse_answer(address, where + "with " + std::to_string(bytes.size()) + " bytes, but " + given.datatype() + " " + to_string(shape) + " needs " +
                                 std::to_string(*count) + " elements of " + std::to_string(size));
    out.tensor = view_raw(dtype, shape, response, bytes);
  } else {
    if (contents_count(dtype, given.contents()) != *count) refuse_answer(address, where + "without the data that " + to_string(shape) + " needs");
    out.tensor = from_contents(dtype, shape, given.contents());
  }
  return out;
}

}  // namespace

InferResult result_of(const std::shared_ptr<inference::ModelInferResponse>& response, const std::string& address) {
  InferResult result;
  result.model = response->model_name();
  result.version = response->model_version();
  result.id = response->id();
  result.parameters = from_message(response->parameters());
  for (int i = 0; i < response->outputs_size(); ++i) result.outputs.push_back(output_of(response, i, address));
  return result;
}

}  // namespace scissionlite::protocol
