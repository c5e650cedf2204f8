// OpenVINO behind the interface of an engine module; a shared object of its own, which alone links OpenVINO.
#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <openvino/openvino.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
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
void say(ModuleMessage* message, ModuleFault fault, std::string text) {
  message->fault = fault;
  text.resize(std::min<size_t>(text.size(), 600));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::memcpy(message->text, text.c_str(), text.size() + 1);
}

/// `code()`, or `failed` with the reason in `message`.
template <typename Result, typename Code>
Result guarded(ModuleMessage* message, Result failed, Code&& code) {
  try {
    return code();
  } catch (const std::bad_alloc&) { say(message, ModuleFault::kMemory, "out of memory"); } catch (const std::invalid_argument& e) {
    say(message, ModuleFault::kRequest, e.what());
  } catch (const std::exception& e) { say(message, ModuleFault::kEngine, e.what()); } catch (...) {
    say(message, ModuleFault::kEngine, "an exception of unknown type");
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

/// What is known of a model's sizes before it runs.
struct Sizes {
  explicit Sizes(const ov::Model& model) {
    for (const auto& output : model.outputs()) outputs.push_back(output.get_partial_shape());
    for (const auto& node : model.get_ops())
      for (const auto& value : node->outputs()) follow_from_data = follow_from_data || value.get_partial_shape().is_dynamic();
  }
  std::vector<ov::PartialShape> outputs;
  bool follow_from_data = false;  // some, and so whether the operators fit together
};

/// OpenVINO has not done what it was asked to, without a word: an exception of `infer` does not arrive (2026.4). It shows by sizes, where they are
/// known beforehand.
struct SilentFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A compiled model. It has one stream, in which runs take turns anyway; so one that has failed is seen by all who wait for theirs.
struct Form {
  explicit Form(ov::CompiledModel compiled) : model(std::move(compiled)) {
    for (const auto& output : model.outputs()) {
      cleared_.emplace_back();
      const auto& shape = output.get_partial_shape();
      if (shape.is_static() || shape.rank().is_dynamic()) continue;
      cleared_.back().emplace();
      for (const auto& size : shape) cleared_.back()->push_back(size.is_static() ? static_cast<size_t>(size.get_length()) : 0);
    }
  }

  /// Open sizes of outputs become 0, so that a run which is not done leaves nothing of an earlier one.
  void clear_outputs(ov::InferRequest& request) const {
    for (size_t i = 0; i < cleared_.size(); ++i)
      if (cleared_[i]) request.get_output_tensor(i).set_shape(*cleared_[i]);
  }
  /// As far as outputs show it, for inputs that are not empty.
  [[nodiscard]] bool is_done(ov::InferRequest& request) const {
    for (size_t i = 0; i < cleared_.size(); ++i)
      if (cleared_[i] && request.get_output_tensor(i).get_shape() == *cleared_[i]) return false;
    return true;
  }

  ov::CompiledModel model;
  std::mutex turn;
  bool has_failed = false;  // guarded by `turn`: requests made of it may hold what earlier runs left

 private:
  std::vector<std::optional<ov::Shape>> cleared_;  // of outputs that have open sizes
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
    const auto compiled = compile(first);
    info_ = {version_.c_str(), compiled.get_property(ov::hint::inference_precision) == ov::element::bf16,
             static_cast<int32_t>(compiled.get_property(ov::inference_num_threads))};
    default_ = std::make_shared<Form>(compiled);
    find_inputs(given);
    for (const auto& output : std::as_const(*model_).outputs()) outputs_.emplace_back(output);
    if (static_cast<int32_t>(outputs_.size()) != given.output_count)
      throw std::runtime_error("OpenVINO finds " + std::to_string(outputs_.size()) + " outputs, the file has " + std::to_string(given.output_count));
    default_sizes_.emplace(*first);
    if (model_->is_dynamic() && !first->is_dynamic()) {
      default_shapes_.emplace();
      for (const auto& input : first->inputs()) default_shapes_->push_back(input.get_shape());
    }
  }

  /// The plugin computes with whatever sizes it is given, also beyond the end of its memory where weights ask for others than the inputs have.
  /// @throws std::invalid_argument: the operators do not fit together for inputs of these shapes.
  Sizes check(const std::vector<ov::Shape>& shapes) {
    if (!model_->is_dynamic() || (default_shapes_ && *default_shapes_ == shapes)) return *default_sizes_;  // fixed sizes are compared by the caller
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(shapes); known != known_.end()) return known->second;
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
    return known_.emplace(shapes, Sizes(*as_given)).first->second;
  }

  /// What computes inputs of these shapes.
  std::shared_ptr<Form> form(const std::vector<ov::Shape>& shapes) {
    const std::lock_guard lock(mutex_);
    const bool is_default = uses_default(shapes);
    auto& form = is_default ? default_ : general_;
    if (!form) form = std::make_shared<Form>(compile(is_default ? for_one_image() : model_));
    return form;
  }
  /// Runs to come make requests anew, and where it failed silently or for lack of memory, which leave the compiled model in any state, compile anew.
  void give_up(const std::shared_ptr<Form>& failed, bool is_damaged) {
    const std::lock_guard lock(mutex_);
    for (auto* form : {&default_, &general_})
      if (*form == failed) *form = is_damaged ? nullptr : std::make_shared<Form>(failed->model);
  }
  /// Zeros of the least sizes that are likely to fit, for each input.
  [[nodiscard]] std::vector<ov::Tensor> small_inputs() const {
    std::vector<ov::Tensor> small;
    for (const auto& input : std::as_const(*model_).inputs()) {
      ov::Shape shape;
      if (default_shapes_) shape = (*default_shapes_)[small.size()];
      else if (input.get_partial_shape().rank().is_static())
        for (const auto& size : input.get_partial_shape()) shape.push_back(size.is_static() ? static_cast<size_t>(size.get_length()) : 1);
      small.emplace_back(input.get_element_type(), shape);
      std::memset(small.back().data(), 0, small.back().get_byte_size());
    }
    return small;
  }
  [[nodiscard]] bool uses_default(const std::vector<ov::Shape>& shapes) const { return !default_shapes_ || *default_shapes_ == shapes; }

  [[nodiscard]] const ModuleInfo& info() const { return info_; }
  [[nodiscard]] ModuleTensor input(int32_t index) const {
    const auto port = port_of(static_cast<size_t>(index));
    return port ? inputs_[*port].type() : ModuleTensor{0, -1, nullptr, nullptr};
  }
  [[nodiscard]] ModuleTensor output(int32_t index) const { return outputs_.at(static_cast<size_t>(index)).type(); }
  /// Where OpenVINO has this input of the file; nullopt: nowhere, since nothing reads it.
  [[nodiscard]] std::optional<size_t> port_of(size_t input) const { return ports_.at(input); }
  [[nodiscard]] size_t port_count() const { return inputs_.size(); }

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

  /// By names; where OpenVINO has given an input's name to what it is only passed on as (Dropout), by the order of those that are left.
  void find_inputs(const ModuleModel& given) {
    const auto count = static_cast<size_t>(given.input_count);
    ports_.resize(count);
    std::vector<size_t> renamed;
    for (const auto& input : std::as_const(*model_).inputs()) {
      const auto& names = input.get_names();
      size_t i = 0;
      while (i < count && !names.contains(given.input_names[i])) ++i;
      if (i < count) ports_[i] = inputs_.size();
      else renamed.push_back(inputs_.size());
      inputs_.emplace_back(input);
    }
    std::vector<size_t> left;
    for (size_t i = 0; i < count; ++i)
      if (!ports_[i] && given.input_is_read[i] != 0) left.push_back(i);
    if (!renamed.empty() && renamed.size() != left.size())
      throw std::runtime_error("OpenVINO has " + std::to_string(renamed.size()) + " inputs under names that the file has not, and lacks " +
                               std::to_string(left.size()));
    for (size_t i = 0; i < renamed.size(); ++i) ports_[left[i]] = renamed[i];
  }

  int32_t threads_;
  bool is_bf16_, keeps_floats_;
  std::string version_ = ov::get_openvino_version().buildNumber;
  ModuleInfo info_{};
  std::vector<Port> inputs_, outputs_;
  std::vector<std::optional<size_t>> ports_;  // of each input of the file
  std::shared_ptr<ov::Model> model_;
  static constexpr size_t kMostKnown = 1024;
  std::map<std::vector<ov::Shape>, Sizes> known_;  // that fit
  std::optional<Sizes> default_sizes_;
  std::shared_ptr<Form> default_, general_;  // null: to be compiled
  std::optional<std::vector<ov::Shape>> default_shapes_;
  std::mutex mutex_;
};

