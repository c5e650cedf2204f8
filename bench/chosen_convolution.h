// One convolution as it was chosen, with inputs and weights of its own, for programs that measure.
#pragma once

#include "base/clock.h"
#include "base/rng.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/panels.h"
#include "kernels/sparse24/weights.h"
#include "kernels/vector/loops.h"

namespace scissionlite {

inline kernels::AlignedFloats random_floats(int64_t count, Rng& rng) {
  kernels::AlignedFloats out(count);
  for (int64_t i = 0; i < count; ++i) out.data()[i] = static_cast<float>(rng.uniform(-1, 1));
  return out;
}

class ChosenConvolution {
 public:
  ChosenConvolution(const kernels::ConvProblem& p, kernels::ConvChoice choice, int threads) : threads_(threads), choice_(std::move(choice)) {
    const auto& loops = kernels::best_loops();
    Rng rng(2);
    auto w = random_floats(p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w, rng);
    const auto bias = random_floats(p.k, rng);
    if (p.is_two_four) kernels::make_two_four(w.data(), p.k, p.c / p.groups, p.kernel_h * p.kernel_w);
    conv_ = choice_.implementation->make(p, {w.data(), bias.data()}, {}, choice_.knobs, loops);
    x_ = random_floats(p.n * kernels::round_up(p.c, loops.lanes) * p.h * p.w, rng);
    y_ = kernels::AlignedFloats(p.n * kernels::round_up(p.k, loops.lanes) * p.out_h() * p.out_w());
    scratch_ = kernels::AlignedFloats(conv_->scratch_floats(threads));
  }
  void run() { conv_->run(x_.data(), nullptr, y_.data(), scratch_.data(), threads_); }
  [[nodiscard]] const kernels::ConvChoice& choice() const { return choice_; }

 private:
  int threads_;
  kernels::ConvChoice choice_;
  std::unique_ptr<kernels::Convolution> conv_;
  kernels::AlignedFloats x_, y_, scratch_;
};

/// CPU time of the thread where there is one, so that other programs disturb through the caches only.
inline double measured_now_us(int threads) { return threads > 1 ? Clock::steady().now_us() : thread_cpu_us(); }

/// Of one of `repeats` runs.
template <typename Runner>
double run_us(Runner& runner, int repeats, int threads) {
  const double start = measured_now_us(threads);
  for (int i = 0; i < repeats; ++i) runner.run();
  return (measured_now_us(threads) - start) / repeats;
}

}  // namespace scissionlite
