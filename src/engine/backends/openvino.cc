// The default backend: OpenVINO's CPU plugin. Its types stay in this file.
#include "engine/engine.h"

#ifdef SCISSIONLITE_WITH_OPENVINO

#include <map>
#include <mutex>
#include <openvino/openvino.hpp>

#include "base/cpu.h"
#include "base/text.h"
#include "onnx/onnx.h"
#include "ops/ops.h"

namespace scissionlite {
namespace {

ov::Core& core() {
  static auto* instance = new ov::Core();  // never destroyed: its plugins must outlive every static of ours
  return *instance;
}

struct TypePair {
  Dtype ours;
  ov::element::Type theirs;
};
const std::vector<TypePair>& types() {
  static const std::vector<TypePair> table{
      {Dtype::kF32, ov::element::f32}, {Dtype::kF64, ov::element::f64},   {Dtype::kF16, ov::element::f16}, {Dtype::kBF16, ov::element::bf16},
      {Dtype::kU8, ov::element::u8},   {Dtype::kI8, ov::element::i8},     {Dtype::kU16, ov::element::u16}, {Dtype::kI16, ov::element::i16},
      {Dtype::kU32, ov::element::u32}, {Dtype::kI32, ov::element::i32},   {Dtype::kU64, ov::element::u64}, {Dtype::kI64, ov::element::i64},
      {Dtype::kBool, ov::element::boolean}};
  return table;
}
Dtype from_openvino(const ov::element::Type& type) {
  for (const auto& pair : types())
    if (pair.theirs == type) return pair.ours;
  return Dtype::kUndefined;
}
ov::element::Type to_openvino(Dtype dtype) {
  for (const auto& pair : types())
    if (pair.ours == dtype) return pair.theirs;
  throw Unsupported("[openvino] dtype " + std::string(dtype_name(dtype)) + " cannot be passed to OpenVINO");
}

ValueInfo describe(const std::string& name, const ov::Output<const ov::Node>& port) {
  ValueInfo info;
  info.name = name;
  info.dtype = from_openvino(port.get_element_type());
  const auto& shape = port.get_partial_shape();
  info.has_shape = shape.rank().is_static();
  if (info.has_shape)
    for (const auto& size : shape) info.shape.push_back(size.is_static() ? size.get_length() : -1);
  return info;
}

std::string first_lines(const std::string& text) {
  std::string out = text.substr(0, 600);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  return out;
}

std::string foreign_nodes(const Graph& graph) {
  std::string out;
  for (const auto& node : graph.nodes)
    if (!node.domain.empty()) out += (out.empty() ? " Nodes outside ONNX's own domain: " : ", ") + node.label() + " (" + node.domain + ")";
  return out;
}

[[noreturn]] void refuse(const Graph& graph, const std::string& doing, const std::exception& e) {
  throw Unsupported("[openvino] cannot " + doing + " '" + graph.name + "': " + first_lines(e.what()) + foreign_nodes(graph).substr(0, 300) +
                    "; try --engine reference, which is slower but knows more operators");
}

/// Weights stored as int8 with DequantizeLinear become plain constants where activations are not quantised: the plugin
/// would otherwise keep them compressed and compute with errors near 1e-3. Fully quantised graphs stay as they are.
Graph with_plain_weights(const Graph& graph) {
  const auto has = [&](const char* type) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.op_type == type; });
  };
  if (!has("DequantizeLinear") || has("QuantizeLinear")) return graph;
  Graph plain = graph;
  ops::fold_constants(plain);
  return plain;
}

/// What all clones share: the model, and one compiled form for each set of input shapes.
class Compilation {
 public:
  Compilation(const Graph& graph, const CompileOptions& options) : name_(graph.name), options_(options) {
    try {
      model_ = core().read_model(serialize_model(with_plain_weights(graph)), ov::Tensor());
    } catch (const ov::Exception& e) {
      refuse(graph, "read", e);
    }
    dynamic_ = model_->is_dynamic();
    std::shared_ptr<ov::Model> first = model_;
    if (dynamic_) {  // the usual case is one image: a static shape lets the plugin plan memory and layouts
      first = model_->clone();
      std::map<ov::Output<ov::Node>, ov::PartialShape> batch_one;
      for (const auto& input : first->inputs()) {
        auto shape = input.get_partial_shape();
        if (shape.rank().is_static() && shape.size() > 0 && shape[0].is_dynamic()) shape[0] = 1;
        batch_one[input] = shape;
      }
      try {
        first->reshape(batch_one);
      } catch (const ov::Exception&) {
        first = model_;
      }
      if (first->is_dynamic()) first = model_;  // other sizes are open too: one form for every batch
    }
    try {
      default_ = compile(first);
    } catch (const std::exception& e) {
      refuse(graph, "compile", e);
    }
    for (size_t i = 0; i < graph.inputs.size(); ++i) inputs.push_back(describe(graph.inputs[i].name, std::as_const(*model_).input(i)));
    for (size_t i = 0; i < graph.outputs.size(); ++i) outputs.push_back(describe(graph.outputs[i].name, std::as_const(*model_).output(i)));
    if (dynamic_ && !first->is_dynamic()) {
      default_shapes_.emplace();
      for (const auto& input : first->inputs()) default_shapes_->push_back(input.get_shape());
    }
  }

