#include "train/data/dataset.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/test_messages.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

/// Example i holds i, plus something random when augmented.
class Numbers : public Dataset {
 public:
  explicit Numbers(int64_t size, int64_t broken = -1) : size_(size), broken_(broken) {}
  [[nodiscard]] int64_t size() const override { return size_; }
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override {
    if (index == broken_) throw InvalidArgument("[decode] 'seven.jpg' is no image");
    return {Tensor::of<float>({1, 1}, {static_cast<float>(index) + (rng ? static_cast<float>(rng->uniform()) / 2 : 0)}), index};
  }
  [[nodiscard]] std::string identity() const override { return "numbers"; }

 private:
  int64_t size_, broken_;
};

std::vector<float> values_of(const Loader& loader, int64_t epoch, int64_t first = 0) {
  std::vector<float> out;
  const auto reader = loader.epoch(epoch, first);
  while (const auto batch = reader->next())
    for (const float v : batch->input.as<float>()) out.push_back(v);
  return out;
}

TEST(Loader, GivesEachExampleOncePerEpochInAnotherOrder) {
  const Loader loader(std::make_shared<Numbers>(23), {.batch_size = 5, .augment = false});
  EXPECT_EQ(loader.batches(), 5);
  const auto first = values_of(loader, 0), second = values_of(loader, 1);
  EXPECT_EQ(std::set<float>(first.begin(), first.end()).size(), 23U);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, values_of(loader, 0));
  const Loader in_order(std::make_shared<Numbers>(7), {.batch_size = 3, .shuffle = false, .augment = false});
  EXPECT_EQ(values_of(in_order, 4), (std::vector<float>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(Loader, EntersAnEpochAnywhereWithTheSameExamples) {
  const Loader loader(std::make_shared<Numbers>(23), {.batch_size = 5, .seed = 9});
  const auto whole = values_of(loader, 3), rest = values_of(loader, 3, 2);
  EXPECT_EQ(rest, std::vector<float>(whole.begin() + 10, whole.end()));
  EXPECT_TRUE(values_of(loader, 3, 5).empty());
}

TEST(Loader, HandsOnWhatTheDatasetThrew) {
  const Loader loader(std::make_shared<Numbers>(23, 7), {.batch_size = 5, .shuffle = false});
  const auto reader = loader.epoch(0);
  EXPECT_TRUE(reader->next());
  try {
    while (reader->next()) {}
    FAIL() << "no error";
  } catch (const InvalidArgument& e) { EXPECT_STREQ(e.what(), "[decode] 'seven.jpg' is no image"); }
}

/// Numbers of which each takes another while, so that decoders end in another order than they began in; those in `broken` are no images.
class SlowNumbers : public Numbers {
 public:
  explicit SlowNumbers(int64_t size, std::set<int64_t> broken = {}) : Numbers(size), broken_(std::move(broken)) {}
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override {
    Rng wait(static_cast<uint64_t>(index) * 77 + 1);
    std::this_thread::sleep_for(std::chrono::microseconds(wait.below(400)));
    if (broken_.count(index)) throw InvalidArgument("[decode] '" + std::to_string(index) + ".jpg' is no image");
    return Numbers::get(index, rng);
  }

 private:
  std::set<int64_t> broken_;
};

TEST(Loader, BatchesAreTheSameWithAnyNumberOfDecoders) {
  const auto numbers = std::make_shared<SlowNumbers>(101);
  const auto pairs = [](int64_t epoch) {
    return std::vector<int64_t>{3, 3, 99, 0, 7, 7, 7, epoch};
  };  // of one index, each place has its own randomness
  for (const bool has_order : {false, true}) {
    LoaderOptions options{.batch_size = has_order ? 3 : 8, .seed = 5};
    if (has_order) options.order = pairs;
    const Loader one(numbers, options);
    for (const int decoders : {2, 3, 9}) {
      options.decoders = decoders, options.ahead = decoders == 9 ? 1 : 3;
      const Loader several(numbers, options);
      for (int64_t epoch = 0; epoch < 3; ++epoch)
        for (const int64_t first : {0, 2})
          EXPECT_EQ(values_of(one, epoch, first), values_of(several, epoch, first)) << decoders << " decoders, epoch " << epoch;
    }
  }
}

TEST(Loader, EpochsFollowEachOtherWithoutAnEnd) {
  const auto numbers = std::make_shared<SlowNumbers>(20);
  const Loader one(numbers, {.batch_size = 8, .seed = 5}), several(numbers, {.batch_size = 8, .seed = 5, .decoders = 3});
  for (const int64_t begin : {0, 1, 2, 3, 7}) {
    const auto reader = several.from(begin);
    for (int64_t batch = begin; batch < begin + 8; ++batch) {
      const auto expected = one.epoch(batch / 3, batch % 3)->next(), made = reader->next();
      ASSERT_TRUE(expected && made);
      EXPECT_EQ(made->labels, expected->labels);
      EXPECT_EQ(std::vector<float>(made->input.as<float>().begin(), made->input.as<float>().end()),
                std::vector<float>(expected->input.as<float>().begin(), expected->input.as<float>().end()));
    }
  }
}

TEST(Loader, ErrorsComeInOrderWhoeverMeetsThemFirst) {
  const auto broken = std::make_shared<SlowNumbers>(60, std::set<int64_t>{21, 22, 23, 37});
  for (const int decoders : {1, 3}) {
    const Loader loader(broken, {.batch_size = 8, .shuffle = false, .decoders = decoders});
    const auto reader = loader.epoch(0);
    for (int64_t batch = 0; batch < 2; ++batch) EXPECT_EQ(reader->next().value().labels[0], 8 * batch);
    for (int again = 0; again < 2; ++again) EXPECT_EQ(message_of([&] { (void)reader->next(); }), "[decode] '21.jpg' is no image");
  }
}

/// At most so many batches are held, and an error beyond what is asked for does no harm.
TEST(Loader, WorksAheadAsFarAsItIsTold) {
  std::atomic<int> reads{0};
  class Counted : public SlowNumbers {
   public:
    explicit Counted(std::atomic<int>& reads) : SlowNumbers(1000, {999}), reads_(reads) {}
    [[nodiscard]] Example get(int64_t index, Rng* rng) const override {
      ++reads_;
      return SlowNumbers::get(index, rng);
    }

   private:
    std::atomic<int>& reads_;
  };
  const Loader loader(std::make_shared<Counted>(reads), {.batch_size = 4, .shuffle = false, .ahead = 2, .decoders = 3});
  const auto reader = loader.from(240);
  for (int64_t batch = 240; batch < 249; ++batch) {
    ASSERT_TRUE(reader->next());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_LE(reads, (batch - 240 + 1 + 2) * 4);
  }
}

TEST(Loader, CanBeLeftInTheMiddle) {
  const Loader loader(std::make_shared<Numbers>(1000), {.batch_size = 2});
  const auto reader = loader.epoch(0);
  EXPECT_TRUE(reader->next());
}

TEST(Loader, RefusesNothing) {
  EXPECT_THROW(Loader(std::make_shared<Numbers>(0), {}), InvalidArgument);
  EXPECT_THROW(Loader(std::make_shared<Numbers>(1), {.batch_size = 0}), InvalidArgument);
  EXPECT_THROW(ImageFiles({}, {}, {}, {}), InvalidArgument);
}

/// Names and sizes may be those of other images.
TEST(ImageFiles, IdentityIsOfContents) {
  const auto folder = fs::temp_directory_path() / ("scissionlite_dataset_test_" + std::to_string(getpid()));
  std::vector<fs::path> files;
  std::vector<int64_t> labels;
  for (int i = 0; i < 9; ++i) {
    files.push_back(folder / (std::to_string(i) + ".bmp")), labels.push_back(i % 2);
    write_file(files.back(), std::string(i == 4 ? 3'000'000 : 100, static_cast<char>('a' + i)));
  }
  const auto identity = [&](int threads) { return ImageFiles(files, labels, {}, {}, threads).identity(); };
  const auto before = identity(1);
  EXPECT_EQ(identity(4), before);
  const ImageFiles same(files, labels, {}, {});
  EXPECT_EQ(same.identity(), before);
  EXPECT_EQ(same.name(3), "3.bmp");
  auto large = std::string(3'000'000, 'e');
  large.back() = 'f';
  write_file(files[4], large);
  EXPECT_NE(identity(2), before);
  large.back() = 'e';
  write_file(files[4], large);
  EXPECT_EQ(identity(2), before);
  labels[1] = 0;
  EXPECT_NE(identity(2), before);
  fs::remove(files[5]);
  EXPECT_NE(message_of<ResourceError>([&] { (void)identity(3); }).find("5.bmp' cannot be read"), std::string::npos);
  fs::remove_all(folder);
}

TEST(Mixtures, MixTwoExamplesAndTheirLabels) {
  const auto numbers = std::make_shared<Numbers>(50);
  const Mixtures mixtures(numbers, 1);
  double shares = 0;
  for (int64_t i = 0; i < 50; ++i) {
    Rng rng(static_cast<uint64_t>(i) + 3), again(static_cast<uint64_t>(i) + 3);
    const auto example = mixtures.get(i, &rng);
    ASSERT_EQ(example.label, i);
    ASSERT_GE(example.other_share, 0);
    ASSERT_LE(example.other_share, 0.5);
    ASSERT_GE(example.other_label, 0);
    // Numbers adds less than a half to each when augmented.
    const double mixed = (1 - example.other_share) * static_cast<double>(i) + example.other_share * static_cast<double>(example.other_label);
    ASSERT_GE(example.input.as<float>()[0], mixed - 1e-4);
    ASSERT_LT(example.input.as<float>()[0], mixed + 0.5001);
    ASSERT_EQ(mixtures.get(i, &again).input.as<float>()[0], example.input.as<float>()[0]) << "the same random numbers give the same mixture";
    shares += example.other_share;
  }
  EXPECT_NEAR(shares / 50, 0.25, 0.08);
  EXPECT_EQ(mixtures.get(7, nullptr).input.as<float>()[0], 7) << "as it is where nothing is random";
  EXPECT_EQ(mixtures.get(7, nullptr).other_share, 0);
  EXPECT_THROW(Mixtures(numbers, 0), InvalidArgument);
  EXPECT_THROW(Mixtures(numbers, 1.5), InvalidArgument);
}

vision::Image striped(int width, int height) {
  vision::Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) image.rgb.push_back(static_cast<uint8_t>((x * 7 + y * 3 + c * 40) % 256));
  return image;
}

vision::InputSpec spec_of(int size) {
  vision::InputSpec spec;
  spec.width = spec.height = size;
  spec.resize = "stretch";
  return spec;
}

TEST(Augment, WithoutOptionsIsThePreprocessingItself) {
  const auto image = striped(40, 30);
  Rng rng(1);
  EXPECT_EQ(augment(image, spec_of(16), {}, rng).rgb, vision::resize_and_crop(image, spec_of(16)).rgb);
}

TEST(Augment, FlipsHalfOfTheTime) {
  const auto image = striped(16, 16);
  Rng rng(1);
  int flipped = 0;
  for (int i = 0; i < 100; ++i) {
    const auto seen = augment(image, spec_of(16), {.flip = true}, rng);
    if (seen.rgb == image.rgb) continue;
    ++flipped;
    for (int x = 0; x < 16; ++x) EXPECT_EQ(seen.rgb[static_cast<size_t>(x) * 3], image.rgb[static_cast<size_t>(15 - x) * 3]);
  }
  EXPECT_GT(flipped, 30);
  EXPECT_LT(flipped, 70);
}

TEST(Augment, FollowsFromTheSeedAndKeepsTheSize) {
  const auto image = striped(50, 37);
  const AugmentOptions all{.flip = true, .crop = 0.3, .jitter = 0.4};
  std::set<std::vector<uint8_t>> seen;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng a(seed), b(seed);
    const auto first = augment(image, spec_of(16), all, a);
    EXPECT_EQ(first.width, 16);
    EXPECT_EQ(first.rgb.size(), 16U * 16 * 3);
    EXPECT_EQ(first.rgb, augment(image, spec_of(16), all, b).rgb);
    seen.insert(first.rgb);
  }
  EXPECT_EQ(seen.size(), 20U);
  Rng rng(1);
  EXPECT_THROW((void)augment(image, spec_of(16), {.crop = 0}, rng), InvalidArgument);
  EXPECT_THROW((void)augment(image, spec_of(16), {.jitter = 1}, rng), InvalidArgument);
}

