#include <algorithm>
#include <set>

#include "base/text.h"
#include "protocol/classification.h"
#include "protocol/stream_codec.h"
#include "protocol/wire_internal.h"
#include "server/call/names.h"
#include "server/inference/validate_internal.h"
#include "server/queueing/batcher.h"

namespace scissionlite::server {
namespace {

using Input = inference::ModelInferRequest::InferInputTensor;

constexpr const char* kSharedMemoryRegion = "shared_memory_region";  // the parameter of Triton's extension

/// "[1,3,224,224]" as Triton writes it; long ones are cut, because they come from outside.
template <typename Sizes>
std::string shape_text(const Sizes& sizes) {
  constexpr int kShown = 16;
  std::string out = "[";
  int i = 0;
  for (const auto size : sizes) {
    if (i == kShown) return out + ",...]";
    out += (i++ > 0 ? "," : "") + std::to_string(size);
  }
  return out + "]";
}

std::string name_list(std::vector<std::string> names) {
  constexpr size_t kShown = 16;
  if (names.size() > kShown) names.resize(kShown);
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "'" : ",'") + printable(name) + "'";
  return "[" + out + "]";
}

/// One request being checked.
class Checker {
 public:
  Checker(const std::shared_ptr<const inference::ModelInferRequest>& request, const ModelInterface& model) : request_(request), model_(model) {}

  CheckedRequest check() {
    check_parameters();
    check_names();
    CheckedRequest out;
    out.inputs.resize(model_.inputs.size());
    for (int i = 0; i < request_->inputs_size(); ++i) check_input(i, out);
    out.outputs = wanted_outputs();
    out.batch = batch_ < 0 ? 1 : batch_;
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& text) const {
    throw Refusal(Code::kInvalidArgument, (request_->id().empty() ? "" : "[request id: " + printable(request_->id()) + "] ") + text);
  }
  [[nodiscard]] std::string of_model() const { return " for model '" + model_.name + "'"; }

  void check_parameters() const {
    for (const auto& [key, value] : request_->parameters())
      if (key.rfind("triton_", 0) == 0 && key != "triton_enable_empty_final_response")
        refuse("parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.");
    if (const auto timeout = request_->parameters().find("timeout"); timeout != request_->parameters().end()) check_timeout(timeout->second);
    const auto it = request_->parameters().find("model_sha256");
    if (it == request_->parameters().end()) return;
    if (it->second.string_param() != model_.sha256)
      throw Refusal(Code::kFailedPrecondition, "the request is meant for model_sha256 " + printable(it->second.string_param()) + ", but model '" +
                                                   model_.name + "' version " + model_.version + " has " + model_.sha256 +
                                                   "; prepare device and edge from the same model and plan");
  }

  /// What is taken for no deadline would be waited for without one.
  void check_timeout(const inference::InferParameter& value) const {
    if (!value.has_int64_param() && !value.has_uint64_param()) refuse("invalid value type for 'timeout' parameter, expected int64_param.");
    if (value.has_int64_param() && value.int64_param() < 0)
      refuse("the parameter 'timeout' is " + std::to_string(value.int64_param()) + ", expected microseconds from 0, which is no timeout, on.");
  }

  /// Names of inputs: known, each once, all there. Data: raw or typed, never both, never more than inputs.
  void check_names() const {
    std::set<std::string_view> given;
    std::vector<std::string> given_names;
    for (int i = 0; i < request_->inputs_size(); ++i) {
      const auto& name = request_->inputs(i).name();
      if (!given.insert(name).second) refuse("input '" + printable(name) + "' already exists in request");
      given_names.push_back(name);
      check_data_is_given(i);
    }
    if (request_->raw_input_contents_size() > request_->inputs_size())
      refuse("expected " + std::to_string(request_->inputs_size()) + " raw_input_contents, one an input, but got " +
             std::to_string(request_->raw_input_contents_size()) + of_model());
    std::vector<std::string> missing;
    for (const auto& info : model_.inputs)
      if (!given.count(info.name)) missing.push_back(info.name);
    if (request_->inputs_size() != static_cast<int>(model_.inputs.size())) {
      std::string text = "expected " + std::to_string(model_.inputs.size()) + " inputs but got " + std::to_string(request_->inputs_size()) +
                         " inputs" + of_model() + ". Got input(s) " + name_list(given_names);
      if (!missing.empty()) text += ", but missing required input(s) " + name_list(missing) + ". Please provide all required input(s).";
      refuse(text);
    }
    for (const auto& input : request_->inputs())
      if (position_of(input.name()) < 0) refuse("unexpected inference input '" + printable(input.name()) + "'" + of_model());
  }

