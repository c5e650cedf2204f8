#include "server/models/model.h"

#include <algorithm>
#include <sstream>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/compile_owned.h"
#include "onnx/onnx.h"
#include "prepare/coder_files.h"
#include "prepare/compiled_form.h"
#include "protocol/stream_codec.h"
#include "server/models/model_config_internal.h"
#include "server/models/model_folder.h"

namespace scissionlite::server {
namespace {

constexpr int64_t kProbeEveryNs = 5'000'000'000, kShareOfProbes = 100;  // an idle model is asked so often, but for a hundredth of the time

template <typename Tensors>
std::vector<TensorInfo> describe(const Tensors& tensors, const std::vector<ValueInfo>& values, bool batches) {
  std::vector<TensorInfo> out;
  for (const auto& value : values) {
    const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name() == value.name; });
    if (it == tensors.end()) continue;  // an output that the config leaves out stays unnamed to clients
    TensorInfo info{value.name, dtype_of(it->data_type()), {it->dims().begin(), it->dims().end()}, nullptr};
    if (batches) info.shape.insert(info.shape.begin(), -1);
    out.push_back(std::move(info));
  }
  return out;
}

/// The hash of the file; @throws InvalidArgument when config or manifest claim another.
std::string checked_hash(const fs::path& folder, const fs::path& file, const inference::ModelConfig& config, const JsonReader& manifest) {
  const auto hash = model_sha256(file);
  const auto compare = [&](const std::string& claim, const std::string& where) {
    if (!claim.empty() && claim != hash)
      throw InvalidArgument("[server] " + where + " claims model_sha256 " + claim + ", but " + file.string() + " has " + hash +
                            "; the folder mixes files of two models, run prepare again");
  };
  const auto it = config.parameters().find("model_sha256");
  if (it != config.parameters().end()) compare(it->second.string_value(), (folder / "config.pbtxt").string());
  compare(manifest.text_or("tail_sha256", ""), manifest.where());
  return hash;
}

/// The file, with its compiled form where the manifest lists one. @throws InvalidArgument when that is not what was written with the file.
PackagedModel packaged(const fs::path& folder, const fs::path& file, const std::string& hash, const JsonReader& manifest) {
  if (!manifest.has("compiled")) return {file, {}};
  const auto forms = compiled_forms_from_json(manifest.at("compiled"));
  const auto listed = forms.find(form_path(file).lexically_relative(folder).generic_string());
  if (listed == forms.end()) return {file, {}};
  check_form(folder, listed->first, listed->second, hash);
  return {file, form_path(file)};
}

/// Inputs of zeros; none where a size is unknown.
std::vector<Tensor> zeros(const ModelInterface& interface, int64_t batch) {
  std::vector<Tensor> inputs;
  for (const auto& info : interface.inputs) {
    Shape shape = info.shape;
    if (interface.max_batch > 0) shape[0] = batch;
    if (!is_static(shape)) return {};
    Tensor tensor(info.dtype, shape);
    std::fill_n(tensor.mutable_data(), tensor.size_bytes(), std::byte{0});
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

/// One run on zeros: loads lazily built parts, and shows that the engine can run it. Skipped where a size is unknown.
void warm_up(Executable& executable, const ModelInterface& interface, int64_t batch) {
  if (const auto inputs = zeros(interface, batch); !inputs.empty()) (void)executable.run(inputs);
}

BatchingOptions batching_of(const inference::ModelConfig& config, const ModelOptions& options) {
  BatchingOptions out;
  out.queue_size = options.queue_size;
  out.hang_ns = options.hang_ns;
  out.combine = config.max_batch_size() > 1 && config.has_dynamic_batching();
  out.max_batch = std::max(config.max_batch_size(), 1);
  out.preferred.assign(config.dynamic_batching().preferred_batch_size().begin(), config.dynamic_batching().preferred_batch_size().end());
  constexpr uint64_t kLongestDelayUs = 10'000'000, kLongestTimeoutUs = 86'400'000'000;
  out.max_delay_ns = static_cast<int64_t>(std::min(config.dynamic_batching().max_queue_delay_microseconds(), kLongestDelayUs)) * 1000;
  const auto& policy = config.dynamic_batching().default_queue_policy();
  if (policy.max_queue_size() > 0) out.queue_size = policy.max_queue_size();
  const bool rejects = policy.timeout_action() == inference::ModelQueuePolicy::REJECT;
  const int64_t own_ns = rejects ? static_cast<int64_t>(std::min(policy.default_timeout_microseconds(), kLongestTimeoutUs)) * 1000 : 0;
  out.queue_timeout_ns =
      options.queue_age_ns > 0 && own_ns > 0 ? std::min(options.queue_age_ns, own_ns) : std::max(options.queue_age_ns, own_ns);  // 0: no limit
  if (out.queue_timeout_ns > 0)
    out.max_delay_ns = std::min(out.max_delay_ns, out.queue_timeout_ns / 2);  // else what waits for partners would be refused
  if (!rejects)
    log::warning("[config] model '" + config.name() +
                 "': timeout_action DELAY is not supported, requests wait as if there were no timeout; expected REJECT");
  return out;
}

/// Lines of the files that outputs name, as Triton reads them. @throws ResourceError.
std::map<std::string, std::vector<std::string>> labels_of(const fs::path& folder, const inference::ModelConfig& config) {
  constexpr uint64_t kLimitBytes = 64 << 20;
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& output : config.output()) {
    if (output.label_filename().empty()) continue;
    std::istringstream lines(read_file(folder / output.label_filename(), kLimitBytes));
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      out[output.name()].push_back(line);
    }
  }
  return out;
}

