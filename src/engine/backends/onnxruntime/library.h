// The C interface of libonnxruntime, as far as it is used here. Its wheel has no headers, but its interface is a table of functions
// that keeps every entry's place for good: what stands at which place is a fact of that interface (version 1, ONNX Runtime 1.0 and later).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace scissionlite::onnxruntime {

// Opaque objects of the library, and its numbers.
struct Status;
struct Env;
struct Session;
struct SessionOptions;
struct Value;
struct ShapeInfo;
struct MemoryInfo;
constexpr int kLogErrors = 3, kArenaAllocator = 1, kDefaultMemory = 0;
constexpr int kInvalidArgument = 2;  // of its error codes

/// The library's own words for what went wrong, and its code.
struct Failure {
  int code = 0;
  std::string words;
};

class Library {
 public:
  /// The library of this process, loaded on first use and never unloaded.
  /// @throws ResourceError with what to install or set.
  static const Library& get();
  /// Why there is none, or "". Loads nothing.
  static std::string why_missing();

  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] Env* env() const { return env_; }

  // Each returns nullptr or what went wrong, for `check` or `failure`.
  Status* (*create_session)(const Env*, const void* model, size_t bytes, const SessionOptions*, Session**) = nullptr;
  Status* (*run)(Session*, const void* options, const char* const* input_names, const Value* const* inputs, size_t input_count,
                 const char* const* output_names, size_t output_count, Value** outputs) = nullptr;
  Status* (*create_session_options)(SessionOptions**) = nullptr;
  Status* (*set_intra_op_threads)(SessionOptions*, int) = nullptr;
  Status* (*create_tensor)(const MemoryInfo*, void* data, size_t bytes, const int64_t* shape, size_t rank, int element_type, Value**) = nullptr;
  Status* (*tensor_data)(Value*, void**) = nullptr;
  Status* (*tensor_shape)(const Value*, ShapeInfo**) = nullptr;
  Status* (*element_type)(const ShapeInfo*, int*) = nullptr;
  Status* (*dimension_count)(const ShapeInfo*, size_t*) = nullptr;
  Status* (*dimensions)(const ShapeInfo*, int64_t*, size_t) = nullptr;
  Status* (*create_cpu_memory_info)(int allocator, int memory, MemoryInfo**) = nullptr;
  void (*release_memory_info)(MemoryInfo*) = nullptr;
  void (*release_session)(Session*) = nullptr;
  void (*release_value)(Value*) = nullptr;
  void (*release_shape)(ShapeInfo*) = nullptr;
  void (*release_session_options)(SessionOptions*) = nullptr;

  /// Releases the status. nullopt: all went well.
  [[nodiscard]] std::optional<Failure> failure(Status* status) const;
  /// @throws `what`, then the library's own words: InvalidArgument where it blames what it was given, ResourceError where memory was short,
  /// else InternalError.
  void check(Status* status, const std::string& what) const;

 private:
  Library();
  int (*error_code_)(const Status*) = nullptr;
  const char* (*error_message_)(const Status*) = nullptr;
  void (*release_status_)(Status*) = nullptr;
  std::string version_;
  Env* env_ = nullptr;
};

}  // namespace scissionlite::onnxruntime