class Runner {
 public:
  explicit Runner(std::shared_ptr<Model> model) : model_(std::move(model)) {}

  void run(const ModuleTensor* inputs, size_t input_count, ModuleTensor* outputs, size_t output_count) {
    const auto given = by_port(inputs, input_count);
    std::vector<ov::Shape> shapes;
    for (const auto* input : given) shapes.emplace_back(input->sizes, input->sizes + input->rank);
    const auto expected = model_->check(shapes);
    while (!run_form(shapes, [&](ov::InferRequest& request) {
      for (size_t i = 0; i < given.size(); ++i)  // no copy: OpenVINO reads the caller's memory, and never writes it
        request.set_input_tensor(i, ov::Tensor(openvino_type(given[i]->dtype), shapes[i], const_cast<void*>(given[i]->data)));
      if (expected.follow_from_data) {
        request.start_async();  // of another thread, whose exceptions arrive
        request.wait();
      } else {
        kept_of(shapes).form->clear_outputs(request);
        request.infer();
      }
      read_outputs(request, expected.outputs, outputs, output_count);
    })) {}
  }

 private:
  /// In OpenVINO's order, without inputs that it has left out.
  [[nodiscard]] std::vector<const ModuleTensor*> by_port(const ModuleTensor* inputs, size_t count) const {
    std::vector<const ModuleTensor*> given(model_->port_count());
    for (size_t i = 0; i < count; ++i)
      if (const auto port = model_->port_of(i)) given[*port] = &inputs[i];
    if (std::find(given.begin(), given.end(), nullptr) != given.end()) throw std::invalid_argument("an input is missing");
    return given;
  }

