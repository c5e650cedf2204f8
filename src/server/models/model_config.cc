#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cctype>

#include "base/log.h"
#include "base/text.h"
#include "server/models/model_config_internal.h"

namespace scissionlite::server {
namespace {

constexpr uint64_t kConfigLimitBytes = 1 << 20;
constexpr int kDefaultMaxBatch = 4;  // Triton's default-max-batch-size for models without a config

struct TypePair {
  inference::DataType type;
  Dtype dtype;
};
constexpr TypePair kTypes[] = {{inference::TYPE_BOOL, Dtype::kBool},     {inference::TYPE_UINT8, Dtype::kU8},   {inference::TYPE_UINT16, Dtype::kU16},
                               {inference::TYPE_UINT32, Dtype::kU32},    {inference::TYPE_UINT64, Dtype::kU64}, {inference::TYPE_INT8, Dtype::kI8},
                               {inference::TYPE_INT16, Dtype::kI16},     {inference::TYPE_INT32, Dtype::kI32},  {inference::TYPE_INT64, Dtype::kI64},
                               {inference::TYPE_FP16, Dtype::kF16},      {inference::TYPE_FP32, Dtype::kF32},   {inference::TYPE_FP64, Dtype::kF64},
                               {inference::TYPE_STRING, Dtype::kString}, {inference::TYPE_BF16, Dtype::kBF16}};

/// Unknown fields come as warnings, all else as errors; the first of each is kept.
class Collector final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (error.empty()) error = std::to_string(line + 1) + ":" + std::to_string(column + 1) + ": " + message;
  }
  void AddWarning(int line, google::protobuf::io::ColumnNumber, const std::string& message) override {
    warnings.push_back("line " + std::to_string(line + 1) + ": " + message);
  }
  std::string error;
  std::vector<std::string> warnings;
};

/// Behind space and comments; npos at the end.
size_t next_token(const std::string& text, size_t at) {
  while ((at = text.find_first_not_of(" \t\r\n", at)) != std::string::npos && text[at] == '#') at = text.find('\n', at);
  return at;
}

bool is_of_name(const std::string& text, size_t at) {
  return at != std::string::npos && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_');
}

/// Writes space over `name [ ]`, with a colon or none: it says nothing, and the parser cannot skip it. @param last  where the name or its colon ends.
/// @param end  of the list.
void drop_empty_list(std::string& text, size_t last, size_t end) {
  size_t from = last;
  if (text[from] == ':') from = text.find_last_not_of(" \t\r\n", from - 1);
  while (from > 0 && is_of_name(text, from - 1)) --from;
  for (size_t i = from; i <= end; ++i)
    if (text[i] != '\n') text[i] = ' ';
}

/// The parser takes a list of messages without a colon, `step [ { ... } ]`, only for fields that it knows; with one it skips those of Triton that we
/// do not have. A colon takes the place of a space where there is one, so that errors name the right column.
std::string with_colons(std::string text) {
  char quote = 0;
  bool is_comment = false;
  size_t last = std::string::npos;  // what stands before, but for space
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_comment) {
      is_comment = c != '\n';
      continue;
    }
    if (quote != 0) {
      if (c == '\\') ++i;
      else if (c == quote) quote = 0, last = i;
      continue;
    }
    if (c == '#') is_comment = true;
    if (c == '"' || c == '\'') quote = c;
    if (c == '[' && (is_of_name(text, last) || (last != std::string::npos && last > 0 && text[last] == ':'))) {
      const size_t next = next_token(text, i + 1);
      const char begins = next == std::string::npos ? '\0' : text[next];
      if (begins == ']') {
        drop_empty_list(text, last, next);
        i = next;
        continue;
      }
      if (text[last] != ':' && (begins == '{' || begins == '<')) {
        if (last + 1 < i) text[last + 1] = ':';
        else text.insert(i++, 1, ':');
      }
    }
    if (std::isspace(static_cast<unsigned char>(c)) == 0) last = i;
  }
  return text;
}

[[noreturn]] void refuse(const inference::ModelConfig& config, const std::string& what) {
  throw InvalidArgument("[config] model '" + config.name() + "': " + what);
}

template <typename Tensor>
void describe(Tensor& tensor, const ValueInfo& info, bool batches) {
  tensor.set_name(info.name);
  tensor.set_data_type(type_of(info.dtype));
  for (size_t d = batches ? 1 : 0; d < info.shape.size(); ++d) tensor.add_dims(info.shape[d]);
}

bool batch_is_dynamic(const ValueInfo& info) { return info.has_shape && !info.shape.empty() && info.shape[0] < 0; }

template <typename Tensors>
void check_side(const inference::ModelConfig& config, const Tensors& tensors, const std::vector<ValueInfo>& values, const std::string& side) {
  std::vector<std::string> names;
  for (const auto& value : values) names.push_back(value.name);
  for (const auto& tensor : tensors) {
    const auto it = std::find(names.begin(), names.end(), tensor.name());
    if (it == names.end()) refuse(config, "the graph has no " + side + " '" + tensor.name() + "'" + did_you_mean(tensor.name(), names));
    const auto& value = values[static_cast<size_t>(it - names.begin())];
    const std::string where = side + " '" + tensor.name() + "' ";
    if (value.dtype != Dtype::kUndefined && dtype_of(tensor.data_type()) != value.dtype)
      refuse(config,
             where + "has data_type " + inference::DataType_Name(tensor.data_type()) + ", but the graph has " + std::string(dtype_name(value.dtype)));
    Shape shape(tensor.dims().begin(), tensor.dims().end());
    if (config.max_batch_size() > 0) shape.insert(shape.begin(), -1);
    if (!value.has_shape) continue;
    const std::string graph_shape = to_string(value.shape);
    if (config.max_batch_size() > 0 && !batch_is_dynamic(value))
      refuse(config, where + "has the shape " + graph_shape +
                         " in the graph; for max_batch_size > 0 its first size must be dynamic (or set max_batch_size: 0)");
    bool fits = shape.size() == value.shape.size();
    for (size_t d = 0; fits && d < shape.size(); ++d) fits = shape[d] < 0 || value.shape[d] < 0 || shape[d] == value.shape[d];
    if (!fits) refuse(config, where + "has the shape " + to_string(shape) + " (with batch), but the graph has " + graph_shape);
  }
}

}  // namespace

