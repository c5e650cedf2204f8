#include "engine/wrappers.h"

namespace scissionlite {
namespace {

class SlowExecutable final : public Executable {
 public:
  SlowExecutable(double factor, std::unique_ptr<Executable> inner, Clock& clock)
      : factor_(factor), inner_(std::move(inner)), clock_(clock), info_(inner_->info()) {
    std::string number = std::to_string(factor);
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
    info_.spec = "slow:" + number + ":" + info_.spec;
  }
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return inner_->inputs(); }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return inner_->outputs(); }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    const double cpu_start_us = process_cpu_us(), start_us = clock_.now_us();
    auto outputs = inner_->run(inputs);
    // On one thread CPU time is what the slice costs without the noise of other processes. With several threads it
    // counts each of them (and their spinning), so the wall clock bounds it.
    const double cpu_us = process_cpu_us() - cpu_start_us, wall_us = clock_.now_us() - start_us;
    clock_.sleep_us((factor_ - 1) * std::min(cpu_us, wall_us));
    return outputs;
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<SlowExecutable>(factor_, inner_->clone(), clock_); }

 private:
  double factor_;
  std::unique_ptr<Executable> inner_;
  Clock& clock_;
  EngineInfo info_;
};

class SlowBackend final : public Backend {
 public:
  SlowBackend(double factor, std::unique_ptr<Backend> inner, Clock& clock) : factor_(factor), inner_(std::move(inner)), clock_(clock) {}
  [[nodiscard]] std::string name() const override { return "slow"; }
  [[nodiscard]] Support available() const override { return inner_->available(); }
  [[nodiscard]] bool runs_compiled() const override { return inner_->runs_compiled(); }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return std::make_unique<SlowExecutable>(factor_, inner_->compile(graph, options), clock_);
  }

 private:
  double factor_;
  std::unique_ptr<Backend> inner_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<Backend> make_slow_backend(double factor, std::unique_ptr<Backend> inner, Clock& clock) {
  if (!(factor >= 1)) throw InvalidArgument("[engine] slow: got factor " + std::to_string(factor) + ", expected at least 1");
  return std::make_unique<SlowBackend>(factor, std::move(inner), clock);
}

}  // namespace scissionlite
