#include "generate/shim.h"

namespace scissionlite::generate {

#define SCISSIONLITE_KERNEL_KIND(name) extern const ShimOf k_shim_##name;
#include "kernels/generated/kernel_kinds.inc"
#undef SCISSIONLITE_KERNEL_KIND

namespace {

struct Row {
  const char* kind;
  ShimOf shim;
};
const Row kRows[] = {
#define SCISSIONLITE_KERNEL_KIND(name) {#name, k_shim_##name},
#include "kernels/generated/kernel_kinds.inc"
#undef SCISSIONLITE_KERNEL_KIND
};

// `struct buffer` is halide_buffer_t of HalideRuntime.h, Halide 21. Memory of a call is the C library's.
constexpr const char* kBefore = R"(#include <stdint.h>
#include <stdlib.h>
struct dimension { int32_t min, extent, stride; uint32_t flags; };
struct buffer {
  uint64_t device;
  const void* device_interface;
  uint8_t* host;
  uint64_t flags;
  uint8_t code, bits;
  uint16_t type_lanes;
  int32_t dimensions;
  struct dimension* dim;
  void* padding;
};
__attribute__((visibility("hidden"))) void* halide_malloc(void* context, size_t size) { (void)context; return aligned_alloc(64, (size + 63) / 64 * 64); }
__attribute__((visibility("hidden"))) void halide_free(void* context, void* memory) { (void)context; free(memory); }
static struct buffer view(const float* data, int32_t dimensions, struct dimension* dim) {
  struct buffer b = {0, 0, (uint8_t*)(uintptr_t)data, 0, 2, 32, 1, dimensions, dim, 0};
  return b;
}
)";

/// "  struct dimension x_dim[4] = {...};\n  struct buffer x = view(...);\n"
std::string declaration(const ShimBuffer& buffer) {
  const auto count = std::to_string(buffer.dimensions.size());
  std::string text = "  struct dimension " + buffer.name + "_dim[" + count + "] = {";
  for (const auto& d : buffer.dimensions) text += "{(int32_t)(" + d.min + "), (int32_t)(" + d.extent + "), (int32_t)(" + d.stride + "), 0}, ";
  return text + "};\n  struct buffer " + buffer.name + " = view(" + buffer.data + ", " + count + ", " + buffer.name + "_dim);\n";
}

std::string prototype(const Shim& shim, const std::string& function, size_t buffers) {
  std::string text = "int " + function + "(";
  for (size_t i = 0; i < buffers; ++i) text += "struct buffer*, ";
  for (const auto& scalar : shim.scalars) text += scalar.first + ", ";
  return text + "struct buffer*);\n";
}

std::string call(const Shim& shim, const std::string& function, bool has_residual) {
  std::string text = "  " + function + "(";
  for (const auto& input : shim.inputs) text += "&" + input.name + ", ";
  if (has_residual) text += "&" + shim.residual[0].name + ", ";
  for (const auto& [type, value] : shim.scalars) text += "(" + type + ")(" + value + "), ";
  return text + "&" + shim.output.name + ");\n";
}

}  // namespace

std::vector<ShimDimension> dense(const std::vector<int64_t>& extents) {
  std::vector<ShimDimension> out;
  int64_t stride = 1;
  for (const auto extent : extents) {
    out.push_back(dimension(extent, stride));
    stride *= extent;
  }
  return out;
}

ShimDimension dimension(int64_t extent, int64_t stride) { return {"0", std::to_string(extent), std::to_string(stride)}; }

std::string shim_of(const kernels::KernelPlan& plan) {
  const std::string kind = kernels::kernel_kind_of(plan.problem).name, plain = "scissionlite_generated_plain",
                    with_residual = "scissionlite_generated_residual";
  Shim shim;
  for (const auto& row : kRows)
    if (kind == row.kind) shim = row.shim(plan);
  const bool may_have_residual = !shim.residual.empty();
  std::string text = std::string(kBefore) + "struct call {\n" + shim.call + "};\n" + prototype(shim, plain, shim.inputs.size());
  if (may_have_residual) text += prototype(shim, with_residual, shim.inputs.size() + 1);
  text += "__attribute__((visibility(\"default\"))) const char scissionlite_kernel_identity[] = \"" + plan.identity() + "\";\n";
  text += "__attribute__((visibility(\"default\"))) void scissionlite_kernel(const struct call* c) {\n" + shim.before;
  for (const auto& input : shim.inputs) text += declaration(input);
  text += declaration(shim.output);
  if (may_have_residual)
    text += "  if (" + shim.residual[0].data + ") {\n" + declaration(shim.residual[0]) + call(shim, with_residual, true) + "  return;\n  }\n";
  return text + call(shim, plain, false) + "}\n";
}

}  // namespace scissionlite::generate
