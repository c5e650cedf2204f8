// Calls on completion queues: from before one comes until nothing of it is under way, when it deletes itself. All that is told of a call is told by
// one thread, that of its queue; it may be finished by any.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <functional>
#include <utility>

#include "server/call/refusal_internal.h"
#include "server/grpc/call_loops.h"

namespace scissionlite::server {

class Call {
 public:
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  [[nodiscard]] grpc::ServerContext& context() { return context_; }
  [[nodiscard]] const grpc::ServerContext& context() const { return context_; }
  /// Of the request for it.
  [[nodiscard]] void* tag() { return &came_; }

 protected:
  /// An event of this call that `handler` is told.
  template <typename Of>
  class EventOf final : public Event {
   public:
    EventOf(Of& call, void (Of::*handler)(bool)) : call_(call), handler_(handler) {}
    void happened(bool ok) override { (call_.*handler_)(ok); }

   private:
    Of& call_;
    void (Of::*handler_)(bool);
  };

  /// The same of something that the call begins, again and again, and that is under way until it is told.
  template <typename Of>
  class OperationOf final : public Event {
   public:
    OperationOf(Of& call, void (Of::*handler)(bool)) : call_(call), handler_(handler) {}
    /// The tag of what is begun now.
    [[nodiscard]] void* begin() {
      call_.begun();
      return this;
    }
    void happened(bool ok) override {
      (call_.*handler_)(ok);
      call_.ended();
    }

   private:
    Of& call_;
    void (Of::*handler_)(bool);
  };

  explicit Call(const CallLoops::Place& place) : place_(place) { context_.AsyncNotifyWhenDone(&over_); }
  virtual ~Call() = default;
  /// It has come. Must not throw.
  virtual void begin() = 0;
  /// The caller has gone, or its deadline has passed; somebody may be finishing it.
  virtual void on_cancel() {}
  /// The tag of what finishes it, which has to be used once.
  [[nodiscard]] void* finish_tag() { return &finished_; }

 private:
  void came(bool ok) {
    if (!ok) {  // the server ends, and nothing else is told
      delete this;
      return;
    }
    place_.came();
    begin();
  }
  void over(bool) {
    if (context_.IsCancelled()) on_cancel();
    ended();
  }
  void finished(bool) { ended(); }
  /// Something is under way until `ended`.
  void begun() { under_way_.fetch_add(1, std::memory_order_relaxed); }
  void ended() {
    if (under_way_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const auto place = place_;
    delete this;
    place.ended();
  }

  CallLoops::Place place_;
  grpc::ServerContext context_;
  EventOf<Call> came_{*this, &Call::came}, over_{*this, &Call::over}, finished_{*this, &Call::finished};
  std::atomic<int> under_way_{2};  // over_ and finished_
};

/// One message for one.
template <typename Request, typename Response>
class UnaryCall : public Call {
 public:
  explicit UnaryCall(const CallLoops::Place& place) : Call(place), writer_(&context()) {}
  [[nodiscard]] Request& request() { return request_; }
  [[nodiscard]] Response& response() { return response_; }
  [[nodiscard]] grpc::ServerAsyncResponseWriter<Response>& writer() { return writer_; }
  /// Once, from any thread. The call is not to be touched after it.
  void finish(const grpc::Status& status) {
    if (status.ok()) writer_.Finish(response_, status, finish_tag());
    else writer_.FinishWithError(status, finish_tag());
  }

 private:
  Request request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> writer_;
};

/// One that `handle` finishes, now or later; what it throws becomes the status.
template <typename Request, typename Response>
class HandledCall final : public UnaryCall<Request, Response> {
 public:
  using Handle = std::function<void(HandledCall&)>;
  HandledCall(const CallLoops::Place& place, const Handle& handle) : UnaryCall<Request, Response>(place), handle_(handle) {}

 private:
  void begin() override {
    try {
      handle_(*this);
    } catch (...) { this->finish(status_in_flight()); }
  }
  const Handle& handle_;
};

/// `ask` asks the service for a call of one method; `handle` is told of it.
template <typename Request, typename Response, typename Ask>
void add_handled(CallLoops& loops, Ask ask, typename HandledCall<Request, Response>::Handle handle) {
  loops.add([ask, handle = std::move(handle)](const CallLoops::Place& place) {
    auto* call = new HandledCall<Request, Response>(place, handle);
    ask(&call->context(), &call->request(), &call->writer(), place.queue, place.queue, call->tag());
  });
}

/// One that is answered at once.
template <typename Request, typename Response, typename Ask, typename Answer>
void add_answered(CallLoops& loops, Ask ask, Answer answer) {
  add_handled<Request, Response>(loops, ask, [answer](auto& call) {
    answer(call);
    call.finish(grpc::Status::OK);
  });
}

/// One message for a stream of them.
template <typename Request, typename Response>
class WritingCall : public Call {
 public:
  explicit WritingCall(const CallLoops::Place& place) : Call(place), writer_(&context()) {}
  [[nodiscard]] Request& request() { return request_; }
  [[nodiscard]] grpc::ServerAsyncWriter<Response>& writer() { return writer_; }

 protected:
  virtual void on_written(bool ok) = 0;
  /// One at a time.
  void write(const Response& response) { writer_.Write(response, writing_.begin()); }
  /// Once, when nothing is being written.
  void finish(const grpc::Status& status) { writer_.Finish(status, finish_tag()); }

 private:
  Request request_;
  grpc::ServerAsyncWriter<Response> writer_;
  OperationOf<WritingCall> writing_{*this, &WritingCall::on_written};
};

/// A stream of messages for a stream of them.
template <typename Request, typename Response>
class StreamingCall : public Call {
 public:
  explicit StreamingCall(const CallLoops::Place& place) : Call(place), stream_(&context()) {}
  [[nodiscard]] grpc::ServerAsyncReaderWriter<Response, Request>& stream() { return stream_; }

 protected:
  virtual void on_read(bool ok) = 0;
  virtual void on_written(bool ok) = 0;
  /// One at a time, from any thread, as the others.
  void read(Request* request) { stream_.Read(request, reading_.begin()); }
  void write(const Response& response) { stream_.Write(response, writing_.begin()); }
  /// Once, when nothing is being written; what is being read comes to nothing.
  void finish(const grpc::Status& status) { stream_.Finish(status, finish_tag()); }

 private:
  grpc::ServerAsyncReaderWriter<Response, Request> stream_;
  OperationOf<StreamingCall> reading_{*this, &StreamingCall::on_read}, writing_{*this, &StreamingCall::on_written};
};

}  // namespace scissionlite::server