  void check_data_is_given(int index) const {
    const auto& input = request_->inputs(index);
    const bool has_contents = input.has_contents();
    if (request_->raw_input_contents_size() > 0 && has_contents)
      refuse("contents field must not be specified when using raw_input_contents for '" + printable(input.name()) + "'" + of_model());
    if (!has_contents && index >= request_->raw_input_contents_size())
      refuse("unable to find data for input tensor '" + printable(input.name()) + "'" + of_model() + " in request.");
  }

  [[nodiscard]] int position_of(const std::string& name) const {
    for (size_t i = 0; i < model_.inputs.size(); ++i)
      if (model_.inputs[i].name == name) return static_cast<int>(i);
    return -1;
  }

  void check_input(int index, CheckedRequest& out) {
    const auto& input = request_->inputs(index);
    if (input.parameters().count(kSharedMemoryRegion))
      refuse("input '" + printable(input.name()) + "' lies in shared memory, which this server does not take; send its data");
    const auto position = static_cast<size_t>(position_of(input.name()));
    const auto& info = model_.inputs[position];
    const Dtype dtype = dtype_from_oip_name(input.datatype());
    if (dtype == Dtype::kString && input.parameters().count("codec")) {
      if (input.parameters().at("codec").string_param() == protocol::kStreamCodec) out.coded.push_back(check_streams(index, position));
      else out.encoded = check_images(index, position);
      return;
    }
    if (dtype != info.dtype)
      refuse("inference input '" + info.name + "' data-type is '" + (dtype == Dtype::kUndefined ? "<invalid>" : input.datatype()) + "', but model '" +
             model_.name + "' expects '" + std::string(dtype_oip_name(info.dtype)) + "'");
    check_shape(input, info);
    const auto count = protocol::checked_count({input.shape().data(), static_cast<size_t>(input.shape_size())});
    if (!count || *count > INT64_MAX / 8)
      refuse("the shape " + shape_text(input.shape()) + " of input '" + info.name + "'" + of_model() + " has more elements than can be addressed");
    out.inputs[position] = tensor_of(index, info, *count);
  }

  void check_shape(const Input& input, const TensorInfo& info) {
    const auto& given = input.shape();
    for (const int64_t size : given)
      if (size < 0) refuse("All input dimensions should be specified for input '" + info.name + "'" + of_model() + ", got " + shape_text(given));
    const bool batches = model_.max_batch > 0;
    bool fits = given.size() == static_cast<int>(info.shape.size());
    if (batches && given.empty()) refuse("input '" + info.name + "' has no shape" + of_model() + ", which expects a batch as the first size");
    for (int d = 0; fits && d < given.size(); ++d) fits = info.shape[static_cast<size_t>(d)] < 0 || info.shape[static_cast<size_t>(d)] == given[d];
    if (!fits)
      refuse("unexpected shape for input '" + info.name + "'" + of_model() + ". Expected " + shape_text(info.shape) + ", got " + shape_text(given) +
             ". " +
             (batches ? "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape."
                      : ""));
    if (batches) check_batch(given[0], info.name);
  }

