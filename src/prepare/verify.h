// Head against tail: do two slices give what the whole model gives?
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "graph/cuts.h"
#include "graph/graph.h"

namespace scissionlite {

/// Turns a slice into something that runs.
using Compile = std::function<std::unique_ptr<Executable>(const Graph&)>;

struct VerifyOptions {
  std::string engine = "reference";  // "reference" compares bit for bit, every other one within `tolerance`
  int threads = 0;
  int cuts = -1;  // how many, drawn by `seed`; 0 = all; -1 = all with "reference", 10 with the others
  uint64_t seed = 1;
  int max_tensors = 1;         // of a cut; 3 takes cuts through skips and branches too
  double tolerance = -1;       // of max|y| of each output; below 0: 1e-4, or 2e-3 where half precision crosses or comes out
  std::vector<Tensor> inputs;  // of the model, batch 1; empty: random, by `seed`
  std::function<void(const std::string& cut_id, size_t done, size_t total)> progress;
};

/// What came of one cut.
struct CutCheck {
  std::string id;
  std::vector<std::string> tensors;
  bool ok = false;
  double error = 0;  // largest over the outputs, of max|y|
  bool same_top1 = true;
  std::string problem;  // "" when ok: which tensor differs, by how much, or why a slice does not run
};

struct VerifyResult {
  std::string engine;
  bool exact = false;           // bit for bit was asked
  int64_t cuts_of_model = 0;    // that the model has under the options
  int64_t distinct_values = 0;  // in the first output: an output of few values shows nothing
  std::vector<CutCheck> checks;
  [[nodiscard]] bool ok() const;
};

/// Cuts the model, writes each half as ONNX and reads it back, runs head and tail, compares with the uncut model. Bit for
/// bit, the tensors at the cut are compared too, so that errors cannot cancel.
/// @throws InvalidArgument: inputs that do not fit; Unsupported: the engine cannot run the uncut model.
/// Cost with "reference": about one run of the model, plus one per weight-bearing slice to read it back; with others two
/// compilations a cut.
[[nodiscard]] VerifyResult verify_model(const Graph& model, const VerifyOptions& options);

/// One pair of slices against the answers of the whole. `cut_values`: the tensors between them, empty to leave them out.
/// `tolerance` as in VerifyOptions.
[[nodiscard]] CutCheck check_slices(const Graph& head, const Graph& tail, const Compile& compile, const std::vector<Tensor>& inputs,
                                    const std::vector<Tensor>& expected, const std::vector<Tensor>& cut_values, bool exact, double tolerance);

/// Random inputs for a graph (batch 1): uniform in [-1, 1], or [0, 255] for integers.
/// @throws InvalidArgument when a shape is unknown.
[[nodiscard]] std::vector<Tensor> random_inputs(const Graph& graph, uint64_t seed);

/// Compiles with `engine`; "reference" remembers what each node computed, so that slices of one model share the work.
[[nodiscard]] Compile make_compile(const std::string& engine, int threads);

}  // namespace scissionlite
