// ONNX Runtime as an oracle, a peer, and an engine for an edge that has it: the library inside its PyPI wheel.
#include <memory>

#include "engine/backends/onnxruntime/library.h"
#include "engine/engine.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

using onnxruntime::Library;

/// An object of the library, with the function that releases it.
template <typename Object>
using Owned = std::unique_ptr<Object, void (*)(Object*)>;

Owned<onnxruntime::Session> make_session(const Graph& graph, int threads) {
  const auto& library = Library::get();
  onnxruntime::SessionOptions* made = nullptr;
  library.check(library.create_session_options(&made), "no session");
  const Owned<onnxruntime::SessionOptions> options(made, library.release_session_options);
  if (threads > 0) library.check(library.set_intra_op_threads(options.get(), threads), std::to_string(threads) + " threads");
  const auto model = serialize_model(graph);
  onnxruntime::Session* session = nullptr;
  if (const auto failed = library.failure(library.create_session(library.env(), model.data(), model.size(), options.get(), &session)))
    throw Unsupported("[onnxruntime] cannot load '" + graph.name + "': " + failed->words);
  return {session, library.release_session};
}

std::vector<const char*> names_of(const std::vector<ValueInfo>& values) {
  std::vector<const char*> names;
  for (const auto& value : values) names.push_back(value.name.c_str());
  return names;
}

class OrtExecutable final : public Executable {
 public:
  OrtExecutable(const Graph& graph, const CompileOptions& options)
      : OrtExecutable(std::make_shared<const Model>(graph, options),
                      {.spec = "onnxruntime", .version = Library::get().version(), .isa = "", .precision = "f32", .threads = options.threads}) {}
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return model_->inputs; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return model_->outputs; }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    check_inputs(inputs, model_->inputs, "onnxruntime");
    const auto& library = Library::get();
    std::vector<Owned<onnxruntime::Value>> given;
    std::vector<const onnxruntime::Value*> pointers;
    for (const auto& input : inputs) pointers.push_back(given.emplace_back(as_value(input)).get());
    std::vector<onnxruntime::Value*> results(model_->outputs.size(), nullptr);  // the library allocates them
    library.check(library.run(model_->session.get(), nullptr, model_->input_names.data(), pointers.data(), pointers.size(),
                              model_->output_names.data(), results.size(), results.data()),
                  "inference of '" + model_->name + "' failed");
    std::vector<std::shared_ptr<onnxruntime::Value>> owned;  // all, before any of them can be refused
    for (auto* result : results) owned.emplace_back(result, library.release_value);
    std::vector<Tensor> outputs;
    for (auto& value : owned) outputs.push_back(as_tensor(std::move(value)));
    return outputs;
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override {
    return std::unique_ptr<Executable>(new OrtExecutable(model_, info_));
  }  // a session runs on many threads at once

 private:
  struct Model {
    Model(const Graph& graph, const CompileOptions& options)
        : name(graph.name),
          inputs(graph.inputs),
          outputs(graph.outputs),
          input_names(names_of(inputs)),
          output_names(names_of(outputs)),
          session(make_session(graph, options.threads)) {}
    std::string name;
    std::vector<ValueInfo> inputs, outputs;
    std::vector<const char*> input_names, output_names;
    Owned<onnxruntime::Session> session;
  };

  OrtExecutable(std::shared_ptr<const Model> model, EngineInfo info)
      : model_(std::move(model)), memory_(nullptr, Library::get().release_memory_info), info_(std::move(info)) {
    const auto& library = Library::get();
    onnxruntime::MemoryInfo* memory = nullptr;
    library.check(library.create_cpu_memory_info(onnxruntime::kArenaAllocator, onnxruntime::kDefaultMemory, &memory), "no memory");
    memory_.reset(memory);
  }

  /// Over the same bytes; the library's numbers of types are those of ONNX, as ours.
  Owned<onnxruntime::Value> as_value(const Tensor& tensor) const {
    const auto& library = Library::get();
    onnxruntime::Value* value = nullptr;
    library.check(library.create_tensor(memory_.get(), const_cast<std::byte*>(tensor.data()), tensor.size_bytes(), tensor.shape().data(),
                                        tensor.shape().size(), static_cast<int>(tensor.dtype()), &value),
                  "an input of '" + model_->name + "'");
    return {value, library.release_value};
  }

  Tensor as_tensor(std::shared_ptr<onnxruntime::Value> value) const {
    const auto& library = Library::get();
    const std::string what = "an output of '" + model_->name + "'";
    onnxruntime::ShapeInfo* found = nullptr;
    library.check(library.tensor_shape(value.get(), &found), what);
    const Owned<onnxruntime::ShapeInfo> info(found, library.release_shape);
    int type = 0;
    size_t rank = 0;
    library.check(library.element_type(info.get(), &type), what);
    library.check(library.dimension_count(info.get(), &rank), what);
    Shape shape(rank);
    library.check(library.dimensions(info.get(), shape.data(), rank), what);
    void* data = nullptr;
    library.check(library.tensor_data(value.get(), &data), what);
    return {static_cast<Dtype>(type), std::move(shape), std::move(value), data};
  }

  std::shared_ptr<const Model> model_;
  Owned<onnxruntime::MemoryInfo> memory_;
  EngineInfo info_;
};

class OrtBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "onnxruntime"; }
  [[nodiscard]] Support available() const override {
    const auto why = Library::why_missing();
    return {why.empty(), why};
  }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return std::make_unique<OrtExecutable>(graph, options);
  }
};

}  // namespace

std::unique_ptr<Backend> make_onnxruntime_backend() { return std::make_unique<OrtBackend>(); }

}  // namespace scissionlite
