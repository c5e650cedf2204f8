#include "engine/compile_owned.h"

#include "kernels/precision.h"

namespace scissionlite {

std::unique_ptr<Executable> compile_owned(Graph graph, const std::string& spec, const CompileOptions& options) {
  (void)kernels::precision_named(options.precision);  // refuses others, whatever the backend
  const auto backend = make_backend(spec.empty() ? default_backend() : spec);
  if (const auto* owning = dynamic_cast<const OwningBackend*>(backend.get())) return owning->compile_owned(std::move(graph), options);
  return backend->compile(graph, options);
}

}  // namespace scissionlite
