#include "kernels/conv/direct_knobs.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::kernels {
namespace {

/// What a panel's weights may fill: of L1; of L2 for a 1x1 kernel, whose weights are read in one run, so that y is written once.
int64_t weight_bytes(const ConvProblem& p) { return p.keeps_pixels() ? l2_bytes() * 3 / 16 : 24 << 10; }

int64_t run_pixels(const ConvProblem& p) { return p.keeps_pixels() ? p.out_h() * p.out_w() : p.out_w(); }

/// Bytes that come from beyond L2: the weights for each chunk of pixels, and the input for each panel where a chunk of it does not stay.
double traffic(const ConvProblem& p, const VectorLoops& loops, int64_t chunk, int vectors) {
  const int64_t panels = (blocks_of(p.k, loops.lanes) + vectors - 1) / vectors, pixels = p.out_h() * p.out_w();
  const double chunks = std::ceil(static_cast<double>(pixels) / static_cast<double>(chunk));
  const double weights = static_cast<double>(p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w * 4), input = static_cast<double>(p.c * p.h * p.w * 4);
  const bool stays = input / chunks <= 0.6 * static_cast<double>(l2_bytes());
  return chunks * weights + (stays ? 1 : static_cast<double>(panels)) * input;
}

/// Of equal numbers for a 1x1 kernel 3: fewer panels read the input, which is most of the traffic there.
int usual_vectors(const ConvProblem& p, int64_t pixels, const VectorLoops& loops) {
  const int64_t blocks = blocks_of(p.k, loops.lanes);
  const int best = best_vectors(blocks, pixels, loops);
  return p.keeps_pixels() && blocks >= 3 && panel_cycles(blocks, 3, pixels, loops) <= panel_cycles(blocks, best, pixels, loops) ? 3 : best;
}

}  // namespace

std::vector<KnobRange> direct_knobs(const ConvProblem& p, const VectorLoops& loops) {
  std::vector<int64_t> chunks;
  for (const int64_t size : {14, 28, 56, 112, 224, 448, 896, 3136})
    if (chunks.empty() || chunks.back() < p.out_h() * p.out_w()) chunks.push_back(size);
  return {{"vectors", {1, 2, 3, 4}}, {"pixels", panel_pixels_values(loops)},
          {"chunk", chunks},         {"steps", {4, 8, 16, 32, 64, 1024}},
          {"order", {0, 1}},         {"inside", {0, 1, 2}},
          {"group", {1, 2, 8}},      {"frame", {0, 1}},
          {"ahead", {0, 8}}};
}

Knobs direct_usual(const ConvProblem& p, const VectorLoops& loops) {
  Knobs best;
  double least = 0;
  for (const int64_t chunk : {24, 49, 98, 196, 392, 784, 1568, 3136}) {
    const int vectors = usual_vectors(p, std::min(run_pixels(p), chunk), loops);
    const double bytes = traffic(p, loops, chunk, vectors);
    if (!best.empty() && bytes >= least) continue;
    const int64_t steps = weight_bytes(p) / (loops.lanes * vectors * loops.lanes * static_cast<int64_t>(sizeof(float)));
    best = {{"vectors", vectors}, {"pixels", loops.panel_pixels[vectors]},
            {"chunk", chunk},     {"steps", std::max<int64_t>(steps, 4)},
            {"order", 0},         {"inside", 0},
            {"group", 1},         {"frame", 0},
            {"ahead", 0}};
    least = bytes;
  }
  return best;
}

double direct_estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs, bool is_plain) {
  const int64_t run = run_pixels(p), blocks = blocks_of(p.k, loops.lanes), columns = std::min(run, knobs.at("chunk"));
  const double runs = static_cast<double>(p.out_h() * p.out_w()) / static_cast<double>(columns);
  const int64_t per_group = is_plain ? p.c / p.groups : round_up(p.c / p.groups, loops.lanes);
  const double inputs = static_cast<double>(per_group * p.kernel_h * p.kernel_w);
  const double frame = p.is_padded() ? static_cast<double>(p.c * p.h * p.w) / loops.lanes * 2 : 0;
  const int vectors = static_cast<int>(knobs.at("vectors"));
  // of an input beyond L2 each line holds one wanted pixel of `stride_w`: 1.05 to 1.3 times slower on AVX2 (docs/findings.md)
  const bool wastes_lines = p.kernel_w == 1 && p.stride_w > 1 && p.c * p.h * p.w * 4 > l2_bytes();
  const double products = inputs * runs * panel_cycles(blocks, vectors, columns, loops) * (wastes_lines ? 1.15 : 1);
  return static_cast<double>(p.n) * (std::max(products, traffic(p, loops, knobs.at("chunk"), vectors) / kBytesPerCycle) + frame);
}

KnobEffect direct_effect(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs, bool is_plain) {
  const auto image = direct_image(p, loops, is_plain);
  const auto runs = direct_runs(image, knobs.at("chunk"));
  const int64_t chunks = (image.out_height * runs.a_row + runs.a_chunk - 1) / runs.a_chunk;
  const int64_t blocks = blocks_of(p.k, loops.lanes), vectors = std::min(knobs.at("vectors"), blocks), panels = (blocks + vectors - 1) / vectors;
  const int64_t steps = direct_steps(p, image), pieces = (steps + knobs.at("steps") - 1) / knobs.at("steps");
  int64_t group = std::min(knobs.at("group"), panels), order = knobs.at("order"), inside = knobs.at("inside"), frame = knobs.at("frame");
  const auto is = [&](DirectInside value) { return inside == static_cast<int64_t>(value); };
  if (group == panels || chunks == 1) order = 0;  // one group, or one chunk: nothing to exchange
  if (is(DirectInside::kPiecesPanelsRuns) && (pieces == 1 || group == 1)) inside = 0;
  if (is(DirectInside::kRunsPanelsPieces) && runs.a_chunk == 1) inside = 0;
  if (is(DirectInside::kPanelsPiecesRuns) && order == 0) group = 1;  // all panels in turn, however they are grouped
  if (chunks == 1 && (p.is_padded() || is_plain)) frame = 0;         // the chunk's window is all of the image
  const int64_t row_pixels = image.out_width / runs.a_row;
  return {vectors,
          panel_tiles(blocks, vectors, knobs.at("pixels"), row_pixels, loops),
          panel_tiles(blocks, vectors, knobs.at("pixels"), (image.out_width + runs.a_row - 1) / runs.a_row, loops),
          runs.a_row,
          runs.a_chunk,
          pieces,
          order,
          inside,
          group,
          frame,
          is_plain ? 0 : knobs.at("ahead")};
}

}  // namespace scissionlite::kernels
