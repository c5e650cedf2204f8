#include "server/models/stream_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/rng.h"

namespace scissionlite::server {
namespace {

constexpr coding::CodeShape kShape{6, 5, 4};

Tensor codes(Rng& rng) {
  Tensor out(Dtype::kU8, {1, kShape.channels, kShape.rows, kShape.columns});
  for (auto& code : out.mutable_as<uint8_t>()) code = static_cast<uint8_t>(8 + rng.normal() * 1.5);
  return out;
}

class StreamDecoderTest : public ::testing::Test {
 protected:
  StreamDecoderTest() {
    Rng rng(1);
    for (int i = 0; i < 40; ++i) images_.push_back(codes(rng));
    model_ = std::make_shared<const coding::CodeModel>(coding::CodeModel::fit(images_));
    coding::Coder coder(model_);
    for (const auto& image : images_) {
      streams_.emplace_back();
      (void)coder.encode(image.as<uint8_t>(), streams_.back());
    }
  }
  std::vector<Tensor> images_;
  std::shared_ptr<const coding::CodeModel> model_;
  std::vector<std::string> streams_;
};

TEST_F(StreamDecoderTest, ABatchComesBackInOrder) {
  StreamDecoder decoder(model_);
  EXPECT_EQ(decoder.hash(), model_->hash());
  const auto batch = decoder.decode({streams_[3], streams_[0], streams_[7]});
  ASSERT_EQ(batch.shape(), (Shape{3, kShape.channels, kShape.rows, kShape.columns}));
  const auto values = batch.as<uint8_t>();
  const size_t size = static_cast<size_t>(kShape.symbols());
  for (const auto& [place, image] : {std::pair<size_t, size_t>{0, 3}, {1, 0}, {2, 7}})
    EXPECT_TRUE(std::equal(values.begin() + static_cast<std::ptrdiff_t>(place * size),
                           values.begin() + static_cast<std::ptrdiff_t>((place + 1) * size), images_[image].as<uint8_t>().begin()));
}

TEST_F(StreamDecoderTest, ADamagedStreamIsNamedAndTheNextOneWorks) {
  StreamDecoder decoder(model_);
  const std::string cut = streams_[1].substr(0, streams_[1].size() / 2);
  try {
    (void)decoder.decode({streams_[0], cut});
    FAIL() << "nothing was thrown";
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("stream 1 of the request"), std::string::npos) << e.what(); }
  EXPECT_THROW((void)decoder.decode({std::string_view()}), InvalidArgument);
  EXPECT_NO_THROW((void)decoder.decode({streams_[0]}));
}

TEST_F(StreamDecoderTest, ManyThreadsAtOnce) {
  StreamDecoder decoder(model_);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (size_t i = static_cast<size_t>(t); i < streams_.size(); ++i) {
        const auto back = decoder.decode({streams_[i]});
        if (!std::equal(back.as<uint8_t>().begin(), back.as<uint8_t>().end(), images_[i].as<uint8_t>().begin())) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace scissionlite::server
