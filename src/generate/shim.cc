#include "generate/shim.h"

namespace scissionlite::generate {
namespace {

// `struct buffer` is halide_buffer_t of HalideRuntime.h, Halide 21; `struct call` is KernelCall. Memory of a call is the C library's.
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
struct call {
  const float* x;
  int64_t x_row, x_block, x_block_stride;
  const float *w, *bias, *residual;
  float* y;
  float low, high;
  int64_t row, rows, panel, panels, block, blocks;
};
int scissionlite_generated_plain(struct buffer* x, struct buffer* w, struct buffer* bias, int32_t block, int32_t blocks, int32_t row, int32_t rows, float low, float high, struct buffer* y);
int scissionlite_generated_residual(struct buffer* x, struct buffer* w, struct buffer* bias, struct buffer* residual, int32_t block, int32_t blocks, int32_t row, int32_t rows, float low, float high, struct buffer* y);
__attribute__((visibility("hidden"))) void* halide_malloc(void* context, size_t size) { (void)context; return aligned_alloc(64, (size + 63) / 64 * 64); }
__attribute__((visibility("hidden"))) void halide_free(void* context, void* memory) { (void)context; free(memory); }
static struct buffer view(const float* data, int32_t dimensions, struct dimension* dim) {
  struct buffer b = {0, 0, (uint8_t*)(uintptr_t)data, 0, 2, 32, 1, dimensions, dim, 0};
  return b;
}
)";

constexpr const char* kAfter = R"(
__attribute__((visibility("default"))) void scissionlite_kernel(const struct call* c) {
  const int32_t row = (int32_t)c->row, rows = (int32_t)c->rows, panel = (int32_t)c->panel, panels = (int32_t)c->panels;
  struct dimension xd[4] = {{0, LANES, 1, 0}, {0, IN_WIDTH, LANES, 0}, {(int32_t)c->x_row, IN_ROWS, LANES * IN_WIDTH, 0}, {(int32_t)c->x_block, IN_BLOCKS, (int32_t)c->x_block_stride, 0}};
  struct dimension wd[7], bd[3] = {{0, LANES, 1, 0}, {0, VECTORS, LANES, 0}, {0, PANELS, LANES * VECTORS, 0}};
  const int32_t extents[7] = {W_EXTENTS};
  int32_t stride = 1;
  for (int i = 0; i < W_DIMENSIONS; ++i) {
    struct dimension d = {0, extents[i], stride, 0};
    wd[i] = d;
    stride *= extents[i];
  }
  const int32_t plane = LANES * OUT_WIDTH * OUT_ROWS;
#if IS_WINOGRAD
  struct dimension yd[4] = {{0, LANES, 1, 0}, {0, VECTORS, plane, 0}, {0, OUT_WIDTH * OUT_ROWS, LANES, 0}, {panel, panels, plane * VECTORS, 0}};
  const int64_t from = 0;
#elif IS_FLAT
  struct dimension yd[5] = {{0, LANES, 1, 0}, {0, VECTORS, plane, 0}, {row, rows, LANES, 0}, {0, 1, LANES * OUT_WIDTH, 0}, {panel, panels, plane * VECTORS, 0}};
  const int64_t from = c->row * LANES;
#else
  struct dimension yd[5] = {{0, LANES, 1, 0}, {0, VECTORS, plane, 0}, {0, OUT_WIDTH, LANES, 0}, {row, rows, LANES * OUT_WIDTH, 0}, {panel, panels, plane * VECTORS, 0}};
  const int64_t from = c->row * LANES * OUT_WIDTH;
#endif
  const int64_t at = c->panel * VECTORS * (int64_t)plane + from;
  struct buffer x = view(c->x, 4, xd), w = view(c->w, W_DIMENSIONS, wd), bias = view(c->bias, 3, bd), y = view(c->y + at, 5 - IS_WINOGRAD, yd);
  if (c->residual) {
    struct buffer residual = view(c->residual + at, 5 - IS_WINOGRAD, yd);
    scissionlite_generated_residual(&x, &w, &bias, &residual, (int32_t)c->block, (int32_t)c->blocks, row, rows, c->low, c->high, &y);
  } else {
    scissionlite_generated_plain(&x, &w, &bias, (int32_t)c->block, (int32_t)c->blocks, row, rows, c->low, c->high, &y);
  }
}
)";

std::string define(const std::string& name, int64_t value) { return "#define " + name + " " + std::to_string(value) + "\n"; }

std::string weights_text(const kernels::KernelPlan& plan) {
  const auto& p = plan.problem;
  const int64_t m = plan.winograd_edge();
  if (plan.is_depthwise()) return "#define W_DIMENSIONS 4\n#define W_EXTENTS LANES, " + std::to_string(p.kernel_w) + ", " + std::to_string(p.kernel_h) + ", PANELS\n";
  if (m > 0) return "#define W_DIMENSIONS 6\n#define W_EXTENTS LANES, VECTORS, LANES, IN_BLOCKS, " + std::to_string((m + 2) * (m + 2)) + ", PANELS\n";
  return "#define W_DIMENSIONS 7\n#define W_EXTENTS LANES, VECTORS, " + std::to_string(kernels::step_inputs(plan)) + ", " + std::to_string(p.kernel_w) + ", " + std::to_string(p.kernel_h) + ", IN_BLOCKS, PANELS\n";
}

}  // namespace

std::string shim_of(const kernels::KernelPlan& plan) {
  const auto& p = plan.problem;
  const bool is_flat = plan.is_flat();
  std::string text = kBefore;
  text += define("LANES", plan.lanes()) + define("VECTORS", plan.knob("vectors")) + define("PANELS", plan.panels()) + define("IN_BLOCKS", plan.in_blocks());
  text += define("IN_WIDTH", is_flat ? p.h * p.w : plan.frame_width()) + define("IN_ROWS", is_flat ? 1 : plan.frame_height());
  text += define("OUT_WIDTH", is_flat ? p.h * p.w : p.out_w()) + define("OUT_ROWS", is_flat ? 1 : p.out_h());
  text += define("IS_FLAT", is_flat) + define("IS_WINOGRAD", plan.winograd_edge() > 0) + weights_text(plan);
  text += "__attribute__((visibility(\"default\"))) const char scissionlite_kernel_identity[] = \"" + plan.identity() + "\";\n";
  return text + kAfter;
}

}  // namespace scissionlite::generate
