#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

#include "base/address.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/npy.h"
#include "base/rng.h"
#include "base/stats.h"
#include "base/tensor.h"
#include "base/text.h"

namespace scissionlite {
namespace {

template <typename Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& e) { return e.what(); }
  return "(nothing was thrown)";
}
#define EXPECT_HAS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class Scratch : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("scissionlite_base_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  size_t entries() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator())); }
  fs::path folder_;
};

TEST(Address, HasAHostAndAPort) {
  EXPECT_EQ(parse_address("edge-1:8001", "--edge"), (std::pair<std::string, int>{"edge-1", 8001}));
  EXPECT_EQ(parse_address("[::1]:65535", "--edge"), (std::pair<std::string, int>{"::1", 65535}));
  EXPECT_EQ(parse_address("a:0", "--metrics", 0).second, 0);
  for (const char* bad :
       {"", "edge", "edge:", ":1", "[::1]", "[::1]8001", "edge:x", "edge:0", "edge:65536", "edge:87537", "edge:-1", "edge:999999999999"})
    EXPECT_HAS(error_of([&] { (void)parse_address(bad, "--edge"); }), "expected HOST:PORT") << bad;
}

TEST_F(Scratch, AFileIsHeldOnceWhenItIsRead) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{1} << 20}) {
    const std::string bytes(size, 'x');
    write_file(folder_ / "file", bytes);
    const auto given = read_file(folder_ / "file");
    EXPECT_TRUE(given == bytes) << size;
    EXPECT_LE(given.capacity(), size + 64) << size;
  }
  EXPECT_FALSE(read_file("/proc/self/status").empty()) << "which says that it has no bytes";
}

TEST(Tensor, ElementCountRefusesOverflowAndUnknownSizes) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({3, 0, 5}), 0);
  EXPECT_EQ(element_count({0, int64_t{1} << 40}), 0);
  EXPECT_HAS(error_of([] { (void)element_count({1, int64_t{1} << 62, 4}); }), "more than 2^56");
  EXPECT_EQ(element_count({int64_t{1} << 56}), int64_t{1} << 56);
  EXPECT_HAS(error_of([] { (void)element_count({int64_t{1} << 57}); }), "more than 2^56");
  EXPECT_HAS(error_of([] { (void)element_count({1, -1}); }), "(1, ?)");
}

TEST(Tensor, HalfPrecisionRoundTripsEveryFiniteValue) {
  for (uint32_t h = 0; h < 65536; ++h) {
    const auto bits = static_cast<uint16_t>(h);
    const float f = f16_to_f32(bits), b = bf16_to_f32(bits);
    if (!std::isnan(f)) EXPECT_EQ(f32_to_f16(f), bits);
    if (!std::isnan(b)) EXPECT_EQ(f32_to_bf16(b), bits);
  }
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(NAN))));
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(NAN))));
  EXPECT_EQ(f32_to_f16(1e9f), 0x7c00);
}

TEST(Tensor, RelativeErrorSeesShapesAndNans) {
  const auto a = Tensor::of<float>({2}, {1, 2}), b = Tensor::of<float>({2}, {1, 2.5f});
  EXPECT_DOUBLE_EQ(max_relative_error(a, a), 0);
  EXPECT_DOUBLE_EQ(max_relative_error(a, b), 0.2);
  EXPECT_TRUE(std::isinf(max_relative_error(a, a.reshaped({1, 2}))));
  EXPECT_TRUE(std::isinf(max_relative_error(Tensor::of<float>({1}, {NAN}), Tensor::of<float>({1}, {1}))));
  EXPECT_DOUBLE_EQ(max_relative_error(Tensor::of<float>({1}, {NAN}), Tensor::of<float>({1}, {NAN})), 0);
}

