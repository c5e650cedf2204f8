// One engine of the library behind the line protocol of bench/engine/worker.py: the model is loaded, then each line of standard
// input is answered by one line of JSON.
//   bench_engine_worker MODEL [--engine SPEC] [--threads N] [--precision f32|bf16]     an ONNX file or a compiled model
//   bench_engine_worker MODEL.onnx --compile FOLDER [--threads N]     compiles it, and ends
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/npy.h"
#include "engine/backends/native/compiled/compiled.h"
#include "engine/compile_owned.h"
#include "kernels/peak.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

constexpr char kUsage[] = "usage: bench_engine_worker MODEL [--engine SPEC] [--threads N] [--precision f32|bf16] [--compile FOLDER]";

struct Options {
  std::string model, engine, compile_to;  // engine "" = default_backend()
  std::string precision = "f32";
  int threads = 1;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--engine" && i + 1 < argc) options.engine = argv[++i];
    else if (word == "--threads" && i + 1 < argc) options.threads = std::atoi(argv[++i]);
    else if (word == "--precision" && i + 1 < argc) options.precision = argv[++i];
    else if (word == "--compile" && i + 1 < argc) options.compile_to = argv[++i];
    else if (options.model.empty() && !word.starts_with("--")) options.model = word;
    else throw InvalidArgument(fmt::format("unexpected '{}'; {}", word, kUsage));
  }
  if (options.model.empty()) throw InvalidArgument(kUsage);
  if (options.threads < 1) throw InvalidArgument("--threads expects a number from 1 on");
  return options;
}

/// Most that was resident of this program so far.
double resident_peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) / 1024;
  return 0;
}

class Worker {
 public:
  explicit Worker(const Options& options)
      : engine_(compile_owned(load_model(options.model), options.engine, {.threads = options.threads, .precision = options.precision})) {}

  [[nodiscard]] std::string version() const { return engine_->info().spec + " " + engine_->info().version; }
  [[nodiscard]] std::string precision() const { return engine_->info().precision; }

  Json answer(const std::string& line) {
    const auto space = line.find(' ');
    const std::string command = line.substr(0, space), argument = space == std::string::npos ? "" : line.substr(space + 1);
    if (command == "input") return input(argument);
    if (command == "run") return run(std::atoi(argument.c_str()));
    if (command == "output") return output(argument);
    if (command == "peak") return {{"gflops", kernels::peak_gflops(engine_->info().threads)}};
    if (command == "memory") return {{"peak_mib", resident_peak_mib()}, {"base_mib", 0.0}};
    throw InvalidArgument(fmt::format("unknown command '{}'; known: input, run, output, memory, peak, quit", command));
  }

 private:
  Json input(const std::string& path) {
    inputs_ = {from_npy(read_file(path), path)};
    check_inputs(inputs_, engine_->inputs(), path);
    return Json::object();
  }

  Json run(int count) {
    if (inputs_.empty()) throw InvalidArgument("run: no input yet; say 'input FILE.npy' first");
    auto& clock = Clock::steady();
    std::vector<double> times_us;
    for (int i = 0; i < count; ++i) {
      const double start_us = clock.now_us();
      outputs_ = engine_->run(inputs_);
      times_us.push_back(clock.now_us() - start_us);
    }
    return {{"us", times_us}};
  }

  Json output(const std::string& path) {
    if (outputs_.empty()) throw InvalidArgument("output: no run yet; say 'run 1' first");
    write_file(path, to_npy(outputs_[0]));
    return Json::object();
  }

  std::unique_ptr<Executable> engine_;
  std::vector<Tensor> inputs_, outputs_;
};

void say(const Json& reply) { std::cout << reply.dump() << std::endl; }

/// Answers lines until the end of input; a failed command is an answer too.
void serve(Worker& worker) {
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    try {
      say(worker.answer(line));
    } catch (const std::exception& e) { say({{"error", e.what()}}); }
  }
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (!options.compile_to.empty()) {
    (void)compile_model(load_model(options.model), {.model = options.model, .folder = options.compile_to, .threads = options.threads});
    return 0;
  }
  const double start_us = Clock::steady().now_us();
  Worker worker(options);
  const double load_ms = (Clock::steady().now_us() - start_us) / 1e3;
  say({{"load_ms", load_ms},
       {"version", worker.version()},
       {"precision", worker.precision()},
       {"from", is_compiled(options.model) ? "compiled" : "onnx"}});
  serve(worker);
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) {
  try {
    return scissionlite::run(argc, argv);
  } catch (const std::exception& e) {
    std::cout << scissionlite::Json{{"error", e.what()}}.dump() << std::endl;
    return 1;
  }
}
