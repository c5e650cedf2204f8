// oneDNN's convolutions on blocked activations, as candidates beside ours. A primitive is made for one number of threads, so it is
// made at the first run with that number.
#include <omp.h>
#include <dnnl.hpp>

#include <mutex>
#include <optional>
#include <unordered_map>

#include "kernels/conv/panels.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

using dnnl::memory;
constexpr int64_t kDirect = 0, kWinograd = 1;  // values of the knob "algorithm"

dnnl::engine& engine() {
  static auto* instance = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed: primitives may outlive statics
  return *instance;
}

memory::desc image(int64_t n, int64_t c, int64_t h, int64_t w, int lanes) {
  const auto tag = lanes == 16 ? memory::format_tag::nChw16c : lanes == 8 ? memory::format_tag::nChw8c : memory::format_tag::nChw4c;
  return {{n, c, h, w}, memory::data_type::f32, tag};
}

memory::desc weights_as(const ConvProblem& p, memory::format_tag grouped, memory::format_tag ungrouped) {
  if (p.groups == 1) return {{p.k, p.c, p.kernel_h, p.kernel_w}, memory::data_type::f32, ungrouped};
  return {{p.groups, p.k / p.groups, p.c / p.groups, p.kernel_h, p.kernel_w}, memory::data_type::f32, grouped};
}

struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha = 0, beta = 0;
};
/// Nothing for none; the flag says that oneDNN has no such function.
std::optional<Eltwise> eltwise_of(const ActivationArguments& f, bool& is_missing) {
  using A = dnnl::algorithm;
  switch (f.kind) {
    case ActivationKind::kNone: return std::nullopt;
    case ActivationKind::kRelu: return Eltwise{A::eltwise_relu};
    case ActivationKind::kClip: return Eltwise{A::eltwise_clip, f.alpha, f.beta};
    case ActivationKind::kLeakyRelu: return Eltwise{A::eltwise_relu, f.alpha};
    case ActivationKind::kHardSwish: return Eltwise{A::eltwise_hardswish};
    case ActivationKind::kSigmoid: return Eltwise{A::eltwise_logistic};
    case ActivationKind::kSwish: return Eltwise{A::eltwise_swish, 1};
    case ActivationKind::kTanh: return Eltwise{A::eltwise_tanh};
    case ActivationKind::kElu: return Eltwise{A::eltwise_elu, f.alpha};
    case ActivationKind::kHardSigmoid: break;
  }
  is_missing = true;
  return std::nullopt;
}

/// Empty when oneDNN has no implementation.
dnnl::convolution_forward::primitive_desc describe(const ConvProblem& p, const ConvEnd& end, int64_t algorithm, int lanes) {
  const auto x = image(p.n, p.c, p.h, p.w, lanes), y = image(p.n, p.k, p.out_h(), p.out_w(), lanes);
  const memory::desc bias({p.k}, memory::data_type::f32, memory::format_tag::a);
  dnnl::post_ops post;
  bool is_missing = false;
  if (end.has_residual) post.append_binary(dnnl::algorithm::binary_add, y);
  if (const auto f = eltwise_of(end.activation, is_missing)) post.append_eltwise(1, f->algorithm, f->alpha, f->beta);
  dnnl::primitive_attr attr;
  attr.set_post_ops(post);
  const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference,
                                             algorithm == kWinograd ? dnnl::algorithm::convolution_winograd : dnnl::algorithm::convolution_direct, x,
                                             weights_as(p, memory::format_tag::any, memory::format_tag::any), bias, y, {p.stride_h, p.stride_w},
                                             {p.dilation_h - 1, p.dilation_w - 1}, {p.top, p.left}, {p.bottom, p.right});
  return {desc, attr, engine(), /*allow_empty=*/true};
}

/// OpenMP's number of threads while it lives: what oneDNN plans and runs with.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~ThreadScope() { omp_set_num_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

