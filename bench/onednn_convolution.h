// A dense convolution by oneDNN, with inputs and weights of its own, for programs that measure.
#pragma once

#include <dnnl.hpp>

#include <string>
#include <unordered_map>

#include "base/rng.h"
#include "kernels/conv/conv.h"

namespace scissionlite {

/// oneDNN as its documentation says.
class OnednnConvolution {
 public:
  explicit OnednnConvolution(const kernels::ConvProblem& p) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::memory;
    const auto any = [](memory::dims dims) { return memory::desc(std::move(dims), memory::data_type::f32, memory::format_tag::any); };
    const memory::dims w = p.groups == 1 ? memory::dims{p.k, p.c, p.kernel_h, p.kernel_w}
                                         : memory::dims{p.groups, p.k / p.groups, p.c / p.groups, p.kernel_h, p.kernel_w};
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto, any({p.n, p.c, p.h, p.w}),
                                               any(w), memory::desc({p.k}, memory::data_type::f32, memory::format_tag::a),
                                               any({p.n, p.k, p.out_h(), p.out_w()}), {p.stride_h, p.stride_w}, {0, 0}, {p.top, p.left},
                                               {p.bottom, p.right});
    const dnnl::convolution_forward::primitive_desc pd(desc, engine_);
    name_ = pd.impl_info_str();
    primitive_ = dnnl::convolution_forward(pd);
    Rng rng(1);
    const auto filled = [&](const memory::desc& d) {
      memory m(d, engine_);
      auto* data = static_cast<float*>(m.get_data_handle());
      for (size_t i = 0; i < d.get_size() / sizeof(float); ++i) data[i] = static_cast<float>(rng.uniform(-1, 1));
      return m;
    };
    arguments_ = {{DNNL_ARG_SRC, filled(pd.src_desc())},
                  {DNNL_ARG_WEIGHTS, filled(pd.weights_desc())},
                  {DNNL_ARG_BIAS, filled(pd.bias_desc())},
                  {DNNL_ARG_DST, memory(pd.dst_desc(), engine_)}};
  }
  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::convolution_forward primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::string name_;
};

}  // namespace scissionlite
