#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "base/error.h"
#include "compress/write_low_bit.h"
#include "optimise/test_graphs.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;
using testing_graphs::random_inputs;
using testing_graphs::run_nodes;

/// Stem, a block with a residual, a pooling of its sum, classifier.
Graph residual_network(int64_t opset = 13) {
  Maker m(opset);
  auto x = m.op("Relu", {m.batch_norm(m.conv(m.input({-1, 3, 8, 8}), 3, 6, 3, {}, false), 6)});
  const auto inner = m.op("Relu", {m.batch_norm(m.conv(x, 6, 6), 6)});
  const auto sum = m.op("Relu", {m.op("Add", {m.batch_norm(m.conv(inner, 6, 6, 3, {}, false), 6), x})});
  const auto more = m.op("Relu", {m.batch_norm(m.conv(sum, 6, 8, 3, {{"strides", Ints{2, 2}}}), 8)});
  const auto flat = m.op("Flatten", {m.op("GlobalAveragePool", {more})});
  return testing_graphs::with_output(m, m.op("Gemm", {flat, m.weights({5, 8}), m.weights({5})}, {{"transB", int64_t{1}}}));
}

/// First and last layer of 8 bits, the others as given.
LowBitPlan plan_of(const Graph& ready, int weight_bits, int activation_bits, Encoding encoding) {
  LowBitPlan plan;
  for (const auto& layer : find_low_bit_layers(ready)) {
    const bool is_wide = layer.is_first || layer.is_last;
    plan.layers.push_back({layer.name, is_wide ? 8 : weight_bits, is_wide ? Encoding::kTwos : encoding, is_wide ? 8 : activation_bits});
  }
  return plan;
}

/// The same graph that also gives the values.
Graph giving(Graph graph, const std::vector<std::string>& values) {
  for (const auto& value : values) graph.outputs.push_back({value, Dtype::kUndefined, {}, false, {}});
  return graph;
}

LowBitSteps fitted_steps(const LowBitModel& model, const std::vector<Tensor>& inputs) {
  LowBitSteps out;
  for (size_t l = 0; l < model.layers.size(); ++l) {
    const auto& bits = model.plan.layers[l];
    out.weights.push_back(fit_weight_steps(model.layers[l].weights, model.graph.initializers.at(model.layers[l].weights.weights),
                                           weight_range(bits.weight_bits, bits.encoding)));
  }
  std::vector<std::string> values;
  for (const auto& point : model.points) values.push_back(point.value);
  const auto results = run_nodes(giving(model.graph, values), inputs);
  for (size_t p = 0; p < model.points.size(); ++p) {
    Histogram histogram;
    const auto found = results[model.graph.outputs.size() + p].as<float>();
    histogram.widen(found, model.points[p].value);
    histogram.count(found);
    out.activations.push_back(histogram.fit(model.points[p].bits, model.points[p].is_signed));
  }
  return out;
}

Tensor dequantised(const Graph& graph, const Node& node) {
  std::vector<Tensor> inputs;
  for (const auto& input : node.inputs) inputs.push_back(graph.initializers.at(input));
  return ops::run_node(graph, node, inputs)[0];
}

TEST(CodeRange, HoldsWhatTheEncodingsSay) {
  for (int bits = 1; bits <= 8; ++bits) {
    const auto twos = weight_range(bits, Encoding::kTwos), plain = weight_range(bits, Encoding::kUnsigned);
    EXPECT_EQ(std::make_pair(twos.low, twos.high), std::make_pair(-(1 << (bits - 1)), (1 << (bits - 1)) - 1));
    EXPECT_EQ(std::make_pair(plain.low, plain.high), std::make_pair(0, (1 << bits) - 1));
    if (bits == 8) continue;
    std::set<int> codes;  // sums of 2^s (2 b_s - 1)
    for (int word = 0; word < 1 << bits; ++word) {
      int sum = 0;
      for (int s = 0; s < bits; ++s) sum += (1 << s) * (2 * (word >> s & 1) - 1);
      codes.insert(sum);
    }
    std::set<int> found;
    const auto odd = weight_range(bits, Encoding::kBipolar);
    for (float v = -300; v <= 300; v += 0.25F) found.insert(static_cast<int>(odd.code(v)));
    EXPECT_EQ(found, codes);
    for (const int code : codes) EXPECT_EQ(odd.code(static_cast<float>(code)), static_cast<float>(code));
  }
}

