// The native backend: own kernels over blocked activations, reference code for what has none.
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/run_state.h"
#include "engine/compile_owned.h"

namespace scissionlite {
namespace {

class NativeExecutable final : public Executable {
 public:
  explicit NativeExecutable(std::shared_ptr<native::Compilation> compilation) : compilation_(std::move(compilation)) {}
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return compilation_->inputs(); }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return compilation_->outputs(); }
  [[nodiscard]] const EngineInfo& info() const override { return compilation_->info(); }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<NativeExecutable>(compilation_); }

  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    check_inputs(inputs, this->inputs(), "native");
    use_shapes(inputs);
    state_.bind(inputs);
    for (const auto& step : state_.program().steps) step.run(state_.frame());
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < state_.program().outputs.size(); ++i) outputs.push_back(state_.output(i));
    return outputs;
  }

 private:
  void use_shapes(std::span<const Tensor> inputs) {
    std::vector<Shape> shapes;
    for (const auto& input : inputs) shapes.push_back(input.shape());
    if (is_ready_ && shapes == shapes_) return;
    state_ = {compilation_->program(shapes), info().threads};
    shapes_ = shapes;
    is_ready_ = true;
  }

  std::shared_ptr<native::Compilation> compilation_;
  native::RunState state_;
  std::vector<Shape> shapes_;
  bool is_ready_ = false;
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
