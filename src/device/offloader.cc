#include "device/offloader.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "device/edge_times.h"
#include "offload/identity.h"
#include "protocol/classification.h"

namespace scissionlite::device {

using namespace offload;

namespace {

constexpr double kLocalMargin = 1.25;   // the local half may take this much longer than it did lately
constexpr double kSilent = 0.98;        // of its budget: a call that took so long was given up, not refused
constexpr double kLocalMarginUs = 500;  // waking up, choosing classes, printing
constexpr double kPatience = 0.5;       // of the local half's time, that a call may take longer than usual
constexpr double kLeastPatienceUs = 10e3;

bool is_from_cloud(const protocol::Parameters& parameters) {
  const auto found = parameters.find("origin");
  return found != parameters.end() && std::holds_alternative<std::string>(found->second) && std::get<std::string>(found->second) == "cloud";
}

int64_t payload_of(const std::vector<protocol::WireTensor>& wire) {
  int64_t bytes = 0;
  for (const auto& t : wire) bytes += static_cast<int64_t>(t.blob ? t.blob->size() : t.tensor.size_bytes());
  return bytes;
}

Fields trace_attributes(const Answer& answer, const Manifest& manifest) {
  Fields out{{"scissionlite.request_id", answer.id},
             {"scissionlite.model", manifest.model_name},
             {"scissionlite.model_sha256", manifest.model_sha256},
             {"scissionlite.tail_sha256", manifest.tail_sha256},
             {"scissionlite.plan", manifest.candidate},
             {"scissionlite.cut", join(manifest.cut_tensors, ",")},
             {"scissionlite.transfer_layer", manifest.tl},
             {"scissionlite.origin", name_of(answer.origin)},
             {"scissionlite.payload_bytes", answer.payload_bytes},
             {"scissionlite.bytes_up", answer.message_bytes},
             {"scissionlite.bytes_down", answer.response_bytes},
             {"scissionlite.late", answer.is_late}};
  if (!answer.note.empty()) out.emplace_back("scissionlite.note", answer.note);
  return out;
}

/// While it lives, one more.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

std::string_view as_text(const std::vector<uint8_t>& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

Offloader::Offloader(DevicePackage package, OffloaderOptions options, std::unique_ptr<Edge> edge)
    : package_(std::move(package)),
      options_(std::move(options)),
      clock_(*options_.clock),
      candidate_(candidate_from_key(package_.manifest.candidate)),
      codec_(wire_codec(package_.manifest)),
      overrun_(options_.deadline_us) {
  if (options_.engine.empty()) options_.engine = default_backend();
  if (!options_.observation.counts) options_.observation.counts = std::make_shared<DeviceCounts>();
  slow_ = slow_factor(options_.engine);
  if (options_.shadow && options_.shadow->model_sha256() != package_.manifest.model_sha256) {
    log::warning("[shadow] the package is of model " + package_.manifest.model_name + " " + package_.manifest.model_sha256.substr(0, 12) +
                 ", answers could be compared with those of '" + options_.shadow->options().model.string() + "', " +
                 options_.shadow->model_sha256().substr(0, 12) + ": they are not");
    options_.shadow = nullptr;
  }
  const bool wants_edge = candidate_.kind != Candidate::Kind::kLocal;
  const bool has_edge = edge != nullptr || !options_.edge.empty();
  if (wants_edge && !has_edge && !options_.local_fallback)
    throw InvalidArgument("[offload] the package '" + package_.folder.string() + "' (" + package_.manifest.candidate +
                          ") needs an edge; give its address, or allow local answers");
  if (candidate_.kind == Candidate::Kind::kSplit)
    head_ = std::make_unique<Half>(package_.head(), options_.engine, options_.threads, [this](const Graph& head) {
      check_head_names_tail(head, package_.manifest);
      package_.check_input_of(head);
    });
  if (!wants_edge || options_.local_fallback)
    local_ =
        std::make_unique<Half>(package_.local(), options_.engine, options_.threads, [this](const Graph& local) { package_.check_input_of(local); });
  input_name_ = head_ ? head_->inputs().front().name : local_ ? local_->inputs().front().name : package_.manifest.wire.front().name;
  if (!wants_edge || !has_edge) return;
  if (edge == nullptr) edge = make_grpc_edge(options_.edge, options_.connect_timeout_us, options_.security);
  auto probe = std::make_shared<ProbeTensors>(package_.load_probe());
  choose_answer_form(*probe);
  rehearse_restoring(*probe);
  coders_ = WireCoders(package_.folder, package_.manifest.coders);
  session_ = std::make_unique<EdgeSession>(
      std::move(edge),
      [this, probe](Edge& e) {
        const auto server = e.server();
        check_versions(e, server);
        const double tolerance = package_.manifest.forward ? std::max(options_.probe_tolerance, kChainTolerance) : options_.probe_tolerance;
        const auto claims = check_identity(e, package_.manifest, *probe, tolerance, options_.call_timeout_us, name_metadata(options_.observation));
        edge_decodes_ = coders_.are_known_to(claims);
        edge_classifies_ =
            !scores_name_.empty() && std::count(server.extensions.begin(), server.extensions.end(), protocol::kClassificationExtension) > 0;
      },
      options_.session);
  session_->start();
}

/// Of a classifier the best classes are enough, when they are much smaller than all scores.
void Offloader::choose_answer_form(const ProbeTensors& probe) {
  if (options_.whole_outputs || probe.outputs.empty() || package_.input.decision) return;  // a decision takes all scores
  const auto& names = package_.manifest.output_names;
  const auto main =
      std::find_if(probe.outputs.begin(), probe.outputs.end(), [&](const auto& o) { return !names.empty() && o.first == names.front(); });
  if (main == probe.outputs.end() || !protocol::is_score_list(main->second.shape())) return;
  constexpr int64_t kWorthIt = 2;
  const int64_t count = main->second.size();
  if (kWorthIt * protocol::class_answer_bytes(options_.top_k, count) > static_cast<int64_t>(main->second.size_bytes())) return;
  scores_name_ = main->first;
  class_count_ = count;
}

Offloader::~Offloader() = default;

const EngineInfo* Offloader::engine_info() const { return head_ ? &head_->info() : local_ ? &local_->info() : nullptr; }

Prepared Offloader::prepare(Frame frame, bool keep) {
  Prepared out;
  out.name = frame.name;
  out.accepted_us = clock_.now_us();
  begin(out);
  try {
    draw_for_shadow(frame, out);
    if (candidate_.kind == Candidate::Kind::kEdge && !codec_.empty()) {
      encode_image(frame, out);
    } else {
      const auto image = pixels(frame, out);
      out.parts.preprocess_us = staged_us(out, "preprocess", [&] { out.tensors = {{input_name_, vision::preprocess(image, package_.input)}}; });
      if (candidate_.kind != Candidate::Kind::kLocal) prepare_wire(frame, out, keep);
    }
    out.payload_bytes = payload_of(out.wire);
  } catch (const std::exception& e) { out.error = e.what(); }
  out.ready_us = clock_.now_us();
  if (steering_ && out.error.empty()) steering_->note_head(out.ready_us - out.accepted_us, out.parts.head_us);
  return out;
}

template <typename Body>
double Offloader::staged_us(const Prepared& image, const char* stage, Body&& body) const {
  const trace::Stage span(image.recording.get(), stage);
  return timed_us(clock_, slow_, std::forward<Body>(body));
}

void Offloader::begin(Prepared& out) {
  out.id = next_request_id();
  const auto& tracer = options_.observation.tracer;
  if (!tracer) return;
  out.context = tracer->begin();
  if (out.context.is_sampled) out.recording = std::make_unique<trace::Recording>(*tracer, out.context, "image", trace::Kind::kInternal, clock_);
}

/// What the edge is told; of an image that is not traced, that it is not to be traced there either.
std::optional<trace::Context> Offloader::context_of(const Prepared& prepared, const trace::Stage& call) const {
  if (!options_.observation.tracer) return std::nullopt;
  if (prepared.recording) return prepared.recording->context_of(call.id());
  auto context = prepared.context;
  context.span = options_.observation.tracer->next_span();
  return context;
}

/// A local plan runs the uncut model itself.
void Offloader::draw_for_shadow(const Frame& frame, Prepared& out) const {
  if (!options_.shadow || candidate_.kind == Candidate::Kind::kLocal || !options_.shadow->draws()) return;
  out.shadowed = std::make_unique<Shadowed>(Shadowed{.name = frame.name, .plan = package_.manifest.candidate});
  if (codec_ == "file") out.shadowed->bytes = frame.bytes;  // else the input is at hand when the answer is
}

void Offloader::offer_to_shadow(Prepared& prepared, const Answer& answer) const {
  auto& out = *prepared.shadowed;
  if (!prepared.tensors.empty()) out.input = prepared.tensors.front().second;
  else out.image = std::move(prepared.image);
  const auto& manifest = package_.manifest;
  const auto& names = manifest.output_names;
  if (!manifest.original_output_names.empty()) out.scores = manifest.original_output_names.front();
  if (!answer.top.empty()) out.index = answer.top.front().index;
  if (answer.verdict) out.is_positive = answer.verdict->is_positive;
  if (!out.index && !out.is_positive)
    for (const auto& [name, tensor] : answer.outputs) {
      const auto found = std::find(names.begin(), names.end(), name);
      if (found != names.end())
        out.outputs.emplace_back(manifest.original_output_names.at(static_cast<size_t>(found - names.begin())), tensor.clone());
    }
  options_.shadow->offer(std::move(out));
}

void Offloader::tell(Prepared& prepared, Answer& answer) const {
  answer.id = prepared.id;
  options_.observation.counts->add(answer, package_.manifest.candidate, session_ != nullptr);
  if (prepared.recording) {
    auto& recording = *prepared.recording;
    answer.trace_id = recording.id();
    auto& root = recording.root();
    root.attributes = trace_attributes(answer, package_.manifest);
    if (options_.deadline_us > 0) root.attributes.emplace_back("scissionlite.deadline_us", options_.deadline_us);
    root.error = answer.error;
    recording.submit(prepared.accepted_us + answer.latency_us);
  }
  if (options_.observation.logs_requests) log_answer(answer, package_.manifest.candidate);
}

vision::Image Offloader::pixels(Frame& frame, Prepared& out) {
  if (frame.image) return std::move(*frame.image);
  vision::Image image;
  out.parts.image_decode_us += staged_us(out, "decode", [&] { image = vision::decode(frame.bytes, frame.name); });
  return image;
}

void Offloader::prepare_wire(Frame& frame, Prepared& out, bool keep) {
  if (head_) {
    const trace::Stage stage(out.recording.get(), "head");
    const double start_us = clock_.now_us();
    auto outputs = head_->run(out.tensors, keep);
    out.parts.head_us = clock_.now_us() - start_us;
    std::move(outputs.begin(), outputs.end(), std::back_inserter(out.tensors));
  }
  for (const auto& wanted : package_.manifest.wire) {
    const auto found = std::find_if(out.tensors.begin(), out.tensors.end(), [&](const auto& t) { return t.first == wanted.name; });
    // An edge-only plan sends the model's input, whatever the tail calls it.
    const Tensor& tensor = found != out.tensors.end() ? found->second : out.tensors.front().second;
    out.wire.push_back({.name = wanted.name, .tensor = tensor, .blob = {}, .strings = {}, .parameters = {}});
  }
  if (edge_decodes_) out.parts.encode_us += staged_us(out, "encode", [&] { encode_wire(out.wire); });
}

/// Codes become streams where there is a coder.
void Offloader::encode_wire(std::vector<protocol::WireTensor>& wire) {
  for (auto& tensor : wire)
    if (auto stream = coders_.encoded(tensor.name, tensor.tensor)) tensor = std::move(*stream);
}

void Offloader::encode_image(Frame& frame, Prepared& out) {
  const std::string& name = package_.manifest.wire.empty() ? input_name_ : package_.manifest.wire.front().name;
  if (codec_ == "file") {
    if (frame.bytes.empty() && frame.image)  // a camera's: without loss, as a file of it would be
      out.parts.encode_us = staged_us(out, "encode", [&] { frame.bytes = vision::encode(*frame.image, "png"); });
    out.wire.push_back(blob_input(name, std::move(frame.bytes), codec_));
    return;
  }
  const auto image = pixels(frame, out);
  out.parts.preprocess_us = staged_us(out, "preprocess", [&] { out.image = vision::resize_and_crop(image, package_.input); });
  std::string bytes;
  out.parts.encode_us = staged_us(
      out, "encode", [&] { bytes = codec_ == "raw" ? std::string(as_text(out.image->rgb)) : vision::encode(*out.image, candidate_.codec); });
  out.wire.push_back(blob_input(name, std::move(bytes), codec_));
}

/// A throttled device shows in its head before its local half is needed.
double Offloader::expected_local_us() const {
  if (!local_) return 0;
  return head_ ? std::max(local_->expected_us(), local_->own_us() * head_->slowness()) : local_->expected_us();
}

/// What the local half has to do first; larger files take longer.
double Offloader::restore_us(const Prepared& prepared) const {
  return prepared.tensors.empty() ? restore_a_byte_.us() * static_cast<double>(prepared.payload_bytes) : 0;
}

/// Of a call, while others may need the local half too.
double Offloader::usual_patience_us() const { return call_.us() + std::max({call_.us(), kPatience * expected_local_us(), kLeastPatienceUs}); }

/// How long the edge may take so that the local half can still answer in time; all that is left where it could not anyhow. Where the edge falls
/// silent, it does so for all images that wait for it, and the local half takes one at a time: an image then leaves time for those before it, as long
/// as calls that take what they usually do are waited for.
double Offloader::edge_budget_us(const Prepared& prepared) const {
  const double spent_us = clock_.now_us() - prepared.accepted_us;
  if (steering_) return steering_->edge_budget_us(spent_us, restore_us(prepared) + overrun_.us());
  if (options_.deadline_us <= 0) return options_.call_timeout_us;
  if (!local_) return options_.deadline_us - spent_us;
  const double local_us = (expected_local_us() + restore_us(prepared)) * kLocalMargin, others_us = (finishing_ - 1) * local_us,
               until_us = options_.deadline_us - spent_us - kLocalMarginUs - overrun_.us(), left_us = until_us - local_us;
  if (left_us <= 0) return until_us;
  return std::max(left_us - others_us, call_.us() > 0 ? std::min(left_us, usual_patience_us()) : left_us);
}

bool Offloader::ask_edge(Prepared& prepared, Answer& answer) {
  overrun_.fade();
  const double budget_us = edge_budget_us(prepared);
  if (budget_us <= 0) {
    const bool is_choice = steering_ && budget_us == 0;  // of the switch; what is too late is below 0
    answer.note =
        is_choice ? "the device is expected to be sooner than the edge" : "no time left for the edge within " + format_us(options_.deadline_us);
    return false;
  }
  if (session_->state() != EdgeState::kReady) {
    answer.note = session_->reason();
    return false;
  }
  auto request = make_request(package_.manifest, std::move(prepared.wire), prepared.id);
  if (edge_classifies_ && options_.top_k > 0) {
    request.outputs = {scores_name_};
    request.classes = options_.top_k;
  }
  trace::Stage call(prepared.recording.get(), "ModelInfer", trace::Kind::kClient);
  call.note("server.address", session_->edge().address());
  call.note("scissionlite.budget_us", budget_us);
  add_metadata(options_.observation, context_of(prepared, call), clock_.now_us(), request);
  const double start_us = clock_.now_us();
  try {
    double held_us = 0;
    auto result = session_->call(request, budget_us, &held_us);
    const double call_us = clock_.now_us() - start_us - held_us;
    call_.note(call_us);
    Parts& parts = answer.parts;
    parts.serialize_us = result.serialize_us;
    const double edge_us = take_edge_times(result.parameters, call_us, parts);
    parts.wire_us = std::max(0.0, call_us - parts.serialize_us - edge_us);
    answer.message_bytes = result.request_bytes, answer.response_bytes = result.response_bytes;
    answer.payload_bytes = prepared.payload_bytes;
    if (steering_) steering_->note_answer(static_cast<double>(result.request_bytes), parts.wire_us, edge_us);
    take_outputs(result, answer);
    answer.origin = is_from_cloud(result.parameters) ? Origin::kCloud : Origin::kEdge;
    return true;
  } catch (const std::exception& e) {
    answer.note = e.what();
    call.fail(answer.note);
    answer.parts.wire_us = clock_.now_us() - start_us;
    const bool is_links =
        dynamic_cast<const NotChecked*>(&e) == nullptr && dynamic_cast<const InvalidArgument*>(&e) == nullptr;  // else it was answered
    const bool is_silent = is_links && answer.parts.wire_us >= budget_us * kSilent;
    if (is_silent) overrun_.note(answer.parts.wire_us - budget_us), call_.note(answer.parts.wire_us);
    if (steering_ && is_silent) steering_->note_silence(static_cast<double>(prepared.payload_bytes), answer.parts.wire_us);
  }
  prepared.wire = std::move(request.inputs);
  return false;
}

/// What holds neither classes nor the model's outputs is no answer, and throws TransportError.
void Offloader::take_outputs(protocol::InferResult& result, Answer& answer) const {
  std::vector<Class> top;
  std::vector<std::pair<std::string, Tensor>> outputs;
  for (auto& output : result.outputs) {
    if (!output.is_bytes()) outputs.emplace_back(output.name, std::move(output.tensor));
    for (const auto& element : output.strings) {
      const auto scored = protocol::parse_class(element);
      top.push_back(labelled_class(scored.index, class_count_, scored.score, package_.input));
    }
  }
  for (const auto& name : package_.manifest.output_names)
    if (top.empty() && std::none_of(outputs.begin(), outputs.end(), [&](const auto& output) { return output.first == name; }))
      throw TransportError("[offload] the answer of " + session_->edge().address() + " to '" + result.id + "' holds no output '" + name + "'",
                           /*retryable=*/false);
  answer.top = std::move(top), answer.outputs = std::move(outputs);
}

/// The model's input from what was sent, when the plan did not compute it.
void Offloader::restore_input(Prepared& prepared, Answer& answer) {
  const double start_us = clock_.now_us();
  if (!prepared.image) {
    vision::Image image;
    answer.parts.image_decode_us += staged_us(prepared, "decode", [&] { image = vision::decode(*prepared.wire.front().blob, prepared.name); });
    answer.parts.preprocess_us += staged_us(prepared, "preprocess", [&] { prepared.image = vision::resize_and_crop(image, package_.input); });
  }
  answer.parts.preprocess_us += staged_us(prepared, "preprocess", [&] {
    prepared.tensors = {{input_name_, vision::to_tensor(*prepared.image, package_.input)}};
  });
  restore_a_byte_.note((clock_.now_us() - start_us) / static_cast<double>(std::max<int64_t>(1, prepared.payload_bytes)));
}

/// Before a picture has shown it: the probe's is as good as any.
void Offloader::rehearse_restoring(const ProbeTensors& probe) {
  if (!local_ || codec_ != "file" || probe.inputs.empty()) return;
  Prepared prepared;
  prepared.name = "the probe's picture";
  const auto bytes = probe.inputs.front().second.bytes();
  prepared.payload_bytes = static_cast<int64_t>(bytes.size());
  prepared.wire.push_back(blob_input(input_name_, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), codec_));
  Answer answer;
  try {
    restore_input(prepared, answer);
  } catch (const std::exception& e) { log::debug("[offload] the time to decode is learned with the first picture: " + std::string(e.what())); }
}

void Offloader::answer_locally(Prepared& prepared, Answer& answer) {
  if (prepared.tensors.empty()) restore_input(prepared, answer);
  const trace::Stage stage(prepared.recording.get(), session_ ? "fallback" : "local");
  const double start_us = clock_.now_us();
  answer.outputs = local_->run(prepared.tensors, /*keep=*/true);
  const double us = clock_.now_us() - start_us;
  (candidate_.kind == Candidate::Kind::kLocal ? answer.parts.head_us : answer.parts.local_tail_us) += us;
  answer.origin = Origin::kLocal;
  if (steering_) steering_->note_local(us);
}

void Offloader::finish_times(const Prepared& prepared, Answer& answer) const {
  answer.latency_us = clock_.now_us() - prepared.accepted_us;
  answer.parts.other_us = 0;
  answer.parts.other_us = std::max(0.0, answer.latency_us - answer.parts.sum_us());
  answer.is_late = options_.deadline_us > 0 && answer.latency_us > options_.deadline_us;
}

Answer Offloader::finish(Prepared prepared) {
  const Counted counted(finishing_);
  Answer answer;
  answer.name = prepared.name;
  answer.parts = prepared.parts;
  answer.error = prepared.error;
  try {
    if (answer.error.empty() && !(session_ && ask_edge(prepared, answer))) {
      if (local_) answer_locally(prepared, answer);
      else answer.error = answer.note;
    }
    if (answer.error.empty() && !answer.outputs.empty()) {
      const trace::Stage stage(prepared.recording.get(), "postprocess");
      const auto& names = package_.manifest.output_names;
      const auto main =
          std::find_if(answer.outputs.begin(), answer.outputs.end(), [&](const auto& o) { return !names.empty() && o.first == names.front(); });
      const auto& scores = (main == answer.outputs.end() ? answer.outputs.front() : *main).second;
      answer.top = best_classes(scores, package_.input, options_.top_k), answer.verdict = verdict_of(scores, package_.input);
    }
  } catch (const std::exception& e) { answer.error = e.what(); }
  finish_times(prepared, answer);
  tell(prepared, answer);
  if (prepared.shadowed && answer.error.empty()) offer_to_shadow(prepared, answer);
  return answer;
}

}  // namespace scissionlite::device