TEST(CodeRange, BitsOutOfRangeAreRefused) {
  const auto message = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const InvalidArgument& error) { return error.what(); }
    return "";
  };
  EXPECT_NE(message([] { (void)weight_range(0, Encoding::kTwos); }).find("weights of 0 bits; expected 1 to 8"), std::string::npos);
  EXPECT_NE(message([] { (void)activation_range(9); }).find("activations of 9 bits; expected 1 to 8"), std::string::npos);
  EXPECT_NE(message([] { (void)weight_range(8, Encoding::kBipolar); }).find("int8 does not hold"), std::string::npos);
  EXPECT_NE(message([] { (void)encoding_named("bipola"); }).find("did you mean 'bipolar'"), std::string::npos);
}

TEST(Encoding, OfOneBitIsZeroOrOneWhereNoWeightIsNegative) {
  EXPECT_EQ(usual_encoding(1), Encoding::kBipolar);
  EXPECT_EQ(usual_encoding(1, /*has_negative=*/false), Encoding::kUnsigned);
  EXPECT_EQ(usual_encoding(2, /*has_negative=*/false), Encoding::kTwos);
  Maker m;
  const auto ready =
      ready_for_low_bits(testing_graphs::with_output(m, m.op("Conv", {m.conv(m.input({1, 3, 6, 6}), 3, 4), m.weights({2, 4, 1, 1}, 0, 1)})));
  const auto layers = find_low_bit_layers(ready);
  EXPECT_TRUE(layers[0].has_negative);
  EXPECT_FALSE(layers[1].has_negative);
}

TEST(LowBitPlan, GoesThroughJson) {
  const LowBitPlan plan{{{"a", 1, Encoding::kBipolar, 2}, {"b", 8, Encoding::kTwos, 8}, {"c", 3, Encoding::kUnsigned, 5}}, 7};
  EXPECT_EQ(low_bit_plan_from_json(JsonReader(to_json(plan), "plan")), plan);
}

/// By trying every step of a fine grid.
double least_error(const std::vector<float>& values, const CodeRange& range) {
  double least = INFINITY;
  for (double step = 0.002; step < 4; step += 0.002) {
    double error = 0;
    for (const float v : values) error += std::pow(v - range.code(static_cast<float>(v / step)) * step, 2);
    least = std::min(least, error);
  }
  return least;
}

RC_GTEST_PROP(FitStep, ErrsHardlyMoreThanTheBestStep, ()) {
  const auto bits = *rc::gen::inRange(1, 7);
  const auto encoding = *rc::gen::element(Encoding::kTwos, Encoding::kUnsigned, Encoding::kBipolar);
  Rng rng(*rc::gen::inRange<uint64_t>(1, 1000000));
  std::vector<float> values(40);
  for (auto& v : values) v = static_cast<float>(rng.normal());
  const auto range = weight_range(bits, encoding);
  const double step = fit_step(values, range);
  double error = 0;
  for (const float v : values) error += std::pow(v - range.code(static_cast<float>(v / step)) * step, 2);
  RC_ASSERT(error <= 1.03 * least_error(values, range) + 1e-6);
}

TEST(FitStep, IsDefinedWhereThereIsNothingToFit) {
  EXPECT_EQ(fit_step(std::vector<float>(5, 0), weight_range(2, Encoding::kTwos)), 1);
  for (const int bits : {1, 3}) {
    const auto step = fit_step(std::vector<float>(5, 0), weight_range(bits, Encoding::kBipolar));
    EXPECT_TRUE(step > 0 && step < 1e-9) << bits;
  }
  EXPECT_EQ(fit_step(std::vector<float>{-1, -2}, weight_range(2, Encoding::kUnsigned)), 1);
  EXPECT_FLOAT_EQ(fit_step(std::vector<float>(5, 0.5F), weight_range(1, Encoding::kBipolar)), 0.5F);
}

