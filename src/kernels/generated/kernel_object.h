// A generated kernel as a shared object with a plain C interface, which needs nothing but the C library.
//
// It exports `scissionlite_kernel`, a function of its kind's call structure (ConvCall, ChainCall, PoolCall, StripCall), and
// `scissionlite_kernel_identity`, the text that says what it computes: an object of another convolution, configuration, instruction set or version of
// the interface is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace scissionlite::kernels {

constexpr int64_t kKernelInterface = 1;  // version of what follows, of call structures and of the order of packed weights
constexpr const char* kKernelSymbol = "scissionlite_kernel";
constexpr const char* kKernelIdentitySymbol = "scissionlite_kernel_identity";

class KernelObject {
 public:
  /// Maps `bytes`, not a file that may have changed since it was checked. Code runs with the process's rights: whoever calls this has
  /// to know where the bytes are from.
  /// @throws InvalidArgument saying what is wrong with the object named `where`; ResourceError.
  KernelObject(std::string_view bytes, const std::string& where);
  ~KernelObject();  // no convolution may run any more
  KernelObject(const KernelObject&) = delete;
  KernelObject& operator=(const KernelObject&) = delete;

  [[nodiscard]] const std::string& identity() const { return identity_; }
  /// @param call  the structure of the kernel's kind: who calls has compared the identity.
  void run(const void* call) const { function_(call); }

 private:
  int file_;  // in memory; stays open, because dlopen knows an object by its path, which holds this number
  void* handle_ = nullptr;
  void (*function_)(const void*) = nullptr;
  std::string identity_;
};

}  // namespace scissionlite::kernels
