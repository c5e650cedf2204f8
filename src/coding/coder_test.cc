#include "coding/coder.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "coding/test_codes.h"

namespace scissionlite::coding {
namespace {

using Codes = std::vector<uint8_t>;

Codes codes_of(const Tensor& tensor) {
  const auto bytes = tensor.as<uint8_t>();
  return {bytes.begin(), bytes.end()};
}
std::shared_ptr<const CodeModel> fitted(const std::vector<Tensor>& images, const FitOptions& options = {}) {
  return std::make_shared<const CodeModel>(CodeModel::fit(images, options));
}
FitOptions alphabet(int64_t channels, int zero, int levels) {
  const auto n = static_cast<size_t>(channels);
  return {.zeros = std::vector<uint8_t>(n, static_cast<uint8_t>(zero)), .levels = std::vector<int>(n, levels)};
}
std::string stream_of(Coder& coder, const Codes& codes) {
  std::string out;
  const size_t size = coder.encode(codes, out);
  EXPECT_EQ(size, out.size());
  EXPECT_LE(out.size(), coder.most_bytes());
  return out;
}
/// All instruction sets write the same bytes and read them; returns the stream.
std::string round_trip(const std::shared_ptr<const CodeModel>& model, const Codes& codes) {
  std::string first;
  for (const auto& isa : coder_isas()) {
    Coder coder(model, isa);
    const std::string stream = stream_of(coder, codes);
    if (first.empty()) first = stream;
    EXPECT_EQ(stream, first) << isa;
    Codes back(codes.size(), 77);
    coder.decode(first, back);
    EXPECT_EQ(back, codes) << isa;
  }
  return first;
}
Codes uniform(size_t count, int levels, Rng& rng) {
  Codes codes(count);
  for (auto& code : codes) code = static_cast<uint8_t>(rng.below(static_cast<uint64_t>(levels)));
  return codes;
}
/// Fitted-like, constant, extreme and random images of a shape.
void check_shape(const CodeShape& shape, int zero, int levels, double rate) {
  SCOPED_TRACE(testing::Message() << shape.channels << "x" << shape.rows << "x" << shape.columns << ", " << levels << " levels, zero " << zero);
  const auto images = made_images(6, shape, rate, zero, levels, 5);
  const auto model = fitted(images, alphabet(shape.channels, zero, levels));
  Rng rng(9);
  const auto count = static_cast<size_t>(shape.symbols());
  round_trip(model, codes_of(images[0]));
  round_trip(model, codes_of(made_codes(shape, rate, zero, levels, rng)));
  round_trip(model, uniform(count, levels, rng));
  for (const int symbol : {0, zero, levels - 1}) round_trip(model, Codes(count, static_cast<uint8_t>(symbol)));
}

TEST(Coder, ShapesAndTails) {
  for (const int64_t channels : {1, 2, 15, 16, 17, 33}) check_shape({channels, 1, 1}, 128, 256, 3);
  for (const int64_t channels : {1, 16, 31, 64}) check_shape({channels, 1, 7}, 128, 256, 3), check_shape({channels, 5, 1}, 128, 256, 3);
  for (const int64_t channels : {1, 15, 16, 17, 63, 65, 79, 130}) check_shape({channels, 3, 4}, 128, 256, 3);
  check_shape({48, 9, 9}, 128, 256, 4);
}

TEST(Coder, AlphabetsFromOneLevelTo256) {
  for (const int levels : {1, 2, 3, 255, 256})
    for (const int zero : {0, levels / 2, levels - 1})
      for (const double rate : {0.3, 60.0}) check_shape({18, 4, 5}, zero, levels, rate);
}

TEST(Coder, RandomShapesAndAlphabets) {
  rc::check("decode(encode(x)) is x for all instruction sets", [] {  // 100 models and images
    const CodeShape shape{*rc::gen::inRange<int64_t>(1, 40), *rc::gen::inRange<int64_t>(1, 9), *rc::gen::inRange<int64_t>(1, 9)};
    const int levels = *rc::gen::inRange(1, 257), zero = *rc::gen::inRange(0, levels);
    const auto seed = *rc::gen::arbitrary<uint64_t>();
    Rng rng(seed);
    const double rate = std::exp(rng.uniform(-2, 4));
    auto options = alphabet(shape.channels, zero, levels);
    options.terms = *rc::gen::inRange(0, 100);
    const auto model = fitted(made_images(3, shape, rate, zero, levels, seed), options);
    round_trip(model, codes_of(made_codes(shape, rate * 2, zero, levels, rng)));
    round_trip(model, uniform(static_cast<size_t>(shape.symbols()), levels, rng));
  });
}

TEST(Coder, QuietChannelsCostNothingUntilTheySpeak) {
  const CodeShape shape{48, 6, 6};
  auto images = made_images(8, shape, 2, 10, 20, 3);
  for (auto& image : images) {
    auto codes = image.mutable_as<uint8_t>();
    std::fill(codes.begin() + 16 * 36, codes.end(), uint8_t{10});  // two groups of 16
  }
  const auto model = fitted(images, alphabet(48, 10, 20));
  Codes codes = codes_of(images[0]);
  const size_t still = round_trip(model, codes).size();
  codes[30 * 36 + 7] = 19;
  EXPECT_GT(round_trip(model, codes).size(), still);
  codes[30 * 36 + 7] = 10;
  Coder coder(model);  // buffers of a loud image leave nothing behind
  Codes loud = codes, back(codes.size());
  loud[47 * 36] = 0;
  static_cast<void>(stream_of(coder, loud));
  const std::string quiet = stream_of(coder, codes);
  EXPECT_EQ(quiet.size(), still);
  coder.decode(stream_of(coder, loud), back);
  EXPECT_EQ(back, loud);
  coder.decode(quiet, back);
  EXPECT_EQ(back, codes);
}

TEST(Coder, SizeIsTheModelsEntropy) {
  const CodeShape shape{64, 14, 14};
  for (const double rate : {0.4, 3.0, 20.0}) {
    const auto images = made_images(40, shape, rate, 128, 256, 11);
    const auto model = fitted(std::vector<Tensor>(images.begin(), images.begin() + 20));
    Coder coder(model);
    double bits = 0, bytes = 0;
    for (size_t i = 20; i < 40; ++i)
      bits += model->bits(images[i].as<uint8_t>()), bytes += static_cast<double>(stream_of(coder, codes_of(images[i])).size());
    EXPECT_LT(bytes / 20, bits / 8 / 20 * 1.002 + 16) << rate;
    EXPECT_GT(bytes / 20, bits / 8 / 20) << rate;
  }
}

TEST(Coder, StreamsFollowOneAnother) {
  const auto images = made_images(4, {20, 5, 5}, 2, 128, 256, 2);
  Coder coder(fitted(images));
  std::string all = "before";
  const size_t a = coder.encode(codes_of(images[0]), all), b = coder.encode(codes_of(images[1]), all);
  ASSERT_EQ(all.size(), 6 + a + b);
  Codes back(500);
  coder.decode(std::string_view(all).substr(6 + a), back);
  EXPECT_EQ(back, codes_of(images[1]));
}

/// Every damage gives InvalidArgument or other codes.
void check_damaged(Coder& coder, const std::string& stream, const Codes& original, size_t& unseen) {
  Codes back(original.size());
  try {
    coder.decode(stream, back);
    unseen += 1;
    EXPECT_NE(back, original);
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("[entropy coder]"), std::string::npos) << e.what(); }
}

TEST(Coder, DamagedStreams) {
  for (const CodeShape& shape : {CodeShape{20, 3, 3}, CodeShape{40, 4, 4}, CodeShape{3, 1, 2}}) {
    const auto images = made_images(10, shape, 3, 100, 200, 4);
    const auto model = fitted(images, alphabet(shape.channels, 100, 200));
    for (const auto& isa : coder_isas()) {
      Coder coder(model, isa);
      const Codes codes = codes_of(images[0]);
      const std::string stream = stream_of(coder, codes);
      size_t unseen = 0;
      for (size_t size = 0; size < stream.size(); ++size) check_damaged(coder, stream.substr(0, size), codes, unseen);
      for (size_t bit = 0; bit < 8 * stream.size(); ++bit) {
        std::string flipped = stream;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
        check_damaged(coder, flipped, codes, unseen);
      }
      for (const char* more : {"x", "xy", "abcd"}) check_damaged(coder, stream + more, codes, unseen);
      check_damaged(coder, stream + std::string(2, '\0'), codes, unseen);
      EXPECT_LE(unseen, 1U) << isa;  // a check of 16 bits
      Rng rng(1);
      for (int i = 0; i < 200; ++i) {
        std::string noise(rng.below(200), '\0');
        for (char& c : noise) c = static_cast<char>(rng.next());
        check_damaged(coder, noise, codes, unseen);
      }
    }
  }
}

template <typename Call>
void expect_refused(Call&& call, const std::string& words) {
  try {
    call();
    ADD_FAILURE() << "accepted; expected: " << words;
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what(); }
}

TEST(Coder, RefusesWhatItCannotCode) {
  const auto images = made_images(4, {4, 3, 3}, 2, 5, 10, 2);
  Coder coder(fitted(images, alphabet(4, 5, 10)));
  std::string out;
  Codes codes(36, 5), few(35);
  codes[20] = 10;
  expect_refused([&] { coder.encode(codes, out); }, "symbol 10 in channel 2, which has 10 levels");
  expect_refused([&] { coder.encode(few, out); }, "35 symbols; the model codes 36");
  EXPECT_TRUE(out.empty());
  codes[20] = 9;
  coder.encode(codes, out);
  expect_refused([&] { coder.decode(out, few); }, "35 symbols");
  expect_refused([&] { coder.decode("", codes); }, "a stream of 0 bytes");
  expect_refused([&] { coder.decode(std::string(1000, 'x'), codes); }, "at most");
  expect_refused([&] { Coder(fitted(images), "mmx"); }, "available: ");
}

}  // namespace
}  // namespace scissionlite::coding
