// InputSpec from JSON and back, labels, the check against a model.
#include "vision/input_spec.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::vision {
namespace {

constexpr int64_t kLongestSide = 16384;
constexpr uint64_t kLargestLabelFile = 64u << 20;
const std::vector<std::string> kKeys{"schema", "about", "width", "height", "precrop", "resize", "resize_to",   "filter",       "crop",    "channels",
                                     "layout", "dtype", "scale", "mean",   "std",     "labels", "labels_file", "label_offset", "decision"};

int side(const JsonReader& in, const std::string& key, int64_t least) {
  const auto field = in.at(key);
  const int64_t value = field.integer();
  if (value < least || value > kLongestSide) field.fail("an integer from " + std::to_string(least) + " to " + std::to_string(kLongestSide));
  return static_cast<int>(value);
}

std::string one_of(const JsonReader& in, const std::string& key, const std::string& fallback, const std::vector<std::string>& choices) {
  if (!in.has(key)) return fallback;
  const auto field = in.at(key);
  const std::string value = field.text();
  if (std::find(choices.begin(), choices.end(), value) == choices.end()) field.fail("one of " + join(choices));
  return value;
}

/// "float32" as ONNX writes it, or "f32" as our code does.
Dtype read_dtype(const JsonReader& in) {
  const auto name = one_of(in, "dtype", "float32", {"float32", "float16", "uint8", "f32", "f16", "u8"});
  return name == "float32" || name == "f32" ? Dtype::kF32 : name == "float16" || name == "f16" ? Dtype::kF16 : Dtype::kU8;
}

/// One number for all channels, or one a channel.
std::vector<double> per_channel(const JsonReader& in, const std::string& key, double fallback, size_t channels) {
  if (!in.has(key)) return std::vector<double>(channels, fallback);
  const auto field = in.at(key);
  if (field.raw().is_number()) return std::vector<double>(channels, field.number());
  auto values = field.numbers();
  if (values.size() != channels) field.fail("a number or " + std::to_string(channels) + " numbers, one a channel");
  return values;
}

void read_geometry(const JsonReader& in, InputSpec& spec) {
  spec.width = side(in, "width", 1);
  spec.height = side(in, "height", 1);
  if (in.has("precrop")) spec.precrop = side(in, "precrop", 0);
  spec.resize = one_of(in, "resize", spec.resize, {"shorter", "stretch", "none"});
  if (in.has("resize_to")) spec.resize_to = side(in, "resize_to", 0);
  if (spec.resize_to != 0 && spec.resize != "shorter") in.at("resize_to").fail("no value unless \"resize\" is \"shorter\"");
  spec.filter = one_of(in, "filter", spec.filter, {"bilinear", "bicubic", "nearest"});
  spec.crop = one_of(in, "crop", spec.crop, {"center", "none"});
}

void read_values(const JsonReader& in, InputSpec& spec) {
  spec.channels = one_of(in, "channels", spec.channels, {"RGB", "BGR", "GRAY"});
  spec.layout = one_of(in, "layout", spec.layout, {"NCHW", "NHWC"});
  spec.dtype = read_dtype(in);
  spec.scale = in.number_or("scale", spec.dtype == Dtype::kU8 ? 1.0 : 1.0 / 255);
  const size_t channels = spec.channels == "GRAY" ? 1 : 3;
  spec.mean = per_channel(in, "mean", 0, channels);
  spec.std = per_channel(in, "std", 1, channels);
  if (std::find(spec.std.begin(), spec.std.end(), 0.0) != spec.std.end()) in.at("std").fail("numbers other than 0");
}

void read_label_fields(const JsonReader& in, InputSpec& spec, const fs::path* folder) {
  if (in.has("labels") && in.has("labels_file")) in.at("labels_file").fail("no value beside \"labels\"");
  if (in.has("labels")) spec.labels = in.at("labels").texts();
  if (in.has("labels_file")) {
    const auto field = in.at("labels_file");
    if (folder == nullptr) field.fail("no value here, where there is no folder; write the names into \"labels\"");
    spec.labels = read_labels(*folder / field.text());
  }
  if (!in.has("label_offset")) return;
  const int64_t offset = in.at("label_offset").integer();
  if (offset < 0 || offset > 1'000'000) in.at("label_offset").fail("an integer from 0 to 1000000");
  spec.label_offset = static_cast<int>(offset);
}

void read_decision(const JsonReader& in, InputSpec& spec) {
  if (!in.has("decision")) return;
  const auto field = in.at("decision");
  field.allow_only({"positive", "threshold", "scores"});
  Decision out;
  out.positive = field.at("positive").integer(), out.threshold = field.at("threshold").number(),
  out.scores = one_of(field, "scores", out.scores, {"logits", "shares"});
  if (out.positive < 0) field.at("positive").fail("the index of a class, 0 or more");
  if (!(out.threshold >= 0 && out.threshold <= 1)) field.at("threshold").fail("a share from 0 to 1");
  spec.decision = out;
}

/// @param folder  where "labels_file" is looked for; nullptr refuses it.
InputSpec read_spec(const Json& json, const std::string& where, const fs::path* folder) {
  check_schema(json, "input", 1, where);
  const JsonReader in(json, where);
  in.allow_only(kKeys);
  InputSpec spec;
  if (in.has("about")) static_cast<void>(in.at("about").text());
  read_geometry(in, spec);
  read_values(in, spec);
  read_label_fields(in, spec, folder);
  read_decision(in, spec);
  return spec;
}

}  // namespace

