// Networks made at random of what the passes look for, against what they were before.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "optimise/optimise.h"
#include "optimise/test_graphs.h"

namespace scissionlite {
namespace {

using namespace testing_graphs;

struct Value {
  std::string name;
  int64_t channels;
};

/// Images of 6 x 5 pixels throughout; channels grow with Concat and shrink with Conv.
class RandomNetwork {
 public:
  RandomNetwork(int64_t opset, uint64_t seed) : m_(opset, seed) { values_.push_back({m_.input({-1, 4, 6, 5}), 4}); }

  Graph make(int steps) {
    for (int i = 0; i < steps; ++i) step();
    for (int i = 0; i < 2; ++i)
      if (chance(0.3) && values_.size() > 2) output(values_[1 + m_.rng().below(values_.size() - 1)].name);
    finish();
    return m_.finish();
  }

 private:
  bool chance(double p) { return m_.rng().uniform() < p; }
  /// Usually the newest value.
  const Value& pick() { return chance(0.75) ? values_.back() : values_[m_.rng().below(values_.size())]; }
  void push(const std::string& name, int64_t channels) { values_.push_back({name, channels}); }
  void output(const std::string& name) {
    if (outputs_.insert(name).second) m_.output(name);
  }

  void step() {
    using Step = void (RandomNetwork::*)(const Value&);
    static constexpr Step kSteps[] = {&RandomNetwork::conv,     &RandomNetwork::conv,       &RandomNetwork::depthwise,  &RandomNetwork::norm,
                                      &RandomNetwork::norm,     &RandomNetwork::activation, &RandomNetwork::activation, &RandomNetwork::pattern,
                                      &RandomNetwork::residual, &RandomNetwork::residual,   &RandomNetwork::constant,   &RandomNetwork::padded,
                                      &RandomNetwork::nothing,  &RandomNetwork::moved,      &RandomNetwork::concat};
    (this->*kSteps[m_.rng().below(std::size(kSteps))])(Value(pick()));
  }
  void conv(const Value& x) {
    const int64_t out = chance(0.5) ? 4 : 8;
    push(m_.conv(x.name, x.channels, out, chance(0.5) ? 1 : 3, {}, chance(0.5)), out);
  }
  void depthwise(const Value& x) { push(m_.conv(x.name, x.channels, x.channels, 3, {{"group", x.channels}}, chance(0.5)), x.channels); }
  void norm(const Value& x) { push(m_.batch_norm(x.name, x.channels), x.channels); }
  void activation(const Value& x) {
    const char* types[] = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "HardSigmoid"};
    push(chance(0.3) ? m_.clip(x.name, chance(0.5) ? 0 : -1, 6) : m_.op(types[m_.rng().below(6)], {x.name}), x.channels);
  }
  void pattern(const Value& x) {
    if (chance(0.4)) return push(m_.op("Mul", {x.name, m_.op("Sigmoid", {x.name})}), x.channels);
    const auto ramp = m_.clip(m_.op("Add", {x.name, m_.scalar(3)}), 0, 6);
    if (chance(0.5)) return push(m_.op("Div", {m_.op("Mul", {x.name, ramp}), m_.scalar(6)}), x.channels);
    push(m_.op("Mul", {m_.op("Mul", {ramp, m_.scalar(1.0f / 6)}), x.name}), x.channels);
  }
  void residual(const Value& x) {
    for (size_t i = values_.size(); i-- > 0;)
      if (values_[i].channels == x.channels && values_[i].name != x.name && chance(0.6))
        return push(m_.op(chance(0.7) ? "Add" : "Sum", {x.name, values_[i].name}), x.channels);
  }
  void constant(const Value& x) {
    const char* types[] = {"Mul", "Add", "Sub", "Div"};
    const auto c = chance(0.3) ? m_.scalar(0.7f) : m_.weights(chance(0.5) ? Shape{x.channels, 1, 1} : Shape{1, x.channels, 1, 1}, 0.5, 1.5);
    push(m_.op(types[m_.rng().below(4)], {x.name, c}), x.channels);
  }
  void padded(const Value& x) {
    const auto wide = m_.pad(x.name, {0, 0, 1, 1, 0, 0, 1, 1});
    if (chance(0.4)) return push(m_.conv(wide, x.channels, 4, 3, {{"pads", Ints(4, 0)}}), 4);
    push(m_.op(chance(0.5) ? "AveragePool" : "MaxPool", {wide}, {{"kernel_shape", Ints{3, 3}}}), x.channels);
  }
  void nothing(const Value& x) { push(m_.op(chance(0.5) ? "Identity" : "Dropout", {x.name}), x.channels); }
  void moved(const Value& x) {
    const auto there = m_.op("Transpose", {x.name}, {{"perm", Ints{0, 2, 3, 1}}});
    push(m_.op("Transpose", {there}, {{"perm", Ints{0, 3, 1, 2}}}), x.channels);
  }
  void concat(const Value& x) {
    if (x.channels > 16) return conv(x);
    if (chance(0.4)) {
      const auto parts = m_.ops("Split", {x.name}, 2, {{"axis", int64_t{1}}});
      return push(m_.op("Concat", parts, {{"axis", int64_t{1}}}), x.channels);
    }
    const Value other = pick();
    push(m_.op("Concat", {x.name, other.name}, {{"axis", int64_t{1}}}), x.channels + other.channels);
  }
  void finish() {
    const Value last = values_.back();
    const bool flat = chance(0.5);
    Attributes attributes{{"keepdims", int64_t{flat ? 0 : 1}}};
    std::vector<std::string> inputs{last.name};
    if (m_.opset() < 18) attributes["axes"] = Ints{2, 3};
    else inputs.push_back(m_.ints({2, 3}));
    auto pooled = chance(0.5) ? m_.op("ReduceMean", inputs, attributes) : m_.op("AveragePool", {last.name}, {{"kernel_shape", Ints{6, 5}}});
    pooled = m_.op("Flatten", {pooled});
    // not Relu, which may leave one value near zero to compare with
    output(m_.op("LeakyRelu", {m_.op("Add", {m_.op("MatMul", {pooled, m_.weights({last.channels, 5})}), m_.weights({5})})}));
  }

  Maker m_;
  std::vector<Value> values_;
  std::set<std::string> outputs_;
};

RC_GTEST_PROP(RandomNetworks, GiveTheSameAfterAllPasses, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1 << 30);
  const auto opset = *rc::gen::element<int64_t>(7, 9, 11, 13, 15, 18);
  const auto steps = *rc::gen::inRange(1, 20);
  const Graph before = RandomNetwork(opset, seed).make(steps);
  Graph after = before;
  optimise(after, {.leave_out = {}, .choose = {"fuse_depthwise_pointwise"}});
  RC_ASSERT(after.nodes.size() <= before.nodes.size());
  const auto inputs = random_inputs(before, seed);
  const auto expected = run_nodes(before, inputs), answers = run_nodes(after, inputs);
  for (size_t i = 0; i < expected.size(); ++i) {
    RC_ASSERT(after.outputs[i].name == before.outputs[i].name);
    RC_ASSERT(after.outputs[i].shape == before.outputs[i].shape);
    RC_ASSERT(answers[i].shape() == expected[i].shape());
    RC_ASSERT(max_relative_error(answers[i], expected[i]) <= 1e-4);
  }
}

}  // namespace
}  // namespace scissionlite