  void check_batch(int64_t batch, const std::string& input) {
    if (batch > model_.max_batch)
      refuse("inference request batch-size must be <= " + std::to_string(model_.max_batch) + " for '" + model_.name + "'");
    if (batch_ >= 0 && batch != batch_) refuse("input '" + input + "' batch size does not match other inputs for '" + model_.name + "'");
    batch_ = batch;
  }

  [[nodiscard]] Tensor tensor_of(int index, const TensorInfo& info, int64_t count) const {
    const auto& input = request_->inputs(index);
    Shape shape(input.shape().begin(), input.shape().end());
    const auto expected = count * static_cast<int64_t>(dtype_size(info.dtype));
    if (!input.has_contents()) {
      const auto& raw = request_->raw_input_contents(index);
      if (static_cast<int64_t>(raw.size()) != expected) refuse_size(info, expected, static_cast<int64_t>(raw.size()));
      return protocol::view_raw(info.dtype, std::move(shape), request_, raw);
    }
    const auto given = protocol::contents_count(info.dtype, input.contents());
    if (!given)
      refuse("input '" + info.name + "'" + of_model() + " has datatype " + input.datatype() +
             ", which has no typed contents; send it as raw_input_contents");
    if (*given != count) refuse_size(info, expected, *given * static_cast<int64_t>(dtype_size(info.dtype)));
    try {
      return protocol::from_contents(info.dtype, std::move(shape), input.contents());
    } catch (const InvalidArgument& e) { refuse("input '" + info.name + "'" + of_model() + ": " + e.what()); }
  }

  [[noreturn]] void refuse_size(const TensorInfo& info, int64_t expected, int64_t given) const {
    refuse("input byte size mismatch for input '" + info.name + "'" + of_model() + ". Expected " + std::to_string(expected) + ", got " +
           std::to_string(given));
  }

  EncodedImages check_images(int index, size_t position) {
    static const std::set<std::string> kCodecs{"jpeg", "png", "webp", "raw", "file"};
    const auto& input = request_->inputs(index);
    const std::string where = "input '" + printable(input.name()) + "'" + of_model();
    const auto& codec = input.parameters().at("codec").string_param();
    if (!model_.image || position != 0) refuse(where + " takes no encoded images: the model's folder has no input.json");
    if (!kCodecs.count(codec)) refuse(where + " has codec '" + printable(codec) + "', expected " + join({kCodecs.begin(), kCodecs.end()}, ", "));
    return {codec, elements_of(index, where, "image")};
  }

  CodedInput check_streams(int index, size_t position) {
    const auto& input = request_->inputs(index);
    const std::string where = "input '" + printable(input.name()) + "'" + of_model();
    const auto& decoder = model_.inputs[position].decoder;
    if (!decoder) refuse(where + " takes no entropy-coded streams: the model's folder has no " + input.name() + ".coder");
    const auto claim = input.parameters().find("coder");
    if (claim == input.parameters().end() || claim->second.string_param() != decoder->hash())
      throw Refusal(Code::kFailedPrecondition,
                    where + " was coded with model " + (claim == input.parameters().end() ? "''" : printable(claim->second.string_param())) +
                        ", but the edge has " + decoder->hash() + "; prepare device and edge from the same model and plan");
    return {position, elements_of(index, where, "stream")};
  }

  /// The elements of a BYTES input, one an image of the batch; `what` they are, for messages.
  std::vector<std::string_view> elements_of(int index, const std::string& where, const std::string& what) {
    const auto& input = request_->inputs(index);
    const auto count = protocol::checked_count({input.shape().data(), static_cast<size_t>(input.shape_size())});
    if (!count) refuse(where + " has the impossible shape " + shape_text(input.shape()));
    std::vector<std::string_view> elements;
    std::string error;
    if (input.has_contents()) elements.assign(input.contents().bytes_contents().begin(), input.contents().bytes_contents().end());
    else elements = protocol::split_strings(request_->raw_input_contents(index), error);
    if (!error.empty()) refuse("incomplete string data for inference input '" + input.name() + "', " + error);
    const auto given = static_cast<int64_t>(elements.size());
    if (given != *count)
      refuse("expected " + std::to_string(*count) + " string elements for inference input '" + input.name() + "', got " + std::to_string(given));
    if (given == 0) refuse(where + " holds no " + what);
    if (model_.max_batch > 0) check_batch(given, input.name());
    else if (given != 1) refuse(where + " takes one " + what + " a request, got " + std::to_string(given));
    return elements;
  }

