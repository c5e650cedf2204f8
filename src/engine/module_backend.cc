#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/cpu.h"
#include "base/log.h"
#include "engine/module.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

std::string foreign_nodes(const Graph& graph) {
  std::string out;
  for (const auto& node : graph.nodes)
    if (!node.domain.empty()) out += (out.empty() ? " Nodes outside ONNX's own domain: " : ", ") + node.label() + " (" + node.domain + ")";
  return out;
}

ValueInfo value_info(const std::string& name, const ModuleTensor& type) {
  ValueInfo info;
  info.name = name;
  info.dtype = static_cast<Dtype>(type.dtype);
  info.has_shape = type.rank >= 0;
  if (info.has_shape) info.shape.assign(type.sizes, type.sizes + type.rank);
  return info;
}

/// An element that 32 signed bits cannot hold; nullopt where there is none.
template <typename T>
std::optional<T> too_wide(const Tensor& tensor) {
  for (const T value : tensor.as<T>())
    if (!std::in_range<int32_t>(value)) return value;
  return std::nullopt;
}

/// @throws InvalidArgument for integers of an input that an engine of 32 bits would change.
void check_fits_32_bits(const Tensor& tensor, const ValueInfo& info, const std::string& engine) {
  const auto check = [&](const auto found) {
    if (found)
      throw InvalidArgument("[" + engine + "] input '" + info.name + "' holds " + std::to_string(*found) +
                            ", but this engine computes with integers of 32 bits (" + std::to_string(INT32_MIN) + ".." + std::to_string(INT32_MAX) +
                            "); the engine native keeps 64");
  };
  if (tensor.dtype() == Dtype::kI64) check(too_wide<int64_t>(tensor));
  if (tensor.dtype() == Dtype::kU64) check(too_wide<uint64_t>(tensor));
  if (tensor.dtype() == Dtype::kU32) check(too_wide<uint32_t>(tensor));
}

/// What an engine of 32 bits does to a model's numbers, once a model.
void warn_of_32_bits(const Graph& graph, const std::string& engine) {
  const auto say = [&](const ValueInfo& info, const char* side, const char* as) {
    log::warning("[" + engine + "] " + side + " '" + info.name + "' of '" + graph.name + "' is " + std::string(dtype_name(info.dtype)) +
                 ", which this engine computes as " + as + "; the engine native keeps 64 bits");
  };
  for (const auto& input : graph.inputs) {
    if (input.dtype == Dtype::kI64 || input.dtype == Dtype::kU64 || input.dtype == Dtype::kU32)
      say(input, "input", "i32: larger numbers are refused, larger results wrap around");
    if (input.dtype == Dtype::kF64) say(input, "input", "f32");
  }
  for (const auto& output : graph.outputs)
    if (output.dtype == Dtype::kF64 &&
        std::none_of(graph.inputs.begin(), graph.inputs.end(), [](const ValueInfo& input) { return input.dtype == Dtype::kF64; }))
      say(output, "output", "f32");
}

std::string widest_isa() {
  const auto& isa = this_machine().isa;
  for (const char* name : {"avx512f", "avx2", "neon"})
    if (std::find(isa.begin(), isa.end(), name) != isa.end()) return name;
  return "";
}

/// As the engine throws it itself, or would.
[[noreturn]] void fail(const ModuleMessage& message, const std::string& text) {
  switch (message.fault) {
    case ModuleFault::kRequest: throw InvalidArgument(text);
    case ModuleFault::kMemory: throw ResourceError(text);
    case ModuleFault::kEngine: break;
  }
  throw InternalError(text);
}

bool reads(const Graph& graph, const std::string& value) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Node& node) { return std::find(node.inputs.begin(), node.inputs.end(), value) != node.inputs.end(); }) ||
         std::any_of(graph.outputs.begin(), graph.outputs.end(), [&](const ValueInfo& output) { return output.name == value; });
}

