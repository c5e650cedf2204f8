// Requests with entropy-coded inputs; all other checks are tested through the server (tests/server).
#include <gtest/gtest.h>

#include "base/rng.h"
#include "server/call/refusal.h"
#include "server/inference/validate_internal.h"

namespace scissionlite::server {
namespace {

class CodedRequest : public ::testing::Test {
 protected:
  CodedRequest() {
    Rng rng(1);
    for (int i = 0; i < 20; ++i) {
      images_.emplace_back(Dtype::kU8, Shape{1, 4, 3, 3});
      for (auto& code : images_.back().mutable_as<uint8_t>()) code = static_cast<uint8_t>(8 + rng.normal());
    }
    const auto model = std::make_shared<const coding::CodeModel>(coding::CodeModel::fit(images_));
    (void)coding::Coder(model).encode(images_[0].as<uint8_t>(), stream_);
    interface_.name = "tail";
    interface_.max_batch = 8;
    interface_.inputs = {{"cut0", Dtype::kU8, {-1, 4, 3, 3}, std::make_shared<StreamDecoder>(model)}};
    hash_ = model->hash();
  }

  /// `count` copies of the stream.
  [[nodiscard]] std::shared_ptr<inference::ModelInferRequest> request(int count) const {
    auto out = std::make_shared<inference::ModelInferRequest>();
    auto* input = out->add_inputs();
    input->set_name("cut0");
    input->set_datatype("BYTES");
    input->add_shape(count);
    (*input->mutable_parameters())["codec"].set_string_param("rans");
    (*input->mutable_parameters())["coder"].set_string_param(hash_);
    for (int i = 0; i < count; ++i) input->mutable_contents()->add_bytes_contents(stream_);
    return out;
  }
  [[nodiscard]] std::pair<Code, std::string> refusal_of(const std::shared_ptr<inference::ModelInferRequest>& request) const {
    try {
      (void)check_request(request, interface_);
    } catch (const Refusal& refusal) { return {refusal.code(), refusal.what()}; }
    return {Code::kOk, "nothing was thrown"};
  }

  std::vector<Tensor> images_;
  std::string stream_, hash_;
  ModelInterface interface_;
};

TEST_F(CodedRequest, StreamsStandForTheTensor) {
  const auto kept = request(3);  // streams are views of it
  const auto checked = check_request(kept, interface_);
  EXPECT_EQ(checked.batch, 3);
  ASSERT_EQ(checked.coded.size(), 1u);
  EXPECT_EQ(checked.coded[0].streams.size(), 3u);
  const auto codes = interface_.inputs[0].decoder->decode(checked.coded[0].streams);
  EXPECT_TRUE(std::equal(images_[0].as<uint8_t>().begin(), images_[0].as<uint8_t>().end(), codes.as<uint8_t>().begin()));
}

TEST_F(CodedRequest, AnotherCodeModelIsRefused) {
  auto other = request(1);
  (*other->mutable_inputs(0)->mutable_parameters())["coder"].set_string_param(std::string(64, 'b'));
  EXPECT_EQ(refusal_of(other).first, Code::kFailedPrecondition);
  EXPECT_NE(refusal_of(other).second.find("was coded with model " + std::string(64, 'b') + ", but the edge has " + hash_), std::string::npos);
  other->mutable_inputs(0)->mutable_parameters()->erase("coder");
  EXPECT_EQ(refusal_of(other).first, Code::kFailedPrecondition);
}

TEST_F(CodedRequest, AModelWithoutACoderTakesNone) {
  interface_.inputs[0].decoder = nullptr;
  EXPECT_EQ(refusal_of(request(1)).first, Code::kInvalidArgument);
  EXPECT_NE(refusal_of(request(1)).second.find("takes no entropy-coded streams"), std::string::npos);
}

TEST_F(CodedRequest, CountsAreChecked) {
  auto wrong = request(2);
  wrong->mutable_inputs(0)->set_shape(0, 3);
  EXPECT_NE(refusal_of(wrong).second.find("expected 3 string elements for inference input 'cut0', got 2"), std::string::npos);
  EXPECT_NE(refusal_of(request(0)).second.find("unable to find data"), std::string::npos);
  EXPECT_NE(refusal_of(request(9)).second.find("batch-size must be <= 8"), std::string::npos);
  interface_.max_batch = 0;
  EXPECT_NE(refusal_of(request(2)).second.find("takes one stream a request, got 2"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::server