  /// A request for inputs of these shapes.
  ov::InferRequest request(const std::vector<ov::Shape>& shapes) {
    if (!default_shapes_ || *default_shapes_ == shapes) return default_.create_infer_request();
    const std::lock_guard lock(mutex_);
    if (!general_) general_ = compile(model_);
    return general_.create_infer_request();
  }
  [[nodiscard]] bool uses_default(const std::vector<ov::Shape>& shapes) const { return !default_shapes_ || *default_shapes_ == shapes; }

  [[nodiscard]] EngineInfo info() const {
    EngineInfo info;
    info.spec = "openvino";
    info.version = ov::get_openvino_version().buildNumber;
    const auto& isa = this_machine().isa;
    const auto has = [&](const char* name) { return std::find(isa.begin(), isa.end(), name) != isa.end(); };
    info.isa = has("avx512f") ? "avx512f" : has("avx2") ? "avx2" : has("neon") ? "neon" : "";
    info.precision = default_.get_property(ov::hint::inference_precision) == ov::element::bf16 ? "bf16" : "f32";
    info.threads = static_cast<int>(default_.get_property(ov::inference_num_threads));
    return info;
  }

  std::vector<ValueInfo> inputs, outputs;

 private:
  ov::CompiledModel compile(const std::shared_ptr<ov::Model>& model) const {
    const int threads = options_.threads > 0 ? options_.threads : this_machine().cores;
    return core().compile_model(model, "CPU", ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                                ov::hint::inference_precision(options_.precision == "bf16" ? ov::element::bf16 : ov::element::f32),
                                ov::inference_num_threads(threads), ov::num_streams(1),
                                ov::hint::enable_cpu_pinning(false));  // pinned threads of two processes would share a core
  }

  std::string name_;
  CompileOptions options_;
  std::shared_ptr<ov::Model> model_;
  bool dynamic_ = false;
  ov::CompiledModel default_, general_;
  std::optional<std::vector<ov::Shape>> default_shapes_;
  std::mutex mutex_;
};

class OpenvinoExecutable final : public Executable {
 public:
  explicit OpenvinoExecutable(std::shared_ptr<Compilation> compilation) : compilation_(std::move(compilation)), info_(compilation_->info()) {}
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return compilation_->inputs; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return compilation_->outputs; }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }

  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    check_inputs(inputs, compilation_->inputs, "openvino");
    std::vector<ov::Shape> shapes;
    for (const auto& input : inputs) shapes.emplace_back(input.shape().begin(), input.shape().end());
    auto& request = request_for(shapes);
    try {
      for (size_t i = 0; i < inputs.size(); ++i)  // no copy: OpenVINO reads the caller's memory, and never writes it
        request->set_input_tensor(i, ov::Tensor(to_openvino(inputs[i].dtype()), shapes[i], const_cast<std::byte*>(inputs[i].data())));
      request->infer();
      return outputs_of(request);
    } catch (const ov::Exception& e) {
      throw InvalidArgument("[openvino] inference failed: " + first_lines(e.what()));
    }
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<OpenvinoExecutable>(compilation_); }

 private:
  std::shared_ptr<ov::InferRequest>& request_for(const std::vector<ov::Shape>& shapes) {
    auto& request = compilation_->uses_default(shapes) ? default_request_ : general_request_;
    if (!request) request = std::make_shared<ov::InferRequest>(compilation_->request(shapes));
    return request;
  }
  /// Views of the request's own buffers, valid until its next run.
  [[nodiscard]] std::vector<Tensor> outputs_of(const std::shared_ptr<ov::InferRequest>& request) const {
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < compilation_->outputs.size(); ++i) {
      const auto tensor = request->get_output_tensor(i);
      const ov::Shape shape = tensor.get_shape();
      outputs.emplace_back(from_openvino(tensor.get_element_type()), Shape(shape.begin(), shape.end()),
                           std::shared_ptr<const void>(request), tensor.data());
    }
    return outputs;
  }
  std::shared_ptr<Compilation> compilation_;
  EngineInfo info_;
  std::shared_ptr<ov::InferRequest> default_request_, general_request_;
};

class OpenvinoBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "openvino"; }
  [[nodiscard]] Support available() const override {
    static const Support support = [] {
      try {
        const auto devices = core().get_available_devices();
        if (std::find(devices.begin(), devices.end(), "CPU") != devices.end()) return Support{};
        return Support{false, "OpenVINO finds no CPU plugin beside its libraries"};
      } catch (const std::exception& e) {
        return Support{false, std::string("OpenVINO does not start: ") + e.what()};
      }
    }();
    return support;
  }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return std::make_unique<OpenvinoExecutable>(std::make_shared<Compilation>(graph, options));
  }
};

}  // namespace

std::unique_ptr<Backend> make_openvino_backend() { return std::make_unique<OpenvinoBackend>(); }

}  // namespace scissionlite

#else

namespace scissionlite {
namespace {

class AbsentBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "openvino"; }
  [[nodiscard]] Support available() const override { return {false, "built without OpenVINO; configure with -DSCISSIONLITE_OPENVINO=ON"}; }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph&, const CompileOptions&) const override { throw Unsupported("[openvino] " + available().reason); }
};

}  // namespace

std::unique_ptr<Backend> make_openvino_backend() { return std::make_unique<AbsentBackend>(); }

}  // namespace scissionlite

#endif
