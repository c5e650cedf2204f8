// Encoders and decoders of every family, at every opset, on every backend of this build.
#include "transfer/transfer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <set>

#include "base/rng.h"
#include "graph/slice.h"
#include "transfer/families.h"

namespace scissionlite::transfer {
namespace {

constexpr int64_t kOpsets[] = {7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21};

std::vector<std::string> available_backends() {
  std::vector<std::string> out;
  for (const auto& name : backend_names()) try {
      (void)make_backend(name);
      out.push_back(name);
    } catch (const Unsupported& e) {
      static std::set<std::string> told;
      if (told.insert(name).second) std::cout << "[SKIP] " << name << ": " << e.what() << "\n";
    }
  return out;
}

/// A smooth random image stack: neighbours and channels correlate, as activations do.
Tensor activation(Rng& rng, const Shape& shape, bool relu = false) {
  Tensor out(Dtype::kF32, shape);
  auto v = out.mutable_as<float>();
  const int64_t w = shape.back();
  for (size_t i = 0; i < v.size(); ++i) {
    const double before = i % static_cast<size_t>(w) ? v[i - 1] : 0.0, above = i >= static_cast<size_t>(w) ? v[i - static_cast<size_t>(w)] : 0.0;
    v[i] = static_cast<float>(0.6 * before + 0.3 * above + 0.4 * rng.normal());
  }
  if (relu)
    for (auto& x : v) x = std::max(x, 0.0F);
  return out;
}

FitContext context(const Shape& shape, const std::vector<Tensor>& samples = {}, int64_t opset = 13, Dtype dtype = Dtype::kF32) {
  return {ValueInfo{"t", dtype, shape, true, {}}, {Opset{"", opset}}, 8, samples};
}

std::vector<Tensor> run(const Graph& graph, std::vector<Tensor> inputs, const std::string& backend) {
  auto outputs = compile(graph, backend, {.threads = 1})->run(inputs);
  for (auto& output : outputs) output = output.clone();
  return outputs;
}

Tensor round_trip(const Codec& codec, const Tensor& x, const std::string& backend) {
  return run(codec.decoder, run(codec.encoder, {x}, backend), backend)[0];
}

double largest_error(const Tensor& a, const Tensor& b) {
  double worst = 0;
  const auto x = a.as<float>(), y = b.as<float>();
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(x[i]) - y[i]));
  return worst;
}

double mean_square(const Tensor& a, const Tensor* b = nullptr) {
  double sum = 0;
  const auto x = a.as<float>();
  for (size_t i = 0; i < x.size(); ++i) {
    const double d = x[i] - (b ? b->as<float>()[i] : 0.0F);
    sum += d * d;
  }
  return sum / static_cast<double>(x.size());
}

std::vector<Tensor> many(const Shape& shape, int n, uint64_t seed, bool relu = false) {
  Rng rng(seed);
  std::vector<Tensor> out;
  for (int i = 0; i < n; ++i) out.push_back(activation(rng, shape, relu));
  return out;
}

const std::vector<std::string> kSpecs{"fp32",          "fp16",         "uint8",        "uint7",      "uint5",         "uint4",
                                      "uint3",         "uint2",        "uint1",        "pool",       "klt-s2-c16-b8", "klt-s2-c16-b4",
                                      "klt-s2-c15-b4", "klt-s1-c4-b2", "klt-s2-c9-b1", "klt-s2-r60", "klt-s2-q40",    "klt-s1-q90"};

/// Encoder and decoder of every codec side by side in one graph over one input: one compilation tests them all.
/// Outputs: x of each codec, then the wire tensors of all.
Graph all_in_one(const std::vector<Codec>& codecs) {
  Graph out;
  std::vector<ValueInfo> wire;
  for (size_t i = 0; i < codecs.size(); ++i) {
    Graph encoder = codecs[i].encoder, decoder = codecs[i].decoder;
    for (const auto* name : {"code", "range"})
      for (auto* graph : {&encoder, &decoder}) rename_value(*graph, name, name + std::to_string(i));
    rename_value(decoder, "x", "y" + std::to_string(i));
    for (auto* graph : {&encoder, &decoder})
      for (auto& node : graph->nodes) node.name += "_" + std::to_string(i);  // ONNX Runtime refuses two of one name
    wire.insert(wire.end(), encoder.outputs.begin(), encoder.outputs.end());
    const Graph whole = scissionlite::join(encoder, decoder);
    out = i == 0 ? whole : scissionlite::join(out, whole);
  }
  out.inputs.resize(1);
  out.outputs.insert(out.outputs.end(), wire.begin(), wire.end());
  return out;
}