TEST(Tensor, TypedAccessChecksTheType) {
  const auto t = Tensor::of<int32_t>({2}, {7, 8});
  EXPECT_EQ(t.as<int32_t>()[1], 8);
  EXPECT_THROW((void)t.as<float>(), InternalError);
  EXPECT_EQ(t.to_i64(), (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(Tensor::of<int64_t>({1}, {(int64_t{1} << 60) + 1}).to_i64()[0], (int64_t{1} << 60) + 1);
}

TEST(Stats, MedianPercentilesAndIntervals) {
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(percentile({1, 2, 3, 4, 5}, 95), 4.8);
  EXPECT_DOUBLE_EQ(percentile({}, 50), 0);
  const auto wilson = wilson_interval(95, 100);  // published values for 95/100: 0.8882 to 0.9785
  EXPECT_NEAR(wilson.low, 0.8882, 5e-4);
  EXPECT_NEAR(wilson.high, 0.9785, 5e-4);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(Stats, AreaUnderRocIsTheShareOfPairsInTheRightOrder) {
  EXPECT_DOUBLE_EQ(area_under_roc(std::vector<double>{2, 3}, std::vector<double>{0, 1}), 1);
  EXPECT_DOUBLE_EQ(area_under_roc(std::vector<double>{0}, std::vector<double>{1, 2}), 0);
  EXPECT_TRUE(std::isnan(area_under_roc(std::vector<double>{1}, std::vector<double>{})));
  EXPECT_TRUE(rc::check("equals the count over all pairs, with many ties", [] {
    const auto positives = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(rc::gen::element(0.0, 0.25, 0.5, 1.0, -2.0)));
    const auto negatives = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(rc::gen::element(0.0, 0.25, 0.5, 1.0, -2.0)));
    double won = 0;
    for (const double p : positives)
      for (const double n : negatives) won += p > n ? 1 : p == n ? 0.5 : 0;
    RC_ASSERT(std::abs(area_under_roc(positives, negatives) - won / static_cast<double>(positives.size() * negatives.size())) < 1e-12);
  }));
}

TEST(Stats, MedianIntervalCoversTheMedianNineteenTimesInTwenty) {
  Rng rng(1);
  int covered = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> sample;
    for (int i = 0; i < 40; ++i) sample.push_back(-std::log(1 - rng.uniform()));  // exponential: skewed
    const auto interval = median_interval(sample);
    covered += interval.low <= std::log(2.0) && std::log(2.0) <= interval.high;
  }
  EXPECT_GT(covered, kTrials * 94 / 100);
}

TEST(Text, TablesAlignAndSuggestionsAreNear) {
  EXPECT_EQ(format_table({{"a", "n"}, {"xyz", "1"}, {"b", "20"}}), "a     n\n-------\nxyz   1\nb    20\n");
  EXPECT_HAS(did_you_mean("bechn", {"bench", "plan"}), "'bench'");
  EXPECT_HAS(did_you_mean("zzzzzzzz", {"bench", "plan"}), "available: bench, plan");
  EXPECT_DOUBLE_EQ(parse_scaled("58.8M", "rate"), 58.8e6);
  for (const char* bad : {"", "M", "5X", "5MM", "nan", "1e999"}) EXPECT_THROW((void)parse_scaled(bad, "rate"), InvalidArgument) << bad;
  EXPECT_EQ(format_us(23456), "23.5 ms");
  EXPECT_EQ(format_bytes(6272), "6.27 kB");
}

TEST_F(Scratch, FilesAreReplacedWholeOrNotAtAll) {
  const auto path = folder_ / "sub" / "a.txt";
  write_file(path, "one");
  write_file(path, "two");
  EXPECT_EQ(read_file(path), "two");
  EXPECT_HAS(error_of([&] { (void)read_file(folder_ / "none"); }), "No such file");
  EXPECT_HAS(error_of([&] { (void)read_file(folder_); }), "is a folder");
  EXPECT_HAS(error_of([&] { (void)read_file(path, 2); }), "limit here is 2");
  EXPECT_HAS(error_of([&] { write_file("/proc/nope/x", "z"); }), "/proc/nope");
  EXPECT_HAS(error_of([&] { write_file("/dev/full", "z"); }), "No space left");
  EXPECT_HAS(error_of([&] { check_writable("/proc/nope/x"); }), "/proc/nope");
}