class OneDnn final : public Convolution {
 public:
  OneDnn(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p), end_(end), algorithm_(knobs.at("algorithm")), loops_(loops), bias_(p.k) {
    const int64_t size = p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w;
    weights_ = weights.source.packed<float>("plain", size, [&](float* to) { std::copy(weights.w, weights.w + size, to); });
    if (weights.bias) std::copy(weights.bias, weights.bias + p.k, bias_.data());
  }
  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }

  void run(const float* x, const float* residual, float* y, float*, int threads) const override {
    const ThreadScope scope(threads);
    const auto& made = primitive(threads);
    const auto& pd = made.descriptor;
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, view(pd.src_desc(), x)},
                                              {DNNL_ARG_WEIGHTS, made.weights},
                                              {DNNL_ARG_BIAS, view(pd.bias_desc(), bias_.data())},
                                              {DNNL_ARG_DST, view(pd.dst_desc(), y)}};
    if (residual && made.has_end) arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, view(pd.dst_desc(), residual));
    dnnl::stream stream(engine());
    made.primitive.execute(stream, arguments);
    stream.wait();
    const int64_t count = problem_.n * round_up(problem_.k, loops_.lanes) * problem_.out_h() * problem_.out_w();
    bool is_missing = false;
    (void)eltwise_of(end_.activation, is_missing);
    if (residual && !made.has_end) {
      BinaryArguments sum{.a = y, .b = residual, .y = y, .count = count};
      sum.activation = end_.activation;
      loops_.binary(sum);
    } else if (is_missing || !made.has_end) {
      loops_.activate(y, y, count, end_.activation);
    }
  }

 private:
  struct Made {
    dnnl::convolution_forward::primitive_desc descriptor;
    dnnl::convolution_forward primitive;
    memory weights;
    bool has_end = true;  // adds the residual and activates
  };
  static memory view(const memory::desc& desc, const float* data) { return {desc, engine(), const_cast<float*>(data)}; }

  const Made& primitive(int threads) const {
    const std::lock_guard lock(mutex_);
    auto& made = made_[threads];
    if (made) return *made;
    made = std::make_unique<Made>();
    made->descriptor = describe(problem_, end_, algorithm_, loops_.lanes);
    if (!made->descriptor) {  // there is one without what follows, or the direct one, which `reason_against` has seen
      made->has_end = false;
      made->descriptor = describe(problem_, {}, algorithm_, loops_.lanes);
      if (!made->descriptor) made->descriptor = describe(problem_, {}, kDirect, loops_.lanes);
    }
    made->primitive = dnnl::convolution_forward(made->descriptor);
    auto plain = view(weights_as(problem_, memory::format_tag::goihw, memory::format_tag::oihw), weights_.data());
    made->weights = memory(made->descriptor.weights_desc(), engine());
    dnnl::stream stream(engine());
    dnnl::reorder(plain, made->weights).execute(stream, plain, made->weights);
    stream.wait();
    return *made;
  }

  ConvProblem problem_;
  ConvEnd end_;
  int64_t algorithm_;
  const VectorLoops& loops_;
  Packed<float> weights_;
  AlignedFloats bias_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<int, std::unique_ptr<Made>> made_;  // by threads
};

std::string reason_against(const ConvProblem& p, const VectorLoops& loops) {
  if (&loops != &best_loops()) return "oneDNN chooses its instruction set itself";
  return describe(p, {}, kDirect, loops.lanes) ? "" : "oneDNN has no implementation";
}

std::vector<KnobRange> knobs(const ConvProblem& p, const VectorLoops& loops) {
  if (describe(p, {}, kWinograd, loops.lanes)) return {{"algorithm", {kDirect, kWinograd}}};
  return {{"algorithm", {kDirect}}};
}

}  // namespace

extern const ConvImplementation k_conv_onednn;
const ConvImplementation k_conv_onednn{
    "onednn",
    "oneDNN's own, direct (0) or Winograd (1)",
    reason_against,
    knobs,
    [](const ConvProblem&, const VectorLoops&) {
      return Knobs{{"algorithm", kDirect}};
    },
    [](const ConvProblem& p, const VectorLoops& loops, const Knobs&) { return static_cast<double>(p.macs()) / loops.lanes / 2; },
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<OneDnn>(p, w, end, knobs, loops);
    },
    /*is_measured_only=*/true};

}  // namespace scissionlite::kernels