TEST(Points, OfAResidualNetwork) {
  const auto ready = ready_for_low_bits(residual_network());
  const auto model = with_plan(ready, plan_of(ready, 1, 2, Encoding::kBipolar));
  std::map<std::string, std::vector<std::tuple<int, bool, bool>>> found;  // bits, signed, made of codes
  for (const auto& point : model.points) {
    const auto producers = ready.producers();
    const auto it = producers.find(point.value);
    found[it == producers.end() ? "input" : ready.nodes[it->second].op_type].emplace_back(point.bits, point.is_signed, point.source >= 0);
  }
  const std::map<std::string, std::vector<std::tuple<int, bool, bool>>> expected{
      {"input", {{8, true, false}}},
      {"Relu", {{8, false, false}, {2, false, true}, {2, false, false}, {2, false, false}, {8, false, false}}},  // stem: codes of codes; inner; sum;
                                                                                                                 // what is pooled
      {"BatchNormalization", {{8, true, false}}},                                                                // before the sum
      {"Flatten", {{8, false, false}}}};
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(model.notes.empty());
}

TEST(Points, ValuesThatMayBeNegativeTakeEightBits) {
  Maker m;
  auto x = m.conv(m.input({1, 3, 6, 6}), 3, 4);
  x = m.op("Relu", {m.conv(x, 4, 4)});
  x = m.conv(x, 4, 4);
  const auto ready = ready_for_low_bits(testing_graphs::with_output(m, x));
  LowBitPlan plan = plan_of(ready, 2, 4, Encoding::kTwos);
  const auto model = with_plan(ready, plan);
  EXPECT_EQ(model.plan.layers[1].activation_bits, 8);
  ASSERT_EQ(model.notes.size(), 1U);
  EXPECT_NE(model.notes[0].find("may be negative"), std::string::npos);
}

TEST(Plans, ThatDoNotFitAreRefused) {
  const auto ready = ready_for_low_bits(residual_network());
  const auto message = [&](LowBitPlan plan) -> std::string {
    try {
      (void)with_plan(ready, plan);
    } catch (const InvalidArgument& error) { return error.what(); }
    return "";
  };
  EXPECT_NE(message({}).find("leaves no layer to quantise"), std::string::npos);
  EXPECT_NE(message({{{"Conv01", 2, Encoding::kTwos, 2}}, 8}).find("which is no Conv, Gemm or MatMul with constant float32 weights"),
            std::string::npos);
  const auto first = find_low_bit_layers(ready)[0].name;
  EXPECT_NE(message({{{first, 2, Encoding::kTwos, 8}, {first, 2, Encoding::kTwos, 8}}, 8}).find("twice"), std::string::npos);
  EXPECT_NE(message({{{first, 2, Encoding::kTwos, 9}}, 8}).find("activations of 9 bits"), std::string::npos);
}

TEST(Ready, RefusesWhatIsNoFloat32Model) {
  const auto message = [&](const Graph& graph) -> std::string {
    try {
      (void)ready_for_low_bits(graph);
    } catch (const Unsupported& error) { return error.what(); }
    return "";
  };
  Graph half = residual_network();
  half.inputs[0].dtype = Dtype::kF16;
  EXPECT_NE(message(half).find("float16; start from the float32 model"), std::string::npos);
  const auto ready = ready_for_low_bits(residual_network());
  const auto model = with_plan(ready, plan_of(ready, 2, 2, Encoding::kTwos));
  EXPECT_NE(message(write_low_bit(model, fitted_steps(model, random_inputs(ready))).graph).find("quantised already"), std::string::npos);
}

