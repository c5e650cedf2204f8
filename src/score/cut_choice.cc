#include "score/cut_choice.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/log.h"

namespace scissionlite {
namespace {

constexpr size_t kAutoCuts = 12;

/// -1: not of the form "auto" or "auto:<count>".
int64_t auto_count(const std::string& text) {
  if (text == "auto") return kAutoCuts;
  if (text.rfind("auto:", 0) != 0) return -1;
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data() + 5, text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1)
    throw InvalidArgument("[score] got '" + text + "', expected auto or auto:<count>, as in auto:20");
  return count;
}

ValueInfo largest_tensor(const Cut& cut) {
  ValueInfo info;
  int64_t most = -1;
  for (size_t i = 0; i < cut.tensors.size(); ++i) {
    if (cut.shapes[i].empty()) continue;
    const int64_t bytes = element_count(cut.shapes[i]);
    if (bytes > most) most = bytes, info = {cut.tensors[i], cut.dtypes[i], cut.shapes[i], true, {}};
  }
  return info;
}

}  // namespace

std::vector<Cut> worthwhile_cuts(const std::vector<Cut>& cuts, size_t limit) {
  std::vector<Cut> sorted, front;
  for (const auto& cut : cuts)
    if (cut.bytes > 0) sorted.push_back(cut);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Cut& a, const Cut& b) {
    if (a.head_macs != b.head_macs) return a.head_macs < b.head_macs;
    return a.bytes < b.bytes;
  });
  for (const auto& cut : sorted)
    if (front.empty() || cut.bytes < front.back().bytes) front.push_back(cut);
  std::vector<Cut> out;
  for (size_t i = 0; i < std::min(limit, front.size()); ++i)
    out.push_back(front.size() <= limit ? front[i] : front[limit == 1 ? front.size() - 1 : i * (front.size() - 1) / (limit - 1)]);
  std::stable_sort(out.begin(), out.end(), [](const Cut& a, const Cut& b) { return a.position < b.position; });
  return out;
}

std::vector<Cut> choose_cuts(const std::vector<Cut>& cuts, const std::vector<std::string>& asked) {
  std::vector<Cut> out;
  const auto add = [&](const Cut& cut) {
    if (std::none_of(out.begin(), out.end(), [&](const Cut& c) { return c.id == cut.id; })) out.push_back(cut);
  };
  for (const auto& text : asked) {
    const int64_t count = auto_count(text);
    if (count > 0)
      for (const auto& cut : worthwhile_cuts(cuts, static_cast<size_t>(count))) add(cut);
    else if (text == "all")
      for (const auto& cut : cuts) add(cut);
    else if (text != "none") add(find_cut(cuts, text));
  }
  return out;
}

std::vector<std::string> choose_tls(const Cut& cut, const std::vector<std::string>& asked, const transfer::Shelf& shelf) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& spec, bool is_named) {
    const auto support = shelf.make(spec)->supports(largest_tensor(cut));
    if (support.ok && std::find(out.begin(), out.end(), spec) == out.end()) out.push_back(spec);
    if (!support.ok && is_named) log::warning("[transfer layers] " + spec + " is left out at cut " + cut.id + ": " + support.reason);
  };
  for (const auto& spec : asked) {
    if (spec != "auto") add(spec, /*is_named=*/true);
    else
      for (const auto& fallback : transfer::default_specs(largest_tensor(cut))) add(fallback, /*is_named=*/false);
  }
  for (const auto& fitted : shelf.fitted_at(cut.tensors)) add(fitted, /*is_named=*/false);
  return out;
}

}  // namespace scissionlite
