// OpenVINO behind the interface of an engine module; a shared object of its own, which alone links OpenVINO.
#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <openvino/openvino.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/module_abi.h"

namespace scissionlite {
namespace {

ov::Core& core() {
  static auto* instance = new ov::Core();  // never destroyed: its plugins must outlive every static
  return *instance;
}

struct TypePair {
  int32_t onnx;  // TensorProto.DataType
  ov::element::Type theirs;
};
const std::vector<TypePair>& types() {
  static const std::vector<TypePair> table{{1, ov::element::f32},    {11, ov::element::f64}, {10, ov::element::f16}, {16, ov::element::bf16},
                                           {2, ov::element::u8},     {3, ov::element::i8},   {4, ov::element::u16},  {5, ov::element::i16},
                                           {12, ov::element::u32},   {6, ov::element::i32},  {13, ov::element::u64}, {7, ov::element::i64},
                                           {9, ov::element::boolean}};
  return table;
}
int32_t onnx_type(const ov::element::Type& type) {
  for (const auto& pair : types())
    if (pair.theirs == type) return pair.onnx;
  return 0;
}
ov::element::Type openvino_type(int32_t onnx) {
  for (const auto& pair : types())
    if (pair.onnx == onnx) return pair.theirs;
  throw std::invalid_argument("tensors of ONNX type " + std::to_string(onnx) + " cannot be passed to OpenVINO");
}

/// Fits the first 600 characters; OpenVINO's messages end with blank lines.
void say(ModuleMessage* message, std::string text) {
  text.resize(std::min<size_t>(text.size(), 600));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::memcpy(message->text, text.c_str(), text.size() + 1);
}

/// `code()`, or `failed` with the reason in `message`.
template <typename Result, typename Code>
Result guarded(ModuleMessage* message, Result failed, Code&& code) {
  try {
    return code();
  } catch (const std::exception& e) { say(message, e.what()); } catch (...) {
    say(message, "an exception of unknown type");
  }
  return failed;
}

/// An input or output of a model, kept for the pointers of a ModuleTensor.
struct Port {
  int32_t dtype = 0;
  bool has_rank = false;
  std::vector<int64_t> sizes;

  explicit Port(const ov::Output<const ov::Node>& port) : dtype(onnx_type(port.get_element_type())) {
    const auto& shape = port.get_partial_shape();
    has_rank = shape.rank().is_static();
    if (has_rank)
      for (const auto& size : shape) sizes.push_back(size.is_static() ? size.get_length() : -1);
  }
  [[nodiscard]] ModuleTensor type() const { return {dtype, has_rank ? static_cast<int32_t>(sizes.size()) : -1, sizes.data(), nullptr}; }
};

/// The model, and one compiled form for each set of input shapes.
class Model {
 public:
  explicit Model(const ModuleModel& given) : threads_(given.threads), is_bf16_(given.is_bf16 != 0), keeps_floats_(given.keeps_floats != 0) {
    {
      const std::string bytes(given.bytes, given.size);
      given.release(given.owner);
      model_ = core().read_model(bytes, ov::Tensor());
    }
    const auto first = for_one_image();
    default_ = compile(first);
    info_ = {version_.c_str(), default_.get_property(ov::hint::inference_precision) == ov::element::bf16,
             static_cast<int32_t>(default_.get_property(ov::inference_num_threads))};
    for (const auto& input : std::as_const(*model_).inputs()) inputs_.emplace_back(input);
    for (const auto& output : std::as_const(*model_).outputs()) outputs_.emplace_back(output);
    if (model_->is_dynamic() && !first->is_dynamic()) {
      default_shapes_.emplace();
      for (const auto& input : first->inputs()) default_shapes_->push_back(input.get_shape());
    }
  }

  /// The plugin computes with whatever sizes it is given, also beyond the end of its memory where weights ask for others than the inputs have.
  /// @throws std::invalid_argument: the operators do not fit together for inputs of these shapes.
  void check(const std::vector<ov::Shape>& shapes) {
    if (!model_->is_dynamic() || (default_shapes_ && *default_shapes_ == shapes)) return;  // fixed sizes are compared by the caller
    const std::lock_guard lock(mutex_);
    if (known_.contains(shapes)) return;
    const auto as_given = model_->clone();
    std::map<size_t, ov::PartialShape> sizes;
    for (size_t i = 0; i < shapes.size(); ++i) sizes[i] = shapes[i];
    try {
      as_given->reshape(sizes);
    } catch (const ov::Exception& e) {
      std::string all;
      for (const auto& shape : shapes) all += (all.empty() ? "" : ", ") + shape.to_string();
      throw std::invalid_argument("inputs of the sizes " + all + " do not fit the model's weights: " + e.what());
    }
    if (known_.size() >= kMostKnown) known_.clear();
    known_.insert(shapes);
  }

  /// A request for inputs of these shapes.
  ov::InferRequest request(const std::vector<ov::Shape>& shapes) {
    if (uses_default(shapes)) return default_.create_infer_request();
    const std::lock_guard lock(mutex_);
    if (!general_) general_ = compile(model_);
    return general_.create_infer_request();
  }
  [[nodiscard]] bool uses_default(const std::vector<ov::Shape>& shapes) const { return !default_shapes_ || *default_shapes_ == shapes; }

  [[nodiscard]] const ModuleInfo& info() const { return info_; }
  [[nodiscard]] ModuleTensor input(int32_t index) const { return inputs_[static_cast<size_t>(index)].type(); }
  [[nodiscard]] ModuleTensor output(int32_t index) const { return outputs_[static_cast<size_t>(index)].type(); }