std::optional<vision::InputSpec> image_input(const fs::path& folder, const Graph& graph) {
  const auto path = folder / "input.json";
  if (!fs::exists(path)) return std::nullopt;
  auto spec = vision::load_input_spec(path);
  vision::check_fits(spec, graph, path.string());
  return spec;
}

/// Gives inputs the decoders whose code models lie in the folder.
/// @throws InvalidArgument when one is damaged or of another shape than its input.
void find_decoders(const fs::path& folder, ModelInterface& interface) {
  for (auto& info : interface.inputs) {
    if (!fs::exists(folder / coder_file_name(info.name))) continue;
    const auto model = load_coder(folder, info.name);
    const auto& one = model->shape();
    const Shape expected{interface.max_batch > 0 ? -1 : 1, one.channels, one.rows, one.columns};
    if (info.dtype != Dtype::kU8 || info.shape != expected)
      throw InvalidArgument("[server] " + (folder / coder_file_name(info.name)).string() + " codes uint8 " + to_string(expected) +
                            ", but the input '" + info.name + "' is " + std::string(dtype_name(info.dtype)) + " " + to_string(info.shape) +
                            "; the folder mixes files of two models, run prepare again");
    info.decoder = std::make_shared<StreamDecoder>(model);
  }
}

}  // namespace

Model::Model() : config_(std::make_unique<inference::ModelConfig>()) {}
Model::~Model() = default;

std::shared_ptr<Model> Model::load(const fs::path& folder, int64_t version, const inference::ModelConfig& given, const ModelOptions& options) {
  auto model = std::shared_ptr<Model>(new Model());
  auto& config = *model->config_;
  auto& interface = model->interface_;
  config = given;
  const bool has_config = fs::exists(folder / "config.pbtxt");
  const auto file = version_file(folder, version, config);
  const auto manifest_json = read_manifest(folder);
  const JsonReader manifest(manifest_json, (folder / "manifest.json").string());
  const auto hash = checked_hash(folder, file, config, manifest);
  auto graph = load_packaged(packaged(folder, file, hash, manifest), options.engine);
  const auto forward =
      manifest.has("forward") ? manifest_from_json(manifest_json, manifest.where()).forward : std::nullopt;  // it is the middle of three
  const auto& outputs = forward ? forward->outputs : graph.outputs;
  complete_config(config, graph.inputs, outputs, has_config);
  check_config(config, graph.inputs, outputs);
  const bool batches = config.max_batch_size() > 0;
  interface = {.name = config.name(),
               .version = std::to_string(version),
               .max_batch = config.max_batch_size(),
               .inputs = describe(config.input(), graph.inputs, batches),
               .outputs = describe(config.output(), outputs, batches),
               .image = image_input(folder, graph),
               .sha256 = hash,
               .labels = labels_of(folder, config),
               .plan = manifest.text_or("candidate", "")};
  if (interface.outputs.size() != outputs.size())
    throw InvalidArgument("[config] model '" + config.name() + "' names " + std::to_string(interface.outputs.size()) + " outputs, the graph has " +
                          std::to_string(outputs.size()) + "; name all of them, or none");
  (*config.mutable_parameters())["model_sha256"].set_string_value(interface.sha256);
  find_decoders(folder, interface);
  for (const auto& info : interface.inputs) {
    auto& parameters = *config.mutable_parameters();
    if (info.decoder) parameters[protocol::coder_claim(info.name)].set_string_value(info.decoder->hash());
    else parameters.erase(protocol::coder_claim(info.name));  // a claim in a file proves nothing
  }

  const auto batching = batching_of(config, options);
  if (!forward && options.joints && batching.combine && manifest.has("model_sha256"))
    if (auto part = options.joints->part(graph, manifest.at("model_sha256").text(), batching, options.engine, options.threads))
      graph = std::move(part->first), model->joint_ = std::move(part->joint);
  if (forward) model->forwarder_ = std::make_unique<Forwarder>(folder, *forward, graph, batching, options.engine, options.threads, options.forward);
  std::vector<std::unique_ptr<Executable>> executables;
  executables.push_back(compile_owned(std::move(graph), options.engine, {.threads = options.threads, .precision = "f32"}));
  model->engine_ = executables[0]->info();
  warm_up(*executables[0], interface, 1);
  if (batching.combine) warm_up(*executables[0], interface, std::min<int64_t>(2, batching.max_batch));
  int instances = 0;
  for (const auto& group : config.instance_group()) instances += group.count();
  for (int i = 1; i < instances; ++i) executables.push_back(executables[0]->clone());
  model->hang_ns_ = options.hang_ns;
  model->batcher_ = std::make_unique<Batcher>(batching, std::move(executables), model->statistics_,
                                              [interface](Executable& executable) { warm_up(executable, interface, 1); });
  return model;
}

