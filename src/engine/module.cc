#include "engine/module.h"

#include <dlfcn.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <vector>

namespace scissionlite {
namespace {

/// A handle of the program or library that holds this code.
void* own_object() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&own_object), &info) != 0 && info.dli_fname)
    if (void* library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)) return library;
  return dlopen(nullptr, RTLD_LAZY);
}

/// The loader's own list for libraries that this code asks for. dlopen would go through it too, but says afterwards neither where it
/// looked nor, under the address sanitizer, looks in the right object's run path.
std::vector<std::string> searched_folders() {
  void* self = own_object();
  Dl_serinfo size{};
  if (!self || dlinfo(self, RTLD_DI_SERINFOSIZE, &size) != 0) return {};
  std::vector<std::max_align_t> memory(size.dls_size / sizeof(std::max_align_t) + 1);
  auto* list = reinterpret_cast<Dl_serinfo*>(memory.data());
  if (dlinfo(self, RTLD_DI_SERINFOSIZE, list) != 0 || dlinfo(self, RTLD_DI_SERINFO, list) != 0) return {};
  std::vector<std::string> folders;
  const Dl_serpath* paths = list->dls_serpath;
  for (unsigned i = 0; i < list->dls_cnt; ++i)
    if (*paths[i].dls_name) folders.emplace_back(paths[i].dls_name);
  return folders;
}

std::string missing(const std::string& file, const std::vector<std::string>& folders) {
  std::string text = "there is no '" + file + "' in";
  for (const auto& folder : folders) text += (&folder == folders.data() ? " " : ", ") + folder;
  return text + "; it is built and installed with the program: put it back, or name its folder in LD_LIBRARY_PATH";
}

std::variant<const EngineModule*, std::string> find_module(const std::string& engine) {
  const std::string file = "scissionlite_" + engine + ".so";
  const auto folders = searched_folders();
  for (const auto& folder : folders) {
    std::error_code ignored;
    const auto path = std::filesystem::path(folder) / file;
    if (std::filesystem::exists(path, ignored)) return open_engine_module(path.string());
  }
  return missing(file, folders);
}

}  // namespace

std::variant<const EngineModule*, std::string> open_engine_module(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // its libraries' names stay apart from the application's
  if (!handle) return "'" + path + "' does not load: " + dlerror() + "; install what it names where its run path or LD_LIBRARY_PATH leads";
  const auto function = reinterpret_cast<EngineModuleFunction>(dlsym(handle, kEngineModuleSymbol));
  const EngineModule* module = function ? function() : nullptr;
  if (module && module->abi == kEngineModuleAbi) return module;
  dlclose(handle);
  return "'" + path + "' " +
         (module ? "is of version " + std::to_string(module->abi) + ", expected " + std::to_string(kEngineModuleAbi) : "is no engine module") +
         "; install the one that was built with this program";
}

std::variant<const EngineModule*, std::string> load_engine_module(const std::string& engine) {
  static std::mutex mutex;
  static auto* found = new std::map<std::string, std::variant<const EngineModule*, std::string>>();  // never destroyed: engines may outlive statics
  const std::lock_guard lock(mutex);
  const auto it = found->find(engine);
  return it != found->end() ? it->second : found->emplace(engine, find_module(engine)).first->second;
}

}  // namespace scissionlite
