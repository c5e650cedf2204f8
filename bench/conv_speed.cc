// Our convolutions against oneDNN's default ones, problem by problem: oneDNN chooses algorithm and layouts itself (format any, which
// its documentation recommends), reorders are not counted. Rounds alternate; medians. With one thread its CPU time counts, so that other
// programs on the machine disturb through the caches only.
//   conv_speed PROBLEMS.txt [--threads N] [--rounds N] [--chosen 1]      one JSON line a problem
// With --chosen each line says after the problem what computes it: "conv mb1ic64ih56oc64kh3ph1 winograd m=4 tiles=18".
#include <dnnl.hpp>
#include <omp.h>

#include <cstdlib>
#include <unordered_map>

#include "base/json.h"
#include "base/stats.h"
#include "chosen_convolution.h"
#include "kernels/vector/loops.h"
#include "problems.h"

namespace scissionlite {
namespace {

using kernels::ConvProblem;

/// oneDNN as its documentation says.
class Default {
 public:
  explicit Default(const ConvProblem& p) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::memory;
    const auto any = [](memory::dims dims) { return memory::desc(std::move(dims), memory::data_type::f32, memory::format_tag::any); };
    const memory::dims w = p.groups == 1 ? memory::dims{p.k, p.c, p.kernel_h, p.kernel_w} : memory::dims{p.groups, p.k / p.groups, p.c / p.groups, p.kernel_h, p.kernel_w};
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto, any({p.n, p.c, p.h, p.w}), any(w),
                                               memory::desc({p.k}, memory::data_type::f32, memory::format_tag::a), any({p.n, p.k, p.out_h(), p.out_w()}), {p.stride_h, p.stride_w}, {0, 0},
                                               {p.top, p.left}, {p.bottom, p.right});
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
    arguments_ = {{DNNL_ARG_SRC, filled(pd.src_desc())}, {DNNL_ARG_WEIGHTS, filled(pd.weights_desc())}, {DNNL_ARG_BIAS, filled(pd.bias_desc())}, {DNNL_ARG_DST, memory(pd.dst_desc(), engine_)}};
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

/// "winograd m=4 tiles=18", with usual values for knobs that are left out.
kernels::ConvChoice chosen(const ConvProblem& p, std::istringstream& words) {
  std::string name;
  words >> name;
  kernels::ConvChoice choice{&kernels::conv_implementation(name), {}};
  choice.knobs = choice.implementation->usual(p, kernels::best_loops());
  for (std::string word; words >> word;)
    for (const auto& [knob, value] : kernels::parse_knobs(word)) choice.knobs[knob] = value;
  return choice;
}

Json compare(const ConvProblem& p, const kernels::ConvChoice& choice, int threads, int rounds) {
  ChosenConvolution ours(p, choice, threads);
  Default theirs(p);
  (void)run_us(ours, 1, threads);
  constexpr double kRoundUs = 3000;  // each turn is at least so long
  const double first = run_us(theirs, 2, threads);
  const int repeats = static_cast<int>(std::clamp(kRoundUs / std::max(first, 1.0), 1.0, 1000.0));
  std::vector<double> a, b;
  for (int round = 0; round < rounds; ++round) {
    a.push_back(run_us(ours, repeats, threads));
    b.push_back(run_us(theirs, repeats, threads));
  }
  return {{"problem", p.text()}, {"macs", p.macs()}, {"ours_us", median(a)}, {"onednn_us", median(b)}, {"ours", ours.choice().implementation->name}, {"onednn", theirs.name()}, {"threads", threads}};
}

int run(int argc, char** argv) {
  std::map<std::string, int> numbers{{"--threads", 1}, {"--rounds", 7}, {"--chosen", 0}};
  std::ifstream file;
  if (!read_command(argc, argv, "conv_speed PROBLEMS.txt [--threads N] [--rounds N] [--chosen 1]", numbers, file, [&] { return numbers["--threads"] >= 1 && numbers["--rounds"] >= 1; })) return 2;
  const int threads = numbers["--threads"], rounds = numbers["--rounds"];
  omp_set_num_threads(threads);
  for_each_problem(file, [&](const ConvProblem& p, std::istringstream& words) {
    const auto choice = numbers["--chosen"] ? chosen(p, words) : kernels::usual_conv(p, kernels::best_loops());
    std::cout << compare(p, choice, threads, rounds).dump() << std::endl;
  });
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("conv_speed", scissionlite::run, argc, argv); }
