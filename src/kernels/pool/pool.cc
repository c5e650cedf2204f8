#include "kernels/pool/pool.h"

#include "base/error.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "kernels/problem_fields.h"

namespace scissionlite::kernels {
namespace {

constexpr const char* kMaxPrefix = "pool max ";
constexpr const char* kMeanPrefix = "pool average ";

class VectorPooling final : public Pooling {
 public:
  VectorPooling(const PoolProblem& problem, const VectorLoops& loops) : problem_(problem), loops_(loops) {}

  void run(const float* x, float* y, int threads) const override {
    const auto& p = problem_;
    const int64_t lanes = loops_.lanes, planes = p.n * blocks_of(p.c, lanes);
    in_team(threads, [&](const Member& member) {
      const auto rows = share_of(planes * p.out_h, member);
      auto a = arguments();
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        a.x = x + row / p.out_h * p.h * p.w * lanes;
        a.row = row % p.out_h * p.stride_h - p.top;
        a.y = y + row * p.out_w * lanes;
        loops_.pool_row(a);
      }
    });
  }

 private:
  [[nodiscard]] PoolRowArguments arguments() const {
    const auto& p = problem_;
    PoolRowArguments a;
    a.is_max = p.is_max;
    a.height = p.h, a.width = p.w;
    a.kernel_h = p.kernel_h, a.kernel_w = p.kernel_w;
    a.stride_w = p.stride_w;
    a.dilation_h = p.dilation_h, a.dilation_w = p.dilation_w;
    a.left = p.left;
    a.padded_bottom = p.h + p.bottom, a.padded_right = p.w + p.right;
    a.counts_padding = p.counts_padding;
    a.out_width = p.out_w;
    return a;
  }
  PoolProblem problem_;
  const VectorLoops& loops_;
};

}  // namespace

std::string PoolProblem::text() const {
  const auto part = [](const char* name, int64_t value) { return name + std::to_string(value); };
  return (is_max ? kMaxPrefix : kMeanPrefix) + part("mb", n) + part("ic", c) + part("ih", h) + part("iw", w) + part("oh", out_h) + part("ow", out_w) +
         part("kh", kernel_h) + part("kw", kernel_w) + part("sh", stride_h) + part("sw", stride_w) + part("dh", dilation_h) + part("dw", dilation_w) +
         part("pt", top) + part("pl", left) + part("pb", bottom) + part("pr", right) + part("cp", counts_padding ? 1 : 0);
}

PoolProblem parse_pool(const std::string& text) {
  PoolProblem p;
  p.is_max = text.compare(0, std::string(kMeanPrefix).size(), kMeanPrefix) != 0;
  ProblemFields fields(text, p.is_max ? kMaxPrefix : kMeanPrefix, "pool max mb1ic64ih112iw112oh56ow56kh3kw3sh2sw2pt1pl1pb1pr1");
  p.n = fields.take("mb", 1), p.c = fields.take("ic", 1), p.h = fields.take("ih", 1), p.w = fields.take("iw", p.h), p.out_h = fields.take("oh", 1),
  p.out_w = fields.take("ow", p.out_h);
  p.kernel_h = fields.take("kh", 1), p.kernel_w = fields.take("kw", p.kernel_h), p.stride_h = fields.take("sh", 1),
  p.stride_w = fields.take("sw", p.stride_h);
  p.dilation_h = fields.take("dh", 1), p.dilation_w = fields.take("dw", p.dilation_h);
  p.top = fields.take("pt", 0), p.left = fields.take("pl", 0), p.bottom = fields.take("pb", 0), p.right = fields.take("pr", 0);
  p.counts_padding = fields.take("cp", 0) != 0;
  fields.finish();
  for (const auto size : {p.n, p.c, p.h, p.w, p.out_h, p.out_w, p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w})
    if (size < 1) throw InvalidArgument("[kernels] '" + text + "' is no pooling: expected sizes from 1 on");
  return p;
}

std::unique_ptr<Pooling> make_pooling(const PoolProblem& problem, const VectorLoops& loops) {
  return std::make_unique<VectorPooling>(problem, loops);
}

}  // namespace scissionlite::kernels