std::vector<Codec> fit_all(const Shape& shape, const std::vector<Tensor>& samples, int64_t opset) {
  std::vector<Codec> out;
  for (const auto& spec : kSpecs) out.push_back(make(spec)->fit(context(shape, samples, opset)));
  return out;
}

TEST(Transfer, EveryFamilyRunsAtEveryOpset) {
  const Shape shape{1, 6, 9, 7};  // odd in both directions
  const auto samples = many(shape, 24, 1);
  Rng rng(2);
  const auto x = activation(rng, shape);
  for (const auto& backend : available_backends()) {
    std::vector<Tensor> first;
    for (const int64_t opset : kOpsets) {
      SCOPED_TRACE(backend + " opset " + std::to_string(opset));
      const auto codecs = fit_all(shape, samples, opset);
      const auto graph = all_in_one(codecs);
      graph.check();
      EXPECT_EQ(graph.opset(), opset);
      const auto outputs = run(graph, {x}, backend);
      if (first.empty()) first = outputs;
      int64_t bytes = 0;
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (i >= kSpecs.size()) bytes += static_cast<int64_t>(outputs[i].size_bytes());
        else EXPECT_EQ(outputs[i].shape(), shape) << kSpecs[i];
        EXPECT_TRUE(bit_equal(first[i], outputs[i])) << "output " << i << " differs from opset 7";
      }
      for (const auto& codec : codecs) bytes -= codec.coder ? wire_bytes(codec.encoder.outputs) : codec.code_bytes;
      EXPECT_EQ(bytes, 0) << "wire bytes are not those promised";
    }
  }
}

TEST(Transfer, BackendsGiveTheSameCodes) {
  const Shape shape{1, 6, 10, 8};
  const auto graph = all_in_one(fit_all(shape, many(shape, 24, 3), 13));
  const auto x = many(shape, 1, 4)[0];
  const auto expected = run(graph, {x}, "reference");
  for (const auto& backend : available_backends()) {
    const auto got = run(graph, {x}, backend);
    for (size_t i = 0; i < kSpecs.size(); ++i)  // sums in another order may move a value over a step now and then, never more
      EXPECT_LT(mean_square(got[i], &expected[i]), 1e-3 * mean_square(expected[i])) << kSpecs[i] << " on " << backend;
  }
}

TEST(Transfer, ErrorsStayWithinTheirBounds) {
  Rng rng(5);
  for (int round = 0; round < 8; ++round) {
    const Shape shape{1, 1 + static_cast<int64_t>(rng.below(9)), 1 + static_cast<int64_t>(rng.below(12)), 1 + static_cast<int64_t>(rng.below(12))};
    SCOPED_TRACE("seed 5, round " + std::to_string(round) + ", shape " + to_string(shape));
    const auto x = activation(rng, shape);
    const auto values = x.as<float>();
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double range = *high - *low, largest = std::max(std::abs(*low), std::abs(*high));
    EXPECT_TRUE(bit_equal(round_trip(make("fp32")->fit(context(shape)), x, "openvino"), x));
    EXPECT_LE(largest_error(round_trip(make("fp16")->fit(context(shape)), x, "openvino"), x), largest * 0x1.0p-11 + 1e-7);
    for (int bits = 1; bits <= 8; ++bits) {
      const auto codec = make("uint" + std::to_string(bits))->fit(context(shape));
      EXPECT_LE(largest_error(round_trip(codec, x, "openvino"), x), range / ((1 << bits) - 1) * 0.5001 + 1e-6) << bits << " bits";
      EXPECT_LE(codec.code_bytes, (x.size() * bits + 7) / 8 + 2 + 8) << "a part of a byte a plane at most, and the range";
    }
  }
}

