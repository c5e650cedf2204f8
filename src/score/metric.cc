#include "score/metric.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "base/npy.h"
#include "base/rng.h"
#include "base/scratch_folder.h"

namespace scissionlite {

int64_t top1(const Tensor& output) {
  const auto values_tensor = output.to_f32();
  const auto values = values_tensor.as<float>();
  return std::max_element(values.begin(), values.end()) - values.begin();
}

Interval bootstrap_interval(const std::vector<double>& values) {
  constexpr int kResamples = 2000;
  if (values.empty()) return {};
  Rng rng(20210502);  // any constant: results have to be repeatable
  std::vector<double> means;
  for (int r = 0; r < kResamples; ++r) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[rng.below(values.size())];
    means.push_back(sum / static_cast<double>(values.size()));
  }
  return {percentile(means, 2.5), percentile(means, 97.5)};
}

namespace {

class Top1 final : public Metric {
 public:
  [[nodiscard]] std::string spec() const override { return "top1"; }
  [[nodiscard]] double compare(std::span<const Tensor> reference, std::span<const Tensor> answer) const override {
    return top1(reference[0]) == top1(answer[0]) ? 1 : 0;
  }
  [[nodiscard]] Interval interval(const std::vector<double>& values) const override {
    return wilson_interval(std::llround(mean(values) * static_cast<double>(values.size())), static_cast<int64_t>(values.size()));
  }
};

class Cosine final : public Metric {
 public:
  [[nodiscard]] std::string spec() const override { return "cosine"; }
  [[nodiscard]] double compare(std::span<const Tensor> reference, std::span<const Tensor> answer) const override {
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < reference.size(); ++i) {
      const Tensor x = reference[i].to_f32(), y = answer[i].to_f32();
      if (x.size() != y.size()) return 0;  // detectors: another number of boxes
      const auto a = x.as<float>(), b = y.as<float>();
      for (size_t k = 0; k < a.size(); ++k)
        dot += static_cast<double>(a[k]) * b[k], aa += static_cast<double>(a[k]) * a[k], bb += static_cast<double>(b[k]) * b[k];
    }
    if (aa == 0 && bb == 0) return 1;
    const double cosine = dot / std::sqrt(aa * bb);
    return std::isfinite(cosine) ? std::clamp(cosine, 0.0, 1.0) : 0;
  }
  [[nodiscard]] Interval interval(const std::vector<double>& values) const override { return bootstrap_interval(values); }
};

std::string signal_text(int number) { return "signal " + std::to_string(number) + " (" + strsignal(number) + ")"; }

/// "exit code 3", "signal 9 (Killed)". @param status  as pclose gives it.
std::string ending(int status) {
  constexpr int kShellSignals = 128;  // to which a shell adds the signal that ended its command
  if (WIFSIGNALED(status)) return signal_text(WTERMSIG(status));
  if (!WIFEXITED(status)) return std::string("an unknown status: ") + std::strerror(errno);
  const int code = WEXITSTATUS(status);
  const bool was_signal = code > kShellSignals && code < kShellSignals + SIGRTMIN;
  return was_signal ? signal_text(code - kShellSignals) : "exit code " + std::to_string(code);
}

constexpr const char* kScratch = "metric";  // what its folders are for

class Command final : public Metric {
 public:
  explicit Command(std::string command) : command_(std::move(command)) { ScratchFolder::remove_abandoned(kScratch); }
  [[nodiscard]] std::string spec() const override { return "cmd:" + command_; }
  [[nodiscard]] double compare(std::span<const Tensor> reference, std::span<const Tensor> answer) const override {
    const ScratchFolder scratch(kScratch);
    const auto line = command_ + " '" + write(scratch.path() / "reference", reference) + "' '" + write(scratch.path() / "answer", answer) + "'";
    return parse(line, read_output(line));
  }
  [[nodiscard]] Interval interval(const std::vector<double>& values) const override { return bootstrap_interval(values); }

 private:
  static std::string write(const fs::path& stem, std::span<const Tensor> tensors) {
    if (tensors.size() == 1) {
      const auto file = stem.string() + ".npy";
      write_file(file, to_npy(tensors[0]));
      return file;
    }
    for (size_t i = 0; i < tensors.size(); ++i) write_file(stem / (std::to_string(i) + ".npy"), to_npy(tensors[i]));
    return stem.string();
  }
  static std::string read_output(const std::string& line) {
    FILE* pipe = popen(line.c_str(), "r");
    if (pipe == nullptr) throw ResourceError("[metric] cannot run '" + line + "': " + std::strerror(errno));
    std::string out;
    char buffer[256];
    while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
    if (const int status = pclose(pipe); status != 0)
      throw InvalidArgument("[metric] '" + line + "' ended with " + ending(status) + "; expected exit code 0 and a number on stdout");
    return out;
  }
  static double parse(const std::string& line, std::string out) {
    while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back()))) out.pop_back();
    double value = 0;
    const auto [end, error] = std::from_chars(out.data(), out.data() + out.size(), value);
    if (error != std::errc() || end != out.data() + out.size() || !(value >= 0 && value <= 1))
      throw InvalidArgument("[metric] '" + line + "' printed '" + out.substr(0, 80) + "'; expected one number in [0, 1]");
    return value;
  }
  std::string command_;
};

}  // namespace

std::unique_ptr<Metric> make_metric(const std::string& spec) {
  if (spec == "top1") return std::make_unique<Top1>();
  if (spec == "cosine") return std::make_unique<Cosine>();
  if (spec.rfind("cmd:", 0) == 0 && spec.size() > 4) return std::make_unique<Command>(spec.substr(4));
  throw InvalidArgument("[metric] unknown metric '" + spec + "'; expected top1, cosine or 'cmd:PROGRAM ARGS'");
}

}  // namespace scissionlite
