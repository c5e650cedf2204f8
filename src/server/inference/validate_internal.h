// Every check of a request against the model it names, before anything is allocated or queued for it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference.pb.h"
#include "server/models/model.h"

namespace scissionlite::server {

/// Image files that stand for input 0; views of the request's bytes.
struct EncodedImages {
  std::string codec;  // "jpeg", "png", "webp", "raw", "file"
  std::vector<std::string_view> images;
};

/// Streams of the entropy coder that stand for one input; views of the request's bytes.
struct CodedInput {
  size_t input = 0;  // in ModelInterface::inputs
  std::vector<std::string_view> streams;
};

struct WantedOutput {
  size_t index = 0;     // in ModelInterface::outputs
  int64_t classes = 0;  // only the best so many; 0: the whole tensor
};

struct CheckedRequest {
  std::vector<Tensor> inputs;  // in the model's order, views of the request; inputs[0] is empty with `encoded`
  std::optional<EncodedImages> encoded;
  std::vector<CodedInput> coded;  // their inputs are empty
  std::vector<WantedOutput> outputs;
  int64_t batch = 1;
};

/// @throws Refusal with the code and, where it is cheap, the words of Triton 2.51.
[[nodiscard]] CheckedRequest check_request(const std::shared_ptr<const inference::ModelInferRequest>& request, const ModelInterface& model);

/// The images as one input tensor. jpeg, png, webp: the image as the model sees it (already resized and cropped), or any
/// other size, which gets the whole preprocessing; file: always the whole preprocessing; raw: height * width * 3 RGB bytes.
/// @param max_pixels  limit for one decoded image. @throws InvalidArgument naming the image.
[[nodiscard]] Tensor decode_images(const EncodedImages& encoded, const vision::InputSpec& spec, int64_t max_pixels);

}  // namespace scissionlite::server