TEST(Transfer, PoolKeepsMaximaAndShape) {
  Rng rng(6);
  for (const Shape& shape : {Shape{1, 3, 1, 1}, Shape{1, 2, 2, 2}, Shape{1, 2, 5, 4}, Shape{1, 2, 4, 5}, Shape{1, 3, 7, 7}}) {
    const auto x = activation(rng, shape), y = round_trip(make("pool")->fit(context(shape)), x, "openvino");
    ASSERT_EQ(y.shape(), shape);
    const int64_t h = shape[2], w = shape[3];
    for (int64_t c = 0; c < shape[1]; ++c)
      for (int64_t i = 0; i < h; ++i)
        for (int64_t j = 0; j < w; ++j) {
          float expected = -1e30F;
          for (int64_t a = i / 2 * 2; a < std::min(h, i / 2 * 2 + 2); ++a)
            for (int64_t b = j / 2 * 2; b < std::min(w, j / 2 * 2 + 2); ++b) expected = std::max(expected, x.as<float>()[(c * h + a) * w + b]);
          ASSERT_EQ(y.as<float>()[(c * h + i) * w + j], expected) << to_string(shape);
        }
  }
}

TEST(Transfer, KltErrorFallsWithBitsAndChannels) {
  const Shape shape{1, 4, 12, 12};
  const auto samples = many(shape, 40, 7);
  Rng rng(8);
  const auto x = activation(rng, shape);
  const double power = mean_square(x);
  const auto error = [&](const std::string& spec) {
    return mean_square(round_trip(make(spec)->fit(context(shape, samples)), x, "openvino"), &x) / power;
  };
  const double all8 = error("klt-s2-c16-b8"), all4 = error("klt-s2-c16-b4"), half4 = error("klt-s2-c8-b4"), half2 = error("klt-s2-c8-b2");
  EXPECT_LT(all8, 2e-3);
  EXPECT_LT(all8, all4);
  EXPECT_LT(all4, half4);
  EXPECT_LT(half4, half2);
  EXPECT_LT(half2, 1);
  EXPECT_LT(error("klt-s2-r144"), half4) << "as many bytes as klt-s2-c8-b4, dealt out by variance";
}

TEST(Transfer, KltRestoresTheRangeOfRelu) {
  const Shape shape{1, 4, 6, 6};
  const auto codec = make("klt-s2-c4-b2")->fit(context(shape, many(shape, 20, 9, /*relu=*/true)));
  const auto y = round_trip(codec, many(shape, 1, 10, /*relu=*/true)[0], "openvino");
  for (const float v : y.as<float>()) ASSERT_GE(v, 0);
}

TEST(Transfer, fault_26_ConstantImagesComeBack) {
  const Shape shape{1, 3, 5, 5};
  const auto samples = many(shape, 30, 11);
  for (const float value : {0.0F, -3.25F, 1e6F}) {
    const auto x = Tensor::of<float>(shape, std::vector<float>(75, value));
    for (const auto* spec : {"fp32", "uint8", "pool"})
      EXPECT_EQ(largest_error(round_trip(make(spec)->fit(context(shape)), x, "openvino"), x), 0) << spec << " " << value;
  }
}

TEST(Transfer, fault_25_InfinitySaturates) {
  const Shape shape{1, 4, 6, 6};
  const auto graph = all_in_one(fit_all(shape, many(shape, 30, 12), 13));
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto& backend : available_backends())
    for (const float extreme : {infinity, -infinity, 3e38F, -3e38F}) {
      auto x = many(shape, 1, 13)[0].clone();
      x.mutable_as<float>()[17] = extreme;
      const auto outputs = run(graph, {x}, backend);
      for (size_t i = 0; i < kSpecs.size(); ++i) {
        if (kSpecs[i] == "fp32" || kSpecs[i] == "pool") continue;  // floats cross as they are
        for (const float v : outputs[i].as<float>()) ASSERT_TRUE(std::isfinite(v)) << kSpecs[i] << " on " << backend << " with " << extreme;
        if (kSpecs[i] != "fp16" && kSpecs[i].rfind("uint", 0) != 0) continue;
        EXPECT_EQ(std::signbit(outputs[i].as<float>()[17]), std::signbit(extreme)) << kSpecs[i] << " on " << backend;
      }
    }
}

