// The charts as inline SVG: coloured by the page's style, with a title, a description and a tip on every mark.
#pragma once

#include <string>

#include "report/view.h"

namespace scissionlite::report {

/// Stacked bars: latency by cut. Empty when there is no bar.
[[nodiscard]] std::string cut_chart(const std::vector<CutBar>& bars);
/// Latency against bytes, coloured by agreement. Empty when there is no point.
[[nodiscard]] std::string pareto_chart(const std::vector<ParetoPoint>& points);
/// Latency over bandwidth with break-evens. Empty when there is no curve.
[[nodiscard]] std::string bandwidth_chart(const BandwidthView& view);

/// Agreement over bytes, a curve a family. Empty when nothing was scored.
[[nodiscard]] std::string rate_chart(const RateView& view);

/// A part of a latency: its name, its class in the style, its value.
struct PartKind {
  const char *name, *css;
  double Parts::*value;
};
inline constexpr PartKind kPartKinds[] = {{"device", "device", &Parts::device}, {"encode", "encode", &Parts::encode},
                                          {"wire", "wire", &Parts::wire},       {"decode", "decode", &Parts::decode},
                                          {"edge", "edge", &Parts::edge},       {"answer", "rest", &Parts::rest}};

/// Class of an agreement in the style: "a5" (0.98 and more) ... "a1" (under 0.8), "a0" when unknown.
[[nodiscard]] std::string agreement_class(double agreement);
/// "device 10 ms, encode 1 ms, ..." without the parts that take no time.
[[nodiscard]] std::string parts_text(const Parts& parts);

}  // namespace scissionlite::report
