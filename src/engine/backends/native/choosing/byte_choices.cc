#include "engine/backends/native/choosing/byte_choices.h"

#include <algorithm>

#include "base/log.h"
#include "engine/backends/native/choosing/graph_choices.h"
#include "kernels/vector/loops.h"

namespace scissionlite::native {
namespace {

/// The row that a compiled model names; null where this CPU cannot do it, which is said where `warns`.
const kernels::Int8ConvImplementation* decided_way(const Node& node, const Decision& decision, const kernels::Int8Problem& problem,
                                                   const kernels::Int8Loops& loops, bool warns) {
  const auto* way = kernels::find_int8_conv(decision.implementation);
  if (!way) fail_unnoted(node);
  const auto reason = kernels::reason_against(*way, problem, loops);
  if (reason.empty()) return way;
  if (warns)
    log::warning("[native] [" + node.label() + "] was compiled to be computed by '" + decision.implementation +
                 "', which cannot do it on this CPU (" + reason + "): the usual way is taken");
  return nullptr;
}

/// As tuned, else null.
std::optional<tune::TunedByteConv> tuned_way(const Lowering& l, const kernels::Int8Problem& problem, const kernels::Int8Loops& loops) {
  const auto* choices = l.options().tuned;
  return choices ? choices->find(problem, loops) : std::nullopt;
}

/// All candidates' times: as measured, else estimates on the scale of the usual one, of which none is thought to beat what was measured to be the
/// fastest.
ByteConvChoice chosen(const Lowering& l, const kernels::Int8Problem& problem, const kernels::Int8Loops& loops) {
  const auto* choices = l.options().tuned;
  const auto tuned = tuned_way(l, problem, loops).value_or(tune::TunedByteConv{});
  const auto& usual = kernels::usual_int8_conv(problem, loops);
  const double cycles_of_us = (choices ? choices->rates() : tune::Rates{}).cycles_per_us * l.threads();
  const bool has_times = tuned.way && tuned.median_us > 0 && tuned.usual_us > 0;
  const double usual_cycles = usual.estimate(problem, loops),
               scale = has_times && usual_cycles > 0 ? tuned.usual_us / usual_cycles : 1 / cycles_of_us;
  ByteConvChoice out{.way = tuned.way ? tuned.way : &usual};
  const auto us_of = [&](const kernels::Int8ConvImplementation& way) {
    const double us = way.estimate(problem, loops) * scale;
    return !has_times ? us : &way == tuned.way ? tuned.median_us : std::max(us, tuned.median_us);
  };
  out.us = us_of(*out.way), out.is_measured = has_times;
  const kernels::Int8ConvImplementation* next = nullptr;
  for (const auto* way : kernels::int8_conv_candidates(problem, loops))
    if (way != out.way && (!next || us_of(*way) < us_of(*next))) next = way;
  if (next) out.instead = std::string("int8 ") + next->name, out.instead_us = us_of(*next) - out.us;
  return out;
}

}  // namespace

ByteConvChoice choose_byte_conv(Lowering& l, const Node& node, const kernels::Int8Problem& problem, const kernels::Int8Loops& loops) {
  if (const auto* decision = l.decided(convolution_subject(node)))
    if (const auto* way = decided_way(node, *decision, problem, loops, true)) return {.way = way, .reason = decision->reason};
  auto choice = chosen(l, problem, loops);
  if (l.options().explains || l.notes()) choice.reason = tune::reason_of(*choice.way, problem, loops, l.options().tuned);
  if (l.notes() && &l.loops() == &kernels::best_loops()) l.note(convolution_subject(node), {choice.way->name, {}, choice.reason});
  return choice;
}

const kernels::Int8ConvImplementation& byte_conv_way(const Lowering& l, const Node& node, const kernels::Int8Problem& problem,
                                                     const kernels::Int8Loops& loops) {
  if (const auto* decision = l.decided(convolution_subject(node)))
    if (const auto* way = decided_way(node, *decision, problem, loops, false)) return *way;
  const auto tuned = tuned_way(l, problem, loops);
  return tuned && tuned->way ? *tuned->way : kernels::usual_int8_conv(problem, loops);
}

}  // namespace scissionlite::native