  /// OpenVINO does not always say that it failed: short of memory it may leave another run's outputs where they were.
  void read_outputs(ov::InferRequest& request, const std::vector<ov::PartialShape>& expected, ModuleTensor* outputs, size_t count) {
    sizes_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      const auto tensor = request.get_output_tensor(i);
      const auto shape = tensor.get_shape();
      if (!expected.at(i).compatible(shape))
        throw SilentFailure("output " + std::to_string(i) + " came out as " + shape.to_string() + ", expected " + expected[i].to_string() +
                            "; OpenVINO has run short of memory or failed otherwise without a word");
      sizes_[i].assign(shape.begin(), shape.end());
      outputs[i] = {onnx_type(tensor.get_element_type()), static_cast<int32_t>(shape.size()), sizes_[i].data(), tensor.data()};
    }
  }

  /// A request, and what it is of.
  struct Kept {
    std::shared_ptr<Form> form;
    std::optional<ov::InferRequest> request;
  };

  Kept& kept_of(const std::vector<ov::Shape>& shapes) { return model_->uses_default(shapes) ? default_ : general_; }

  /// False: another run's failure came before this one's turn. What fails leaves nothing that later runs would answer with.
  template <typename Run>
  bool run_form(const std::vector<ov::Shape>& shapes, Run&& run) {
    auto& kept = kept_of(shapes);
    const auto form = model_->form(shapes);
    if (kept.form != form) kept = {form, std::nullopt};
    const std::lock_guard turn(form->turn);
    if (form->has_failed) return false;
    try {
      if (!kept.request) kept.request = form->model.create_infer_request();
      run(*kept.request);
      return true;
    } catch (const SilentFailure&) {
      settle(kept);
      give_up(kept, /*is_damaged=*/true);
      throw;
    } catch (const std::bad_alloc&) {
      give_up(kept, /*is_damaged=*/true);
      throw;
    } catch (...) {
      give_up(kept, /*is_damaged=*/false);
      throw;
    }
  }
  /// OpenVINO 2026.4 swallows what a run throws, and keeps that run first in the queue of its thread: it would be done again before the next one,
  /// from inputs that are gone by then. Small runs of the same request leave the queue empty as soon as one of them is done. Where none is, all
  /// that the queue points to stays for good.
  void settle(Kept& kept) {
    std::vector<ov::Tensor> small;
    try {
      small = model_->small_inputs();
      for (int tries = 0; tries < 3; ++tries) {
        for (size_t i = 0; i < small.size(); ++i) kept.request->set_input_tensor(i, small[i]);
        kept.form->clear_outputs(*kept.request);
        kept.request->infer();
        if (kept.form->is_done(*kept.request)) return;
      }
    } catch (const std::exception&) {}
    (void)new std::pair(kept, std::move(small));
  }
  /// While it is this run's turn.
  void give_up(Kept& kept, bool is_damaged) {
    kept.form->has_failed = true;
    model_->give_up(kept.form, is_damaged);
    kept = {};
  }

  std::shared_ptr<Model> model_;
  Kept default_, general_;
  std::vector<std::vector<int64_t>> sizes_;  // of the last run's outputs
};

using SharedModel = std::shared_ptr<Model>;  // what a void* model points to: runners keep it too
SharedModel& shared(void* model) { return *static_cast<SharedModel*>(model); }
const Model& shared(const void* model) { return **static_cast<const SharedModel*>(model); }

int32_t available(ModuleMessage* message) {
  return guarded(message, 0, [&] {
    const auto devices = core().get_available_devices();
    if (std::find(devices.begin(), devices.end(), "CPU") != devices.end()) return 1;
    say(message, ModuleFault::kEngine, "OpenVINO finds no CPU plugin beside its libraries; install openvino again");
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
