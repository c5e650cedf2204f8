// Any bytes as an HTTP infer request's body become a message, or are refused by an error that blames them; what comes out
// is bounded by what went in, and the same request as gRPC would send it. The first byte says where the JSON ends: 0 all of
// it is, 1 the body is a raw tensor, else at the first NUL.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "require.h"
#include "server/http/infer_internal.h"
#include "server/http/inflate.h"
#include "server/http/routes.h"

namespace {

using namespace scissionlite;
using namespace scissionlite::server;

/// Whatever is thrown must blame the request.
template <typename Body>
void refuse_or(Body&& body) {
  try {
    body();
  } catch (...) {
    const auto response = http::error_in_flight();
    require(response.status >= 400 && response.status < 500);
    require(parse_json(response.body, "the error").contains("error"));
  }
}

const ModelInterface& model() {
  static const ModelInterface interface = [] {
    ModelInterface out;
    out.name = "m";
    out.version = "1";
    out.max_batch = 8;
    out.inputs = {{"x", Dtype::kF32, {-1, -1, 4}, nullptr}};
    out.outputs = {{"y", Dtype::kF32, {-1, -1, 4}, nullptr}};
    return out;
  }();
  return interface;
}

/// With an input for each type that JSON has a form for, of its name.
const ModelInterface& typed_model() {
  static const ModelInterface interface = [] {
    ModelInterface out;
    out.name = "typed";
    for (const char* type : {"BOOL", "UINT8", "INT8", "UINT16", "INT16", "UINT32", "INT32", "UINT64", "INT64", "FP32", "FP64", "BYTES"})
      out.inputs.push_back({type, dtype_from_oip_name(type), {-1}, nullptr});
    return out;
  }();
  return interface;
}

void check(const http::InferRequest& infer, const ModelInterface& model, size_t body_bytes) {
  const auto& message = *infer.message;
  require(message.raw_input_contents_size() == message.inputs_size());
  size_t bytes = 0;
  for (const auto& raw : message.raw_input_contents()) bytes += raw.size();
  require(bytes <= 8 * body_bytes);  // "1," becomes eight bytes of FP64
  for (const auto& input : message.inputs()) require(!input.has_contents() && !input.parameters().count("binary_data_size"));
  inference::ModelInferRequest again;
  require(again.ParseFromString(message.SerializeAsString()));
  refuse_or([&] { (void)check_request(infer.message, model); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto quiet = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(quiet);
  if (size == 0) return 0;
  std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::optional<std::string> json_bytes;
  if (data[0] == 1) json_bytes = "0";
  if (data[0] > 1) {
    const auto end = body.find('\0');
    json_bytes = std::to_string(end == std::string::npos ? body.size() : end);
    if (end != std::string::npos) body.erase(end, 1);
  }
  static BytesInFlight room(int64_t{1} << 30);
  for (const auto* tried : {&model(), &typed_model()})
    refuse_or([&] {
      std::optional<std::string_view> given;
      if (json_bytes) given = *json_bytes;
      GrowingTicket growth(room);
      const auto infer = http::read_infer_request(body, given, *tried, growth);
      require(room.bytes() <= static_cast<int64_t>(8 * body.size()) + (1 << 20));
      check(infer, *tried, body.size());
    });
  require(room.bytes() == 0);
  refuse_or([&] { (void)http::path_of(body); });
  for (const char* coding : {"gzip", "deflate"}) refuse_or([&] { require(http::inflate_body(body, coding, 1 << 16).size() <= 1 << 16); });
  return 0;
}
