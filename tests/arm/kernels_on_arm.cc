// The kernels on another architecture: every way to convolve, on problems with all kinds of borders, against the loop nest of the
// definition. Built with a cross compiler and run by an emulator, so it needs nothing but the kernels.
//   kernels_on_arm [FOLDER]      FOLDER: generated kernels of plans.h, as make_kernels writes them
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "arm/plans.h"
#include "base/rng.h"
#include "kernels/conv/generated.h"
#include "kernels/conv/panels.h"
#include "kernels/conv/test_reference.h"
#include "kernels/generated/chain_kernel.h"
#include "kernels/generated/pool_kernel.h"
#include "kernels/generated/strip_kernel.h"
#include "kernels/layout.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

std::vector<float> random_values(Rng& rng, int64_t count) {
  std::vector<float> out(static_cast<size_t>(count));
  for (float& v : out) v = static_cast<float>(rng.uniform(-1, 1));
  return out;
}

/// Largest difference.
double error(const ConvProblem& p, const ConvImplementation& implementation, const Knobs& knobs) {
  const auto& loops = best_loops();
  Rng rng(3);
  const auto x = random_values(rng, p.c * p.h * p.w), w = random_values(rng, p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w);
  const auto conv = implementation.make(p, {w.data(), nullptr}, {false, {ActivationKind::kRelu, 0, 0}}, knobs, loops);
  const int64_t pixels = p.out_h() * p.out_w();
  AlignedFloats in(round_up(p.c, loops.lanes) * p.h * p.w), out(round_up(p.k, loops.lanes) * pixels), scratch(conv->scratch_floats(2));
  std::vector<float> y(static_cast<size_t>(p.k * pixels));
  if (conv->takes_plain_input()) std::copy(x.begin(), x.end(), in.data());
  else to_blocked(x.data(), in.data(), 1, p.c, p.h * p.w, loops.lanes);
  conv->run(in.data(), nullptr, out.data(), scratch.data(), 2);
  to_plain(out.data(), y.data(), 1, p.k, pixels, loops.lanes);
  double most = 0;
  for (int64_t k = 0; k < p.k; ++k)
    for (int64_t i = 0; i < pixels; ++i)
      most =
          std::max(most, std::abs(y[static_cast<size_t>(k * pixels + i)] - std::max(one_output(p, x, w, 0, k, i / p.out_w(), i % p.out_w()), 0.0)));
  return most;
}

std::vector<ConvProblem> problems() {
  std::vector<ConvProblem> out;
  for (const int64_t c : {3, 16, 21})
    for (const int64_t kernel : {1, 3, 5})
      for (const int64_t stride : {1, 2})
        for (const int64_t groups : {int64_t{1}, c}) {
          ConvProblem p{
              .c = c, .h = 11, .w = 13, .k = groups == 1 ? 18 : c, .kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride};
          p.top = p.left = p.bottom = p.right = kernel / 2;
          p.groups = groups;
          out.push_back(p);
        }
  return out;
}

constexpr double kTolerance = 1e-3, kBf16Tolerance = 0.1;  // of sums of up to 525 products of values below 1, for bf16 rounded to eight bits each

int check_all() {
  int tried = 0, wrong = 0;
  for (const auto& p : problems())
    for (const auto* implementation : conv_implementations(Precision::kBf16)) {
      if (!implementation->reason_against(p, best_loops()).empty()) continue;
      auto knobs = implementation->usual(p, best_loops());
      for (const int64_t m : knobs.count("m") ? std::vector<int64_t>{2, 4, 6} : std::vector<int64_t>{0}) {
        if (m > 0) knobs["m"] = m;
        const double e = error(p, *implementation, knobs);
        ++tried;
        if (e <= (implementation->precision == Precision::kBf16 ? kBf16Tolerance : kTolerance)) continue;
        ++wrong;
        std::printf("%s by %s: differs by %g\n", p.text().c_str(), implementation->name, e);
      }
    }
  std::printf("%d convolutions with %d lanes, %d wrong\n", tried, best_loops().lanes, wrong);
  return tried < 60 || wrong > 0 ? 1 : 0;
}

/// Values (c, h, w) through `run`, which reads and writes blocked images.
template <typename Run>
std::vector<float> through(const std::vector<float>& x, int64_t c, int64_t pixels, int64_t k, int64_t out_pixels, const Run& run) {
  const int64_t lanes = best_loops().lanes;
  AlignedFloats in(round_up(c, lanes) * pixels), out(round_up(k, lanes) * out_pixels);
  std::vector<float> y(static_cast<size_t>(k * out_pixels));
  to_blocked(x.data(), in.data(), 1, c, pixels, lanes);
  run(in.data(), out.data());
  to_plain(out.data(), y.data(), 1, k, out_pixels, lanes);
  return y;
}

double chain_error(const KernelPlan& plan) {
  const auto [d, p, knobs, target] = chain_plan(plan);
  Rng rng(3);
  const auto x = random_values(rng, d.c * d.h * d.w), filter = random_values(rng, d.k * d.kernel_h * d.kernel_w), w = random_values(rng, p.k * p.c);
  ChainProblem chain;
  chain.depthwise = {d, {filter.data(), nullptr}, {ActivationKind::kRelu, 0, 0}};
  chain.project = ChainStage{p, {w.data(), nullptr}, {}};
  const auto conv = make_generated_chain(chain, plan.knobs, kernel_of(plan), best_loops());
  const int64_t pixels = p.h * p.w;
  const auto y = through(x, d.c, d.h * d.w, p.k, pixels, [&](const float* in, float* out) { conv->run(in, nullptr, out, nullptr, 2); });
  std::vector<float> between;
  for (int64_t k = 0; k < d.k; ++k)
    for (int64_t i = 0; i < pixels; ++i) between.push_back(static_cast<float>(std::max(one_output(d, x, filter, 0, k, i / p.w, i % p.w), 0.0)));
  double most = 0;
  for (int64_t i = 0; i < p.k * pixels; ++i)
    most = std::max(most, std::abs(y[static_cast<size_t>(i)] - one_output(p, between, w, 0, i / pixels, i % pixels / p.w, i % p.w)));
  return most;
}

