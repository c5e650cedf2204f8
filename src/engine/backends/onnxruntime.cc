// ONNX Runtime as an oracle and peer: its PyPI wheel holds no C++ headers, so a Python process runs the slice and tensors
// travel over pipes as numpy files. Each call costs about a millisecond beside the inference: not meant for serving.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

#include "base/file.h"
#include "base/npy.h"
#include "engine/engine.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

constexpr char kPythonVariable[] = "SCISSIONLITE_ORT_PYTHON";

// Frames: uint64 length + bytes. First the model, answered by "ok <version>" or "error <text>"; then per run a uint64
// count and that many .npy frames, answered the same way, or count 0 and one text frame for an error.
constexpr char kWorker[] = R"py(
import io, struct, sys
import numpy as np
import onnxruntime as ort
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
def read():
    head = stdin.read(8)
    if len(head) < 8: sys.exit(0)
    n = struct.unpack('<Q', head)[0]
    return stdin.read(n)
def write(data):
    stdout.write(struct.pack('<Q', len(data))); stdout.write(data)
threads = int(sys.argv[1])
try:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if threads: options.intra_op_num_threads = threads
    session = ort.InferenceSession(read(), options, providers=['CPUExecutionProvider'])
    names = [i.name for i in session.get_inputs()]
    write(b'ok ' + ort.__version__.encode())
except Exception as e:
    write(b'error ' + str(e).encode())
stdout.flush()
while True:
    count = struct.unpack('<Q', read())[0]
    feeds = [np.load(io.BytesIO(read())) for _ in range(count)]
    try:
        outputs = session.run(None, dict(zip(names, feeds)))
        write(struct.pack('<Q', len(outputs)))
        for o in outputs:
            b = io.BytesIO(); np.save(b, np.array(o, order='C')); write(b.getvalue())
    except Exception as e:
        write(struct.pack('<Q', 0)); write(str(e).encode())
    stdout.flush()
)py";

class Worker {
 public:
  Worker(const std::string& python, int threads) {
    int to_child[2], from_child[2];
    if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0) throw ResourceError("[onnxruntime] no pipe: " + std::string(std::strerror(errno)));
    const std::string count = std::to_string(threads);
    child_ = fork();
    if (child_ < 0) throw ResourceError("[onnxruntime] cannot start a process: " + std::string(std::strerror(errno)));
    if (child_ == 0) {
      dup2(to_child[0], STDIN_FILENO);
      dup2(from_child[1], STDOUT_FILENO);
      execlp(python.c_str(), python.c_str(), "-c", kWorker, count.c_str(), nullptr);
      _exit(127);
    }
    close(to_child[0]);
    close(from_child[1]);
    to_ = to_child[1];
    from_ = from_child[0];
  }
  ~Worker() {
    close(to_);
    close(from_);
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void send(std::string_view bytes) {
    const uint64_t size = bytes.size();
    write_all({reinterpret_cast<const char*>(&size), sizeof(size)});
    write_all(bytes);
  }
  void send_count(uint64_t count) { send({reinterpret_cast<const char*>(&count), sizeof(count)}); }
  std::string receive() {
    uint64_t size = 0;
    read_all(reinterpret_cast<char*>(&size), sizeof(size));
    std::string bytes(size, '\0');
    read_all(bytes.data(), size);
    return bytes;
  }
  uint64_t receive_count() {
    const auto bytes = receive();
    uint64_t count = 0;
    if (bytes.size() == sizeof(count)) std::memcpy(&count, bytes.data(), sizeof(count));
    return count;
  }

 private:
  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(to_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw ResourceError("[onnxruntime] its Python process ended; run it by hand to see why");
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void read_all(char* to, size_t size) {
    while (size > 0) {
      const ssize_t n = ::read(from_, to, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw ResourceError("[onnxruntime] its Python process ended without an answer; is onnxruntime installed in it?");
      to += n;
      size -= static_cast<size_t>(n);
    }
  }
  pid_t child_;
  int to_ = -1, from_ = -1;
};

std::string python_path() {
  const char* given = std::getenv(kPythonVariable);
  return given ? given : "";
}

class OrtExecutable final : public Executable {
 public:
  OrtExecutable(const Graph& graph, const CompileOptions& options)
      : inputs_(graph.inputs), outputs_(graph.outputs), model_(serialize_model(graph)), options_(options),
        worker_(python_path(), options.threads), name_(graph.name) {
    worker_.send(model_);
    const auto answer = worker_.receive();
    if (answer.rfind("ok ", 0) != 0) throw Unsupported("[onnxruntime] cannot load '" + graph.name + "': " + answer.substr(0, 600));
    info_.spec = "onnxruntime";
    info_.version = answer.substr(3);
    info_.precision = "f32";
    info_.threads = options.threads;
  }
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return outputs_; }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    check_inputs(inputs, inputs_, "onnxruntime");
    worker_.send_count(inputs.size());
    for (const auto& input : inputs) worker_.send(to_npy(input));
    const uint64_t count = worker_.receive_count();
    if (count == 0) throw InvalidArgument("[onnxruntime] inference of '" + name_ + "' failed: " + worker_.receive().substr(0, 600));
    std::vector<Tensor> outputs;
    for (uint64_t i = 0; i < count; ++i) outputs.push_back(from_npy(worker_.receive(), "answer of onnxruntime"));
    return outputs;
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override {
    return std::make_unique<OrtExecutable>(parse_model(model_, {}, name_), options_);
  }

 private:
  std::vector<ValueInfo> inputs_, outputs_;
  std::string model_;
  CompileOptions options_;
  Worker worker_;
  std::string name_;
  EngineInfo info_;
};

class OrtBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "onnxruntime"; }
  [[nodiscard]] Support available() const override {
    const auto python = python_path();
    if (python.empty()) return {false, std::string("set ") + kPythonVariable + " to a Python that has onnxruntime (pip install onnxruntime)"};
    if (access(python.c_str(), X_OK) != 0) return {false, std::string(kPythonVariable) + "=" + python + " cannot be executed"};
    return {};
  }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const override {
    return std::make_unique<OrtExecutable>(graph, options);
  }
};

}  // namespace

std::unique_ptr<Backend> make_onnxruntime_backend() { return std::make_unique<OrtBackend>(); }

}  // namespace scissionlite
