// The entropy-coded KLT: its codes, its streams, what sensitivities do; TLs kept in folders.
#include "transfer/coded_klt.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "base/rng.h"
#include "coding/coder.h"
#include "transfer/coded_klt_rates.h"
#include "transfer/fitted.h"

namespace scissionlite::transfer {
namespace {

const Shape kShape{1, 6, 10, 9};

/// Neighbours and channels correlate; channels 0 and 1 carry little of the variance.
Tensor activation(Rng& rng) {
  Tensor out(Dtype::kF32, kShape);
  auto v = out.mutable_as<float>();
  const int64_t area = kShape[2] * kShape[3];
  for (int64_t i = 0; i < out.size(); ++i) {
    const double before = i % kShape[3] ? v[static_cast<size_t>(i - 1)] : 0.0;
    const double scale = i / area < 2 ? 0.2 : 1;
    v[static_cast<size_t>(i)] = static_cast<float>(0.7 * before + scale * rng.normal());
  }
  return out;
}

std::vector<Tensor> many(int n, uint64_t seed) {
  Rng rng(seed);
  std::vector<Tensor> out;
  for (int i = 0; i < n; ++i) out.push_back(activation(rng));
  return out;
}

FitContext context(const std::vector<Tensor>& samples, const std::vector<Tensor>& gradients = {}) {
  return {ValueInfo{"t", Dtype::kF32, kShape, true, {}}, {Opset{"", 13}}, 8, samples, gradients};
}

std::vector<Tensor> run(const Graph& graph, std::vector<Tensor> inputs) {
  auto outputs = compile(graph, "reference", {.threads = 1})->run(inputs);
  for (auto& output : outputs) output = output.clone();
  return outputs;
}

/// Mean squared error of channels [from, to).
double error(const Codec& codec, const std::vector<Tensor>& images, int64_t from, int64_t to) {
  const int64_t area = kShape[2] * kShape[3];
  double sum = 0;
  for (const auto& x : images) {
    const auto y = run(codec.decoder, run(codec.encoder, {x}))[0];
    for (int64_t i = from * area; i < to * area; ++i) {
      const double d = static_cast<double>(x.as<float>()[static_cast<size_t>(i)]) - y.as<float>()[static_cast<size_t>(i)];
      sum += d * d;
    }
  }
  return sum / static_cast<double>(area * (to - from) * static_cast<int64_t>(images.size()));
}

double stream_bytes(const Codec& codec, const std::vector<Tensor>& images) {
  coding::Coder coder(codec.coder);
  double bytes = 0;
  for (const auto& x : images) {
    const auto code = run(codec.encoder, {x})[0];
    std::string stream;
    bytes += static_cast<double>(coder.encode(code.as<uint8_t>(), stream));
    std::vector<uint8_t> back(static_cast<size_t>(code.size()));
    coder.decode(stream, back);
    EXPECT_TRUE(std::equal(back.begin(), back.end(), code.as<uint8_t>().begin()));
  }
  return bytes / static_cast<double>(images.size());
}

std::string message(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) { return e.what(); }
  return "nothing was thrown";
}

TEST(CodedKlt, StreamsAreSmallAndGiveTheCodesBack) {
  const auto codec = make("klt-s2-q60")->fit(context(many(60, 1)));
  const auto others = many(20, 2);
  const double bytes = stream_bytes(codec, others);
  EXPECT_LT(bytes, static_cast<double>(element_count(kShape)) / 2) << "of as many raw bytes as values";
  EXPECT_NEAR(bytes, static_cast<double>(codec.code_bytes), 0.15 * bytes) << "the promise is a mean over other images";
}

TEST(CodedKlt, ErrorAndBytesFollowTheStep) {
  const auto samples = many(60, 3), others = many(10, 4);
  double last_error = 0, last_bytes = 1e9;
  for (const auto* spec : {"klt-s2-q15", "klt-s2-q40", "klt-s2-q100"}) {
    const auto codec = make(spec)->fit(context(samples));
    const double e = error(codec, others, 0, kShape[1]), b = stream_bytes(codec, others);
    EXPECT_GT(e, last_error) << spec;
    EXPECT_LT(b, last_bytes) << spec;
    last_error = e, last_bytes = b;
  }
  EXPECT_LT(last_error, 1.5) << "a fraction of the variance, which is about 1.4 a value";
}

TEST(CodedKlt, GraphAndFitAgreeOnTheCodes) {
  const auto samples = many(40, 5);
  const PatchGrid grid{kShape[1], kShape[2], kShape[3], 2};
  const auto basis = fit_coded_klt({grid, samples, {}, 0.5, "test"});
  const auto codec = make("klt-s2-q50")->fit(context(samples));
  int64_t different = 0, all = 0;
  for (const auto& x : many(10, 6)) {
    const auto a = codes_of(grid, basis, x), b = run(codec.encoder, {x})[0];
    ASSERT_EQ(a.shape(), b.shape());
    for (int64_t i = 0; i < a.size(); ++i) different += a.as<uint8_t>()[static_cast<size_t>(i)] != b.as<uint8_t>()[static_cast<size_t>(i)], ++all;
  }
  EXPECT_LE(different, all / 1000) << "sums in another order may move a value over a step now and then";
}

TEST(CodedKlt, WhatMovesTheAnswersIsKeptBetter) {
  const auto samples = many(60, 7), others = many(15, 8);
  std::vector<Tensor> gradients;  // answers depend on channels 0 and 1 alone
  Rng rng(9);
  for (int i = 0; i < 60; ++i) {
    Tensor g(Dtype::kF32, kShape);
    auto v = g.mutable_as<float>();
    for (size_t k = 0; k < v.size(); ++k) v[k] = k < static_cast<size_t>(2 * kShape[2] * kShape[3]) ? static_cast<float>(rng.normal()) : 0.0F;
    gradients.push_back(g);
  }
  const auto plain = make("klt-s2-q70")->fit(context(samples)), weighted = make("klt-s2-q70")->fit(context(samples, gradients));
  EXPECT_LT(error(weighted, others, 0, 2), 0.6 * error(plain, others, 0, 2));
  EXPECT_GT(error(weighted, others, 2, 6), error(plain, others, 2, 6)) << "bits are moved, not added";
}

/// Gradients alike in all channels, of the upper rows alone.
std::vector<Tensor> gradients_above(int64_t rows, int n) {
  std::vector<Tensor> out;
  Rng rng(14);
  for (int i = 0; i < n; ++i) {
    Tensor g(Dtype::kF32, kShape);
    auto v = g.mutable_as<float>();
    for (int64_t k = 0; k < g.size(); ++k) v[static_cast<size_t>(k)] = k / kShape[3] % kShape[2] < rows ? static_cast<float>(rng.normal()) : 0.0F;
    out.push_back(g);
  }
  return out;
}

double error_of_rows(const Codec& codec, const std::vector<Tensor>& images, int64_t from, int64_t to) {
  double sum = 0;
  for (const auto& x : images) {
    const auto y = run(codec.decoder, run(codec.encoder, {x}))[0];
    for (int64_t i = 0; i < x.size(); ++i) {
      const int64_t row = i / kShape[3] % kShape[2];
      const double d = static_cast<double>(x.as<float>()[static_cast<size_t>(i)]) - y.as<float>()[static_cast<size_t>(i)];
      if (row >= from && row < to) sum += d * d;
    }
  }
  return sum / static_cast<double>(images.size() * kShape[1] * kShape[3] * (to - from));
}

TEST(CodedKlt, WhereAnswersLookIsKeptBetter) {
  const auto samples = many(60, 15), others = many(15, 16);
  const auto plain = make("klt-s2-q70")->fit(context(samples)), weighted = make("klt-s2-q70")->fit(context(samples, gradients_above(4, 60)));
  EXPECT_LT(error_of_rows(weighted, others, 0, 4), 0.9 * error_of_rows(plain, others, 0, 4));
  EXPECT_GT(error_of_rows(weighted, others, 4, 10), error_of_rows(plain, others, 4, 10)) << "bits are moved, not added";
}

TEST(CodedKlt, DecoderIsTheLeastSquaresMap) {
  const auto samples = many(60, 17), gradients = gradients_above(6, 60);
  for (const int64_t stride : {1, 2}) {
    const PatchGrid grid{kShape[1], kShape[2], kShape[3], stride};
    const auto basis = fit_coded_klt({grid, samples, gradients, 0.5, "test"});
    ASSERT_EQ(basis.around.size(), 8U);
    const auto codec = make("klt-s" + std::to_string(stride) + "-q50")->fit(context(samples, gradients));
    const auto x = many(1, 18)[0];
    const auto code = codes_of(grid, basis, x);
    const auto y = run(codec.decoder, {code})[0];
    const auto at = [&](int64_t k, int64_t row, int64_t column) -> double {  // a symbol over its weight, zero beyond the border
      if (row < 0 || column < 0 || row >= grid.rows() || column >= grid.columns()) return 0;
      const auto position = row * grid.columns() + column;
      return (code.as<uint8_t>()[static_cast<size_t>(k * grid.positions() + position)] - static_cast<double>(basis.zeros[static_cast<size_t>(k)])) /
             basis.weights[static_cast<size_t>(position)];
    };
    for (const auto& [c, row, column] : std::vector<std::array<int64_t, 3>>{{0, 0, 0}, {3, 4, 5}, {5, 9, 8}, {2, 9, 0}}) {
      const auto d = (c * stride + row % stride) * stride + column % stride;
      double expected = basis.mean[static_cast<size_t>(c)];
      for (Eigen::Index k = 0; k < basis.synthesis.cols(); ++k) expected += basis.synthesis(d, k) * at(k, row / stride, column / stride);
      for (int64_t block = 0, i = 0; block < 9; ++block) {
        if (block == 4) continue;
        const auto& map = basis.around[static_cast<size_t>(i++)];
        for (Eigen::Index k = 0; k < map.cols(); ++k) expected += map(d, k) * at(k, row / stride + block / 3 - 1, column / stride + block % 3 - 1);
      }
      EXPECT_NEAR(y.as<float>()[static_cast<size_t>((c * kShape[2] + row) * kShape[3] + column)], expected, 1e-3)
          << "stride " << stride << ", channel " << c << ", row " << row << ", column " << column;
    }
  }
}

TEST(CodedKlt, PatchesAroundHelpTheDecoder) {
  const auto samples = many(80, 19), others = many(15, 20);
  const PatchGrid grid{kShape[1], kShape[2], kShape[3], 1};
  const auto basis = fit_coded_klt({grid, samples, {}, 2.0, "test"});
  // The best map from a patch's own symbols alone.
  Eigen::MatrixXf qq = Eigen::MatrixXf::Zero(basis.analysis.rows(), basis.analysis.rows()),
                  xq = Eigen::MatrixXf::Zero(basis.dims, basis.analysis.rows());
  for (const auto& x : samples) {
    const auto q = symbols_of(grid, basis, x);
    qq += q * q.transpose(), xq += read_patches(grid, {x}, basis.mean, 1) * q.transpose();
  }
  const Eigen::MatrixXf alone = qq.ldlt().solve(xq.transpose()).transpose();
  double error_alone = 0;
  for (const auto& x : others) error_alone += (read_patches(grid, {x}, basis.mean, 1) - alone * symbols_of(grid, basis, x)).squaredNorm();
  const auto codec = make("klt-s1-q200")->fit(context(samples));
  EXPECT_LT(error(codec, others, 0, kShape[1]) * static_cast<double>(element_count(kShape)) * static_cast<double>(others.size()), 0.97 * error_alone);
}

/// What a Relu gives.
std::vector<Tensor> rectified(int n, uint64_t seed) {
  auto samples = many(n, seed);
  for (auto& sample : samples)
    for (auto& v : sample.mutable_as<float>()) v = std::max(v, 0.0F);
  return samples;
}
/// Of answers that look at the difference of two channels only.
std::vector<Tensor> gradients_of_a_difference(int n, uint64_t seed) {
  Rng rng(seed);
  std::vector<Tensor> out;
  const int64_t area = kShape[2] * kShape[3];
  for (int i = 0; i < n; ++i) {
    Tensor g(Dtype::kF32, kShape);
    auto v = g.mutable_as<float>();
    std::fill(v.begin(), v.end(), 0.0F);
    for (int64_t k = 0; k < area; ++k) {
      v[static_cast<size_t>(2 * area + k)] = static_cast<float>(rng.normal());
      v[static_cast<size_t>(3 * area + k)] = -v[static_cast<size_t>(2 * area + k)];
    }
    out.push_back(g);
  }
  return out;
}

TEST(CodedKlt, TheRangeIsRestoredOnlyWhereThatHelps) {
  const auto samples = rectified(60, 31), others = rectified(10, 32);
  const PatchGrid grid{kShape[1], kShape[2], kShape[3], 2};
  EXPECT_TRUE(fit_coded_klt({grid, samples, {}, 1.0, "test"}).in_range) << "all values count alike, so that zeros for what is negative are right";
  const auto gradients = gradients_of_a_difference(60, 33);
  EXPECT_FALSE(fit_coded_klt({grid, samples, gradients, 1.0, "test"}).in_range) << "the difference is kept well, each channel is not";
  EXPECT_TRUE(fit_coded_klt({.grid = grid, .samples = samples, .gradients = gradients, .step = 1.0, .where = "test", .keep_range = true}).in_range);
  const auto codec = make("klt-s2-q100")->fit(context(samples, gradients));
  const int64_t area = kShape[2] * kShape[3];
  double error = 0, error_in_range = 0, energy = 0;
  for (const auto& x : others) {
    const auto y = run(codec.decoder, run(codec.encoder, {x}))[0];
    for (int64_t i = 0; i < area; ++i) {
      const auto a = static_cast<size_t>(2 * area + i), b = static_cast<size_t>(3 * area + i);
      const double difference = static_cast<double>(x.as<float>()[a]) - x.as<float>()[b];
      error += std::pow(y.as<float>()[a] - y.as<float>()[b] - difference, 2);
      error_in_range += std::pow(std::max(y.as<float>()[a], 0.0F) - std::max(y.as<float>()[b], 0.0F) - difference, 2);
      energy += difference * difference;
    }
  }
  EXPECT_LT(error, 0.2 * energy);
  EXPECT_LT(error, 0.8 * error_in_range);
}

TEST(CodedKlt, WideComponentsAreNotClipped) {
  // One direction holds nearly all the variance: at this step its symbols would reach several hundred.
  auto samples = many(60, 34), others = many(10, 35);
  Rng rng(36);
  for (auto* images : {&samples, &others})
    for (auto& image : *images) {
      const auto brightness = static_cast<float>(20 * rng.normal());
      for (auto& v : image.mutable_as<float>()) v += brightness;
    }
  const auto codec = make("klt-s2-q5")->fit(context(samples));
  EXPECT_LT(error(codec, others, 0, kShape[1]), 4.0) << "of a variance of 400; clipped to 256 levels it was 7.4";
}

TEST(CodedKlt, FewPatchesAreNotAskedAboutTheirNeighbours) {
  const auto samples = many(1, 21);
  EXPECT_TRUE(fit_coded_klt({PatchGrid{kShape[1], kShape[2], kShape[3], 4}, samples, {}, 0.5, "test"}).around.empty());
}

TEST(CodedKlt, ErrorsSayWhatToDo) {
  const auto wide =
      message([] { (void)make("klt-s1-q1000")->fit(context(std::vector<Tensor>(5, Tensor::of<float>(kShape, std::vector<float>(540, 1.0F))))); });
  EXPECT_NE(wide.find("needs variance"), std::string::npos) << wide;
  EXPECT_NE(message([] { (void)make("klt-s2-q50")->fit(context({})); }).find("there is no fitting image"), std::string::npos);
  auto bad = many(3, 10);
  bad[1] = bad[1].clone();
  bad[1].mutable_as<float>()[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(message([&] { (void)make("klt-s2-q50")->fit(context(bad)); }).find("not finite"), std::string::npos);
}

TEST(CodedKlt, GradientsAreCheckedToo) {
  const auto samples = many(3, 22);
  const auto refusal = [&](const Tensor& gradient) { return message([&] { (void)make("klt-s2-q50")->fit(context(samples, {gradient})); }); };
  EXPECT_NE(refusal(Tensor::of<float>({1, 1, 2, 2}, std::vector<float>(4, 1.0F))).find("expected (1, 6, 10, 9)"), std::string::npos)
      << refusal(Tensor::of<float>({1, 1, 2, 2}, std::vector<float>(4, 1.0F)));
  auto bad = many(1, 23)[0].clone();
  bad.mutable_as<float>()[5] = std::numeric_limits<float>::infinity();
  EXPECT_NE(refusal(bad).find("not finite"), std::string::npos);
}

TEST(CodedKlt, RatesOfOneAnalysisAreThoseOfTheFamily) {
  const auto samples = many(40, 24), gradients = gradients_above(5, 20);
  const auto given = context(samples, gradients);
  const CodedKltRates rates(given, 2, "klt-s2");
  for (const int64_t step : {90, 40}) {
    const auto alone = make("klt-s2-q" + std::to_string(step))->fit(given), shared = rates.codec(step);
    EXPECT_EQ(alone.coder->hash(), shared.coder->hash());
    const auto x = many(1, 25)[0];
    const auto code = run(alone.encoder, {x});
    EXPECT_TRUE(bit_equal(code[0], run(shared.encoder, {x})[0]));
    EXPECT_TRUE(bit_equal(run(alone.decoder, code)[0], run(shared.decoder, code)[0]));
  }
  EXPECT_NE(message([&] { (void)CodedKltRates(given, 100, "klt-s100"); }).find("a patch has"), std::string::npos);
}

TEST(CodedKlt, fault_26_27_AConstantChannelAndOneImageWork) {
  auto samples = many(1, 11);
  samples[0] = samples[0].clone();
  std::fill_n(samples[0].mutable_as<float>().begin(), kShape[2] * kShape[3], 3.0F);
  const auto codec = make("klt-s2-q50")->fit(context(samples));
  EXPECT_LT(error(codec, samples, 0, 1), 0.5);
}

class FittedFolder : public ::testing::Test {
 protected:
  FittedFolder() : folder_(fs::temp_directory_path() / ("scissionlite-fitted-" + std::to_string(::getpid()))) { fs::create_directories(folder_); }
  ~FittedFolder() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  FittedTl tl(const std::string& name) {
    return {name, std::string(64, 'a'), "7", {"t"}, {make("klt-s2-q50")->fit(context(many(20, 12)))}, "a note", "a command"};
  }
  fs::path folder_;
};

TEST_F(FittedFolder, ComesBackAsItWas) {
  const auto given = tl("one");
  save_fitted(folder_ / "one", given);
  const Shelf shelf({folder_.string()}, std::string(64, 'a'));
  EXPECT_EQ(shelf.fitted_at({"t"}), std::vector<std::string>{"fit-one"});
  EXPECT_TRUE(shelf.fitted_at({"u"}).empty());
  const auto layer = shelf.make("fit-one");
  EXPECT_FALSE(layer->needs_samples());
  const auto codec = layer->fit(context({}));
  EXPECT_EQ(codec.code_bytes, given.codecs[0].code_bytes);
  EXPECT_EQ(codec.coder->hash(), given.codecs[0].coder->hash());
  const auto x = many(1, 13)[0];
  EXPECT_TRUE(bit_equal(run(codec.encoder, {x})[0], run(given.codecs[0].encoder, {x})[0]));
  EXPECT_EQ(shelf.make("uint8")->spec(), "uint8");
}

TEST_F(FittedFolder, WrongOnesAreRefused) {
  const auto shelf_of = [&](const std::string& path, char model = 'a') { return message([&] { (void)Shelf({path}, std::string(64, model)); }); };
  EXPECT_NE(shelf_of(folder_.string()).find("holds no fitted transfer layer"), std::string::npos);
  EXPECT_NE(shelf_of((folder_ / "none").string()).find("cannot be read"), std::string::npos);
  save_fitted(folder_ / "one", tl("one"));
  EXPECT_NE(shelf_of(folder_.string(), 'b').find("was fitted for a model with sha256 aaaaaaaaaaaa"), std::string::npos);
  const Shelf shelf({folder_.string()}, std::string(64, 'a'));
  EXPECT_NE(message([&] { (void)shelf.make("fit-two"); }).find("only fit-one are given"), std::string::npos);
  const ValueInfo other{"u", Dtype::kF32, kShape, true, {}};
  EXPECT_NE(shelf.make("fit-one")->supports(other).reason.find("was fitted at cut 7"), std::string::npos);
  fs::copy(folder_ / "one", folder_ / "copy");
  EXPECT_NE(shelf_of(folder_.string()).find("two fitted transfer layers are named 'one'"), std::string::npos);
  fs::remove(folder_ / "copy" / "0.decoder.onnx");
  EXPECT_NE(shelf_of((folder_ / "copy").string()).find("has no 0.decoder.onnx"), std::string::npos);
  write_file(folder_ / "one" / "0.coder", "damaged");
  EXPECT_NE(shelf_of((folder_ / "one").string()).find("0.coder"), std::string::npos);
  EXPECT_NE(message([&] { save_fitted(folder_ / "x", tl("a/b")); }).find("cannot name a transfer layer"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "x"));
}

TEST_F(FittedFolder, ReplacesNothingElse) {
  save_fitted(folder_ / "one", tl("one"));
  save_fitted(folder_ / "one", tl("one"));
  write_file(folder_ / "one" / "notes.txt", "mine");
  EXPECT_NE(message([&] { save_fitted(folder_ / "one", tl("one")); }).find("holds 'notes.txt', which no fitted transfer layer has"),
            std::string::npos);
  write_file(folder_ / "photos" / "a.jpg", "mine");
  EXPECT_NE(message([&] { save_fitted(folder_ / "photos", tl("one")); }).find("is no fitted transfer layer"), std::string::npos);
  EXPECT_EQ(read_file(folder_ / "photos" / "a.jpg"), "mine");
  EXPECT_EQ(read_file(folder_ / "one" / "notes.txt"), "mine");
  fs::create_directories(folder_ / "empty");
  save_fitted(folder_ / "empty", tl("one"));
}

}  // namespace
}  // namespace scissionlite::transfer
