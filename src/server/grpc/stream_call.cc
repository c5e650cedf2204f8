#include "base/clock.h"
#include "server/call/open_streams.h"
#include "server/call/refusal_internal.h"
#include "server/grpc/call_internal.h"
#include "server/grpc/receive_internal.h"
#include "server/grpc/service_internal.h"
#include "server/grpc/stream_flow.h"

namespace scissionlite::server {
namespace {

constexpr size_t kMostAtOnce = 8;  // of a stream; the next ones wait at their caller

class StreamCall final : public StreamingCall<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamCall(const ServiceContext& context, const CallLoops::Place& place)
      : StreamingCall(place), context_(context), steered_(std::make_shared<Steered>(*this)) {}

 private:
  void begin() override {
    const auto steered = steered_;
    context_.streams.add(steered);
    if (context_.is_draining) steered->flow.wind_down();
    steered->go_on();
  }
  void on_read(bool ok) override {
    grpc::ByteBuffer bytes;
    bytes.Swap(&bytes_);
    if (const auto slot = steered_->flow.read_done(ok)) begin(slot, bytes);
    steered_->go_on();
  }
  void on_written(bool ok) override {
    steered_->flow.write_done(ok);
    steered_->go_on();
  }
  void on_cancel() override { steered_->flow.cancel(); }

  /// Outlives the call, which ends as soon as somebody has finished it: `call` may be touched only to do what `flow` says.
  struct Steered final : Windable {
    explicit Steered(StreamCall& of) : call(of) {}
    void go_on() {
      using Step = StreamFlow::Step;
      for (auto step = flow.next(); step != Step::kNothing; step = flow.next()) switch (step) {
          case Step::kRead:
            call.read(&call.bytes_);
            flow.read_begun();
            break;
          case Step::kWrite: call.write(flow.to_write()); break;
          case Step::kFinish: call.finish(status_of(flow.end())); return;
          case Step::kNothing: return;
        }
    }
    void wind_down() override {
      flow.wind_down();
      go_on();
    }
    StreamCall& call;
    StreamFlow flow{kMostAtOnce};
  };

  static grpc::Status status_of(StreamFlow::End end) {
    switch (end) {
      case StreamFlow::End::kBroken: return {grpc::StatusCode::UNAVAILABLE, "the stream is broken"};
      case StreamFlow::End::kOfServer: return {grpc::StatusCode::UNAVAILABLE, "the server is shutting down"};
      default: return grpc::Status::OK;
    }
  }

  void begin(const std::shared_ptr<StreamFlow::Slot>& slot, grpc::ByteBuffer& bytes) {
    std::shared_ptr<Inference> inference;
    try {
      auto admission = admit_call(context_, context());
      auto [message, notes] = receive(context_, context(), bytes, admission);
      slot->id = message->id();
      inference = std::make_shared<Inference>(context_.infer(), std::move(admission), std::move(notes), std::move(message), deadline_of(context()),
                                              [this, slot](const Reply& reply) { return answer(*slot, reply); });
    } catch (...) {
      const auto refusal = current_refusal();
      (void)answer(*slot, {.status = to_status(refusal), .head = {}, .outputs = {}, .retry_after_us = refusal.retry_after_us()});
      return;
    }
    slot->inference.start(std::move(inference));
  }
  int64_t answer(StreamFlow::Slot& slot, const Reply& reply) {
    const auto answered = slot.inference.take();  // a stream that waits for its next request holds nothing of this one
    auto status = reply.status;
    double retry_after_us = reply.retry_after_us;
    try {
      if (status.ok()) {
        slot.bytes = context_.bytes.take(bytes_of(reply));
        slot.response = bytes_of_message(message_of(reply));
      }
    } catch (...) {
      const auto refusal = current_refusal();
      status = to_status(refusal), retry_after_us = refusal.retry_after_us();
    }
    if (!status.ok()) slot.response = bytes_of_message(error_of(slot.id, status, retry_after_us));
    const int64_t ready_ns = Clock::steady().now_ns();
    const auto steered = steered_;
    steered->flow.ready(slot);
    steered->go_on();
    return ready_ns;
  }
  static inference::ModelStreamInferResponse message_of(const Reply& reply) {
    inference::ModelStreamInferResponse response;
    auto& out = *response.mutable_infer_response();
    out = reply.head;
    (*out.mutable_parameters())["triton_final_response"].set_bool_param(true);
    for (const auto& output : reply.outputs) out.add_raw_output_contents(output.data(), output.size_bytes());
    return response;
  }
  static inference::ModelStreamInferResponse error_of(const std::string& id, const grpc::Status& status, double retry_after_us) {
    inference::ModelStreamInferResponse response;
    response.set_error_message(status.error_message());
    response.mutable_infer_response()->set_id(id);
    if (retry_after_us > 0)
      (*response.mutable_infer_response()->mutable_parameters())["retry_after_ms"].set_int64_param(retry_after_ms(retry_after_us));
    return response;
  }
  static grpc::ByteBuffer bytes_of_message(const inference::ModelStreamInferResponse& response) {
    bool owns_buffer = false;
    grpc::ByteBuffer bytes;
    if (const auto status = grpc::SerializationTraits<inference::ModelStreamInferResponse>::Serialize(response, &bytes, &owns_buffer); !status.ok())
      throw Refusal(Code::kInternal, status.error_message());
    return bytes;
  }

  const ServiceContext& context_;
  std::shared_ptr<Steered> steered_;
  grpc::ByteBuffer bytes_;  // of the request that is read
};

}  // namespace

void wait_for_stream(Service& service, const ServiceContext& context, const CallLoops::Place& place) {
  auto* call = new StreamCall(context, place);
  service.RequestModelStreamInfer(&call->context(), &call->stream(), place.queue, place.queue, call->tag());
}

}  // namespace scissionlite::server
