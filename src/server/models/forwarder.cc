#include "server/models/forwarder.h"

#include <algorithm>
#include <random>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/compile_owned.h"
#include "engine/zero_inputs.h"
#include "offload/identity.h"
#include "onnx/onnx.h"
#include "protocol/device_keys.h"

namespace scissionlite::server {
namespace {

constexpr double kCopyMargin = 2;       // the copy may take this much longer than it did lately: more than JobQueue asks for to let it in
constexpr double kCopyMarginUs = 1000;  // waking up
constexpr double kShare = 0.75;         // of the time left: the deadline is the caller's, and the answer still has to go back there

constexpr double kRetryUs = 1e6;  // after which a request that nobody answered may be sent again

double now_us() { return Clock::steady().now_us(); }

int64_t to_ns(const protocol::Parameters& parameters, const std::string& key) {
  return static_cast<int64_t>(protocol::number_or(parameters, key, 0) * 1e3);
}

Manifest read_cloud_manifest(const fs::path& folder, const Forwarding& expected) {
  const auto path = folder / "manifest.json";
  if (!fs::exists(path))
    throw InvalidArgument("[forward] '" + folder.string() + "' has no manifest.json, but the model forwards to '" + expected.tail_name +
                          "'; run prepare again");
  const auto m = manifest_from_json(parse_json(read_file(path), path.string()), path.string());
  if (m.tail_sha256 != expected.tail_sha256)
    throw InvalidArgument("[forward] " + path.string() + " is of tail " + m.tail_sha256 + ", the model forwards to " + expected.tail_sha256 +
                          "; the folder mixes files of two models, run prepare again");
  return m;
}

}  // namespace

/// A request between the middle's result and its answer. What `done` holds is let go with the answer: it may be the last to hold the model.
struct Forwarder::Item {
  void tell(const Outcome& outcome) {
    if (const auto told = std::exchange(done, nullptr)) told(outcome);
  }

  std::shared_ptr<Job> job;
  Done done;
  std::vector<Tensor> sent;  // the middle's result
  double start_us = now_us();
  ForwardTimes forward{};
};

Forwarder::Forwarder(const fs::path& folder, const Forwarding& expected, const Graph& middle, const BatchingOptions& batching,
                     const std::string& engine, int threads, ForwardOptions options)
    : folder_(folder / "cloud"),
      expected_(expected),
      options_(std::move(options)),
      manifest_(read_cloud_manifest(folder_, expected)),
      batches_(batching.max_batch > 1 || batching.combine) {
  check_head_names_tail(middle, manifest_);
  for (const auto& info : middle.outputs) sent_names_.push_back(info.name);
  coders_ = offload::WireCoders(folder_, manifest_.coders);
  if (fs::exists(folder_ / "local.onnx")) load_copy(batching, engine, threads);
  else if (options_.address.empty())
    throw InvalidArgument("[forward] the model forwards to '" + expected_.tail_name + "', and '" + folder_.string() +
                          "' has no copy of it; say where it is served with --forward-to, or prepare with a copy");
  if (!options_.address.empty()) dial();
  else log::warning("[forward] no --forward-to: '" + expected_.tail_name + "' is run here, from the copy in '" + folder_.string() + "'");
}

void Forwarder::load_copy(const BatchingOptions& batching, const std::string& engine, int threads) {
  const auto path = folder_ / "local.onnx";
  if (const auto given = sha256_hex(read_file(path)); given != expected_.tail_sha256)
    throw InvalidArgument("[forward] '" + path.string() + "' has sha256 " + given + ", the model forwards to " + expected_.tail_sha256 +
                          "; the file was changed or replaced: run prepare again");
  auto executable = while_doing("loading '" + path.string() + "'",
                                [&] { return compile_owned(load_model(path), engine, {.threads = threads, .precision = "f32"}); });
  const auto& outputs = executable->outputs();
  for (const auto& wanted : expected_.outputs) {
    const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const auto& info) { return info.name == wanted.name; });
    if (found == outputs.end()) throw InvalidArgument("[forward] '" + path.string() + "' has no output '" + wanted.name + "'; run prepare again");
    copy_order_.push_back(static_cast<int>(found - outputs.begin()));
  }
  const auto inputs = zero_inputs(executable->inputs());
  for (int warm_up = 0; warm_up < 3; ++warm_up) {
    const double start_us = now_us();
    (void)executable->run(inputs);
    copy_us_ = now_us() - start_us;
  }
  std::vector<std::unique_ptr<Executable>> executables;
  executables.push_back(std::move(executable));
  copy_ = std::make_unique<Batcher>(batching, std::move(executables), std::make_shared<Statistics>(),
                                    [inputs](Executable& fresh) { (void)fresh.run(inputs); });
}

