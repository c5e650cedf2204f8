// input.json: how an image becomes the model's input tensor. Travels in the head's metadata and with each package.
// The format is described in docs/input_json.md.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/tensor.h"
#include "graph/graph.h"
#include "vision/vision.h"

namespace scissionlite::vision {

/// When an answer counts as positive: from `threshold` on of the share of class `positive`, which is the softmax of all scores, or the score itself.
struct Decision {
  int64_t positive = 1;  // index in the output
  double threshold = 0.5;
  std::string scores = "logits";  // what the model gives: "logits" or "shares"
};

/// Geometry first (precrop, resize, crop), then values: x = (v * scale - mean[c]) / std[c], v in 0..255, c in the order
/// of `channels`.
struct InputSpec {
  int width = 0, height = 0;        // of the tensor
  int precrop = 0;                  // side of the central square taken from the source first; 0 = all of it
  std::string resize = "shorter";   // "shorter": shorter side to resize_to; "stretch": to width x height; "none"
  int resize_to = 0;                // for "shorter"; 0 = the crop's size
  std::string filter = "bilinear";  // bilinear (antialiased when shrinking, as PIL), nearest, bicubic
  std::string crop = "center";      // "center" (pads with black when the image is smaller) or "none"
  std::string channels = "RGB";     // RGB, BGR or GRAY
  std::string layout = "NCHW";      // NCHW or NHWC
  Dtype dtype = Dtype::kF32;        // of the tensor: f32, f16, u8
  double scale = 1.0 / 255;
  std::vector<double> mean{0, 0, 0}, std{1, 1, 1};
  std::vector<std::string> labels;   // class names in order of the output, may be empty
  int label_offset = 0;              // index of ImageNet class 0 in the output: 1 for 1001-class models
  std::optional<Decision> decision;  // of a model that finds one class, as train --objective writes them
};

/// The metadata key under which a model carries its input.json.
inline constexpr const char* kInputMetadataKey = "scissionlite.input";

/// Strict: an unknown key, a wrong type or a value out of range is refused, "labels_file" too (there is no folder).
/// @throws InvalidArgument with the field's path.
[[nodiscard]] InputSpec input_spec_from_json(const Json& json, const std::string& where);
/// With the schema, and with the labels inside.
[[nodiscard]] Json to_json(const InputSpec& spec);
/// Reads a file. A relative "labels_file" in it is read from its folder.
[[nodiscard]] InputSpec load_input_spec(const fs::path& path);
/// The spec used for `model`: the file `given` unless that is empty, else the model's metadata "scissionlite.input", else a file
/// "<model>.input.json" (mobilenet.onnx: mobilenet.input.json) or "input.json" beside the model, else a default from the
/// input's shape with a warning. A decision that the model carries is kept where `given` has none: it was chosen for these weights.
/// @throws InvalidArgument when the spec does not fit the model's first input, or none is found and none can be guessed.
[[nodiscard]] InputSpec find_input_spec(const Graph& model, const fs::path& model_path, const fs::path& given);

/// (1, c, h, w) or (1, h, w, c).
[[nodiscard]] Shape tensor_shape(const InputSpec& spec);
/// Checks layout, size, channels and type against the model's first input. @throws InvalidArgument naming both.
void check_fits(const InputSpec& spec, const Graph& model, const std::string& where);
/// Name of output `index` out of `outputs`, "class 7" when unknown. Labels that leave out the background class of a
/// 1001-class model are shifted by label_offset.
[[nodiscard]] std::string label_of(const InputSpec& spec, size_t index, size_t outputs);
/// The share of the decision's positive class. NaN where the scores do not have that class.
[[nodiscard]] double positive_share(const Decision& decision, std::span<const float> scores);
/// Class names, one a line; a line with tabs gives its last column, so that tables of (index, synset, name) work.
[[nodiscard]] std::vector<std::string> read_labels(const fs::path& path);

/// A ready-made spec to copy: the preprocessing of a family of models.
struct InputPreset {
  std::string name, what;
  InputSpec spec;
};
[[nodiscard]] const std::vector<InputPreset>& input_presets();

/// The geometry alone: width x height RGB, as 8-bit (what the edge-only raw, PNG and JPEG candidates send).
[[nodiscard]] Image resize_and_crop(const Image& image, const InputSpec& spec);
/// The values alone: from an image of exactly width x height to (1, c, h, w) or (1, h, w, c).
[[nodiscard]] Tensor to_tensor(const Image& image, const InputSpec& spec);
/// Both.
[[nodiscard]] inline Tensor preprocess(const Image& image, const InputSpec& spec) { return to_tensor(resize_and_crop(image, spec), spec); }

}  // namespace scissionlite::vision
