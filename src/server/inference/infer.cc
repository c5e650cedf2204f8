#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "protocol/classification.h"
#include "protocol/wire_internal.h"
#include "server/call/refusal_internal.h"
#include "server/call/retry_hint.h"
#include "server/inference/infer_internal.h"
#include "server/inference/validate_internal.h"

namespace scissionlite::server {
namespace {

/// Whether the shapes of a batch of nothing are known without the engine.
bool sizes_are_known(const ModelInterface& model) {
  return std::all_of(model.outputs.begin(), model.outputs.end(), [](const TensorInfo& info) {
    return std::all_of(info.shape.begin() + 1, info.shape.end(), [](int64_t size) { return size >= 0; });
  });
}

/// A batch of nothing, answered without the engine.
std::vector<Tensor> empty_outputs(const ModelInterface& model) {
  std::vector<Tensor> outputs;
  for (const auto& info : model.outputs) {
    Shape shape = info.shape;
    shape[0] = 0;
    outputs.emplace_back(info.dtype, shape);
  }
  return outputs;
}

/// The reserved parameter `timeout`, in microseconds, as a deadline; the earlier of both where the call has one.
std::optional<int64_t> deadline_of(const inference::ModelInferRequest& request, std::optional<int64_t> given_ns) {
  const auto it = request.parameters().find("timeout");
  if (it == request.parameters().end()) return given_ns;
  constexpr uint64_t kLongestUs = 86'400'000'000;
  const auto& value = it->second;  // Checker refuses what is no count
  const uint64_t asked_us = value.has_uint64_param() ? value.uint64_param() : static_cast<uint64_t>(std::max<int64_t>(value.int64_param(), 0));
  if (asked_us == 0) return given_ns;
  const int64_t asked_ns = Clock::steady().now_ns() + static_cast<int64_t>(std::min(asked_us, kLongestUs)) * 1000;
  return given_ns ? std::min(*given_ns, asked_ns) : asked_ns;
}

/// The hash of the model that the request is for; "" when it does not say.
std::string meant_sha256(const inference::ModelInferRequest& request) {
  const auto it = request.parameters().find("model_sha256");
  return it == request.parameters().end() ? "" : it->second.string_param();
}

}  // namespace

int64_t bytes_of(const Reply& reply) {
  int64_t bytes = 0;
  for (const auto& output : reply.outputs) bytes += static_cast<int64_t>(output.size_bytes());
  return bytes;
}

Inference::Inference(InferContext context, Admission admission, CallNotes notes, std::shared_ptr<const inference::ModelInferRequest> request,
                     std::optional<int64_t> deadline_ns, Done done, Check check)
    : context_(std::move(context)),
      admission_(std::move(admission)),
      notes_(std::move(notes)),
      request_(std::move(request)),
      done_(std::move(done)),
      check_(std::move(check)) {
  job_->arrived_ns = Clock::steady().now_ns();
  job_->deadline_ns = deadline_of(*request_, deadline_ns);
}

void Inference::start() {
  try {
    context_.access.check(admission_.identity, request_->model_name());
    auto model = context_.repository.find(request_->model_name(), request_->model_version(), meant_sha256(*request_));
    {
      const std::lock_guard lock(mutex_);
      model_ = std::move(model);
    }
    auto checked = check_request(request_, model_->interface());
    job_->id = request_->id();
    job_->keeps = model_;
    job_->done = [self = shared_from_this()](const Outcome& outcome) { self->ran(outcome); };
    run(std::move(checked));
  } catch (...) { refuse(current_refusal()); }
}

void Inference::run(CheckedRequest&& checked) {
  wanted_ = std::move(checked.outputs);
  job_->batch = checked.batch;
  job_->inputs = std::move(checked.inputs);
  if (checked.encoded || !checked.coded.empty()) {
    const bool queued = context_.decoders.submit([self = shared_from_this(), checked = std::move(checked)] { self->decode(checked); });
    if (!queued) fail(Refusal(Code::kUnavailable, "the queue of images to decode is full", retry_hint_us(context_.decoders.wait_us())));
  } else if (model_->interface().max_batch > 0 && job_->batch == 0 && sizes_are_known(model_->interface())) {
    job_->done = [self = shared_from_this()](const Outcome& outcome) { self->reply(outcome); };
    model_->statistics().add_success({.total_ns = Clock::steady().now_ns() - job_->arrived_ns}, 0);
    job_->finish({.code = Code::kOk, .message = "", .outputs = empty_outputs(model_->interface()), .times = {}});
  } else {
    model_->batcher().submit(job_);
  }
}

void Inference::decode(const CheckedRequest& checked) {
  const int64_t start = Clock::steady().now_ns();
  try {
    if (job_->deadline_ns && start >= *job_->deadline_ns)
      throw Refusal(Code::kDeadlineExceeded, "the deadline passed while the image waited to be decoded");
    const auto& model = model_->interface();
    if (!job_->is_cancelled() && checked.encoded) job_->inputs[0] = decode_images(*checked.encoded, *model.image, context_.max_pixels);
    for (const auto& coded : checked.coded)
      if (!job_->is_cancelled()) job_->inputs[coded.input] = model.inputs[coded.input].decoder->decode(coded.streams);
    job_->decode_ns = Clock::steady().now_ns() - start;
    model_->batcher().submit(job_);
  } catch (...) { fail(current_refusal()); }
}

/// Before the batcher has it, which counts its own.
void Inference::fail(const Refusal& refusal) {
  model_->statistics().add_failure(Clock::steady().now_ns() - job_->arrived_ns, refusal.code());
  job_->finish({.code = refusal.code(), .message = refusal.what(), .outputs = {}, .times = {}, .retry_after_us = refusal.retry_after_us()});
}

void Inference::cancel() {
  if (is_draining()) job_->give_up();
  else job_->cancel();
  std::shared_ptr<Model> model;
  {
    const std::lock_guard lock(mutex_);
    model = model_;
  }
  if (model) model->batcher().cancel(job_);
}

void Inference::refuse(const Refusal& refusal) {
  if (is_told_) return;
  job_->done = nullptr;
  tell({.status = to_status(refusal), .head = {}, .outputs = {}, .retry_after_us = refusal.retry_after_us()}, {});
}

/// A result may be for what follows: another machine, or what several models end with. Where that throws, Job::finish comes again with the error.
void Inference::ran(const Outcome& outcome) {
  if (outcome.code != Code::kOk || !model_->next()) return reply(outcome);
  job_->onward = {.trace = context_.observer ? context_.observer->onward(notes_) : trace::parse_traceparent(notes_.traceparent),
                  .device = notes_.device};
  model_->next()->finish(job_, outcome, [self = shared_from_this()](const Outcome& answer) { self->reply(answer); });
}

void Inference::reply(const Outcome& outcome) {
  Reply reply{
      .status = {static_cast<grpc::StatusCode>(outcome.code), outcome.message}, .head = {}, .outputs = {}, .retry_after_us = outcome.retry_after_us};
  try {
    if (outcome.code == Code::kOk) fill(reply, outcome);
    if (outcome.code == Code::kOk && check_) check_(reply);
  } catch (...) {  // else the caller would wait for ever
    reply = {.status = status_in_flight(), .head = {}, .outputs = {}};
  }
  if (outcome.code == Code::kCancelled && is_draining()) reply.status = {grpc::StatusCode::UNAVAILABLE, "the server is shutting down"};
  tell(reply, outcome);
}

/// The run reads the request, and both stay in memory.
void Inference::count_until_run_ends() {
  struct Kept {
    std::shared_ptr<const void> by_run;
    Ticket bytes;
  };
  auto kept = std::make_shared<Kept>(Kept{.by_run = std::move(job_->keeps), .bytes = {}});
  try {
    if (context_.bytes) kept->bytes = context_.bytes->take(static_cast<int64_t>(request_->ByteSizeLong()));
  } catch (const Refusal&) {
    kept->bytes = std::move(admission_.bytes);  // which counts them already, but for plain HTTP
  }
  job_->keeps = std::move(kept);
}

void Inference::tell(const Reply& reply, const Outcome& outcome) {
  if (is_told_.exchange(true)) return;
  if (context_.refusals && !reply.status.ok()) context_.refusals->add(static_cast<Code>(reply.status.error_code()));
  const auto done = std::move(done_);
  if (outcome.runs_on) count_until_run_ends();
  admission_.release();
  if (!context_.observer) return static_cast<void>(done(reply));
  const auto self = shared_from_this();  // the front end may let go of it while it is told
  const int64_t encode_ns = Clock::steady().now_ns();
  const int64_t ready_ns = done(reply);
  try {
    context_.observer->ended(notes_, end_of(reply, outcome, encode_ns, ready_ns));
  } catch (...) {  // the caller has its answer
    log::error(std::string("[server] a request is missing from traces and the live page: ") + current_refusal().what());
  }
}

RequestEnd Inference::end_of(const Reply& reply, const Outcome& outcome, int64_t encode_ns, int64_t ready_ns) const {
  RequestEnd out{.identity = admission_.identity,
                 .id = request_->id(),
                 .model = request_->model_name(),
                 .version = request_->model_version(),
                 .sha256 = {},
                 .plan = {},
                 .code = static_cast<Code>(reply.status.error_code()),
                 .message = reply.status.error_message(),
                 .times = outcome.times,
                 .items = job_->batch,
                 .run_items = outcome.run_items,
                 .arrived_ns = job_->arrived_ns,
                 .queued_ns = job_->queued_ns,
                 .encode_ns = encode_ns,
                 .end_ns = ready_ns,
                 .deadline_ns = job_->deadline_ns,
                 .forward = outcome.forward};
  if (model_) out.version = model_->interface().version, out.sha256 = model_->interface().sha256, out.plan = model_->interface().plan;
  out.response_bytes = bytes_of(reply);
  if (reply.status.ok()) out.response_bytes += static_cast<int64_t>(reply.head.ByteSizeLong());
  return out;
}

void Inference::fill(Reply& reply, const Outcome& outcome) const {
  reply.head = head_of(outcome);
  for (const auto& wanted : wanted_) add_output(reply, wanted, outcome.outputs[wanted.index]);
}

inference::ModelInferResponse Inference::head_of(const Outcome& outcome) const {
  inference::ModelInferResponse head;
  const auto& model = model_->interface();
  head.set_model_name(model.name);
  head.set_model_version(model.version);
  head.set_id(request_->id());
  auto& parameters = *head.mutable_parameters();
  parameters["model_sha256"].set_string_param(model.sha256);
  parameters["queue_us"].set_double_param(static_cast<double>(outcome.times.queue_ns) * 1e-3);
  parameters["decode_us"].set_double_param(static_cast<double>(outcome.times.decode_ns) * 1e-3);
  parameters["compute_us"].set_double_param(static_cast<double>(outcome.times.input_ns + outcome.times.infer_ns + outcome.times.output_ns) * 1e-3);
  if (!outcome.forward) return head;
  parameters["origin"].set_string_param(outcome.forward->is_from_cloud ? "cloud" : "edge");
  parameters["forward_us"].set_double_param(static_cast<double>(outcome.forward->forward_ns) * 1e-3);
  parameters["cloud_queue_us"].set_double_param(static_cast<double>(outcome.forward->queue_ns) * 1e-3);
  parameters["cloud_decode_us"].set_double_param(static_cast<double>(outcome.forward->decode_ns) * 1e-3);
  parameters["cloud_compute_us"].set_double_param(static_cast<double>(outcome.forward->compute_ns) * 1e-3);
  return head;
}

void Inference::add_output(Reply& reply, const WantedOutput& wanted, const Tensor& tensor) const {
  auto* output = reply.head.add_outputs();
  output->set_name(model_->interface().outputs[wanted.index].name);
  Shape shape = tensor.shape();
  if (wanted.classes > 0) {
    const auto& model = model_->interface();
    const auto labels = model.labels.find(model.outputs[wanted.index].name);
    static const std::vector<std::string> kNone;
    auto classes = protocol::best_of_each(tensor, wanted.classes, model.max_batch > 0, labels == model.labels.end() ? kNone : labels->second);
    output->set_datatype("BYTES");
    shape = classes.shape;
    reply.outputs.push_back(std::move(classes.raw));
  } else {
    output->set_datatype(std::string(dtype_oip_name(tensor.dtype())));
    reply.outputs.push_back(tensor);
  }
  for (const int64_t size : shape) output->add_shape(size);
}

}  // namespace scissionlite::server