// The range of uint8 crosses as floats, and whether a maximum hides a NaN differs between runtimes.
TEST(Transfer, fault_25_NanDoesNotLeaveAFittedRange) {
  const Shape shape{1, 4, 6, 6};
  const auto graph = all_in_one(fit_all(shape, many(shape, 30, 12), 13));
  auto x = many(shape, 1, 13)[0].clone();
  x.mutable_as<float>()[17] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& backend : available_backends()) {
    const auto outputs = run(graph, {x}, backend);
    for (size_t i = 0; i < kSpecs.size(); ++i) {
      if (kSpecs[i].rfind("klt", 0) != 0) continue;
      for (const float v : outputs[i].as<float>()) ASSERT_TRUE(std::isfinite(v)) << kSpecs[i] << " on " << backend;
    }
  }
}

TEST(Transfer, ABatchEqualsSingleImages) {
  const Shape shape{1, 6, 7, 8}, both{2, 6, 7, 8};
  const auto graph = all_in_one(fit_all(shape, many(shape, 30, 14), 13));
  const auto two = many(shape, 2, 15);
  Tensor batch(Dtype::kF32, both);
  const int64_t size = two[0].size();
  for (int64_t i = 0; i < 2; ++i) std::copy_n(two[i].as<float>().begin(), size, batch.mutable_as<float>().begin() + i * size);
  for (const auto& backend : available_backends()) {
    const auto together = run(graph, {batch}, backend);
    for (int64_t i = 0; i < 2; ++i) {
      const auto alone = run(graph, {two[i]}, backend);
      for (size_t s = 0; s < kSpecs.size(); ++s) {
        ASSERT_EQ(together[s].shape(), both);
        double worst = 0;
        for (int64_t k = 0; k < size; ++k)
          worst = std::max(worst, std::abs(static_cast<double>(alone[s].as<float>()[k]) - together[s].as<float>()[i * size + k]));
        EXPECT_LT(worst, 1e-5) << kSpecs[s] << " on " << backend;
      }
    }
  }
}

TEST(Transfer, HalfPrecisionModels) {
  const Shape shape{1, 4, 6, 5};
  Rng rng(16);
  const auto as_half = [](const Tensor& x) {
    Tensor out(Dtype::kF16, x.shape());
    auto* bits = reinterpret_cast<uint16_t*>(out.mutable_data());
    for (int64_t i = 0; i < x.size(); ++i) bits[i] = f32_to_f16(x.as<float>()[static_cast<size_t>(i)]);
    return out;
  };
  std::vector<Tensor> samples;
  for (const auto& sample : many(shape, 20, 17)) samples.push_back(as_half(sample));
  const auto x = as_half(activation(rng, shape));
  EXPECT_FALSE(make("fp16")->supports(context(shape, {}, 13, Dtype::kF16).tensor).ok);
  for (const auto* spec : {"fp32", "uint8", "uint6", "pool", "klt-s2-c16-b8"}) {
    const auto codec = make(spec)->fit(context(shape, samples, 13, Dtype::kF16));
    const auto y = round_trip(codec, x, "openvino");
    EXPECT_EQ(y.dtype(), Dtype::kF16) << spec;
    EXPECT_EQ(y.shape(), shape) << spec;
    if (std::string(spec) == "pool") continue;
    const auto got = y.to_f32(), wanted = x.to_f32();
    EXPECT_LT(mean_square(got, &wanted), 0.01 * mean_square(wanted)) << spec;
  }
}