  [[nodiscard]] int64_t wanted_classes(const inference::ModelInferRequest::InferRequestedOutputTensor& output, const TensorInfo& info) const {
    const auto it = output.parameters().find(protocol::kClassificationExtension);
    if (it == output.parameters().end()) return 0;
    if (it->second.parameter_choice_case() != inference::InferParameter::kInt64Param || it->second.int64_param() < 0)
      refuse("parameter 'classification' of output '" + info.name + "'" + of_model() + " must be an int64 of at least 0");
    if (it->second.int64_param() > 0 && info.dtype == Dtype::kString)
      refuse("class result not available for output '" + info.name + "' due to unsupported type 'BYTES'");
    return it->second.int64_param();
  }

  [[nodiscard]] std::vector<WantedOutput> wanted_outputs() const {
    std::vector<WantedOutput> wanted;
    for (const auto& output : request_->outputs()) {
      size_t i = 0;
      while (i < model_.outputs.size() && model_.outputs[i].name != output.name()) ++i;
      if (i == model_.outputs.size()) refuse("unexpected inference output '" + printable(output.name()) + "'" + of_model());
      const auto is_same = [&](const WantedOutput& other) { return other.index == i; };
      if (std::any_of(wanted.begin(), wanted.end(), is_same)) refuse("output '" + output.name() + "' already exists in request");
      if (output.parameters().count(kSharedMemoryRegion))
        refuse("output '" + printable(output.name()) + "' is to go to shared memory, which this server does not have");
      wanted.push_back({i, wanted_classes(output, model_.outputs[i])});
    }
    for (size_t i = 0; request_->outputs().empty() && i < model_.outputs.size(); ++i) wanted.push_back({i, 0});
    return wanted;
  }

  std::shared_ptr<const inference::ModelInferRequest> request_;
  const ModelInterface& model_;
  int64_t batch_ = -1;  // -1 until an input has told it
};

Tensor decode_image(std::string_view bytes, const std::string& codec, const std::string& where, const vision::InputSpec& spec, int64_t max_pixels) {
  vision::Image image;
  if (codec == "raw") {
    const auto expected = static_cast<size_t>(spec.width) * static_cast<size_t>(spec.height) * 3;
    if (bytes.size() != expected)
      throw InvalidArgument(where + " has " + std::to_string(bytes.size()) + " raw bytes, expected " + std::to_string(expected) + " (" +
                            std::to_string(spec.height) + " x " + std::to_string(spec.width) + " x 3 RGB)");
    image = {spec.width, spec.height, {bytes.begin(), bytes.end()}};
  } else {
    image = vision::decode(bytes, where, {.max_pixels = max_pixels});
  }
  const bool is_ready = codec != "file" && image.width == spec.width && image.height == spec.height;
  return is_ready ? vision::to_tensor(image, spec) : vision::preprocess(image, spec);
}

}  // namespace

CheckedRequest check_request(const std::shared_ptr<const inference::ModelInferRequest>& request, const ModelInterface& model) {
  return Checker(request, model).check();
}

Tensor decode_images(const EncodedImages& encoded, const vision::InputSpec& spec, int64_t max_pixels) {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < encoded.images.size(); ++i)
    tensors.push_back(decode_image(encoded.images[i], encoded.codec, "image " + std::to_string(i) + " of the request", spec, max_pixels));
  return tensors.size() == 1 ? tensors[0] : concatenate(tensors);
}

}  // namespace scissionlite::server