/// What is kept gives the same bits as what is read again; files whose parts are looked at closer are read again.
TEST(ImageFiles, AreDecodedOnceWhereNoPartIsLookedAtCloser) {
  const auto folder = fs::temp_directory_path() / ("scissionlite_kept_" + std::to_string(getpid()));
  const auto image = striped(50, 37);
  for (const AugmentOptions& options :
       {AugmentOptions{}, AugmentOptions{.flip = true, .shift = 3, .jitter = 0.3}, AugmentOptions{.flip = true, .crop = 0.5}}) {
    write_file(folder / "one.png", vision::encode(image, "png"));
    const ImageFiles files({folder / "one.png"}, {1}, spec_of(16), options);
    for (uint64_t seed = 0; seed < 6; ++seed) {
      Rng ours(seed), plain(seed);
      const auto expected = vision::to_tensor(augment(image, spec_of(16), options, plain), spec_of(16));
      EXPECT_TRUE(bit_equal(files.get(0, &ours).input, expected)) << seed;
      EXPECT_EQ(ours.uniform(), plain.uniform()) << "as many random numbers are drawn";
    }
    EXPECT_TRUE(bit_equal(files.get(0, nullptr).input, vision::to_tensor(vision::resize_and_crop(image, spec_of(16)), spec_of(16))));
    fs::remove(folder / "one.png");
    if (options.crop < 1) EXPECT_THROW((void)files.get(0, nullptr), std::exception);
    else EXPECT_EQ(files.get(0, nullptr).label, 1);
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace scissionlite::train
