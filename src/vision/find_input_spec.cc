// Which input.json belongs to a model, and whether it fits.
#include "vision/model_input.h"

#include "base/error.h"
#include "base/log.h"

namespace scissionlite::vision {
namespace {

const ValueInfo& image_input(const Graph& model) {
  if (model.inputs.empty()) throw ModelError("[input.json] the model has no input, expected one that takes an image");
  return model.inputs.front();
}

fs::path with_suffix(const fs::path& model_path) { return model_path.parent_path() / (model_path.stem().string() + ".input.json"); }

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

[[noreturn]] void refuse_guess(const ValueInfo& input) {
  throw InvalidArgument("[input.json] no input.json for this model, and its input '" + input.name + "' of " + std::string(dtype_name(input.dtype)) +
                        " " + (input.has_shape ? to_string(input.shape) : "of unknown shape") +
                        " does not tell the size of the image; write one (docs/input_json.md) and give it with --input-spec, or put it beside the "
                        "model as <model>.input.json");
}

bool is_channel_count(int64_t n) { return n == 1 || n == 3; }

/// ImageNet's usual preprocessing at the size that the model asks for.
InputSpec guess(const Graph& model) {
  const auto& input = image_input(model);
  const bool is_float = input.dtype == Dtype::kF32 || input.dtype == Dtype::kF16;
  if (input.shape.size() != 4 || !(is_float || input.dtype == Dtype::kU8)) refuse_guess(input);
  const bool is_nchw = is_channel_count(input.shape[1]);
  if (!is_nchw && !is_channel_count(input.shape[3])) refuse_guess(input);
  InputSpec spec;
  spec.layout = is_nchw ? "NCHW" : "NHWC";
  const int64_t height = input.shape[is_nchw ? 2 : 1], width = input.shape[is_nchw ? 3 : 2];
  constexpr int64_t kLongestSide = 16384;
  if (height < 1 || width < 1 || height > kLongestSide || width > kLongestSide) refuse_guess(input);
  spec.height = static_cast<int>(height), spec.width = static_cast<int>(width);
  spec.dtype = input.dtype;
  if (input.shape[is_nchw ? 1 : 3] == 1) spec.channels = "GRAY", spec.mean = {0}, spec.std = {1};
  if (input.dtype == Dtype::kU8) {
    spec.scale = 1;
  } else if (spec.channels == "RGB") {
    spec.mean = {0.485, 0.456, 0.406}, spec.std = {0.229, 0.224, 0.225};
  }
  return spec;
}

InputSpec load_checked(const fs::path& path, const Graph& model) {
  InputSpec spec = load_input_spec(path);
  check_fits(spec, model, path.string());
  return spec;
}

}  // namespace

Shape tensor_shape(const InputSpec& spec) {
  const int64_t c = spec.channels == "GRAY" ? 1 : 3;
  return spec.layout == "NHWC" ? Shape{1, spec.height, spec.width, c} : Shape{1, c, spec.height, spec.width};
}

void check_fits(const InputSpec& spec, const Graph& model, const std::string& where) {
  const auto& input = image_input(model);
  const Shape shape = tensor_shape(spec);
  if (input.has_shape && input.shape.size() == shape.size() && input.shape[0] > 1)
    throw InvalidArgument("[input.json] the model's input '" + input.name + "' of " + to_string(input.shape) + " takes " +
                          std::to_string(input.shape[0]) + " images at once, and images come one by one; export it with a batch of 1 or an open one");
  bool fits = spec.dtype == input.dtype && (!input.has_shape || input.shape.size() == shape.size());
  for (size_t i = 1; fits && input.has_shape && i < shape.size(); ++i) fits = input.shape[i] < 0 || input.shape[i] == shape[i];
  if (fits) return;
  throw InvalidArgument("[input.json] " + where + " makes " + std::string(dtype_name(spec.dtype)) + " " + to_string(shape) + " (" + spec.layout +
                        "), the model's input '" + input.name + "' expects " + std::string(dtype_name(input.dtype)) + " " +
                        (input.has_shape ? to_string(input.shape) : "of any shape") + "; correct width, height, channels, layout or dtype");
}

/// In its metadata.
std::optional<InputSpec> carried_by(const Graph& model, const fs::path& model_path) {
  const auto it = model.metadata.find(kInputMetadataKey);
  if (it == model.metadata.end()) return std::nullopt;
  const std::string where = "metadata '" + std::string(kInputMetadataKey) + "' of " + model_path.string();
  return input_spec_from_json(parse_json(it->second, where), where);
}

/// Where what is carried cannot be read, what was given is all there is.
std::optional<Decision> carried_decision(const Graph& model, const fs::path& model_path) {
  try {
    const auto carried = carried_by(model, model_path);
    return carried ? carried->decision : std::nullopt;
  } catch (const InvalidArgument& error) {
    log::warning(std::string(error.what()) + ": its decision, if it has one, is not used");
    return std::nullopt;
  }
}

std::optional<InputSpec> find_written_input_spec(const Graph& model, const fs::path& model_path) {
  if (auto spec = carried_by(model, model_path)) {
    check_fits(*spec, model, "metadata '" + std::string(kInputMetadataKey) + "' of " + model_path.string());
    return spec;
  }
  for (const auto& path : {with_suffix(model_path), model_path.parent_path() / "input.json"})
    if (is_file(path)) return load_checked(path, model);
  return std::nullopt;
}

InputSpec find_input_spec(const Graph& model, const fs::path& model_path, const fs::path& given) {
  if (!given.empty()) {
    auto spec = load_checked(given, model);
    if (!spec.decision) spec.decision = carried_decision(model, model_path);
    return spec;
  }
  if (auto written = find_written_input_spec(model, model_path)) return *std::move(written);
  InputSpec spec = guess(model);
  const std::string values = spec.dtype == Dtype::kU8 ? "raw bytes" : spec.channels == "GRAY" ? "values 0 to 1" : "ImageNet's mean and std";
  log::warning("no input.json for '" + model_path.string() + "': assuming " + spec.channels + ", " + std::to_string(spec.width) + " x " +
               std::to_string(spec.height) + ", " + values + ". Wrong values ruin the answers; see docs/input_json.md");
  return spec;
}

}  // namespace scissionlite::vision
