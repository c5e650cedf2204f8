#include "device/answer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scissionlite::device {
namespace {

/// (n), (1, n), (1, n, 1, 1): scores of one image.
bool is_score_list(const Shape& shape) {
  return !shape.empty() && std::count_if(shape.begin(), shape.end(), [](int64_t size) { return size != 1; }) <= 1;
}

std::string label_of(int64_t index, int64_t count, const vision::InputSpec& input) {
  const auto known = static_cast<int64_t>(input.labels.size());
  const int64_t at = known == count ? index : index - input.label_offset;  // a list without the background class
  return at >= 0 && at < known ? input.labels[static_cast<size_t>(at)] : "";
}

double rounded(double us) { return std::round(us * 10) / 10; }

}  // namespace

double Parts::sum_us() const {
  return image_decode_us + preprocess_us + head_us + encode_us + serialize_us + wire_us + edge_queue_us + edge_decode_us +
         edge_compute_us + local_tail_us + other_us;
}

std::vector<Class> best_classes(const Tensor& scores, const vision::InputSpec& input, int k) {
  if (scores.empty() || !is_score_list(scores.shape())) return {};
  const Tensor values = scores.to_f32();
  const auto v = values.as<float>();
  std::vector<int64_t> order(v.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](int64_t i) { return std::isnan(v[i]) ? -INFINITY : v[i]; };
  const auto n = std::min<size_t>(order.size(), static_cast<size_t>(std::max(k, 0)));
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(n), order.end(),
                    [&](int64_t a, int64_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  std::vector<Class> best;
  for (size_t i = 0; i < n; ++i)
    best.push_back({order[i], label_of(order[i], values.size(), input), v[static_cast<size_t>(order[i])]});
  return best;
}

Json to_json(const Answer& answer) {
  Json json{{"path", answer.name}};
  if (!answer.error.empty()) {
    json["error"] = answer.error;
    return json;
  }
  json["origin"] = answer.origin == Origin::kEdge ? "edge" : "local";
  if (!answer.note.empty()) json["note"] = answer.note;
  Json top = Json::array();
  for (const auto& c : answer.top) {
    Json entry{{"index", c.index}};
    if (!c.label.empty()) entry["label"] = c.label;
    entry["score"] = std::isfinite(c.score) ? Json(c.score) : Json();
    top.push_back(std::move(entry));
  }
  if (!answer.top.empty()) json["top"] = std::move(top);
  if (answer.top.empty())
    for (const auto& [name, tensor] : answer.outputs)
      json["outputs"].push_back({{"name", name}, {"dtype", dtype_name(tensor.dtype())}, {"shape", tensor.shape()}});
  json["latency_us"] = rounded(answer.latency_us);
  if (answer.is_late) json["late"] = true;
  const Parts& p = answer.parts;
  json["parts"] = {{"image_decode_us", rounded(p.image_decode_us)}, {"preprocess_us", rounded(p.preprocess_us)},
                   {"head_us", rounded(p.head_us)},                 {"encode_us", rounded(p.encode_us)},
                   {"serialize_us", rounded(p.serialize_us)},       {"wire_us", rounded(p.wire_us)},
                   {"edge_queue_us", rounded(p.edge_queue_us)},     {"edge_decode_us", rounded(p.edge_decode_us)},
                   {"edge_compute_us", rounded(p.edge_compute_us)}, {"local_tail_us", rounded(p.local_tail_us)},
                   {"other_us", rounded(p.other_us)}};
  json["payload_bytes"] = answer.payload_bytes;
  json["message_bytes"] = answer.message_bytes;
  return json;
}

}  // namespace scissionlite::device
