#include "base/clock.h"
#include "server/call/retry_hint.h"
#include "server/http/deflate.h"
#include "server/http/infer_internal.h"

namespace scissionlite::server::http {
namespace {

/// From a reply to what is sent. Its bytes count among those in flight until it is taken, and from then on as the connection's.
class Answer {
 public:
  /// @throws Refusal (kUnavailable) where there is no room.
  Answer(BytesInFlight& bytes, const Reply& reply, const AnswerForm& form)
      : form_(form), kept_bytes_(bytes.take(bytes_of(reply))), growth_(bytes, bytes_of(reply)) {
    reply_.head = reply.head;
    for (const auto& output : reply.outputs) reply_.outputs.push_back(output.clone());  // the engine reuses its buffer
  }

  /// A thread writes some 100 MB of numbers as text in a second, and compresses as much.
  [[nodiscard]] bool takes_long() const {
    constexpr size_t kLongJsonBytes = 256 << 10, kLongUncompressedBytes = 64 << 10;
    const size_t json_bytes = most_json_bytes(reply_, form_.binary);
    if (!form_.coding) return json_bytes > kLongJsonBytes;
    size_t bytes = json_bytes;
    for (const auto& output : reply_.outputs) bytes += output.size_bytes();
    return bytes > kLongUncompressedBytes;
  }

  void write() {
    response_ = write_infer_response(reply_, form_.binary, growth_);
    if (form_.coding) deflate_response(response_, *form_.coding, growth_);
    reply_ = {};
    if (response_.blobs.empty()) kept_bytes_.release();
  }

  [[nodiscard]] Response take() {
    kept_bytes_.release(), growth_.release();
    return std::move(response_);
  }

 private:
  KeptReply reply_;
  const AnswerForm form_;
  Ticket kept_bytes_;
  GrowingTicket growth_;
  Response response_;
};

Response refused(const grpc::Status& status, double retry_after_us) {
  auto response = error_response(http_status(static_cast<Code>(status.error_code())), status.error_message());
  if (retry_after_us > 0) add_retry_hint(response, retry_after_us);
  return response;
}

/// Of the exception in flight.
Make failed(const AnswerMeans& means) {
  try {
    throw;
  } catch (const Refusal& refusal) {
    means.refusals.add(refusal.code());
    return [refusal]() -> Response { throw refusal; };
  } catch (...) {
    return []() -> Response { throw Refusal(Code::kResourceExhausted, "the server is out of memory for this answer; send a smaller batch"); };
  }
}

void write_later(const AnswerMeans& means, const std::shared_ptr<Answer>& answer, const Respond& respond) {
  const bool queued = means.pool.submit([means, answer, respond] {
    Make make;
    try {
      answer->write();
      make = [answer] { return answer->take(); };
    } catch (...) { make = failed(means); }
    respond(std::move(make));
  });
  if (!queued) throw Refusal(Code::kUnavailable, "the queue of large answers to write is full", retry_hint_us(means.pool.wait_us()));
}

}  // namespace

int64_t hand_over(const AnswerMeans& means, const Reply& reply, const AnswerForm& form, const Respond& respond) {
  Make make;
  try {
    if (!reply.status.ok()) {
      make = [status = reply.status, retry_after_us = reply.retry_after_us] { return refused(status, retry_after_us); };
    } else {
      const auto answer = std::make_shared<Answer>(means.bytes, reply, form);
      if (answer->takes_long()) {
        write_later(means, answer, respond);
        return Clock::steady().now_ns();
      }
      make = [answer] { return answer->write(), answer->take(); };
    }
  } catch (...) { make = failed(means); }
  const int64_t ready_ns = Clock::steady().now_ns();
  respond(std::move(make));
  return ready_ns;
}

}  // namespace scissionlite::server::http
