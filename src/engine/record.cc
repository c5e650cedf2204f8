#include <atomic>
#include <cstdio>

#include "base/file.h"
#include "base/npy.h"
#include "engine/wrappers.h"

namespace scissionlite {
namespace {

class RecordExecutable final : public Executable {
 public:
  RecordExecutable(std::string folder, std::unique_ptr<Executable> inner)
      : folder_(std::move(folder)), inner_(std::move(inner)), info_(inner_->info()) {
    info_.spec = "record:" + folder_ + ":" + info_.spec;
  }
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return inner_->inputs(); }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return inner_->outputs(); }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    static std::atomic<int> counter{0};
    const int run = counter++;
    auto outputs = inner_->run(inputs);
    for (size_t i = 0; i < inputs.size(); ++i) write(run, "in", i, inputs[i]);
    for (size_t i = 0; i < outputs.size(); ++i) write(run, "out", i, outputs[i]);
    return outputs;
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<RecordExecutable>(folder_, inner_->clone()); }

 private:
  void write(int run, const char* side, size_t index, const Tensor& tensor) const {
    char name[64];
    std::snprintf(name, sizeof(name), "%06d_%s%zu.npy", run, side, index);
    write_file(fs::path(folder_) / name, to_npy(tensor));
  }
  std::string folder_;
  std::unique_ptr<Executable> inner_;
  EngineInfo info_;
};

class RecordBackend final : public Backend {
 public:
  RecordBackend(std::string folder, std::unique_ptr<Backend> inner) : folder_(std::move(folder)), inner_(std::move(inner)) {}
  [[nodiscard]] std::string name() const override { return "record"; }
  [[nodiscard]] Support available() const override { return inner_->available(); }
  [[nodiscard]] bool runs_compiled() const override { return inner_->runs_compiled(); }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return std::make_unique<RecordExecutable>(folder_, inner_->compile(graph, options));
  }

 private:
  std::string folder_;
  std::unique_ptr<Backend> inner_;
};

}  // namespace

std::unique_ptr<Backend> make_record_backend(const std::string& folder, std::unique_ptr<Backend> inner) {
  return std::make_unique<RecordBackend>(folder, std::move(inner));
}

}  // namespace scissionlite