/// What all clones share.
class Model {
 public:
  Model(const EngineModule& module, const ModuleEngine& engine, const Graph& graph, const CompileOptions& options)
      : module_(module), engine_(engine.name), is_narrow_(engine.is_narrow) {
    if (is_narrow_) warn_of_32_bits(graph, engine_);
    auto bytes = std::make_unique<std::string>(serialize_model(engine.prepared(graph)));
    std::vector<const char*> names;
    std::vector<uint8_t> is_read;
    for (const auto& input : graph.inputs) names.push_back(input.name.c_str()), is_read.push_back(reads(graph, input.name) ? 1 : 0);
    const ModuleModel model{.bytes = bytes->data(),
                            .size = bytes->size(),
                            .release = [](void* owner) { std::string().swap(*static_cast<std::string*>(owner)); },
                            .owner = bytes.get(),
                            .threads = options.threads > 0 ? options.threads : this_machine().cores,
                            .is_bf16 = options.precision == "bf16",
                            .keeps_floats = engine.wants_floats && engine.wants_floats(graph),
                            .input_names = names.data(),
                            .input_is_read = is_read.data(),
                            .input_count = static_cast<int32_t>(names.size()),
                            .output_count = static_cast<int32_t>(graph.outputs.size())};
    ModuleMessage message{};
    handle_ = module_.compile(&model, &message);
    if (!handle_ && message.fault == ModuleFault::kMemory)
      throw ResourceError("[" + engine_ + "] cannot compile '" + graph.name + "': " + message.text);
    if (!handle_)
      throw Unsupported("[" + engine_ + "] cannot compile '" + graph.name + "': " + message.text + foreign_nodes(graph).substr(0, 300) +
                        "; try --engine reference, which is slower but knows more operators");
    ModuleTensor type{};
    for (size_t i = 0; i < graph.inputs.size(); ++i)
      module_.input(handle_, static_cast<int32_t>(i), &type),
          inputs.push_back(type.dtype == 0 ? graph.inputs[i] : value_info(graph.inputs[i].name, type));
    for (size_t i = 0; i < graph.outputs.size(); ++i)
      module_.output(handle_, static_cast<int32_t>(i), &type), outputs.push_back(value_info(graph.outputs[i].name, type));
    ModuleInfo found{};
    module_.info(handle_, &found);
    info = {.spec = engine_, .version = found.version, .isa = widest_isa(), .precision = found.is_bf16 ? "bf16" : "f32", .threads = found.threads};
  }
  ~Model() {
    if (handle_) module_.free_model(handle_);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  [[nodiscard]] const EngineModule& module() const { return module_; }
  [[nodiscard]] const std::string& engine() const { return engine_; }
  /// @throws InvalidArgument: sizes, types or numbers that the engine cannot take.
  void check(std::span<const Tensor> given) const {
    check_inputs(given, inputs, engine_);
    for (size_t i = 0; is_narrow_ && i < given.size(); ++i) check_fits_32_bits(given[i], inputs[i], engine_);
  }
  [[nodiscard]] std::shared_ptr<void> make_runner() const {
    ModuleMessage message{};
    void* runner = module_.make_runner(handle_, &message);
    if (!runner) throw ResourceError("[" + engine_ + "] cannot prepare a run: " + message.text);
    return {runner, module_.free_runner};
  }

  std::vector<ValueInfo> inputs, outputs;
  EngineInfo info;

 private:
  const EngineModule& module_;
  std::string engine_;
  bool is_narrow_;
  void* handle_ = nullptr;
};

class ModuleExecutable final : public Executable {
 public:
  explicit ModuleExecutable(std::shared_ptr<const Model> model) : model_(std::move(model)), runner_(model_->make_runner()) {}
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return model_->inputs; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return model_->outputs; }
  [[nodiscard]] const EngineInfo& info() const override { return model_->info; }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<ModuleExecutable>(model_); }

  /// Outputs are views of the runner's own buffers.
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    model_->check(inputs);
    std::vector<ModuleTensor> given, made(model_->outputs.size());
    for (const auto& input : inputs)
      given.push_back({static_cast<int32_t>(input.dtype()), static_cast<int32_t>(input.shape().size()), input.shape().data(), input.data()});
    ModuleMessage message{};
    if (!model_->module().run(runner_.get(), given.data(), static_cast<int32_t>(given.size()), made.data(), static_cast<int32_t>(made.size()),
                              &message))
      fail(message, "[" + model_->engine() + "] inference failed: " + message.text);
    std::vector<Tensor> outputs;
    for (const auto& output : made)
      outputs.emplace_back(static_cast<Dtype>(output.dtype), Shape(output.sizes, output.sizes + output.rank), runner_, output.data);
    return outputs;
  }

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<void> runner_;
};

class ModuleBackend final : public Backend {
 public:
  explicit ModuleBackend(ModuleEngine engine) : engine_(std::move(engine)) {}
  [[nodiscard]] std::string name() const override { return engine_.name; }
  [[nodiscard]] Support available() const override {
    const auto found = load_engine_module(engine_.name);
    if (const auto* why = std::get_if<std::string>(&found)) return {false, *why};
    ModuleMessage message{};
    if (!std::get<const EngineModule*>(found)->available(&message)) return {false, message.text};
    return {};
  }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    const auto found = load_engine_module(engine_.name);
    if (const auto* why = std::get_if<std::string>(&found)) throw Unsupported("[" + engine_.name + "] " + *why);
    return std::make_unique<ModuleExecutable>(std::make_shared<const Model>(*std::get<const EngineModule*>(found), engine_, graph, options));
  }

 private:
  ModuleEngine engine_;
};

}  // namespace

std::unique_ptr<Backend> make_module_backend(const ModuleEngine& engine) { return std::make_unique<ModuleBackend>(engine); }

}  // namespace scissionlite
