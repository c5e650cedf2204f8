// Any bytes that parse as a ModelInferRequest are answered exactly once, by a result that is right or by a status that
// blames the request, and are observed once; so are those whose caller goes away meanwhile. In-process: the server's
// repository, checks, image decoding, batcher and the reference engine.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <future>
#include <thread>

#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include "graph/graph.h"
#include "onnx/onnx.h"
#include "require.h"
#include "server/inference/infer_internal.h"

namespace {

using namespace scissionlite;
using inference::ModelInferRequest;
using server::Code;

/// y = 2 x for each element.
Graph doubling(const Shape& shape) {
  Graph graph;
  graph.name = "doubling";
  graph.opsets = {{"", 13}};
  graph.inputs = {{.name = "x", .dtype = Dtype::kF32, .shape = shape, .has_shape = true, .symbols = std::vector<std::string>(shape.size())}};
  graph.outputs = {{.name = "y", .dtype = Dtype::kF32, .shape = shape, .has_shape = true, .symbols = std::vector<std::string>(shape.size())}};
  graph.nodes.push_back({.name = "add", .op_type = "Add", .domain = "", .inputs = {"x", "x"}, .outputs = {"y"}, .attributes = {}, .doc = ""});
  return graph;
}

/// Model m takes tensors (n, k, 4), model pixels tensors (n, 3, 6, 5) and images.
struct Fixture {
  fs::path folder = fs::temp_directory_path() / ("request_fuzz_" + std::to_string(::getpid()));
  std::unique_ptr<server::Repository> repository;
  server::WorkPool decoders{1, 16};
  server::Access access;
  server::BytesInFlight bytes{1 << 30};
  server::RefusalCounts refusals;
  std::shared_ptr<server::Observer> observer = std::make_shared<server::Observer>(nullptr, /*logs_requests=*/false);

  Fixture() {
    fs::create_directories(folder / "m" / "1");
    save_model(doubling({-1, -1, 4}), folder / "m" / "1" / "model.onnx");
    write_file(folder / "m" / "config.pbtxt", "max_batch_size: 8 dynamic_batching { }\n");
    fs::create_directories(folder / "pixels" / "1");
    save_model(doubling({-1, 3, 6, 5}), folder / "pixels" / "1" / "model.onnx");
    write_file(folder / "pixels" / "input.json", R"({"schema": "scissionlite.input/1", "width": 5, "height": 6, "resize": "stretch"})");
    repository = std::make_unique<server::Repository>(std::vector<fs::path>{folder}, server::ModelOptions{.engine = "reference", .threads = 1});
    repository->load("m");
    repository->load("pixels");
  }
  ~Fixture() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

bool blames_the_request(grpc::StatusCode code) {
  return code == grpc::StatusCode::INVALID_ARGUMENT || code == grpc::StatusCode::NOT_FOUND || code == grpc::StatusCode::FAILED_PRECONDITION;
}

/// Raw input of model m against the whole answer.
void check_doubled(const ModelInferRequest& request, const Tensor& y) {
  if (request.raw_input_contents_size() != 1) return;
  const auto& raw = request.raw_input_contents(0);
  require(y.size_bytes() == raw.size());
  const auto values = y.as<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    float x = 0;
    std::memcpy(&x, raw.data() + i * sizeof x, sizeof x);
    require(std::isnan(x) ? std::isnan(values[i]) : values[i] == x + x);
  }
}

void check_reply(const ModelInferRequest& request, const server::Reply& reply, bool is_cancelled) {
  if (!reply.status.ok()) {
    const auto code = reply.status.error_code();
    const bool is_late = code == grpc::StatusCode::DEADLINE_EXCEEDED && request.parameters().count("timeout") > 0;
    require(blames_the_request(code) || is_late || (code == grpc::StatusCode::CANCELLED && is_cancelled));
    require(!reply.status.error_message().empty());
    return;
  }
  require(reply.head.outputs_size() == static_cast<int>(reply.outputs.size()));
  for (int i = 0; i < reply.head.outputs_size(); ++i) {
    const auto& output = reply.head.outputs(i);
    if (output.datatype() != "FP32") continue;  // best classes
    require(Shape(output.shape().begin(), output.shape().end()) == reply.outputs[static_cast<size_t>(i)].shape());
    if (request.model_name() == "m") check_doubled(request, reply.outputs[static_cast<size_t>(i)]);
  }
}

enum class Caller { kWaits, kGoesAway };

void serve(Fixture& fixture, const std::shared_ptr<const ModelInferRequest>& request, Caller caller = Caller::kWaits) {
  std::promise<void> answered;
  auto done = [&](const server::Reply& reply) {
    check_reply(*request, reply, caller == Caller::kGoesAway);
    answered.set_value();  // throws when it is told twice
    return int64_t{0};
  };
  const uint64_t seen = fixture.observer->seen();
  const server::InferContext context{*fixture.repository, fixture.decoders, fixture.access, /*max_pixels=*/1 << 20,
                                     &fixture.refusals,   fixture.observer, &fixture.bytes};
  const auto call = std::make_shared<server::Inference>(context, server::Admission{.identity = "fuzz", .ticket = {}}, server::CallNotes{}, request,
                                                        std::nullopt, done);
  call->start();
  if (caller == Caller::kGoesAway) call->cancel();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  require(answered.get_future().wait_until(end) == std::future_status::ready);
  while (fixture.observer->seen() == seen && std::chrono::steady_clock::now() < end) std::this_thread::yield();  // told behind the caller
  require(fixture.observer->seen() == seen + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Fixture fixture;
  static const auto quiet = google::protobuf::SetLogHandler(nullptr);  // it reports each damaged string
  static_cast<void>(quiet);
  auto request = std::make_shared<ModelInferRequest>();
  if (!request->ParseFromArray(data, static_cast<int>(size))) return 0;
  serve(fixture, request);
  if (size % 4 == 0) serve(fixture, request, Caller::kGoesAway);
  if (request->model_name() == "m" || request->model_name() == "pixels") return 0;
  auto known = std::make_shared<ModelInferRequest>(*request);  // else most mutations of the name would end at the name
  known->set_model_name("m");
  serve(fixture, known);
  return 0;
}
