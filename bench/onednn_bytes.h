// Convolutions and products of bytes by oneDNN, u8 times s8 to u8 with a scale for each channel, a bias and Relu, as its documentation says; layouts
// of its choice.
#pragma once

#include <dnnl.hpp>

#include <functional>
#include <string>
#include <unordered_map>

#include "base/rng.h"
#include "kernels/conv/conv.h"

namespace scissionlite {

/// What oneDNN may use from its first primitive on: VNNI and no AMX, with which bytes are another machine's.
inline void limit_onednn_to_vnni() { dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_vnni); }
/// VNNI and AMX: bf16 and int8.
inline void limit_onednn_to_amx() { dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_amx); }

class OnednnBytes {
 public:
  static OnednnBytes convolution(const kernels::ConvProblem& p) {
    const auto any = [](dnnl::memory::dims dims, dnnl::memory::data_type type) {
      return dnnl::memory::desc(std::move(dims), type, dnnl::memory::format_tag::any);
    };
    const dnnl::memory::dims w = p.groups == 1 ? dnnl::memory::dims{p.k, p.c, p.kernel_h, p.kernel_w}
                                               : dnnl::memory::dims{p.groups, p.k / p.groups, p.c / p.groups, p.kernel_h, p.kernel_w};
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
                                               any({p.n, p.c, p.h, p.w}, kU8), any(w, kS8), any({p.k}, kS32),
                                               any({p.n, p.k, p.out_h(), p.out_w()}, kU8), {p.stride_h, p.stride_w},
                                               {p.dilation_h - 1, p.dilation_w - 1}, {p.top, p.left}, {p.bottom, p.right});
    OnednnBytes out;
    out.set<dnnl::convolution_forward>(dnnl::convolution_forward::primitive_desc(desc, attributes(p.k), out.engine_));
    return out;
  }
  /// m rows of k inputs, n outputs.
  static OnednnBytes product(int64_t m, int64_t k, int64_t n) {
    const auto any = [](dnnl::memory::dims dims, dnnl::memory::data_type type) {
      return dnnl::memory::desc(std::move(dims), type, dnnl::memory::format_tag::any);
    };
    const dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_inference, any({m, k}, kU8), any({n, k}, kS8), any({n}, kS32),
                                                 any({m, n}, kU8));
    OnednnBytes out;
    out.set<dnnl::inner_product_forward>(dnnl::inner_product_forward::primitive_desc(desc, attributes(n), out.engine_));
    return out;
  }
  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  static constexpr auto kU8 = dnnl::memory::data_type::u8, kS8 = dnnl::memory::data_type::s8, kS32 = dnnl::memory::data_type::s32;

  OnednnBytes() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}
  static dnnl::primitive_attr attributes(int64_t outputs) {
    dnnl::primitive_attr attr;
    attr.set_output_scales(1 << 1, std::vector<float>(static_cast<size_t>(outputs), 1e-3F));
    dnnl::post_ops relu;
    relu.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
    attr.set_post_ops(relu);
    return attr;
  }
  template <typename Primitive, typename Desc>
  void set(const Desc& pd) {
    name_ = pd.impl_info_str();
    primitive_ = Primitive(pd);
    Rng rng(1);
    const auto filled = [&](const dnnl::memory::desc& d) {
      dnnl::memory m(d, engine_);
      auto* data = static_cast<uint8_t*>(m.get_data_handle());
      for (size_t i = 0; i < d.get_size(); ++i) data[i] = static_cast<uint8_t>(rng.below(4));
      return m;
    };
    arguments_ = {{DNNL_ARG_SRC, filled(pd.src_desc())},
                  {DNNL_ARG_WEIGHTS, filled(pd.weights_desc())},
                  {DNNL_ARG_BIAS, filled(pd.bias_desc())},
                  {DNNL_ARG_DST, dnnl::memory(pd.dst_desc(), engine_)}};
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::string name_;
};

}  // namespace scissionlite
