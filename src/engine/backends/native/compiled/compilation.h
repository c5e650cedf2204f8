// What all clones of a native executable share: the model, and one program for each set of input shapes.
#pragma once

#include <map>
#include <mutex>

#include "engine/backends/native/compiled/compiled.h"
#include "engine/backends/native/program.h"
#include "engine/engine.h"
#include "kernels/packed.h"
#include "tune/choices.h"

namespace scissionlite::native {

/// The optimised graph for inputs of these shapes. @throws Unsupported naming a node whose results' sizes depend on values.
[[nodiscard]] Graph specialise(Graph graph, const std::vector<Shape>& shapes);
/// Open batches are one image; empty when another size is open.
[[nodiscard]] std::vector<Shape> usual_shapes(const std::vector<ValueInfo>& inputs);

class Compilation {
 public:
  /// Compiles at once for the usual shapes: open batches are one image. A compiled model (onnx/compiled.h) is opened: nothing is
  /// optimised, chosen or packed for the shapes that it was compiled for. @throws Unsupported, ModelError, InvalidArgument.
  /// @param explains whether steps say why they are done as they are, which takes longer.
  Compilation(Graph graph, const CompileOptions& options, bool explains = false);

  [[nodiscard]] const std::vector<ValueInfo>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const { return outputs_; }
  [[nodiscard]] const EngineInfo& info() const { return info_; }
  /// The shapes compiled for at once; empty when a size other than the batch is open.
  [[nodiscard]] std::vector<Shape> usual_shapes() const;
  /// Compiled on first use. Any thread.
  [[nodiscard]] std::shared_ptr<const Program> program(const std::vector<Shape>& shapes);

 private:
  void open(const Graph& compiled);
  [[nodiscard]] Graph source(const CompiledModel& compiled) const;
  [[nodiscard]] std::shared_ptr<const tune::Choices> choices(const std::string& tuning) const;
  [[nodiscard]] Program make_program(Graph graph, const std::vector<Shape>& shapes);
  std::vector<ValueInfo> inputs_, outputs_;
  EngineInfo info_;
  std::shared_ptr<const tune::Choices> tuned_;
  bool explains_;
  kernels::Precision precision_ = kernels::Precision::kF32;  // that programs may have; of a compiled model its own
  const kernels::VectorLoops* loops_ = nullptr;
  kernels::PackedInMemory packed_;  // shared by the programs
  fs::path folder_;                 // of a compiled model
  fs::path beside_;                 // the file that it was compiled from, where that lies elsewhere
  std::optional<OpenedModel> opened_;
  Graph graph_;  // empty where no other shapes can come
  std::mutex mutex_;
  std::map<std::vector<Shape>, std::shared_ptr<const Program>> programs_;
};

}  // namespace scissionlite::native
