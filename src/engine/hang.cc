#include <unistd.h>

#include "engine/wrappers.h"

namespace scissionlite {
namespace {

constexpr double kLookAgainUs = 10e3;

class HangExecutable final : public Executable {
 public:
  HangExecutable(std::string file, std::unique_ptr<Executable> inner, Clock& clock)
      : file_(std::move(file)), inner_(std::move(inner)), clock_(clock), info_(inner_->info()) {
    info_.spec = "hang:" + file_ + ":" + info_.spec;
  }
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return inner_->inputs(); }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return inner_->outputs(); }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    while (access(file_.c_str(), F_OK) == 0) clock_.sleep_us(kLookAgainUs);
    return inner_->run(inputs);
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<HangExecutable>(file_, inner_->clone(), clock_); }

 private:
  std::string file_;
  std::unique_ptr<Executable> inner_;
  Clock& clock_;
  EngineInfo info_;
};

class HangBackend final : public Backend {
 public:
  HangBackend(std::string file, std::unique_ptr<Backend> inner, Clock& clock) : file_(std::move(file)), inner_(std::move(inner)), clock_(clock) {}
  [[nodiscard]] std::string name() const override { return "hang"; }
  [[nodiscard]] Support available() const override { return inner_->available(); }
  [[nodiscard]] bool runs_compiled() const override { return inner_->runs_compiled(); }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return std::make_unique<HangExecutable>(file_, inner_->compile(graph, options), clock_);
  }

 private:
  std::string file_;
  std::unique_ptr<Backend> inner_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<Backend> make_hang_backend(const std::string& file, std::unique_ptr<Backend> inner, Clock& clock) {
  return std::make_unique<HangBackend>(file, std::move(inner), clock);
}

}  // namespace scissionlite
