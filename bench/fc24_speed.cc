// Fully connected layers for one row of inputs with 2:4 sparse weights that are streamed from memory, against dense ones: ours and oneDNN's in
// float32, ours in bf16. Each way has as many copies of its weights as fill --mb megabytes with those of all others, more than caches hold; ways and
// copies take turns, so that each run reads its weights from memory, and each copy was read once before it counts. Medians of CPU time, one thread.
//   fc24_speed INPUTSxOUTPUTS ... [--mb N] [--rounds N]      one JSON line a layer
#include "base/stats.h"
#include "chosen_convolution.h"
#include "kernels/bf16/dense.h"
#include "kernels/dense/two_four_dense.h"
#include "onednn_convolution.h"
#include "problems.h"
#include "streamed_products.h"

namespace scissionlite {
namespace {

using kernels::Dense;
using kernels::Precision;

/// oneDNN's inner product, as its documentation says.
std::function<void()> onednn_product(int64_t k, int64_t n, const float* x) {
  using dnnl::memory;
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  static dnnl::stream stream(engine);
  const auto f32 = [](memory::dims dims, memory::format_tag tag) { return memory::desc(std::move(dims), memory::data_type::f32, tag); };
  const dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_inference, f32({1, k}, memory::format_tag::ab),
                                               f32({n, k}, memory::format_tag::any), f32({n}, memory::format_tag::a),
                                               f32({1, n}, memory::format_tag::ab));
  const dnnl::inner_product_forward::primitive_desc pd(desc, engine);
  const auto filled = [](const memory::desc& d) {
    memory m(d, engine);
    std::fill_n(static_cast<float*>(m.get_data_handle()), d.get_size() / sizeof(float), 0.5F);
    return m;
  };
  memory in(pd.src_desc(), engine, const_cast<float*>(x));
  const std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, in},
                                                  {DNNL_ARG_WEIGHTS, filled(pd.weights_desc())},
                                                  {DNNL_ARG_BIAS, filled(pd.bias_desc())},
                                                  {DNNL_ARG_DST, filled(pd.dst_desc())}};
  return [primitive = dnnl::inner_product_forward(pd), arguments] {
    primitive.execute(stream, arguments);
    stream.wait();
  };
}

Json compare(int64_t k, int64_t n, double megabytes, int rounds) {
  const auto& loops = kernels::best_loops();
  Rng rng(1);
  const auto x = random_floats(k, rng), bias = random_floats(n, rng);
  auto w = random_floats(n * k, rng);
  const kernels::AlignedFloats y(n);
  float* const to = const_cast<float*>(y.data());
  const Dense::Weights weights{w.data(), 1, k, bias.data()};
  const double values = static_cast<double>(n * k);
  std::vector<StreamedWay> ways{
      {"dense", 4 * values}, {"onednn", 4 * values}, {"dense_bf16", 2 * values}, {"sparse24", 8.5 / 4 * values}, {"sparse24_bf16", 4.5 / 4 * values}};
  const int64_t copies = copies_of(ways, megabytes);
  for (auto& way : ways) {
    if (way.name == "sparse24") kernels::make_two_four(w.data(), n, k);  // behind the dense ones
    for (int64_t i = 0; i < copies; ++i) {
      if (way.name == "onednn") {
        way.copies.push_back(onednn_product(k, n, x.data()));
      } else if (way.name == "dense") {
        way.copies.emplace_back(
            [dense = std::make_shared<Dense>(k, n, weights, kernels::ActivationArguments{}, loops), &x, to] { dense->run(x.data(), 1, to, 1); });
      } else if (way.name == "dense_bf16") {
        const auto dense = std::make_shared<kernels::Bf16Dense>(k, n, weights, kernels::ActivationArguments{}, loops);
        way.copies.emplace_back([dense, scratch = std::make_shared<std::vector<std::byte>>(dense->scratch_bytes(1)), &x, to] {
          dense->run(x.data(), 1, to, scratch->data(), 1);
        });
      } else {
        const auto precision = way.name == "sparse24" ? Precision::kF32 : Precision::kBf16;
        way.copies.emplace_back([dense = std::make_shared<kernels::TwoFourDense>(k, n, weights, kernels::ActivationArguments{}, loops, precision), &x,
                                 to] { dense->run(x.data(), 1, to, 1); });
      }
    }
  }
  take_turns(ways, copies, rounds);
  Json json{{"inputs", k}, {"outputs", n}, {"megabytes", megabytes}, {"copies", copies}};
  std::map<std::string, double> us;
  for (const auto& way : ways) {
    us[way.name] = median(way.us);
    json[way.name] = {{"us", us[way.name]}, {"gb_per_s", way.weight_bytes / us[way.name] / 1e3}};
  }
  json["share_of_byte_ratio"] = std::min(us["dense"], us["onednn"]) / us["sparse24"] / (4 / 2.125);
  json["share_of_byte_ratio_bf16"] = us["dense_bf16"] / us["sparse24_bf16"] / (2 / 1.125);
  return json;
}

int run(int argc, char** argv) { return compare_layers("fc24_speed", argc, argv, compare); }

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) { return scissionlite::main_of("fc24_speed", scissionlite::run, argc, argv); }