InputSpec input_spec_from_json(const Json& json, const std::string& where) { return read_spec(json, where, nullptr); }

InputSpec load_input_spec(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return read_spec(read_json(path, "input", 1), path.string(), &folder);
}

Json to_json(const InputSpec& spec) {
  Json json;
  json["schema"] = "scissionlite.input/1";
  json["width"] = spec.width;
  json["height"] = spec.height;
  if (spec.precrop != 0) json["precrop"] = spec.precrop;
  json["resize"] = spec.resize;
  if (spec.resize_to != 0) json["resize_to"] = spec.resize_to;
  json["filter"] = spec.filter;
  json["crop"] = spec.crop;
  json["channels"] = spec.channels;
  json["layout"] = spec.layout;
  json["dtype"] = dtype_name(spec.dtype);
  json["scale"] = spec.scale;
  json["mean"] = spec.mean;
  json["std"] = spec.std;
  if (!spec.labels.empty()) json["labels"] = spec.labels;
  if (spec.label_offset != 0) json["label_offset"] = spec.label_offset;
  if (spec.decision)
    json["decision"] = {{"positive", spec.decision->positive}, {"threshold", spec.decision->threshold}, {"scores", spec.decision->scores}};
  return json;
}

double positive_share(const Decision& decision, std::span<const float> scores) {
  if (decision.positive >= static_cast<int64_t>(scores.size())) return std::nan("");
  const double of_positive = scores[static_cast<size_t>(decision.positive)];
  if (decision.scores == "shares") return of_positive;
  double sum = 0;  // over that of the positive class
  for (const float score : scores) sum += std::exp(static_cast<double>(score) - of_positive);
  return 1 / sum;
}

std::vector<std::string> read_labels(const fs::path& path) {
  std::vector<std::string> labels;
  for (auto line : split(read_file(path, kLargestLabelFile), '\n')) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const auto tab = line.rfind('\t');
    labels.push_back(tab == std::string::npos ? line : line.substr(tab + 1));
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (labels.empty()) throw InvalidArgument("[input.json] the labels file '" + path.string() + "' is empty; expected one class name a line");
  return labels;
}

std::string label_of(const InputSpec& spec, size_t index, size_t outputs) {
  const auto offset = static_cast<size_t>(spec.label_offset);
  const bool leaves_out_background = offset > 0 && spec.labels.size() + offset == outputs;
  if (!leaves_out_background && index < spec.labels.size()) return spec.labels[index];
  if (leaves_out_background) return index < offset ? "background" : spec.labels[index - offset];
  return "class " + std::to_string(index);
}

}  // namespace scissionlite::vision
