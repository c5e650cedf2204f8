#include "coding/code_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "coding/coder.h"
#include "coding/test_codes.h"

namespace scissionlite::coding {
namespace {

template <typename Call>
void expect_refused(Call&& call, const std::string& words) {
  try {
    static_cast<void>(call());
    ADD_FAILURE() << "accepted; expected: " << words;
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what(); }
}

/// Mends the hash of an edited model.
std::string sealed_again(std::string bytes) {
  bytes.resize(bytes.size() - 32);
  Sha256 sha;
  sha.update(bytes);
  const std::string hex = sha.hex();
  for (size_t i = 0; i < 64; i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

const CodeModel& small_model() {
  static const CodeModel model =
      CodeModel::fit(made_images(8, {20, 4, 4}, 3, 100, 200, 1), {.zeros = std::vector<uint8_t>(20, 100), .levels = std::vector<int>(20, 200)});
  return model;
}

TEST(CodeModel, BytesAndBackAreTheSame) {
  const std::string bytes = small_model().serialize();
  const CodeModel again = CodeModel::parse(bytes, "test");
  EXPECT_EQ(again.serialize(), bytes);
  EXPECT_EQ(again.hash(), small_model().hash());
  EXPECT_EQ(again.hash().size(), 64U);
  EXPECT_EQ(again.shape(), small_model().shape());
  EXPECT_EQ(again.zero(3), 100);
  EXPECT_EQ(again.levels(3), 200);
}

TEST(CodeModel, SameImagesSameModel) {
  const auto images = made_images(8, {20, 4, 4}, 3, 100, 200, 1);
  EXPECT_EQ(CodeModel::fit(images).hash(), CodeModel::fit(images).hash());
}

TEST(CodeModel, NeighboursAndActivityHelp) {
  const CodeShape shape{32, 10, 10};
  const auto images = made_images(60, shape, 4, 128, 256, 8);
  const std::span<const Tensor> all(images), fit = all.first(40), held_out = all.subspan(40);
  const CodeModel model = CodeModel::fit(fit), blind = CodeModel::fit(fit, {.zeros = {}, .levels = {}, .terms = 0});
  double with = 0, without = 0;
  for (const Tensor& image : held_out) with += model.bits(image.as<uint8_t>()), without += blind.bits(image.as<uint8_t>());
  EXPECT_LT(with, 0.95 * without);
}

TEST(CodeModel, CostsAreThoseOfTheCoder) {
  const auto images = made_images(3, {20, 4, 4}, 3, 100, 200, 77);
  std::vector<float> as_is(320), nearer(320);
  for (const Tensor& image : images) {
    const auto codes = image.as<uint8_t>();
    small_model().step_bits(codes, as_is, nearer);
    double sum = 0;
    for (size_t i = 0; i < codes.size(); ++i) {
      sum += as_is[i];
      EXPECT_TRUE(codes[i] != 100 || as_is[i] == nearer[i]);
    }
    EXPECT_NEAR(sum, small_model().bits(codes), 0.01);
  }
  const auto table = small_model().symbol_bits();
  ASSERT_EQ(table.size(), 20U * 256);
  EXPECT_TRUE(std::isinf(table[200]));
  double mass = 0;
  for (int symbol = 0; symbol < 200; ++symbol) mass += std::exp2(-table[19 * 256 + symbol]);
  EXPECT_NEAR(mass, 1, 0.01);
  EXPECT_LT(table[19 * 256 + 100], table[19 * 256 + 105]);
}

TEST(CodeModel, FitRefuses) {
  expect_refused([] { return CodeModel::fit({}); }, "no image");
  const auto images = made_images(2, {4, 3, 3}, 3, 100, 200, 1), others = made_images(1, {4, 3, 2}, 3, 100, 200, 1);
  expect_refused([&] { return CodeModel::fit(std::vector<Tensor>{images[0], others[0]}); }, "image 1 (4, 3, 2)");
  expect_refused([&] { return CodeModel::fit(std::vector<Tensor>{Tensor(Dtype::kF32, {4, 3, 3})}); }, "got float32 (4, 3, 3)");
  expect_refused([&] { return CodeModel::fit(std::vector<Tensor>{Tensor(Dtype::kU8, {2, 4, 3, 3})}); }, "(2, 4, 3, 3)");
  expect_refused([&] { return CodeModel::fit(images, {.zeros = {1, 2}, .levels = {}}); }, "2 zeros for 4 channels");
  expect_refused([&] { return CodeModel::fit(images, {.zeros = {}, .levels = {20, 20, 20, 20}}); }, "but 20 levels");
  expect_refused([&] { return CodeModel::fit(images, {.zeros = {}, .levels = {}, .terms = 1000}); }, "1000 terms");
}

TEST(CodeModel, OneImageAndConstantImages) {
  const auto one = made_images(1, {5, 3, 3}, 3, 100, 200, 1);
  EXPECT_GT(CodeModel::fit(one).bits(one[0].as<uint8_t>()), 0);
  Tensor flat(Dtype::kU8, {5, 3, 3});
  std::fill(flat.mutable_as<uint8_t>().begin(), flat.mutable_as<uint8_t>().end(), uint8_t{9});
  const CodeModel still = CodeModel::fit(std::vector<Tensor>(4, flat));
  EXPECT_EQ(still.bits(flat.as<uint8_t>()), 0);
  EXPECT_GT(still.bits(one[0].as<uint8_t>()), 0);
}

TEST(CodeModel, DamagedFiles) {
  const std::string bytes = small_model().serialize();
  const auto parse = [](const std::string& damaged) { return [damaged] { return CodeModel::parse(damaged, "m.codes"); }; };
  for (size_t size = 0; size < bytes.size(); size += size < 100 ? 1 : 97) expect_refused(parse(bytes.substr(0, size)), "[code model m.codes]");
  for (size_t at = 0; at < bytes.size(); at += 41) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    expect_refused(parse(flipped), "[code model m.codes]");
  }
  expect_refused(parse(""), "not a code model");
  expect_refused(parse(bytes + "x"), "SHA-256");
  std::string other = bytes;
  other[7] = 1;
  expect_refused(parse(other), "version 1 instead of 2");
}

TEST(CodeModel, WrongFieldsWithAMendedHash) {
  const std::string bytes = small_model().serialize();
  const auto edited = [&](size_t at, char value) {
    std::string out = bytes;
    out[at] = value;
    return [out = sealed_again(out)] { return CodeModel::parse(out, "m"); };
  };
  expect_refused(edited(11, 1), "cannot be coded");  // 2^24 channels
  expect_refused(edited(8, 0), "cannot be coded");   // none
  expect_refused(edited(20, static_cast<char>(255)), "a zero symbol");
  expect_refused(edited(20 + 40, 2), "a mark of a quiet group");
  const size_t fineness = 20 + 40 + 2 + 20 * 14, block = fineness + 20 + 20 * 4;
  expect_refused(edited(fineness, 9), "the fineness of a channel");
  const size_t curves = bytes.size() - 32 - 2 * 2 * 17;
  expect_refused(edited(curves + 3, static_cast<char>(255)), "the curve of rates");
  expect_refused(edited(curves + 2 * 17, 1), "the curve of shape does not fall");
  expect_refused(edited(block + 1, 16), "the number of terms");
  expect_refused(edited(block + 2, 4), "a neighbour");
  expect_refused(edited(block + 4, 1), "a pair of channels");
  expect_refused([&] { return CodeModel::parse(sealed_again(bytes.substr(0, bytes.size() - 40) + bytes.substr(bytes.size() - 32)), "m"); },
                 "ends early");
  expect_refused([&] { return CodeModel::parse(sealed_again(bytes.substr(0, bytes.size() - 32) + "x" + bytes.substr(bytes.size() - 32)), "m"); },
                 "left over");
}

}  // namespace
}  // namespace scissionlite::coding
