// Loop nest: for the member's runs of planes, or of pixels of one plane: a call each. Where every operand goes on from plane to plane, all of them
// are one plane.
#include "kernels/generated/strip_kernel.h"

#include <algorithm>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "kernels/strip/strip_run.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kMostLanes = 16;

class GeneratedStrip final : public Strip {
 public:
  GeneratedStrip(const StripKernelPlan& plan, std::shared_ptr<const KernelObject> kernel, const VectorLoops& loops)
      : problem_(plan.problem), kernel_(std::move(kernel)), lanes_(loops.lanes) {
    const bool leaves_finite = problem_.leaves_lanes_finite(lanes_);
    clears_ = !leaves_finite;
    const bool goes_on = leaves_finite && std::all_of(problem_.operands.begin(), problem_.operands.end(), [](const auto& o) {
                           return o.second == Second::kWhole || (o.second == Second::kOne && !o.is_own);
                         });
    const int64_t blocks = blocks_of(problem_.c, lanes_), pixels = problem_.h * problem_.w;
    images_ = goes_on ? 1 : problem_.n, blocks_ = goes_on ? 1 : blocks, pixels_ = goes_on ? problem_.n * blocks * pixels : pixels;
    cut(std::max<int64_t>(1, plan.knob("values") / lanes_));
  }

  void run(const float* const* inputs, float* y, float*, int threads) const override {
    in_team(threads, [&](const Member& member) {
      const auto mine = share_of(images_ * static_cast<int64_t>(parts_.size()), member);
      for (int64_t i = mine.begin; i < mine.end; ++i)
        run_part(inputs, y, i / static_cast<int64_t>(parts_.size()), parts_[static_cast<size_t>(i) % parts_.size()]);
    });
  }

 private:
  /// Of an image.
  struct Part {
    int64_t plane = 0, planes = 1, first = 0, pixels = 0;
  };
  /// Runs of pixels of large planes; of small ones several planes, of which the last one with empty lanes is alone.
  void cut(int64_t most_pixels) {
    const int64_t whole = problem_.c % lanes_ == 0 || blocks_ == 1 ? blocks_ : blocks_ - 1, at_once = std::max<int64_t>(1, most_pixels / pixels_);
    for (int64_t plane = 0; plane < blocks_;) {
      const int64_t planes = plane < whole ? std::min(at_once, whole - plane) : 1, runs = (pixels_ + most_pixels - 1) / most_pixels;
      if (planes > 1) parts_.push_back({plane, planes, 0, pixels_});
      else
        for (int64_t r = 0; r < runs; ++r) parts_.push_back({plane, 1, pixels_ * r / runs, pixels_ * (r + 1) / runs - pixels_ * r / runs});
      plane += planes;
    }
  }

  void run_part(const float* const* inputs, float* y, int64_t image, const Part& part) const {
    const int64_t at = ((image * blocks_ + part.plane) * pixels_ + part.first) * lanes_;
    const bool has_empty_lanes = problem_.c % lanes_ != 0 && part.plane + part.planes == blocks_;
    float vectors[kMostStripInputs][kMostLanes];
    StripCall call{.inputs = {}, .y = y + at, .pixels = part.pixels, .planes = part.planes};
    for (size_t i = 0; i < problem_.operands.size(); ++i) {
      const auto& operand = problem_.operands[i];
      const float* own = inputs[i] + (operand.is_own ? image * problem_.floats_of(operand) : 0);
      switch (operand.second) {
        case Second::kWhole: call.inputs[i] = inputs[i] + at; break;
        case Second::kOne: call.inputs[i] = own; break;
        case Second::kPerChannel:
          call.inputs[i] = has_empty_lanes ? padded(own + part.plane * lanes_, problem_.c, lanes_, vectors[i]) : own + part.plane * lanes_;
          break;
        case Second::kPerPixel: call.inputs[i] = own + part.first; break;
      }
    }
    kernel_->run(&call);
    if (has_empty_lanes && clears_) clear_lanes(call.y, part.pixels * lanes_, problem_.c, lanes_);
  }

  StripProblem problem_;
  std::shared_ptr<const KernelObject> kernel_;
  int64_t lanes_, images_ = 1, blocks_ = 1, pixels_ = 1;  // images of planes of pixels
  bool clears_ = false;
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<Strip> make_generated_strip(const StripProblem& problem, const Knobs& knobs, std::shared_ptr<const KernelObject> kernel,
                                            const VectorLoops& loops) {
  const StripKernelPlan plan{problem, knobs, target_of(loops)};
  check_identity(*kernel, plan.plan());
  return std::make_unique<GeneratedStrip>(plan, std::move(kernel), loops);
}

}  // namespace scissionlite::kernels
