// Networks at random of everything that relates channels, for tests.
#pragma once

#include <set>

#include "compress/remove_channels.h"
#include "optimise/test_graphs.h"

namespace scissionlite::compress {

/// By the reference code of each node.
inline const Run kReference = [](const Graph& graph, std::span<const Tensor> inputs) {
  return testing_graphs::run_nodes(graph, {inputs.begin(), inputs.end()});
};

/// Convolutions of all kinds, BatchNormalization, residuals, concatenations, squeeze and excitation, shuffles, splits, and a classifier of
/// one of several forms. Images of 6 x 5 pixels.
class RandomCnn {
 public:
  RandomCnn(int64_t opset, uint64_t seed) : m_(opset, seed) { values_.push_back({m_.input({-1, 3, 6, 5}), 3}); }

  Graph make(int steps) {
    conv(values_.back());
    for (int i = 0; i < steps; ++i) step();
    classify();
    return m_.finish();
  }

 private:
  using Ints = testing_graphs::Ints;
  struct Value {
    std::string name;
    int64_t channels;
  };
  bool chance(double p) { return m_.rng().uniform() < p; }
  Value pick() { return chance(0.75) || values_.size() < 3 ? values_.back() : values_[1 + m_.rng().below(values_.size() - 1)]; }
  void push(const std::string& name, int64_t channels) { values_.push_back({name, channels}); }

  void step() {
    using Step = void (RandomCnn::*)(const Value&);
    static constexpr Step kSteps[] = {
        &RandomCnn::conv,       &RandomCnn::conv,       &RandomCnn::grouped,  &RandomCnn::depthwise, &RandomCnn::norm,       &RandomCnn::norm,
        &RandomCnn::activation, &RandomCnn::activation, &RandomCnn::residual, &RandomCnn::residual,  &RandomCnn::concat,     &RandomCnn::excite,
        &RandomCnn::shuffle,    &RandomCnn::parts,      &RandomCnn::pool,     &RandomCnn::scale,     &RandomCnn::transposed, &RandomCnn::moved,
        &RandomCnn::padded,     &RandomCnn::sliced,     &RandomCnn::gathered};
    (this->*kSteps[m_.rng().below(std::size(kSteps))])(pick());
  }
  void conv(const Value& x) {
    const int64_t out = 4 * (1 + static_cast<int64_t>(m_.rng().below(3)));
    push(m_.conv(x.name, x.channels, out, chance(0.5) ? 1 : 3, {}, chance(0.6)), out);
  }
  void grouped(const Value& x) {
    if (x.channels % 2 != 0) return conv(x);
    push(m_.conv(x.name, x.channels, 8, 3, {{"group", int64_t{2}}}, chance(0.5)), 8);
  }
  void depthwise(const Value& x) {
    const int64_t multiplier = chance(0.3) && x.channels <= 8 ? 2 : 1;
    push(m_.conv(x.name, x.channels, multiplier * x.channels, 3, {{"group", x.channels}}, chance(0.5)), multiplier * x.channels);
  }
  void norm(const Value& x) { push(m_.batch_norm(x.name, x.channels), x.channels); }
  void activation(const Value& x) {
    const char* types[] = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid"};
    push(chance(0.3) ? m_.clip(x.name, chance(0.5) ? 0 : -1, 6) : m_.op(types[m_.rng().below(5)], {x.name}), x.channels);
  }
  void residual(const Value& x) {
    for (size_t i = values_.size(); i-- > 1;)
      if (values_[i].channels == x.channels && values_[i].name != x.name && chance(0.6))
        return push(m_.op("Add", {x.name, values_[i].name}), x.channels);
  }
  void concat(const Value& x) {
    if (x.channels > 16) return conv(x);
    const Value other = pick();
    push(m_.op("Concat", {x.name, other.name}, {{"axis", int64_t{1}}}), x.channels + other.channels);
  }
  void excite(const Value& x) {
    auto gate = m_.conv(m_.op("GlobalAveragePool", {x.name}), x.channels, 4, 1);
    gate = m_.op("Sigmoid", {m_.conv(m_.op("Relu", {gate}), 4, x.channels, 1)});
    push(m_.op("Mul", {x.name, gate}), x.channels);
  }
  void shuffle(const Value& x) {
    if (x.channels % 2 != 0) return conv(x);
    auto y = m_.op("Reshape", {x.name, m_.ints({-1, 2, x.channels / 2, 6, 5})});
    y = m_.op("Transpose", {y}, {{"perm", Ints{0, 2, 1, 3, 4}}});
    push(m_.op("Reshape", {y, m_.ints({-1, x.channels, 6, 5})}), x.channels);
  }
  void parts(const Value& x) {
    if (x.channels % 2 != 0) return conv(x);
    const auto halves = m_.ops("Split", {x.name}, 2, {{"axis", int64_t{1}}});
    push(halves[0], x.channels / 2);
    push(m_.op("Relu", {halves[1]}), x.channels / 2);
  }
  void pool(const Value& x) {
    push(m_.op(chance(0.5) ? "AveragePool" : "MaxPool", {x.name}, {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}), x.channels);
  }
  void scale(const Value& x) {
    const char* types[] = {"Mul", "Add", "Sub"};
    const auto c = chance(0.3) ? m_.scalar(0.7f) : m_.weights(chance(0.5) ? Ints{x.channels, 1, 1} : Ints{1, x.channels, 1, 1}, 0.5, 1.5);
    push(m_.op(types[m_.rng().below(3)], chance(0.5) ? std::vector<std::string>{x.name, c} : std::vector<std::string>{c, x.name}), x.channels);
  }
  void transposed(const Value& x) {
    const bool is_depthwise = chance(0.3);
    const int64_t out = is_depthwise ? x.channels : 4;
    push(m_.op("ConvTranspose", {x.name, m_.weights({x.channels, is_depthwise ? 1 : out, 3, 3}, -0.3, 0.3), m_.weights({out})},
               {{"pads", Ints{1, 1, 1, 1}}, {"group", is_depthwise ? x.channels : int64_t{1}}}),
         out);
  }
  void moved(const Value& x) {
    const auto there = m_.op("Relu", {m_.op("Transpose", {x.name}, {{"perm", Ints{0, 2, 3, 1}}})});
    push(m_.op("Transpose", {there}, {{"perm", Ints{0, 3, 1, 2}}}), x.channels);
  }
  void padded(const Value& x) {  // as ResNet's shortcut of type A: with channels of zeros
    if (x.channels > 12) return conv(x);
    push(m_.pad(x.name, {0, 1, 0, 0, 0, 2, 0, 0}), x.channels + 3);
  }
  void sliced(const Value& x) {
    if (x.channels < 4) return;
    const Ints starts{1}, ends{x.channels - 1}, axes{1};
    push(m_.opset() < 10 ? m_.op("Slice", {x.name}, {{"starts", starts}, {"ends", ends}, {"axes", axes}})
                         : m_.op("Slice", {x.name, m_.ints(starts), m_.ints(ends), m_.ints(axes)}),
         x.channels - 2);
  }
  void gathered(const Value& x) {
    if (x.channels < 4) return;
    push(m_.op("Gather", {x.name, m_.ints({2, 0, 3, -1})}, {{"axis", int64_t{1}}}), 4);
  }