TEST_F(Scratch, AStagedFolderAppearsOnlyWhenCommitted) {
  {
    StagedFolder staged(folder_ / "package");
    write_file(staged.path() / "x", "1");
    EXPECT_FALSE(fs::exists(folder_ / "package"));
  }
  EXPECT_EQ(entries(), 0u);
  for (const char* content : {"1", "2"}) {
    StagedFolder staged(folder_ / "package");
    write_file(staged.path() / "x", content);
    staged.commit();
    EXPECT_EQ(read_file(folder_ / "package" / "x"), content);
  }
  EXPECT_EQ(entries(), 1u);
}

TEST(Files, Sha256OfKnownText) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2, appendix B.1
}

TEST(Files, FastHashNoticesEverySingleBit) {
  std::vector<std::byte> bytes(77);
  const auto before = fast_hash(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(fast_hash(bytes), before) << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(JsonFiles, SaysWhereAndWhat) {
  EXPECT_HAS(error_of([] { (void)parse_json("{\"a\": }", "x.json"); }), "x.json is not valid JSON: parse error at line 1");
  EXPECT_HAS(error_of([] { (void)parse_json("{\"a\":1,\"a\":2}", "x.json"); }), "key 'a' twice");
  EXPECT_HAS(error_of([] { (void)parse_json(std::string(200, '['), "x.json"); }), "deeper than 100");
  EXPECT_HAS(error_of([] { (void)parse_json("[NaN]", "x.json"); }), "not valid JSON");
  EXPECT_HAS(error_of([] {
               check_schema(Json{{"schema", "scissionlite.plan/0"}}, "plan", 1, "p.json");
             }),
             "this version reads 'scissionlite.plan/1'");
  EXPECT_HAS(error_of([] { check_schema(Json{{"schema", "scissionlite.scores/1"}}, "plan", 1, "p.json"); }), "is this the right file?");
  const Json json{{"cuts", {{{"n", "five"}}}}};
  EXPECT_HAS(error_of([&] { (void)JsonReader(json, "p.json").at("cuts").elements()[0].at("n").integer(); }),
             "p.json.cuts[0].n: got \"five\", expected an integer");
  EXPECT_HAS(error_of([&] { JsonReader(json, "p.json").allow_only({"cut"}); }), "did you mean 'cut'?");
}

TEST(Npy, RoundTripsEveryType) {
  for (const auto dtype : {Dtype::kF32, Dtype::kF64, Dtype::kF16, Dtype::kU8, Dtype::kI8, Dtype::kI32, Dtype::kI64, Dtype::kBool}) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{5}, Shape{2, 3, 4}}) {
      Tensor t(dtype, shape);
      for (size_t i = 0; i < t.size_bytes(); ++i) t.mutable_data()[i] = static_cast<std::byte>(i & 1);
      EXPECT_TRUE(bit_equal(t, from_npy(to_npy(t), "x"))) << dtype_name(dtype) << to_string(shape);
    }
  }
  const auto bytes = to_npy(Tensor::of<float>({2}, {1, 2}));
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_THROW((void)from_npy(bytes.substr(0, n), "x"), InvalidArgument) << n;
}

TEST(Clock, SleepsAsLongAsAsked) {
  auto& clock = Clock::steady();
  double least_late_us = 1e9;  // other processes may hold the cores for a while
  for (const double wanted_us : {50.0, 500.0, 3000.0, 50.0, 500.0, 3000.0}) {
    const double start = clock.now_us();
    clock.sleep_us(wanted_us);
    EXPECT_GE(clock.now_us() - start, wanted_us - 1);
    least_late_us = std::min(least_late_us, clock.now_us() - start - wanted_us);
  }
  EXPECT_LT(least_late_us, 5000);
}

}  // namespace
}  // namespace scissionlite