void Forwarder::dial() {
  auto probe = std::make_shared<ProbeTensors>(parse_probe(read_file(folder_ / "probe.bin"), (folder_ / "probe.bin").string()));
  offload::SessionOptions session{.who = "cloud"};
  session.breaker.seed = std::random_device()();  // edges that lost the same cloud do not return at the same moment
  session_ = std::make_unique<offload::EdgeSession>(
      offload::make_grpc_edge(options_.address, options_.connect_timeout_us, options_.security),
      [this, probe](offload::Edge& cloud) {
        try {
          offload::check_versions(cloud, cloud.server());
          cloud_decodes_ = coders_.are_known_to(offload::check_identity(cloud, manifest_, *probe, options_.probe_tolerance, options_.timeout_us));
        } catch (const InvalidArgument& e) {  // to this machine an edge, to people the cloud
          throw InvalidArgument(std::string("asking the cloud: ") + e.what());
        }
      },
      session);
  session_->start();
}

bool Forwarder::is_ready() const { return has_ready_cloud() || (copy_ && !copy_->is_hung() && !copy_->is_suspect()); }

/// How long the cloud may take so that the copy can still answer in time; all that is left where it could not anyhow.
double Forwarder::budget_us(const Job& job) const {
  if (!job.deadline_ns) return options_.timeout_us;
  const double left_us = static_cast<double>(*job.deadline_ns) * 1e-3 - now_us(), share_us = kShare * left_us;
  return copy_ && copy_us_ < left_us ? share_us - copy_us_ * kCopyMargin - kCopyMarginUs : share_us;
}

protocol::InferRequest Forwarder::request_of(const Item& item) {
  std::vector<protocol::WireTensor> inputs;
  for (size_t i = 0; i < item.sent.size(); ++i) {
    std::optional<protocol::WireTensor> stream;
    if (cloud_decodes_ && item.job->batch == 1) {
      const std::lock_guard one_at_a_time(coding_);
      stream = coders_.encoded(sent_names_[i], item.sent[i]);
    }
    inputs.push_back(stream ? std::move(*stream)
                            : protocol::WireTensor{.name = sent_names_[i], .tensor = item.sent[i], .blob = {}, .strings = {}, .parameters = {}});
  }
  auto request = offload::make_request(manifest_, std::move(inputs),
                                       item.job->id.empty() ? std::to_string(next_id_++) : item.job->id + "/" + std::to_string(next_id_++));
  const auto& onward = item.job->onward;
  if (onward.trace) request.metadata.emplace_back(trace::kTraceparentKey, trace::traceparent(*onward.trace));
  if (!onward.device.empty() && protocol::printable_ascii(onward.device) == onward.device)
    request.metadata.emplace_back(protocol::kDeviceKey, onward.device);
  return request;
}

void Forwarder::finish(const std::shared_ptr<Job>& job, const Outcome& middle, Done done) {
  const auto item = std::make_shared<Item>(Item{.job = job, .done = std::move(done), .sent = {}});
  item->forward.middle = middle.times, item->forward.middle_items = middle.run_items;
  for (const auto& tensor : middle.outputs) item->sent.push_back(tensor.clone());  // the engine reuses its buffer
  if (!ask_cloud(item)) ask_copy(item);
}

/// False where nothing was sent.
bool Forwarder::ask_cloud(const ItemPtr& item) {
  if (!session_ || item->job->is_cancelled()) return false;
  const double budget = budget_us(*item->job);
  if (budget <= 0) {
    item->forward.why = "there is no time left for it";
    return false;
  }
  item->forward.asked_ns = static_cast<int64_t>(now_us() * 1e3), item->forward.budget_us = budget;
  try {
    session_->call_async(request_of(*item), budget, [this, item](std::function<protocol::InferResult()> take) {
      item->forward.forward_ns = static_cast<int64_t>((now_us() - item->start_us) * 1e3);
      auto work = [this, item, take = std::move(take)] { take_answer(item, take); };
      if (!options_.pool->submit(work)) work();
    });
  } catch (const std::exception& e) {
    item->forward.why = e.what(), item->forward.asked_ns = 0;
    return false;
  }
  ++counts_.asked;
  return true;
}

