// A server's answer as tensors: what is right is taken as it is, and what is not is refused with what is wrong about it.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "protocol/wire_internal.h"

namespace scissionlite::protocol {
namespace {

/// An answer with one output, its bytes in raw_output_contents.
std::shared_ptr<inference::ModelInferResponse> answer(const std::string& datatype, const Shape& shape, const std::string& raw) {
  auto response = std::make_shared<inference::ModelInferResponse>();
  auto& output = *response->add_outputs();
  output.set_name("scores");
  output.set_datatype(datatype);
  for (const auto size : shape) output.add_shape(size);
  response->add_raw_output_contents(raw);
  return response;
}

std::string refusal(const std::string& datatype, const Shape& shape, const std::string& raw) {
  try {
    (void)result_of(answer(datatype, shape, raw), "edge:1");
  } catch (const TransportError& e) { return e.what(); }
  return "none";
}

TEST(Answer, BytesWithoutElementsAreNoTensor) {
  const auto none = result_of(answer("BYTES", {3, 0}, ""), "edge:1").outputs.at(0);
  EXPECT_TRUE(none.is_bytes());
  EXPECT_TRUE(none.strings.empty());
  EXPECT_EQ(none.blob, std::nullopt);
  EXPECT_EQ(none.blob_shape, (Shape{3, 0}));
}

TEST(Answer, ATensorWithoutElementsIsOne) {
  const auto none = result_of(answer("FP32", {0, 5}, ""), "edge:1").outputs.at(0);
  EXPECT_FALSE(none.is_bytes());
  EXPECT_EQ(none.tensor.shape(), (Shape{0, 5}));
}

TEST(Answer, OneElementOfBytesIsTheBlobToo) {
  const auto one = result_of(answer("BYTES", {1}, std::string("\2\0\0\0hi", 6)), "edge:1").outputs.at(0);
  EXPECT_TRUE(one.is_bytes());
  EXPECT_EQ(one.strings, std::vector<std::string>{"hi"});
  EXPECT_EQ(one.blob, "hi");
}

TEST(Answer, RefusalNamesTheOutputAndWhatItNeeds) {
  EXPECT_NE(refusal("BYTES", {2}, std::string("\2\0\0\0hi", 6)).find("'scores' of BYTES with 1 elements, expected 2"), std::string::npos);
  EXPECT_NE(refusal("BYTES", {0}, std::string("\2\0\0\0hi", 6)).find("'scores' of BYTES with 1 elements, expected 0"), std::string::npos);
  EXPECT_NE(refusal("FP32", {2}, "1234").find("'scores' with 4 bytes, but FP32 (2) needs 2 elements of 4"), std::string::npos)
      << refusal("FP32", {2}, "1234");
  EXPECT_NE(refusal("FP99", {2}, "1234").find("unknown datatype 'FP99'"), std::string::npos);
  EXPECT_NE(refusal("FP32", {-2}, "1234").find("impossible shape"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::protocol