void Model::probe() {
  const uint64_t executions = statistics_->snapshot().execution_count;
  const uint64_t before = probe_->executions.exchange(executions);
  if (executions != before) probe_->has_failed = false;
  if ((executions != before && !batcher_->is_suspect() && (!joint_ || joint_->is_ready())) || probe_->asked_ns != 0) return;
  auto job = std::make_shared<Job>();
  job->inputs = zeros(interface_, 1);
  if (job->inputs.empty()) return;
  job->is_probe = true;
  job->keeps = shared_from_this();
  const int64_t asked_ns = job->arrived_ns = Clock::steady().now_ns();
  if (int64_t none = 0; !probe_->asked_ns.compare_exchange_strong(none, asked_ns)) return;  // another thread was first
  const auto answered = [probe = probe_, hang_ns = hang_ns_, asked_ns](const Outcome& outcome) {
    const bool has_failed = outcome.code != Code::kOk && outcome.code != Code::kUnavailable;  // a full queue says nothing about the engine
    if (has_failed) log::error("[server] the engine cannot answer the server's own probe: " + outcome.message);
    if (outcome.code != Code::kUnavailable) probe->has_failed = has_failed;
    const int64_t took_ns = Clock::steady().now_ns() - asked_ns;
    probe->took_ns = took_ns > hang_ns ? 0 : took_ns;  // what has hung is to be looked at soon
    probe->asked_ns = 0;
  };
  job->done = answered;
  if (joint_)  // it is an engine of its own
    job->done = [joint = joint_, answered](const Outcome& first) {
      if (first.code != Code::kOk) return answered(first);
      const auto asked = std::make_shared<Job>();
      asked->is_probe = true;
      asked->keeps = joint;
      joint->finish(asked, first, answered);
    };
  batcher_->submit(std::move(job));
}

void Model::tell_dead() {
  batcher_->tell_dead();
  if (next()) next()->look_after();
}

void Model::look_after() {
  tell_dead();
  probe_when_idle();
}

void Model::probe_when_idle() {
  const int64_t now_ns = Clock::steady().now_ns();
  if (now_ns < probe_due_ns_ || probe_->asked_ns != 0 || !batcher_->is_idle()) return;
  const bool is_first = probe_due_ns_ == 0;  // it has just been run on zeros
  probe_due_ns_ = now_ns + std::max(kShareOfProbes * probe_->took_ns, kProbeEveryNs);
  if (!is_first) probe();
}

bool Model::can_infer() const {
  const int64_t asked_ns = probe_->asked_ns;
  const bool is_unanswered =
      asked_ns != 0 && Clock::steady().now_ns() - asked_ns > hang_ns_ && statistics_->snapshot().execution_count == probe_->executions;
  return !batcher_->is_hung() && !batcher_->is_suspect() && (!joint_ || joint_->is_ready()) && !probe_->has_failed && !is_unanswered;
}

}  // namespace scissionlite::server