Dtype dtype_of(inference::DataType type) {
  for (const auto& pair : kTypes)
    if (pair.type == type) return pair.dtype;
  return Dtype::kUndefined;
}

inference::DataType type_of(Dtype dtype) {
  for (const auto& pair : kTypes)
    if (pair.dtype == dtype) return pair.type;
  return inference::TYPE_INVALID;
}

inference::ModelConfig read_config(const fs::path& folder) {
  const auto path = folder / "config.pbtxt";
  inference::ModelConfig config;
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    google::protobuf::TextFormat::Parser parser;
    Collector collector;
    parser.RecordErrorsTo(&collector);
    parser.AllowUnknownField(true);
    parser.SetRecursionLimit(100);
    if (!parser.ParseFromString(with_colons(read_file(path, kConfigLimitBytes)), &config))
      throw InvalidArgument("[config] " + path.string() + ":" + collector.error + "; expected the text form of a Triton ModelConfig");
    for (const auto& warning : collector.warnings) log::warning("[config] " + path.string() + ": ignored, " + warning);
  }
  const auto folder_name = folder.filename().string();
  if (config.name().empty()) config.set_name(folder_name);
  if (config.name() != folder_name)
    throw InvalidArgument("[config] " + path.string() + ": name is '" + config.name() + "', expected the folder's name '" + folder_name + "'");
  if (config.has_ensemble_scheduling() || config.platform() == "ensemble")
    throw InvalidArgument("[config] " + path.string() +
                          ": ensembles are not served; serve the model alone, or join the graphs before (onnx.compose)");
  if (config.has_sequence_batching())
    throw InvalidArgument("[config] " + path.string() +
                          ": sequence_batching is not served: a request has no state that outlives it; remove it for a model without a state");
  const auto check_is_plain = [&](const std::string& field, const std::string& file) {
    if (file.find('/') != std::string::npos || file == "..")
      throw InvalidArgument("[config] " + path.string() + ": " + field + " '" + file + "' must be a plain file name");
  };
  check_is_plain("default_model_filename", config.default_model_filename());
  for (const auto& output : config.output()) check_is_plain("label_filename", output.label_filename());
  return config;
}

void complete_config(inference::ModelConfig& config, const std::vector<ValueInfo>& inputs, const std::vector<ValueInfo>& outputs, bool is_given) {
  if (!is_given && !inputs.empty() && std::all_of(inputs.begin(), inputs.end(), batch_is_dynamic) &&
      std::all_of(outputs.begin(), outputs.end(), batch_is_dynamic)) {
    config.set_max_batch_size(kDefaultMaxBatch);
    config.mutable_dynamic_batching();
  }
  const bool batches = config.max_batch_size() > 0;
  if (config.input().empty())
    for (const auto& info : inputs) describe(*config.add_input(), info, batches);
  if (config.output().empty())
    for (const auto& info : outputs) describe(*config.add_output(), info, batches);
  if (config.platform().empty() && (config.backend().empty() || config.backend() == "onnxruntime")) config.set_platform("onnxruntime_onnx");
  if (config.backend().empty()) config.set_backend("onnxruntime");
  if (config.default_model_filename().empty()) config.set_default_model_filename("model.onnx");
  if (config.instance_group().empty()) {
    auto* group = config.add_instance_group();
    group->set_name(config.name());
    group->set_kind(inference::ModelInstanceGroup::KIND_CPU);
  }
  for (auto& group : *config.mutable_instance_group())
    if (group.count() == 0) group.set_count(1);
}

void check_config(const inference::ModelConfig& config, const std::vector<ValueInfo>& inputs, const std::vector<ValueInfo>& outputs) {
  constexpr int kMaxBatch = 1 << 16, kMaxInstances = 64;
  if (config.max_batch_size() < 0 || config.max_batch_size() > kMaxBatch)
    refuse(config, "max_batch_size is " + std::to_string(config.max_batch_size()) + ", expected 0.." + std::to_string(kMaxBatch));
  for (const auto& group : config.instance_group())
    if (group.count() < 1 || group.count() > kMaxInstances)
      refuse(config, "instance_group count is " + std::to_string(group.count()) + ", expected 1.." + std::to_string(kMaxInstances));
  for (const int size : config.dynamic_batching().preferred_batch_size())
    if (size < 1 || size > config.max_batch_size())
      refuse(config,
             "preferred_batch_size " + std::to_string(size) + " is not in 1..max_batch_size (" + std::to_string(config.max_batch_size()) + ")");
  if (static_cast<size_t>(config.input_size()) != inputs.size())
    refuse(config, "it names " + std::to_string(config.input_size()) + " inputs, the graph has " + std::to_string(inputs.size()));
  check_side(config, config.input(), inputs, "input");
  check_side(config, config.output(), outputs, "output");
}

}  // namespace scissionlite::server
