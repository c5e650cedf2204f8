// Compiling a graph that nobody needs afterwards.
#pragma once

#include "engine/engine.h"

namespace scissionlite {

/// `compile` for a graph that is given away: its weights are let go one by one as the backend packs them, where it can, instead of
/// all at the end. So the peak of memory is near what stays. @throws as compile does.
[[nodiscard]] std::unique_ptr<Executable> compile_owned(Graph graph, const std::string& spec, const CompileOptions& options = {});

/// What a backend that can do so is too.
class OwningBackend {
 public:
  virtual ~OwningBackend() = default;
  [[nodiscard]] virtual std::unique_ptr<Executable> compile_owned(Graph graph, const CompileOptions& options) const = 0;
};

}  // namespace scissionlite