void Forwarder::take_answer(const ItemPtr& item, const std::function<protocol::InferResult()>& take) {
  Outcome outcome;
  try {
    const auto result = take();
    outcome.outputs = outputs_of(result, item->job->batch);
    item->forward.is_from_cloud = true;
    item->forward.queue_ns = to_ns(result.parameters, "queue_us");
    item->forward.decode_ns = to_ns(result.parameters, "decode_us");
    item->forward.compute_ns = to_ns(result.parameters, "compute_us");
  } catch (const std::exception& e) {
    item->forward.why = e.what();
    return ask_copy_or_refuse(item);
  }
  ++counts_.cloud;
  counts_.cloud_ns += static_cast<uint64_t>(item->forward.forward_ns);
  outcome.times = item->forward.middle;
  outcome.run_items = item->forward.middle_items;
  outcome.forward = item->forward;
  item->tell(outcome);
}

/// In the order expected. @throws TransportError for an answer that is none to this model.
std::vector<Tensor> Forwarder::outputs_of(const protocol::InferResult& result, int64_t batch) const {
  std::vector<Tensor> outputs;
  for (const auto& wanted : expected_.outputs) {
    const auto found = std::find_if(result.outputs.begin(), result.outputs.end(), [&](const auto& output) { return output.name == wanted.name; });
    const bool fits = found != result.outputs.end() && found->tensor.dtype() == wanted.dtype && found->tensor.shape().size() == wanted.shape.size() &&
                      (!batches_ || (!found->tensor.shape().empty() && found->tensor.shape()[0] == batch));
    if (!fits)
      throw TransportError(
          "[forward] the answer of " + session_->edge().address() + " has no output '" + wanted.name + "' like " + to_string(wanted.shape),
          /*retryable=*/false);
    outputs.push_back(found->tensor);
  }
  return outputs;
}

/// On a thread of the pool, where nobody catches.
void Forwarder::ask_copy_or_refuse(const ItemPtr& item) {
  try {
    ask_copy(item);
  } catch (...) {
    const auto refusal = current_refusal();
    ++counts_.errors;
    item->tell({.code = refusal.code(), .message = refusal.what(), .outputs = {}, .times = item->forward.middle});
  }
}

void Forwarder::ask_copy(const ItemPtr& item) {
  if (!copy_) {
    ++counts_.errors;
    item->tell({.code = item->job->is_cancelled() ? Code::kCancelled : Code::kUnavailable,
                .message = "the cloud did not answer, and this edge has no copy of its model: " + item->forward.why,
                .outputs = {},
                .times = item->forward.middle,
                .retry_after_us = kRetryUs,
                .run_items = item->forward.middle_items,
                .forward = item->forward});
    return;
  }
  if (!item->forward.why.empty()) log::debug("[forward] answered by the copy: " + item->forward.why);
  auto job = second_job(*item->job, item->sent);
  job->done = [this, item, &copy_job = *job](const Outcome& given) {
    Outcome outcome = given;
    ++(given.code == Code::kOk ? counts_.copy : counts_.errors);
    item->forward.copy = given.times, item->forward.copy_items = given.run_items, item->forward.copy_queued_ns = copy_job.queued_ns;
    add_first_stage(outcome.times, item->forward.middle);
    outcome.run_items = item->forward.middle_items;
    outcome.forward = item->forward;
    if (given.code == Code::kOk) {
      for (size_t i = 0; i < copy_order_.size(); ++i) outcome.outputs[i] = given.outputs[static_cast<size_t>(copy_order_[i])];
      const double us = static_cast<double>(given.times.infer_ns) * 1e-3, before_us = copy_us_;
      copy_us_ =
          us > before_us ? std::min(us, before_us * 2) : 0.9 * before_us + 0.1 * us;  // rises at once and falls slowly, as a device's local half
    } else {
      outcome.message += item->forward.why.empty() ? "" : "; the cloud: " + item->forward.why;
    }
    item->tell(outcome);
  };
  copy_->submit(std::move(job));
}

}  // namespace scissionlite::server