TEST(Ready, AnswersTheSameWithNegativeScalesTurned) {
  Graph graph = residual_network();
  for (auto& node : graph.nodes)
    if (node.op_type == "BatchNormalization") {
      Tensor scale = graph.initializers.at(node.inputs[1]).clone();
      scale.mutable_as<float>()[1] *= -1;
      graph.initializers[node.inputs[1]] = scale;
    }
  const auto ready = ready_for_low_bits(graph);
  for (const auto& node : ready.nodes)
    if (node.op_type == "BatchNormalization")
      for (const float v : ready.initializers.at(node.inputs[1]).as<float>()) EXPECT_GT(v, 0);
  const auto inputs = random_inputs(graph);
  EXPECT_LT(max_relative_error(run_nodes(ready, inputs)[0], run_nodes(graph, inputs)[0]), 1e-5);
}

/// Integers all the way, by what the nodes of the written graph say and nothing else.
class Walk {
 public:
  Walk(const Graph& graph, const Tensor& input) : graph_(graph) {
    values_[graph.inputs[0].name] = {input.shape(), {}, {}};
    for (const float v : input.as<float>()) values_.at(graph.inputs[0].name).real.push_back(v);
    for (const auto& node : graph.nodes) step(node);
  }
  struct Value {
    Shape shape;
    std::vector<double> real;    // where it is no integer
    std::vector<int64_t> codes;  // without the zero point
    double scale = 1;
    [[nodiscard]] double at(size_t i) const { return codes.empty() ? real[i] : static_cast<double>(codes[i]) * scale; }
  };
  [[nodiscard]] const Value& value(const std::string& name) const { return values_.at(name); }

