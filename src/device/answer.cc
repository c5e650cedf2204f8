#include "device/answer.h"

#include <cmath>

#include "protocol/classification.h"

namespace scissionlite::device {
namespace {

std::string label_of(int64_t index, int64_t count, const vision::InputSpec& input) {
  const auto known = static_cast<int64_t>(input.labels.size());
  const int64_t at = known == count ? index : index - input.label_offset;  // a list without the background class
  return at >= 0 && at < known ? input.labels[static_cast<size_t>(at)] : "";
}

bool is_integer(Dtype dtype) { return dtype != Dtype::kF32 && dtype != Dtype::kF64 && dtype != Dtype::kF16 && dtype != Dtype::kBF16; }

/// JSON has no NaN and no infinity: they become null.
Json values_of(const Tensor& tensor) {
  if (is_integer(tensor.dtype())) return tensor.to_i64();
  Json values = Json::array();
  const Tensor wide = tensor.to_f32();
  for (const float v : wide.as<float>()) values.push_back(std::isfinite(v) ? Json(v) : Json());
  return values;
}

Json output_json(const std::string& name, const Tensor& tensor, bool whole) {
  constexpr int64_t kMostValues = 1000;  // a longer list makes a line unreadable
  Json json{{"name", name}, {"dtype", dtype_name(tensor.dtype())}, {"shape", tensor.shape()}};
  if (whole || tensor.size() <= kMostValues) json["values"] = values_of(tensor);
  return json;
}

double rounded(double us) { return std::round(us * 10) / 10; }

}  // namespace

const char* name_of(Origin origin) { return origin == Origin::kEdge ? "edge" : origin == Origin::kCloud ? "cloud" : "local"; }

double Parts::sum_us() const {
  return image_decode_us + preprocess_us + head_us + encode_us + serialize_us + wire_us + edge_queue_us + edge_decode_us + edge_compute_us +
         cloud_us() + local_tail_us + other_us;
}

Class labelled_class(int64_t index, int64_t count, double score, const vision::InputSpec& input) {
  return {index, label_of(index, count, input), score};
}

std::vector<Class> best_classes(const Tensor& scores, const vision::InputSpec& input, int k) {
  if (scores.empty() || !protocol::is_score_list(scores.shape())) return {};
  const Tensor values = scores.to_f32();
  const auto v = values.as<float>();
  std::vector<Class> best;
  for (const int64_t i : protocol::best_indices(v, k))
    best.push_back(labelled_class(i, static_cast<int64_t>(v.size()), v[static_cast<size_t>(i)], input));
  return best;
}

std::optional<Verdict> verdict_of(const Tensor& scores, const vision::InputSpec& input) {
  if (!input.decision || scores.empty() || !protocol::is_score_list(scores.shape())) return std::nullopt;
  const Tensor values = scores.to_f32();
  const double share = vision::positive_share(*input.decision, values.as<float>());
  if (!std::isfinite(share)) return std::nullopt;
  return Verdict{share >= input.decision->threshold, share, input.decision->threshold, label_of(input.decision->positive, values.size(), input)};
}

Json to_json(const Answer& answer, bool whole) {
  Json json{{"path", answer.name}};
  if (!answer.id.empty()) json["request_id"] = answer.id;
  if (!answer.trace_id.empty()) json["trace_id"] = answer.trace_id;
  if (!answer.error.empty()) {
    json["error"] = answer.error;
    return json;
  }
  if (!answer.candidate.empty()) json["candidate"] = answer.candidate;
  if (!answer.package.empty()) json["package"] = answer.package;
  json["origin"] = name_of(answer.origin);
  if (!answer.note.empty()) json["note"] = answer.note;
  if (const auto& verdict = answer.verdict) {
    json["verdict"] = {{"is_positive", verdict->is_positive}, {"share", verdict->share}, {"threshold", verdict->threshold}};
    if (!verdict->label.empty()) json["verdict"]["label"] = verdict->label;
  }
  Json top = Json::array();
  for (const auto& c : answer.top) {
    Json entry{{"index", c.index}};
    if (!c.label.empty()) entry["label"] = c.label;
    entry["score"] = std::isfinite(c.score) ? Json(c.score) : Json();
    top.push_back(std::move(entry));
  }
  if (!answer.top.empty()) json["top"] = std::move(top);
  if (answer.top.empty() || whole)
    for (const auto& [name, tensor] : answer.outputs) json["outputs"].push_back(output_json(name, tensor, whole));
  json["latency_us"] = rounded(answer.latency_us);
  if (answer.is_late) json["late"] = true;
  const Parts& p = answer.parts;
  json["parts"] = {{"image_decode_us", rounded(p.image_decode_us)},
                   {"preprocess_us", rounded(p.preprocess_us)},
                   {"head_us", rounded(p.head_us)},
                   {"encode_us", rounded(p.encode_us)},
                   {"serialize_us", rounded(p.serialize_us)},
                   {"wire_us", rounded(p.wire_us)},
                   {"edge_queue_us", rounded(p.edge_queue_us)},
                   {"edge_decode_us", rounded(p.edge_decode_us)},
                   {"edge_compute_us", rounded(p.edge_compute_us)},
                   {"local_tail_us", rounded(p.local_tail_us)},
                   {"other_us", rounded(p.other_us)}};
  if (p.cloud_us() > 0) {
    auto& parts = json["parts"];
    parts["cloud_wire_us"] = rounded(p.cloud_wire_us), parts["cloud_queue_us"] = rounded(p.cloud_queue_us);
    parts["cloud_decode_us"] = rounded(p.cloud_decode_us), parts["cloud_compute_us"] = rounded(p.cloud_compute_us);
  }
  json["payload_bytes"] = answer.payload_bytes;
  json["message_bytes"] = answer.message_bytes;
  return json;
}

}  // namespace scissionlite::device
