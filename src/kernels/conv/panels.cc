#include "kernels/conv/panels.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace scissionlite::kernels {

void AlignedFloats::Free::operator()(float* p) const { std::free(p); }

/// Large buffers lie in huge pages where the system gives them: streams of weights then miss the TLB 512 times less often. From two pages on the last
/// one is whole, too; below, what is beyond the first stays in small ones, which costs no memory.
AlignedFloats::AlignedFloats(int64_t size) : size_(size) {
  constexpr int64_t kLine = 64, kHugePage = int64_t{2} << 20;
  const int64_t wanted = std::max<int64_t>(size, 1) * static_cast<int64_t>(sizeof(float));
  const bool is_large = wanted >= kHugePage;
  const auto bytes = static_cast<size_t>(round_up(wanted, wanted >= 2 * kHugePage ? kHugePage : kLine));
  void* data = nullptr;
  if (posix_memalign(&data, static_cast<size_t>(is_large ? kHugePage : kLine), bytes) == 0) data_.reset(static_cast<float*>(data));
  if (is_large && data_) (void)madvise(data_.get(), bytes, MADV_HUGEPAGE);  // a wish: refused where the system has none
  if (!data_) throw ResourceError("[kernels] no memory for " + std::to_string(bytes) + " bytes of weights");
  std::memset(data_.get(), 0, bytes);
}

std::vector<Panel> cut_panels(int64_t blocks, int vectors) {
  std::vector<Panel> out;
  for (int64_t first = 0; first < blocks; first += vectors) {
    Panel panel;
    panel.first = first;
    panel.vectors = static_cast<int>(std::min<int64_t>(vectors, blocks - first));
    out.push_back(panel);
  }
  return out;
}

AlignedFloats padded_bias(const float* bias, int64_t channels, int64_t lanes) {
  if (!bias) return {};
  AlignedFloats out(round_up(channels, lanes));
  std::copy(bias, bias + channels, out.data());
  return out;
}

int64_t l2_bytes() {
  static const int64_t bytes = [] {
    const long found = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return found > 0 ? static_cast<int64_t>(found) : int64_t{512} << 10;
  }();
  return bytes;
}

double panel_cycles(int64_t blocks, int vectors, int64_t pixels, const VectorLoops& loops) {
  constexpr double kLatency = 4, kPorts = 2;
  // What a load costs beside the products: another thread of the core takes its share of the ports. Of 16 registers no shape spares enough.
  const double load = loops.lanes == 16 ? 0.1 : 0;
  double cycles = 0;
  for (int64_t first = 0; first < blocks; first += vectors) {
    const auto q = std::min<int64_t>(vectors, blocks - first);
    const int64_t most = loops.panel_pixels[q], tiles = (pixels + most - 1) / most;
    for (int64_t t = 0, done = 0; t < tiles; ++t) {
      const int64_t p = (pixels - done) / (tiles - t);
      cycles += std::max({static_cast<double>(p * q) / kPorts, static_cast<double>(p + q) / kPorts, kLatency}) + load * static_cast<double>(p + q);
      done += p;
    }
  }
  return cycles;
}

std::vector<int64_t> panel_vectors_values(int64_t blocks) {
  std::vector<int64_t> values;
  for (int64_t q = 1; q <= std::min<int64_t>(kMostPanelVectors, blocks); ++q) values.push_back(q);
  return values;
}

std::vector<int64_t> panel_pixels_values(const VectorLoops& loops) {
  std::vector<int64_t> values;
  for (int64_t pixels = 2; pixels <= loops.panel_pixels[1]; pixels += 2) values.push_back(pixels);
  for (int q = 1; q <= kMostPanelVectors; ++q) values.push_back(loops.panel_pixels[q]);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

int64_t panel_tiles(int64_t blocks, int64_t vectors, int64_t most, int64_t pixels, const VectorLoops& loops) {
  const auto tiles = [&](int64_t q) {
    const int64_t tallest = std::min<int64_t>(most, loops.panel_pixels[q]);
    return (pixels + tallest - 1) / tallest;
  };
  constexpr int64_t kNarrow = 1000;
  return (blocks >= vectors ? tiles(vectors) : 0) + (blocks % vectors ? kNarrow * tiles(blocks % vectors) : 0);
}

int best_vectors(int64_t blocks, int64_t pixels, const VectorLoops& loops) {
  int best = 1;
  for (int q = 2; q <= kMostPanelVectors; ++q)
    if (panel_cycles(blocks, q, pixels, loops) < panel_cycles(blocks, best, pixels, loops)) best = q;
  return best;
}

}  // namespace scissionlite::kernels