TEST(TransferErrors, SayWhatWasExpected) {
  const auto message = [](auto body) -> std::string {
    try {
      body();
    } catch (const InvalidArgument& e) { return e.what(); }
    return "nothing was thrown";
  };
  const auto contains = [](const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; };
  for (const auto& [spec, part] : std::vector<std::pair<std::string, std::string>>{{"zip", "known: fp32, fp16"},
                                                                                   {"klt-s2", "the number of channels is missing"},
                                                                                   {"klt", "the stride"},
                                                                                   {"klt-s2-c0-b4", "'c0' is not"},
                                                                                   {"klt-s2-c8-b3", "1, 2, 4 or 8"},
                                                                                   {"klt-s2-c8-r9", "either"},
                                                                                   {"klt-s2-c8-q9", "or q"},
                                                                                   {"klt-s2-q1001", "1 .. 1000"},
                                                                                   {"klt-x1", "unknown parameter 'x'"},
                                                                                   {"pool-2", "takes no parameters"},
                                                                                   {"uint9", "1 to 8 bits"},
                                                                                   {"uint", "1 to 8 bits"},
                                                                                   {"uint8-s2", "1 to 8 bits"},
                                                                                   {"uint12", "1 to 8 bits"},
                                                                                   {"klt-s99-c8-b4", "1 .. 16"},
                                                                                   {"klt-s2-s2", "twice"}}) {
    const auto text = message([&, s = spec] { (void)make(s); });
    EXPECT_TRUE(contains(text, part)) << spec << ": " << text;
  }
  const Shape shape{1, 4, 6, 6};
  const auto layer = make("klt-s2-c16-b4");
  EXPECT_TRUE(
      contains(message([&] { (void)layer->fit(context(shape)); }), "0 fitting images give 0 patches for 16 components; give at least 2 images"));
  const std::vector<Tensor> flat(4, Tensor::of<float>(shape, std::vector<float>(144, 2.0F)));
  EXPECT_TRUE(contains(message([&] { (void)layer->fit(context(shape, flat)); }), "needs variance"));
  EXPECT_TRUE(contains(message([&] { (void)layer->fit(context(shape, many({1, 4, 6, 5}, 4, 1))); }), "expected (1, 4, 6, 6)"));
  EXPECT_TRUE(contains(make("klt-s2-c17-b4")->supports(context(shape).tensor).reason, "fewer than 17"));
  EXPECT_TRUE(contains(make("klt-s2-r3")->supports(context(shape).tensor).reason, "at least 9 bytes"));
  EXPECT_TRUE(contains(layer->supports(context({1, 10}).tensor).reason, "4 dimensions"));
  EXPECT_TRUE(contains(layer->supports(context(shape, {}, 13, Dtype::kI64).tensor).reason, "int64"));
}

/// Every code there is, and larger ones, which saturate; odd counts; each opset and backend.
TEST(Codes, CrossAsTheyAre) {
  for (const auto& backend : available_backends())
    for (const int64_t opset : {int64_t{7}, int64_t{13}, int64_t{21}})
      for (int bits = 1; bits <= 7; ++bits)
        for (const Shape& shape : {Shape{1, 5, 3, 7}, Shape{1, 64, 2, 2}, Shape{1, 11}}) {
          SCOPED_TRACE(backend + ", opset " + std::to_string(opset) + ", " + std::to_string(bits) + " bits, " + to_string(shape));
          const auto codec = make("codes" + std::to_string(bits))->fit(context(shape, {}, opset, Dtype::kU8));
          EXPECT_EQ(codec.code_bytes, wire_bytes(codec.encoder.outputs));
          EXPECT_LE(codec.code_bytes, element_count(shape) * bits / 8 + 3);
          Tensor x(Dtype::kU8, shape);
          const int top = (1 << bits) - 1;
          auto values = x.mutable_as<uint8_t>();
          for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i % 9 == 8 ? 255 : static_cast<int>(i) & top);
          const auto back = round_trip(codec, x, backend);
          ASSERT_EQ(back.dtype(), Dtype::kU8);
          ASSERT_EQ(back.shape(), shape);
          for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(back.as<uint8_t>()[i], std::min<int>(values[i], top)) << i;
        }
}

TEST(Codes, AreTriedOfBytesOnly) {
  const ValueInfo bytes{"q", Dtype::kU8, {1, 8, 4, 4}, true, {}}, floats{"x", Dtype::kF32, {1, 8, 4, 4}, true, {}},
      one{"q", Dtype::kU8, {8}, true, {}};
  EXPECT_EQ(default_specs(bytes), (std::vector<std::string>{"fp32", "codes4", "codes2", "codes1"}));
  for (const auto& spec : default_specs(floats)) EXPECT_NE(spec.substr(0, 5), "codes");
  EXPECT_TRUE(make("codes2")->supports(bytes).ok);
  EXPECT_NE(make("codes2")->supports(floats).reason.find("is float32"), std::string::npos);
  EXPECT_NE(make("codes2")->supports(one).reason.find("two dimensions"), std::string::npos);
  for (const auto* spec : {"codes", "codes0", "codes8", "codes12", "codes2-b3"}) EXPECT_THROW((void)make(spec), InvalidArgument) << spec;
}

}  // namespace
}  // namespace scissionlite::transfer
