#include "base/text.h"
#include "engine/wrappers.h"

namespace scissionlite {
namespace {

constexpr double kLargestDifference = 1e-3;  // of the output's largest value; looser than any fp32 backend needs

class CheckExecutable final : public Executable {
 public:
  CheckExecutable(std::unique_ptr<Executable> oracle, std::unique_ptr<Executable> inner)
      : oracle_(std::move(oracle)), inner_(std::move(inner)), info_(inner_->info()) {
    info_.spec = "check:" + oracle_->info().spec + ":" + info_.spec;
  }
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return inner_->inputs(); }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return inner_->outputs(); }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    auto outputs = inner_->run(inputs);
    const auto expected = oracle_->run(inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const double error = max_relative_error(outputs[i], expected[i]);
      if (!(error <= kLargestDifference))
        throw InternalError("[check] output '" + inner_->outputs()[i].name + "' of " + inner_->info().spec + " differs from " + oracle_->info().spec +
                            " by " + std::to_string(error) + " of its largest value");
    }
    return outputs;
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<CheckExecutable>(oracle_->clone(), inner_->clone()); }

 private:
  std::unique_ptr<Executable> oracle_, inner_;
  EngineInfo info_;
};

class CheckBackend final : public Backend {
 public:
  CheckBackend(std::unique_ptr<Backend> oracle, std::unique_ptr<Backend> inner) : oracle_(std::move(oracle)), inner_(std::move(inner)) {}
  [[nodiscard]] std::string name() const override { return "check"; }
  [[nodiscard]] Support available() const override {
    const auto support = oracle_->available();
    return support.ok ? inner_->available() : support;
  }
  [[nodiscard]] bool runs_compiled() const override { return oracle_->runs_compiled() && inner_->runs_compiled(); }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return std::make_unique<CheckExecutable>(oracle_->compile(graph, options), inner_->compile(graph, options));
  }

 private:
  std::unique_ptr<Backend> oracle_, inner_;
};

}  // namespace

std::unique_ptr<Backend> make_check_backend(std::unique_ptr<Backend> oracle, std::unique_ptr<Backend> inner) {
  return std::make_unique<CheckBackend>(std::move(oracle), std::move(inner));
}

}  // namespace scissionlite
