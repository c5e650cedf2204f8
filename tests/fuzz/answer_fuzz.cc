// Any bytes as a server's answer to an infer request become tensors that have all their bytes, or are refused.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "protocol/classification.h"
#include "protocol/wire_internal.h"
#include "require.h"

namespace {

using namespace scissionlite;

void check(const protocol::WireTensor& output) {
  uint64_t sum = 0;
  for (const auto byte : output.tensor.bytes()) sum += static_cast<uint8_t>(byte);  // touched, so that a view of nothing is seen
  static_cast<void>(sum);
  if (!output.is_bytes()) {
    require(protocol::checked_count(output.tensor.shape()) == output.tensor.size());
    return;
  }
  require(protocol::checked_count(output.blob_shape) == static_cast<int64_t>(output.strings.size()));
  for (const auto& element : output.strings) try {
      (void)protocol::parse_class(element);
    } catch (const InvalidArgument&) {}
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto quiet = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(quiet);
  auto response = std::make_shared<inference::ModelInferResponse>();
  if (!response->ParseFromArray(data, static_cast<int>(size))) return 0;
  try {
    for (const auto& output : protocol::result_of(response, "edge:1").outputs) check(output);
  } catch (const TransportError&) {
  } catch (const InvalidArgument&) {}
  return 0;
}
