// One inference from a parsed request to its reply: find the model, check, decode images, queue, answer. Front ends (gRPC
// unary and stream, HTTP) differ only in how they make the message and take the reply.
#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "inference.pb.h"
#include "server/access/admission.h"
#include "server/access/bytes_in_flight.h"
#include "server/inference/validate_internal.h"
#include "server/models/repository.h"
#include "server/observe/observer.h"
#include "server/queueing/work_pool.h"

namespace scissionlite::server {

struct InferContext {
  Repository& repository;
  WorkPool& decoders;
  const Access& access;
  int64_t max_pixels;
  RefusalCounts* refusals = nullptr;  // counts what is not answered with a result
  std::shared_ptr<Observer> observer = nullptr;
  BytesInFlight* bytes = nullptr;                  // counts what a run reads that has outlasted its answer
  const std::atomic<bool>* is_draining = nullptr;  // the server's
};

/// `outputs` are views that are valid only while the reply is handed over.
struct Reply {
  grpc::Status status;
  inference::ModelInferResponse head;  // without raw contents
  std::vector<Tensor> outputs;
  double retry_after_us = 0;
};
/// Of the outputs.
[[nodiscard]] int64_t bytes_of(const Reply& reply);

class Inference : public std::enable_shared_from_this<Inference> {
 public:
  /// Called exactly once, from any thread, possibly before `start` returns. Must not throw. Returns when the answer was ready to be sent, in
  /// nanoseconds of the steady clock: sending it may take this thread longer than the caller waits for it.
  using Done = std::function<int64_t(const Reply&)>;
  /// Asked of each result before it counts as one: @throws Refusal when the front end cannot hand it over.
  using Check = std::function<void(const Reply&)>;
  /// @param admission  its ticket is given back when there is a reply.
  Inference(InferContext context, Admission admission, CallNotes notes, std::shared_ptr<const inference::ModelInferRequest> request,
            std::optional<int64_t> deadline_ns, Done done, Check check = nullptr);
  void start();
  /// The caller has gone: what still waits is taken out. Of a server that ends: it waits no longer, for a run neither.
  void cancel();

 private:
  void run(CheckedRequest&& checked);
  void decode(const CheckedRequest& checked);
  void fail(const Refusal& refusal);
  void refuse(const Refusal& refusal);
  void ran(const Outcome& outcome);
  void reply(const Outcome& outcome);
  void tell(const Reply& reply, const Outcome& outcome);
  void count_until_run_ends();
  [[nodiscard]] bool is_draining() const { return context_.is_draining && *context_.is_draining; }
  [[nodiscard]] RequestEnd end_of(const Reply& reply, const Outcome& outcome, int64_t encode_ns, int64_t ready_ns) const;
  void fill(Reply& reply, const Outcome& outcome) const;
  [[nodiscard]] inference::ModelInferResponse head_of(const Outcome& outcome) const;
  void add_output(Reply& reply, const WantedOutput& wanted, const Tensor& tensor) const;

  InferContext context_;
  Admission admission_;
  CallNotes notes_;
  std::shared_ptr<const inference::ModelInferRequest> request_;
  Done done_;
  Check check_;
  std::atomic<bool> is_told_{false};  // what throws after that has an answer already
  std::mutex mutex_;                  // guards model_ between start and cancel, which a stream calls from another thread
  std::shared_ptr<Model> model_;
  std::shared_ptr<Job> job_ = std::make_shared<Job>();
  std::vector<WantedOutput> wanted_;
};

}  // namespace scissionlite::server