 private:
  double number(const std::string& name) const { return graph_.initializers.at(name).to_f32().as<float>()[0]; }
  void step(const Node& node) {
    if (node.op_type == "DequantizeLinear" && graph_.initializers.count(node.inputs[0]) > 0) return weights_.emplace(node.outputs[0], &node), void();
    const auto& x = values_.at(node.inputs[0]);
    Value y{x.shape, {}, x.codes, x.scale};
    if (node.op_type == "QuantizeLinear") {
      const double zero = number(node.inputs[2]);
      y.codes.clear(), y.scale = number(node.inputs[1]);
      for (size_t i = 0; i < static_cast<size_t>(element_count(x.shape)); ++i)
        y.codes.push_back(static_cast<int64_t>(std::clamp(std::nearbyint(x.at(i) / y.scale) + zero, 0.0, 255.0) - zero));
    } else if (node.op_type == "Clip") {
      for (auto& code : y.codes) code = std::min<int64_t>(code, static_cast<int64_t>(number(node.inputs[2])));
    } else if (node.op_type == "Conv" || node.op_type == "Gemm") {
      y = product(node, x);
    } else if (node.op_type == "Relu") {
      y.real = x.real;
      for (auto& v : y.real) v = std::max(v, 0.0);
      for (auto& code : y.codes) code = std::max<int64_t>(code, 0);
    } else if (node.op_type == "Add") {
      const auto& other = values_.at(node.inputs[1]);
      y.codes.clear();
      for (size_t i = 0; i < static_cast<size_t>(element_count(x.shape)); ++i) y.real.push_back(x.at(i) + other.at(i));
    } else if (node.op_type == "GlobalAveragePool") {
      const auto pixels = static_cast<size_t>(x.shape[2] * x.shape[3]);
      y = {{x.shape[0], x.shape[1], 1, 1}, {}, {}, 1};
      for (size_t i = 0; i < static_cast<size_t>(element_count(y.shape)); ++i) {
        int64_t sum = 0;
        for (size_t k = 0; k < pixels; ++k) sum += x.codes.at(i * pixels + k);
        y.real.push_back(static_cast<double>(sum) * x.scale / static_cast<double>(pixels));
      }
    } else if (node.op_type == "Flatten") {
      y.shape = {x.shape[0], x.shape[1]}, y.real = x.real;
    } else if (node.op_type != "DequantizeLinear") {
      ADD_FAILURE() << "the walk knows no " << node.op_type;
    }
    values_[node.outputs[0]] = y;
  }
  /// Products of codes in int64; what they stand for by the scale of each output.
  Value product(const Node& node, const Value& x) {
    const auto& w = *weights_.at(node.inputs[1]);
    const auto& shape = graph_.initializers.at(w.inputs[0]).shape();
    const auto codes = graph_.initializers.at(w.inputs[0]).to_i64();
    const auto scales = graph_.initializers.at(w.inputs[1]).as<float>();
    std::vector<int64_t> bias(scales.size(), 0);
    if (node.inputs.size() > 2) bias = graph_.initializers.at(weights_.at(node.inputs[2])->inputs[0]).to_i64();
    const bool is_conv = node.op_type == "Conv";
    const int64_t n = x.shape[0], ci = x.shape[1], h = is_conv ? x.shape[2] : 1, wide = is_conv ? x.shape[3] : 1, k = is_conv ? shape[2] : 1,
                  pad = is_conv ? k / 2 : 0;
    const int64_t stride = is_conv ? node.ints_attribute("strides", {1, 1})[0] : 1, oh = (h + 2 * pad - k) / stride + 1,
                  ow = (wide + 2 * pad - k) / stride + 1, co = shape[0];
    Value y{is_conv ? Shape{n, co, oh, ow} : Shape{n, co}, {}, {}, 1};
    for (int64_t b = 0; b < n; ++b)
      for (int64_t o = 0; o < co; ++o)
        for (int64_t i = 0; i < oh; ++i)
          for (int64_t j = 0; j < ow; ++j) {
            int64_t sum = bias[static_cast<size_t>(o)];
            for (int64_t c = 0; c < ci; ++c)
              for (int64_t u = 0; u < k; ++u)
                for (int64_t v = 0; v < k; ++v) {
                  const int64_t yy = i * stride + u - pad, xx = j * stride + v - pad;
                  if (yy >= 0 && yy < h && xx >= 0 && xx < wide)
                    sum += codes[static_cast<size_t>(((o * ci + c) * k + u) * k + v)] *
                           x.codes[static_cast<size_t>(((b * ci + c) * h + yy) * wide + xx)];
                }
            y.real.push_back(static_cast<double>(sum) * x.scale * scales[static_cast<size_t>(o)]);
          }
    return y;
  }

  const Graph& graph_;
  std::map<std::string, Value> values_;
  std::map<std::string, const Node*> weights_;
};

TEST(Written, EqualsAnIntegerWalk) {
  const auto ready = ready_for_low_bits(residual_network());
  const auto inputs = random_inputs(ready);
  for (const auto& [w, a, encoding] : std::vector<std::tuple<int, int, Encoding>>{
           {1, 2, Encoding::kBipolar}, {2, 3, Encoding::kTwos}, {3, 1, Encoding::kUnsigned}, {5, 8, Encoding::kBipolar}, {8, 8, Encoding::kTwos}}) {
    const auto model = with_plan(ready, plan_of(ready, w, a, encoding));
    const auto written = write_low_bit(model, fitted_steps(model, inputs));
    const Walk walk(written.graph, inputs[0]);
    std::vector<std::string> codes;
    for (const auto& node : written.graph.nodes)
      if (node.op_type == "QuantizeLinear") codes.push_back(node.outputs[0]);
    EXPECT_GE(codes.size(), 8U);
    const auto found = run_nodes(giving(written.graph, codes), inputs);
    for (size_t i = 0; i < codes.size(); ++i) {
      const Node* maker = nullptr;
      for (const auto& node : written.graph.nodes)
        if (node.outputs[0] == codes[i]) maker = &node;
      const int64_t zero = written.graph.initializers.at(maker->inputs[2]).to_i64()[0];
      auto given = found[i + 1].to_i64();
      for (auto& code : given) code -= zero;
      EXPECT_EQ(given, walk.value(codes[i]).codes) << codes[i] << " w" << w << "a" << a;
    }
    const auto& answers = walk.value(written.graph.outputs[0].name).real;
    for (size_t i = 0; i < answers.size(); ++i) EXPECT_NEAR(found[0].as<float>()[i], answers[i], 1e-4 * std::abs(answers[i]) + 1e-5);
  }
}

