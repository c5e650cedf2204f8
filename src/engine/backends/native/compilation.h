// What all clones of a native executable share: the model, and one program for each set of input shapes.
#pragma once

#include <map>
#include <mutex>

#include "engine/backends/native/program.h"
#include "engine/engine.h"
#include "tune/choices.h"

namespace scissionlite::native {

class Compilation {
 public:
  /// Compiles at once for the usual shapes: open batches are one image. @throws Unsupported, ModelError.
  Compilation(Graph graph, const CompileOptions& options);

  [[nodiscard]] const std::vector<ValueInfo>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const { return outputs_; }
  [[nodiscard]] const EngineInfo& info() const { return info_; }
  /// The shapes compiled for at once; empty when a size other than the batch is open.
  [[nodiscard]] std::vector<Shape> usual_shapes() const;
  /// Compiled on first use. Any thread.
  [[nodiscard]] std::shared_ptr<const Program> program(const std::vector<Shape>& shapes);

 private:
  std::vector<ValueInfo> inputs_, outputs_;
  EngineInfo info_;
  std::shared_ptr<const tune::Choices> tuned_;
  [[nodiscard]] std::shared_ptr<const Program> make_program(Graph graph, const std::vector<Shape>& shapes) const;
  Graph graph_;  // empty where no other shapes can come
  std::mutex mutex_;
  std::map<std::vector<Shape>, std::shared_ptr<const Program>> programs_;
};

}  // namespace scissionlite::native