 private:
  /// The usual case is one image: a static shape lets the plugin plan memory and layouts. The model itself where other sizes are open
  /// too: one form for every batch then.
  [[nodiscard]] std::shared_ptr<ov::Model> for_one_image() const {
    if (!model_->is_dynamic()) return model_;
    const auto first = model_->clone();
    std::map<ov::Output<ov::Node>, ov::PartialShape> batch_one;
    for (const auto& input : first->inputs()) {
      auto shape = input.get_partial_shape();
      if (shape.rank().is_static() && shape.size() > 0 && shape[0].is_dynamic()) shape[0] = 1;
      batch_one[input] = shape;
    }
    try {
      first->reshape(batch_one);
    } catch (const ov::Exception&) { return model_; }
    return first->is_dynamic() ? model_ : first;
  }

  [[nodiscard]] ov::CompiledModel compile(const std::shared_ptr<ov::Model>& model) const {
    ov::AnyMap settings{ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                        ov::hint::inference_precision(is_bf16_ ? ov::element::bf16 : ov::element::f32), ov::inference_num_threads(threads_),
                        ov::num_streams(1), ov::hint::enable_cpu_pinning(false)};  // pinned threads of two processes would share a core
    if (keeps_floats_) settings.emplace("LP_TRANSFORMS_MODE", false);
    return core().compile_model(model, "CPU", settings);
  }

  int32_t threads_;
  bool is_bf16_, keeps_floats_;
  std::string version_ = ov::get_openvino_version().buildNumber;
  ModuleInfo info_{};
  std::vector<Port> inputs_, outputs_;
  std::shared_ptr<ov::Model> model_;
  static constexpr size_t kMostKnown = 1024;
  std::set<std::vector<ov::Shape>> known_;  // that fit
  ov::CompiledModel default_, general_;
  std::optional<std::vector<ov::Shape>> default_shapes_;
  std::mutex mutex_;
};

class Runner {
 public:
  explicit Runner(std::shared_ptr<Model> model) : model_(std::move(model)) {}

  void run(const ModuleTensor* inputs, size_t input_count, ModuleTensor* outputs, size_t output_count) {
    std::vector<ov::Shape> shapes;
    for (size_t i = 0; i < input_count; ++i) shapes.emplace_back(inputs[i].sizes, inputs[i].sizes + inputs[i].rank);
    model_->check(shapes);
    auto& request = request_for(shapes);
    for (size_t i = 0; i < input_count; ++i)  // no copy: OpenVINO reads the caller's memory, and never writes it
      request.set_input_tensor(i, ov::Tensor(openvino_type(inputs[i].dtype), shapes[i], const_cast<void*>(inputs[i].data)));
    request.infer();
    sizes_.resize(output_count);
    for (size_t i = 0; i < output_count; ++i) {
      const auto tensor = request.get_output_tensor(i);
      const auto shape = tensor.get_shape();
      sizes_[i].assign(shape.begin(), shape.end());
      outputs[i] = {onnx_type(tensor.get_element_type()), static_cast<int32_t>(shape.size()), sizes_[i].data(), tensor.data()};
    }
  }

 private:
  ov::InferRequest& request_for(const std::vector<ov::Shape>& shapes) {
    auto& request = model_->uses_default(shapes) ? default_request_ : general_request_;
    if (!request) request = model_->request(shapes);
    return *request;
  }
  std::shared_ptr<Model> model_;
  std::optional<ov::InferRequest> default_request_, general_request_;
  std::vector<std::vector<int64_t>> sizes_;  // of the last run's outputs
};

using SharedModel = std::shared_ptr<Model>;  // what a void* model points to: runners keep it too
SharedModel& shared(void* model) { return *static_cast<SharedModel*>(model); }
const Model& shared(const void* model) { return **static_cast<const SharedModel*>(model); }

int32_t available(ModuleMessage* message) {
  return guarded(message, 0, [&] {
    const auto devices = core().get_available_devices();
    if (std::find(devices.begin(), devices.end(), "CPU") != devices.end()) return 1;
    say(message, "OpenVINO finds no CPU plugin beside its libraries; install openvino again");
    return 0;
  });
}

constexpr EngineModule kModule{
    .abi = kEngineModuleAbi,
    .available = available,
    .compile = [](const ModuleModel* model, ModuleMessage* message) -> void* {
      return guarded<void*>(message, nullptr, [&] { return new SharedModel(std::make_shared<Model>(*model)); });
    },
    .free_model = [](void* model) { delete &shared(model); },
    .info = [](const void* model, ModuleInfo* info) { *info = shared(model).info(); },
    .input = [](const void* model, int32_t index, ModuleTensor* type) { *type = shared(model).input(index); },
    .output = [](const void* model, int32_t index, ModuleTensor* type) { *type = shared(model).output(index); },
    .make_runner = [](void* model, ModuleMessage* message) -> void* {
      return guarded<void*>(message, nullptr, [&] { return new Runner(shared(model)); });
    },
    .free_runner = [](void* runner) { delete static_cast<Runner*>(runner); },
    .run =
        [](void* runner, const ModuleTensor* inputs, int32_t input_count, ModuleTensor* outputs, int32_t output_count, ModuleMessage* message) {
          return guarded(message, 0, [&] {
            static_cast<Runner*>(runner)->run(inputs, static_cast<size_t>(input_count), outputs, static_cast<size_t>(output_count));
            return 1;
          });
        }};

}  // namespace
}  // namespace scissionlite

extern "C" __attribute__((visibility("default"))) const scissionlite::EngineModule* scissionlite_engine_module() { return &scissionlite::kModule; }
