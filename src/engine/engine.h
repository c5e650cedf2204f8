// Engine: runs a slice on this machine.
//
// What lives here: the Backend and Executable interfaces (this file), one folder a backend below backends/, the table
// of backends (backends.inc), wrappers (wrappers.h). Relies on base, graph, onnx, ops. Start with `compile`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "graph/graph.h"

namespace scissionlite {

struct CompileOptions {
  int threads = 0;                // 0: every core of this process
  std::string precision = "f32";  // f32 or bf16; what really runs is in EngineInfo
  std::string tuning = "";        // file of `scissionlite tune` for the backend native; empty: what SCISSIONLITE_TUNING names, if anything
};

/// What runs, for reports and profile files.
struct EngineInfo {
  std::string spec;       // as asked for: "slow:4:openvino"
  std::string version;    // of the runtime
  std::string isa;        // widest that it uses, or ""
  std::string precision;  // as it really runs
  int threads = 1;
};

/// yes, or no with the reason.
struct Support {
  bool ok = true;
  std::string reason;
};

/// A slice ready to run. One caller at a time per object; `clone` gives another one sharing the weights.
class Executable {
 public:
  virtual ~Executable() = default;
  [[nodiscard]] virtual const std::vector<ValueInfo>& inputs() const = 0;
  [[nodiscard]] virtual const std::vector<ValueInfo>& outputs() const = 0;
  [[nodiscard]] virtual const EngineInfo& info() const = 0;
  /// Inputs in the graph's order. A result may be a view of the executable's own buffer: valid until the next run.
  /// @throws InvalidArgument when number, dtype or shape of the inputs do not fit.
  [[nodiscard]] virtual std::vector<Tensor> run(std::span<const Tensor> inputs) = 0;
  /// Another executable over the same weights, for another thread.
  [[nodiscard]] virtual std::unique_ptr<Executable> clone() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Whether it is built in and can run here; else how to get it.
  [[nodiscard]] virtual Support available() const = 0;
  /// Whether it takes models that `scissionlite compile` wrote (onnx/compiled.h).
  [[nodiscard]] virtual bool runs_compiled() const { return false; }
  /// @throws Unsupported naming node and domain, ModelError.
  [[nodiscard]] virtual std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions& options) const = 0;
};

/// A backend by spec: a name of the table ("openvino", "reference", "onnxruntime") with any wrappers before it:
/// "slow:4:openvino" (each call waits 3 times the CPU time it took), "check:reference:openvino" (runs both, throws on a
/// difference over 1e-3), "record:FOLDER:openvino" (writes inputs and outputs as .npy), "hang:FILE:openvino" (runs wait while FILE exists).
/// @throws InvalidArgument naming the known ones.
[[nodiscard]] std::unique_ptr<Backend> make_backend(const std::string& spec);
/// K of "slow:K:..." in a spec, which the wrapper does for slices and others do for the rest of an emulated device's work; 1 when there is none.
/// @throws InvalidArgument.
[[nodiscard]] double slow_factor(const std::string& spec);
/// Names of the table in order of preference.
[[nodiscard]] std::vector<std::string> backend_names();
/// The spec used when none is given: the first available of the table.
[[nodiscard]] std::string default_backend();

/// Shorthand: make_backend(spec)->compile(graph, options).
[[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const std::string& spec, const CompileOptions& options = {});

/// @throws InvalidArgument: inputs that do not fit `wanted`; `where` names the model. Backends call it first in run.
void check_inputs(std::span<const Tensor> inputs, const std::vector<ValueInfo>& wanted, const std::string& where);

}  // namespace scissionlite