  void classify() {
    // all that nothing reads takes part, so that every step counts
    auto last = values_.back();
    if (chance(0.5) && values_.size() > 4) {
      const auto other = values_[values_.size() / 2];
      last = {m_.op("Concat", {last.name, other.name}, {{"axis", int64_t{1}}}), last.channels + other.channels};
    }
    const auto kind = m_.rng().below(4);
    if (kind == 0) return m_.output(m_.op("Flatten", {m_.conv(m_.op("GlobalAveragePool", {last.name}), last.channels, 5, 1)}));
    if (kind == 1) {  // all pixels
      const auto flat = m_.op("Flatten", {last.name});
      return m_.output(m_.op("Gemm", {flat, m_.weights({5, last.channels * 30}, -0.1, 0.1), m_.weights({5})}, {{"transB", int64_t{1}}}));
    }
    if (kind == 2) {
      const auto flat = m_.op("Reshape", {m_.op("GlobalAveragePool", {last.name}), m_.ints({-1, last.channels})});
      const auto hidden = m_.op("Relu", {m_.op("Gemm", {flat, m_.weights({last.channels, 8}, -0.5, 0.5), m_.weights({8})})});
      return m_.output(m_.op("Gemm", {hidden, m_.weights({8, 5}, -0.5, 0.5)}, {{"alpha", 0.5f}}));
    }
    Ints axes{2, 3};
    const auto pooled = m_.opset() < 18 ? m_.op("ReduceMean", {last.name}, {{"axes", axes}, {"keepdims", int64_t{0}}})
                                        : m_.op("ReduceMean", {last.name, m_.ints(axes)}, {{"keepdims", int64_t{0}}});
    m_.output(m_.op("Add", {m_.op("MatMul", {pooled, m_.weights({last.channels, 5})}), m_.weights({5})}));
  }

  testing_graphs::Maker m_;
  std::vector<Value> values_;
};

}  // namespace scissionlite::compress
