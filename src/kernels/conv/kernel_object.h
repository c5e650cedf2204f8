// A generated kernel as a shared object with a plain C interface, which needs nothing but the C library.
//
// It exports `scissionlite_kernel`, a function of KernelCall, and `scissionlite_kernel_identity`, the text that says what it computes:
// an object of another convolution, configuration, instruction set or version of the interface is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace scissionlite::kernels {

/// What a call of a kernel is given; src/generate/shim.cc writes the same structure in C. Offsets and strides in floats.
/// y = clip(bias + residual + convolution, low, high) at rows [row, row + rows) of panels [panel, panel + panels), from input blocks
/// [block, block + blocks): of several calls for parts of the input, all but the first add to y, given as the residual.
struct KernelCall {
  const float* x = nullptr;         // pixel 0 of row x_row of the kernel's first input block
  int64_t x_row = 0, x_block = 0, x_block_stride = 0;
  const float* w = nullptr;         // as pack_for_kernel packs them
  const float* bias = nullptr;      // (blocks, lanes), never null
  const float* residual = nullptr;  // as y, or null
  float* y = nullptr;               // of the whole image
  float low = 0, high = 0;
  int64_t row = 0, rows = 0, panel = 0, panels = 0, block = 0, blocks = 0;
};
constexpr int64_t kKernelInterface = 1;  // version of what follows and of pack_for_kernel
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
  void run(const KernelCall& call) const { function_(&call); }

 private:
  int file_;  // in memory; stays open, because dlopen knows an object by its path, which holds this number
  void* handle_ = nullptr;
  void (*function_)(const KernelCall*) = nullptr;
  std::string identity_;
};

}  // namespace scissionlite::kernels
