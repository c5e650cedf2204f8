// The native backend: own kernels over blocked activations, reference code for what has none.
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/run_states.h"
#include "engine/compile_owned.h"

namespace scissionlite {
namespace {

class NativeExecutable final : public Executable {
 public:
  explicit NativeExecutable(std::shared_ptr<native::Compilation> compilation)
      : compilation_(std::move(compilation)),
        states_([this](const std::vector<Shape>& shapes) { return compilation_->program(shapes); }, compilation_->info().threads) {}
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return compilation_->inputs(); }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return compilation_->outputs(); }
  [[nodiscard]] const EngineInfo& info() const override { return compilation_->info(); }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<NativeExecutable>(compilation_); }

  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    check_inputs(inputs, this->inputs(), "native");
    return states_.of(inputs).run(inputs);
  }

 private:
  std::shared_ptr<native::Compilation> compilation_;
  native::RunStates states_;
};

class NativeBackend final : public Backend, public OwningBackend {
 public:
  [[nodiscard]] std::string name() const override { return "native"; }
  [[nodiscard]] Support available() const override { return {}; }
  [[nodiscard]] bool runs_compiled() const override { return true; }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return compile_owned(graph, options);
  }
  [[nodiscard]] std::unique_ptr<Executable> compile_owned(Graph graph, const CompileOptions& options) const override {
    return std::make_unique<NativeExecutable>(std::make_shared<native::Compilation>(std::move(graph), options));
  }
};

}  // namespace

std::unique_ptr<Backend> make_native_backend() { return std::make_unique<NativeBackend>(); }

}  // namespace scissionlite
