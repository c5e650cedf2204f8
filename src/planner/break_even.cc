#include "planner/break_even.h"

#include <algorithm>

namespace scissionlite::planner {

RateLine rate_line(const CostModel& model, const Outcome& outcome) {
  if (outcome.choice.first == CostModel::kNone) return {outcome.choice, outcome.latency_us, 0};
  const double payload = model.hops()[static_cast<size_t>(outcome.choice.first)].bytes;
  return {outcome.choice, outcome.latency_us - model.transfer_us(0, payload), (payload + model.options().message_overhead_bytes) * 8};
}

std::vector<RateBend> lower_envelope(std::vector<RateLine> lines) {
  // Over x = 1e6 / rate a line is fixed + bits * x. From x = 0 (an endless rate) on, ever fewer bits win.
  std::stable_sort(lines.begin(), lines.end(),
                   [](const RateLine& a, const RateLine& b) { return a.bits != b.bits ? a.bits > b.bits : a.fixed_us < b.fixed_us; });
  struct Piece {
    RateLine line;
    double from_x;
  };
  std::vector<Piece> pieces;
  for (const auto& line : lines) {
    double from_x = 0;
    bool is_never_best = false;
    while (!pieces.empty()) {
      const auto& top = pieces.back();
      if (line.bits == top.line.bits) {
        is_never_best = true;  // same bits, no less fixed time
        break;
      }
      from_x = (line.fixed_us - top.line.fixed_us) / (top.line.bits - line.bits);
      if (from_x > top.from_x) break;
      pieces.pop_back();
      from_x = 0;
    }
    if (!is_never_best) pieces.push_back({line, from_x});
  }
  std::vector<RateBend> bends;
  for (size_t i = pieces.size(); i-- > 1;) bends.push_back({pieces[i].line.choice, pieces[i - 1].line.choice, 1e6 / pieces[i].from_x});
  return bends;
}

}  // namespace scissionlite::planner