double pool_error(const KernelPlan& plan) {
  const auto p = parse_pool(plan.problem);
  Rng rng(3);
  const auto x = random_values(rng, p.c * p.h * p.w);
  const auto pooling = make_generated_pooling(p, plan.knobs, kernel_of(plan), best_loops());
  const auto y = through(x, p.c, p.h * p.w, p.c, p.out_h * p.out_w, [&](const float* in, float* out) { pooling->run(in, out, 2); });
  double most = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
    double best = -1e30, sum = 0;
    int count = 0;
    for (int64_t tap = 0; tap < p.kernel_h * p.kernel_w; ++tap) {
      const int64_t row = i / p.out_w % p.out_h * p.stride_h - p.top + tap / p.kernel_w,
                    column = i % p.out_w * p.stride_w - p.left + tap % p.kernel_w;
      if (row < 0 || row >= p.h || column < 0 || column >= p.w) continue;
      const double value = x[static_cast<size_t>((i / p.out_w / p.out_h * p.h + row) * p.w + column)];
      best = std::max(best, value), sum += value, ++count;
    }
    most = std::max(most, std::abs(y[static_cast<size_t>(i)] - (p.is_max ? best : sum / count)));
  }
  return most;
}

/// Of the strip in plans.h.
double strip_error(const KernelPlan& plan) {
  const auto p = parse_strip(plan.problem);
  const int64_t pixels = p.h * p.w;
  Rng rng(3);
  const auto x = random_values(rng, p.c * pixels), channel = random_values(rng, p.c), pixel = random_values(rng, pixels);
  const auto strip = make_generated_strip(p, plan.knobs, kernel_of(plan), best_loops());
  const auto y = through(x, p.c, pixels, p.c, pixels, [&](const float* in, float* out) {
    const float* inputs[] = {in, channel.data(), pixel.data()};
    strip->run(inputs, out, nullptr, 2);
  });
  double most = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
    const auto at = static_cast<size_t>(i);
    const float value = x[at], scaled = value * channel[at / static_cast<size_t>(pixels)];
    most = std::max(most,
                    static_cast<double>(std::abs(y[at] - std::clamp(std::max(scaled, pixel[at % static_cast<size_t>(pixels)]) + value, -0.5F, 1.F))));
  }
  return most;
}

double generated_error(const KernelPlan& plan) {
  const std::string kind = kernel_kind_of(plan.problem).name;
  if (kind == "chain") return chain_error(plan);
  if (kind == "strip") return strip_error(plan);
  return kind == "pool" ? pool_error(plan) : error(parse_problem(plan.problem), conv_implementation("generated"), plan.knobs);
}

int check_generated(const std::string& folder) {
  int tried = 0, wrong = 0;
  for (const auto& plan : arm_plans()) {
    const auto path = folder + "/" + std::to_string(tried++) + ".so";
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    offer_kernel(std::make_shared<const KernelObject>(bytes.str(), path));
    const double e = generated_error(plan);
    if (e <= 1e-3) continue;
    ++wrong;
    std::printf("%s: differs by %g\n", plan.identity().c_str(), e);
  }
  std::printf("%d generated kernels, %d wrong\n", tried, wrong);
  return wrong > 0 ? 1 : 0;
}

/// Casts and rounding against the language's own, every half among the values.
int check_values() {
  const auto& loops = best_loops();
  std::vector<uint16_t> halves(65536), back(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> x(halves.size()), floors(x.size()), rounded(x.size());
  std::vector<uint8_t> codes(x.size());
  const auto count = static_cast<int64_t>(x.size()) - 1;  // a tail
  loops.cast(CastKind::kF16ToF32, halves.data(), x.data(), count);
  loops.cast(CastKind::kF32ToF16, x.data(), back.data(), count);
  loops.cast(CastKind::kF32ToU8, x.data(), codes.data(), count);
  loops.unary(UnaryKind::kFloor, x.data(), floors.data(), count);
  loops.unary(UnaryKind::kRound, x.data(), rounded.data(), count);
  int wrong = 0;
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    __fp16 half;
    std::memcpy(&half, &halves[i], sizeof(half));
    const float v = half;
    const bool is_right = std::isnan(v) ? std::isnan(x[i]) && codes[i] == 0
                                        : x[i] == v && back[i] == halves[i] && codes[i] == static_cast<uint8_t>(std::clamp(v, 0.F, 255.F)) &&
                                              floors[i] == std::floor(v) && rounded[i] == std::nearbyint(v);
    wrong += is_right ? 0 : 1;
  }
  std::printf("%d casts and roundings wrong\n", wrong);
  return wrong > 0 ? 1 : 0;
}

}  // namespace
}  // namespace scissionlite::kernels

int main(int argc, char** argv) {
  const int result = scissionlite::kernels::check_all() + scissionlite::kernels::check_values();
  return argc > 1 ? result + scissionlite::kernels::check_generated(argv[1]) : result;
}
