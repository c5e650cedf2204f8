#include "protocol/classification.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace scissionlite::protocol {
namespace {

void append_element(std::string& out, const std::string& element) {
  const auto length = static_cast<uint32_t>(element.size());
  out.append(reinterpret_cast<const char*>(&length), sizeof length);
  out += element;
}

}  // namespace

bool is_score_list(const Shape& shape) {
  return !shape.empty() && std::count_if(shape.begin(), shape.end(), [](int64_t size) { return size != 1; }) <= 1;
}

int64_t class_answer_bytes(int64_t k, int64_t count) {
  constexpr int64_t kLengthAndScore = 4 + 9, kColon = 1;
  const auto digits = static_cast<int64_t>(std::to_string(std::max<int64_t>(count - 1, 0)).size());
  return std::min(k, count) * (kLengthAndScore + kColon + digits);
}

std::vector<int64_t> best_indices(std::span<const float> scores, int64_t k) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](int64_t i) { return std::isnan(scores[static_cast<size_t>(i)]) ? -INFINITY : scores[static_cast<size_t>(i)]; };
  const auto n = std::min<int64_t>(static_cast<int64_t>(order.size()), std::max<int64_t>(k, 0));
  std::partial_sort(order.begin(), order.begin() + n, order.end(), [&](int64_t a, int64_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  order.resize(static_cast<size_t>(n));
  return order;
}

ClassList best_of_each(const Tensor& scores, int64_t k, bool has_batch, const std::vector<std::string>& labels) {
  if (scores.dtype() == Dtype::kString) throw InvalidArgument("classes cannot be told from an output of BYTES");
  const Tensor floats = scores.to_f32();
  const auto values = floats.as<float>();
  const int64_t items = has_batch && !scores.shape().empty() ? scores.shape()[0] : 1;
  const size_t each = items > 0 ? values.size() / static_cast<size_t>(items) : 0;
  const int64_t kept = std::min<int64_t>(k, static_cast<int64_t>(each));
  std::string raw;
  for (int64_t i = 0; i < items; ++i) {
    const auto item = values.subspan(static_cast<size_t>(i) * each, each);
    for (const int64_t index : best_indices(item, kept)) {
      const auto at = static_cast<size_t>(index);
      append_element(raw, fmt::format("{:f}:{}", item[at], index) + (at < labels.size() ? ":" + labels[at] : ""));
    }
  }
  ClassList out{Tensor(Dtype::kU8, {static_cast<int64_t>(raw.size())}), has_batch ? Shape{items, kept} : Shape{kept}};
  if (!raw.empty()) std::memcpy(out.raw.mutable_data(), raw.data(), raw.size());
  return out;
}

ScoredClass parse_class(std::string_view element) {
  ScoredClass out;
  const char *at = element.data(), *end = at + element.size();
  const auto score = std::from_chars(at, end, out.score);
  if (score.ec == std::errc() && score.ptr != end && *score.ptr == ':') {
    const auto index = std::from_chars(score.ptr + 1, end, out.index);
    if (index.ec == std::errc() && out.index >= 0 && (index.ptr == end || *index.ptr == ':')) return out;
  }
  throw InvalidArgument("'" + std::string(element.substr(0, 80)) + "' is no class; expected score:index, as 11.250000:16");
}

}  // namespace scissionlite::protocol