TEST(Written, AnswersAsTheFloatNetworkWithEightBits) {
  const auto ready = ready_for_low_bits(residual_network());
  const auto inputs = random_inputs(ready);
  const auto model = with_plan(ready, plan_of(ready, 8, 8, Encoding::kTwos));
  const auto written = write_low_bit(model, fitted_steps(model, inputs));
  EXPECT_LT(max_relative_error(run_nodes(written.graph, inputs)[0], run_nodes(ready, inputs)[0]), 0.03);
  EXPECT_EQ(low_bit_plan_from_json(JsonReader(Json::parse(written.graph.metadata.at(kLowBitMetadataKey)), "metadata")), model.plan);
}

TEST(Written, MovesHaveCodesOnBothSides) {
  Maker m;
  auto x = m.op("Relu", {m.conv(m.input({1, 3, 8, 8}), 3, 4)});
  x = m.op("MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  x = m.op("Relu", {m.conv(x, 4, 4)});
  const auto y = m.op("Gemm", {m.op("Flatten", {m.op("MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}})}), m.weights({16, 3})});
  const auto ready = ready_for_low_bits(testing_graphs::with_output(m, y));
  const auto inputs = random_inputs(ready);
  const auto model = with_plan(ready, plan_of(ready, 2, 2, Encoding::kTwos));
  const auto steps = fitted_steps(model, inputs);
  const auto written = write_low_bit(model, steps);
  const auto producers = written.graph.producers();
  int moves = 0;
  for (const auto& node : written.graph.nodes)
    if (node.op_type == "MaxPool" || node.op_type == "Flatten") {
      ++moves;
      EXPECT_EQ(written.graph.nodes[producers.at(node.inputs[0])].op_type, "DequantizeLinear") << node.label();
    }
  EXPECT_EQ(moves, 3);
  // as if values were quantised right where they are read
  const auto plain = with_points(model, [&](size_t p, const std::string& value, std::vector<Node>& nodes) {
    const auto name = "p" + std::to_string(p);
    nodes.push_back({name, "QuantizeLinear", "", {value, name + "s", name + "z"}, {name + "q"}, {}, ""});
    nodes.push_back({name + "c", "Clip", "", {name + "q", "", name + "m"}, {name + "c"}, {}, ""});
    nodes.push_back({name + "d", "DequantizeLinear", "", {name + "c", name + "s", name + "z"}, {name + "d"}, {}, ""});
    return name + "d";
  });
  Graph reference = plain;
  for (size_t p = 0; p < model.points.size(); ++p) {
    const auto name = "p" + std::to_string(p);
    reference.initializers.emplace(name + "s", Tensor::scalar<float>(steps.activations[p].step));
    reference.initializers.emplace(name + "z", Tensor::scalar<uint8_t>(static_cast<uint8_t>(steps.activations[p].zero_point)));
    reference.initializers.emplace(name + "m", Tensor::scalar<uint8_t>(static_cast<uint8_t>(activation_range(model.points[p].bits).high)));
  }
  for (size_t l = 0; l < model.layers.size(); ++l) {
    const auto& layer = model.graph.nodes[model.layers[l].node];
    for (const auto& node : written.graph.nodes)
      if (node.name == layer.name)
        for (size_t i = 1; i < node.inputs.size(); ++i)
          reference.initializers[layer.inputs[i]] = dequantised(written.graph, written.graph.nodes[producers.at(node.inputs[i])]);
  }
  EXPECT_LT(max_relative_error(run_nodes(written.graph, inputs)[0], run_nodes(reference, inputs)[0]), 1e-4);
}

TEST(Written, ConstantOutputsAndLargeBiasesAreDefined) {
  for (const auto encoding : {Encoding::kTwos, Encoding::kUnsigned, Encoding::kBipolar}) {
    Graph graph = ready_for_low_bits(residual_network());
    const auto layers = find_low_bit_layers(graph);
    const auto& layer = layers[1];  // six outputs behind a BatchNormalization
    const auto& norm = graph.nodes[static_cast<size_t>(layer.batch_norm)];
    Tensor weights = graph.initializers.at(layer.weights.weights).clone(), gamma = graph.initializers.at(norm.inputs[1]).clone(),
           beta = graph.initializers.at(norm.inputs[2]).clone();
    for (size_t i = 0; i < 54; ++i) weights.mutable_as<float>()[i] = 0;           // output 0: zeros
    for (size_t i = 54; i < 108; ++i) weights.mutable_as<float>()[i] = 0.25F;     // output 1: all equal
    for (size_t i = 108; i < 162; ++i) weights.mutable_as<float>()[i] *= 1e-12F;  // output 3: next to nothing beside its bias
    gamma.mutable_as<float>()[3] = 0;
    beta.mutable_as<float>()[0] = 0.7F;
    graph.initializers[layer.weights.weights] = weights, graph.initializers[norm.inputs[1]] = gamma, graph.initializers[norm.inputs[2]] = beta;
    const auto inputs = random_inputs(graph);
    const auto model = with_plan(graph, plan_of(graph, encoding == Encoding::kBipolar ? 1 : 4, 8, encoding));
    const auto written = write_low_bit(model, fitted_steps(model, inputs));
    EXPECT_EQ(written.layers[1].constant_outputs, 2) << encoding_name(encoding);
    EXPECT_EQ(written.layers[1].clipped_biases, 1) << encoding_name(encoding);
    const auto normalised = norm.outputs[0];
    const Tensor found = run_nodes(giving(written.graph, {normalised}), inputs)[1], expected = run_nodes(giving(graph, {normalised}), inputs)[1];
    for (size_t i = 0; i < static_cast<size_t>(found.size()); ++i) {
      const size_t channel = i / 64 % 6;
      ASSERT_TRUE(std::isfinite(found.as<float>()[i]));
      if (channel == 0 || channel == 2 || channel == 3)
        ASSERT_NEAR(found.as<float>()[i], expected.as<float>()[i], 2e-3 * std::abs(expected.as<float>()[i]) + 1e-4)
            << channel << encoding_name(encoding);
    }
  }
}

TEST(Written, BadStepsAndWeightsAreRefused) {
  const auto ready = ready_for_low_bits(residual_network());
  auto model = with_plan(ready, plan_of(ready, 2, 2, Encoding::kTwos));
  const auto steps = fitted_steps(model, random_inputs(ready));
  const auto message = [&](const LowBitSteps& given) -> std::string {
    try {
      (void)write_low_bit(model, given);
    } catch (const InvalidArgument& error) { return error.what(); }
    return "";
  };
  auto bad = steps;
  bad.weights[1][0] = 0;
  EXPECT_NE(message(bad).find("has a step that is not a positive number"), std::string::npos);
  bad = steps;
  bad.activations[2].step = NAN;
  EXPECT_NE(message(bad).find("is not a positive number"), std::string::npos);
  bad = steps;
  bad.activations.pop_back();
  EXPECT_NE(message(bad).find("the model has 5 and 8"), std::string::npos);
  bad = steps;
  bad.weights[0].pop_back();
  EXPECT_NE(message(bad).find("expected one, or one an output"), std::string::npos);
  Tensor weights = model.graph.initializers.at(model.layers[1].weights.weights).clone();
  weights.mutable_as<float>()[3] = INFINITY;
  model.graph.initializers[model.layers[1].weights.weights] = weights;
  EXPECT_NE(message(steps).find("are not finite"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::compress
