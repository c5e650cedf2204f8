#include "engine/backends/onnxruntime/library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/error.h"

namespace scissionlite::onnxruntime {
namespace {

constexpr char kLibraryVariable[] = "SCISSIONLITE_ORT_LIBRARY", kPythonVariable[] = "SCISSIONLITE_ORT_PYTHON";
constexpr uint32_t kInterfaceVersion = 1;

struct Base {
  const void* const* (*table)(uint32_t version);
  const char* (*version)();
};

/// Places in the table.
enum Place : size_t {
  kErrorCode = 1,
  kErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSessionFromArray = 8,
  kRun = 9,
  kCreateSessionOptions = 10,
  kSetIntraOpThreads = 24,
  kCreateTensorWithData = 49,
  kTensorMutableData = 51,
  kElementType = 60,
  kDimensionsCount = 61,
  kDimensions = 62,
  kTensorTypeAndShape = 65,
  kCreateCpuMemoryInfo = 69,
  kReleaseStatus = 93,
  kReleaseMemoryInfo = 94,
  kReleaseSession = 95,
  kReleaseValue = 96,
  kReleaseTensorTypeAndShape = 99,
  kReleaseSessionOptions = 100,
};

std::string variable(const char* name) {
  const char* given = std::getenv(name);
  return given ? given : "";
}

/// The shared library in the package that this Python imports; "" where it imports none.
std::string library_of(const std::string& python) {
  static constexpr char kAsk[] =
      " -c 'import importlib.util as u; s = u.find_spec(\"onnxruntime\"); print(s.submodule_search_locations[0] if s else \"\")' 2>/dev/null";
  std::string quoted = "'";
  for (const char c : python) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((quoted + "'" + kAsk).c_str(), "re"), pclose);
  std::string folder;
  for (int c = 0; pipe && (c = std::fgetc(pipe.get())) != EOF && c != '\n';) folder += static_cast<char>(c);
  std::error_code ignored;
  if (!folder.empty())
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(folder) / "capi", ignored))
      if (entry.path().filename().string().rfind("libonnxruntime.so", 0) == 0) return entry.path();
  return "";
}

std::string library_path() {
  if (auto given = variable(kLibraryVariable); !given.empty()) return given;
  return library_of(variable(kPythonVariable));
}

}  // namespace

std::string Library::why_missing() {
  if (const auto library = variable(kLibraryVariable); !library.empty())
    return access(library.c_str(), R_OK) == 0 ? "" : std::string(kLibraryVariable) + "=" + library + " cannot be read";
  const auto python = variable(kPythonVariable);
  if (python.empty())
    return std::string("set ") + kPythonVariable + " to a Python that has onnxruntime (pip install onnxruntime), or " + kLibraryVariable +
           " to libonnxruntime.so";
  return access(python.c_str(), X_OK) == 0 ? "" : std::string(kPythonVariable) + "=" + python + " cannot be executed";
}

const Library& Library::get() {
  static const Library library;
  return library;
}

Library::Library() {
  const auto path = library_path();
  if (path.empty())
    throw ResourceError("[onnxruntime] " + variable(kPythonVariable) +
                        " has no onnxruntime with a libonnxruntime.so; install a recent wheel into it (pip install -U onnxruntime), or set " +
                        kLibraryVariable);
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw ResourceError("[onnxruntime] cannot load " + path + ": " + dlerror());
  const auto entry = reinterpret_cast<const Base* (*)()>(dlsym(handle, "OrtGetApiBase"));
  const auto* table = entry ? entry()->table(kInterfaceVersion) : nullptr;
  if (!table) throw ResourceError("[onnxruntime] " + path + " is no ONNX Runtime with the interface of version " + std::to_string(kInterfaceVersion));
  version_ = entry()->version();
  const auto at = [table]<typename Function>(Place place, Function& function) {
    function = reinterpret_cast<Function>(const_cast<void*>(table[place]));
  };
  at(kErrorCode, error_code_);
  at(kErrorMessage, error_message_);
  at(kReleaseStatus, release_status_);
  at(kCreateSessionFromArray, create_session);
  at(kRun, run);
  at(kCreateSessionOptions, create_session_options);
  at(kSetIntraOpThreads, set_intra_op_threads);
  at(kCreateTensorWithData, create_tensor);
  at(kTensorMutableData, tensor_data);
  at(kTensorTypeAndShape, tensor_shape);
  at(kElementType, element_type);
  at(kDimensionsCount, dimension_count);
  at(kDimensions, dimensions);
  at(kCreateCpuMemoryInfo, create_cpu_memory_info);
  at(kReleaseMemoryInfo, release_memory_info);
  at(kReleaseSession, release_session);
  at(kReleaseValue, release_value);
  at(kReleaseTensorTypeAndShape, release_shape);
  at(kReleaseSessionOptions, release_session_options);
  Status* (*create_env)(int log_level, const char* name, Env** out) = nullptr;
  at(kCreateEnv, create_env);
  check(create_env(kLogErrors, "scissionlite", &env_), "cannot start");
}

std::optional<Failure> Library::failure(Status* status) const {
  if (!status) return std::nullopt;
  Failure failure{error_code_(status), std::string(error_message_(status)).substr(0, 600)};
  release_status_(status);
  return failure;
}

void Library::check(Status* status, const std::string& what) const {
  const auto failed = failure(status);
  if (!failed) return;
  const auto text = "[onnxruntime] " + what + ": " + failed->words;
  const auto says = [&](const char* part) { return failed->words.find(part) != std::string::npos; };
  if (failed->code == kInvalidArgument) throw InvalidArgument(text);
  if (says("bad_alloc") || says("bad allocation") || says("allocate memory")) throw ResourceError(text);  // it has no code for that
  throw InternalError(text);
}

}  // namespace scissionlite::onnxruntime
