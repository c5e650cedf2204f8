// Backends that live in a module of their own (module_abi.h): found, loaded, and wrapped as any other backend.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "engine/engine.h"
#include "engine/module_abi.h"

namespace scissionlite {

/// The module "scissionlite_<engine>.so", loaded once and kept until the process ends; or why there is none: where it was looked for,
/// and what to do. It is looked for where the loader looks for libraries of this code: LD_LIBRARY_PATH, then the run path of the
/// program or libscissionlite.so that holds this code (cmake/folders.cmake, cmake/install.cmake).
[[nodiscard]] std::variant<const EngineModule*, std::string> load_engine_module(const std::string& engine);
/// The module in that file, or what is wrong with it and what to do.
[[nodiscard]] std::variant<const EngineModule*, std::string> open_engine_module(const std::string& path);

/// What differs between engines of this kind.
struct ModuleEngine {
  std::string name;                              // "openvino"
  Graph (*prepared)(const Graph&);               // what the engine is given of a graph
  bool (*wants_floats)(const Graph&) = nullptr;  // whether its integers would be wrong on this machine; null: never
  bool is_narrow = false;                        // integers are computed with 32 bits, and doubles as floats
};
[[nodiscard]] std::unique_ptr<Backend> make_module_backend(const ModuleEngine& engine);

}  // namespace scissionlite
