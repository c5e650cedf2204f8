// What the library and an engine module say to each other. A module is a shared object around a third-party engine that is loaded
// when a model is to run on it, so that a process which never asks for that engine does not carry its libraries (OpenVINO's: 40 MiB
// resident before a model is read). Plain C: a module uses nothing of the library, and throws nothing into it.
//
// Functions that can fail answer 0 or null and say why in `message`.
#pragma once

#include <cstdint>

namespace scissionlite {

inline constexpr uint32_t kEngineModuleAbi = 3;  // another number: built from other sources than the library
inline constexpr char kEngineModuleSymbol[] = "scissionlite_engine_module";

/// Who can act on a failure.
enum class ModuleFault : int32_t {
  kEngine = 0,   // the engine itself
  kMemory = 1,   // there was not enough
  kRequest = 2,  // the caller: inputs that do not fit the model
};

struct ModuleMessage {
  ModuleFault fault;
  char text[1024];
};

struct ModuleModel {
  const char* bytes;  // an ONNX file
  uint64_t size;
  void (*release)(void* owner);  // called once the bytes are no longer read
  void* owner;
  int32_t threads;                 // 1 or more
  int32_t is_bf16;                 // wished for; what really runs is in ModuleInfo
  int32_t keeps_floats;            // codes are to be computed with as floats
  const char* const* input_names;  // of the ONNX file, in its order; read while compiling only
  const uint8_t* input_is_read;    // 0: nothing in the file reads this one
  int32_t input_count, output_count;
};

struct ModuleInfo {
  const char* version;
  int32_t is_bf16, threads;
};

/// Pointers are the module's: of a model as long as it lives, of a run's outputs until the runner's next run.
struct ModuleTensor {
  int32_t dtype;         // ONNX's number; 0: unknown, or an input that the engine has left out because nothing reads it
  int32_t rank;          // -1: unknown
  const int64_t* sizes;  // -1: open
  const void* data;      // null for the type of an input or output
};

struct EngineModule {
  uint32_t abi;
  int32_t (*available)(ModuleMessage* message);
  void* (*compile)(const ModuleModel* model, ModuleMessage* message);
  void (*free_model)(void* model);
  void (*info)(const void* model, ModuleInfo* info);
  void (*input)(const void* model, int32_t index, ModuleTensor* type);
  void (*output)(const void* model, int32_t index, ModuleTensor* type);
  /// Runs on one thread at a time; several runners share a model.
  void* (*make_runner)(void* model, ModuleMessage* message);
  void (*free_runner)(void* runner);
  int32_t (*run)(void* runner, const ModuleTensor* inputs, int32_t input_count, ModuleTensor* outputs, int32_t output_count, ModuleMessage* message);
};

using EngineModuleFunction = const EngineModule* (*)();

}  // namespace scissionlite
