#include "tune/choices.h"

#include <algorithm>
#include <cstdlib>

#include "base/cpu.h"
#include "base/log.h"
#include "base/text.h"
#include "kernels/generated/chain_plan.h"
#include "kernels/generated/kernel_store.h"
#include "kernels/int8/problem_text.h"
#include "tune/conv_space.h"
#include "tune/objects.h"
#include "tune/tune_chain.h"

namespace scissionlite::tune {
namespace {

std::string text_of(const TuningKey& key) {
  return key.cpu + ", " + key.isa + ", " + std::to_string(key.threads) + (key.threads == 1 ? " thread" : " threads");
}

}  // namespace

Choices::Choices(const Database& database, const std::string& where, const kernels::VectorLoops& loops, int threads) : where_(where), loops_(loops) {
  const TuningKey here{"", "f32", loops.isa, this_machine().cpu, threads},
      here_of_bytes{"", kDtypeOfBytes, kernels::best_int8_loops().isa, here.cpu, threads};
  for (const auto& [key, entry] : database.entries) {
    TuningKey machine = key;
    machine.problem.clear();
    if (machine == here || machine == here_of_bytes) entries_[key.problem] = entry;
  }
  if (entries_.empty() && !database.entries.empty())
    log::warning("[tune] '" + where + "' is of other machines or threads (" + text_of(database.entries.begin()->first) + "), not of " +
                 text_of(here) + ": ignored; run `scissionlite tune` here");
  keeps_usual_anywhere_ = std::any_of(entries_.begin(), entries_.end(),
                                      [](const auto& one) { return one.second.method == kOfNetwork && one.second.implementation == kUsual; });
  rates_ = rates_of([this](const std::string& problem) {
    const auto* found = entry_of(problem);
    return found ? std::optional(*found) : std::nullopt;
  });
}

const TuningEntry* Choices::entry_of(const std::string& problem) const {
  const auto it = entries_.find(problem);
  return it == entries_.end() ? nullptr : &it->second;
}

const TuningEntry* Choices::entry(const ConvWithEnd& conv) const {
  const auto* with_end = entry_of(conv.text());
  return with_end ? with_end : entry_of(conv.problem.text());
}

const TuningEntry* Choices::entry(const kernels::Int8Problem& problem) const { return entry_of(kernels::text_of(problem)); }

std::optional<kernels::KernelPlan> Choices::bring_kernel(const std::string& problem, const TuningEntry& entry) const {
  try {
    kernels::KernelPlan plan{problem, entry.knobs, kernels::target_of(loops_)};
    if (!entry.kernel) throw InvalidArgument("[tune] '" + where_ + "' records no kernel of it; tune again");
    auto kernel = load_kernel(where_, *entry.kernel, plan.target);
    if (kernel->identity() != plan.identity())
      throw InvalidArgument("[tune] the kernel computes '" + kernel->identity() + "', not '" + plan.identity() + "'");
    if (const auto reason = plan.reason_against(); !reason.empty())
      throw InvalidArgument("[tune] there is no such kernel: " + reason + "; tune again");
    kernels::offer_kernel(std::move(kernel));
    return plan;
  } catch (const Error& e) {
    log::warning("[tune] " + problem + " is computed as without tuning: " + e.what());
    return std::nullopt;
  }
}

std::optional<TunedConv> Choices::find(const ConvWithEnd& conv) const {
  const auto& problem = conv.problem;
  const auto* found = entry(conv);
  if (!found) return std::nullopt;
  if (found->implementation == kGenerated && !bring_kernel(problem.text(), *found)) return std::nullopt;
  for (const auto* implementation : kernels::conv_implementations()) {
    if (found->implementation != implementation->name || !implementation->reason_against(problem, loops_).empty()) continue;
    const ConvSpace space(problem, loops_, {implementation});  // of that one alone: asking oneDNN for its own takes a millisecond
    if (const auto config = space.find(found->implementation, found->knobs))
      return TunedConv{space.choice(*config), found->median_us, found->usual_us};
  }
  log::warning("[tune] '" + where_ + "' says '" + kernels::describe(found->implementation, found->knobs) + "' for " + problem.text() +
               ", which this version does not have: ignored; tune again");
  return std::nullopt;
}

std::optional<TunedByteConv> Choices::find(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops) const {
  const auto* found = entry(problem);
  if (!found) return std::nullopt;
  const auto* way = kernels::find_int8_conv(found->implementation);
  const auto reason = !way ? "this version does not have that" : found->knobs.empty() ? way->reason_against(problem, loops) : "it has no knobs";
  if (reason.empty()) return TunedByteConv{way, found->median_us, found->usual_us};
  log::warning("[tune] '" + where_ + "' says '" + kernels::describe(found->implementation, found->knobs) + "' for " + kernels::text_of(problem) +
               ": ignored (" + reason + "); tune again");
  return std::nullopt;
}

std::optional<TunedChain> Choices::find(const ChainOfConvs& chain) const {
  const auto* found = entry_of(chain.text());
  if (!found || found->median_us <= 0 || found->usual_us <= 0) return std::nullopt;
  TunedChain out{0, std::nullopt, found->median_us / found->usual_us};
  if (found->implementation == kGenerated) {
    const auto problem = kernels::generated_problem(chain.problem());
    out.kernel = problem.empty() ? std::nullopt : bring_kernel(problem, *found);
    return out.kernel ? std::optional(out) : std::nullopt;
  }
  const auto rows = found->knobs.find(kRows);
  if (found->implementation != kChain || rows == found->knobs.end() || rows->second < 1) return std::nullopt;
  out.rows = rows->second;
  return out;
}

std::optional<TunedKernel> Choices::find_kernel(const std::string& problem) const {
  const auto* found = entry_of(problem);
  if (!found || found->median_us <= 0 || found->usual_us <= 0) return std::nullopt;
  TunedKernel out{std::nullopt, found->median_us, found->usual_us};
  if (found->implementation != kGenerated) return out;
  out.kernel = bring_kernel(problem, *found);
  return out.kernel ? std::optional(out) : std::nullopt;
}

bool Choices::keeps_usual(const std::string& network) const {
  const auto* found = entry_of(network);
  return found && found->implementation == kUsual;
}

std::string choices_file(const std::string& path) {
  const char* variable = std::getenv("SCISSIONLITE_TUNING");
  return !path.empty() ? path : variable ? variable : "";
}

std::shared_ptr<const Choices> load_choices(const std::string& path, const kernels::VectorLoops& loops, int threads) {
  const std::string file = choices_file(path);
  return file.empty() ? nullptr : std::make_shared<const Choices>(load_database(file), file, loops, threads);
}

kernels::ConvChoice choose_conv(const ConvWithEnd& conv, const kernels::VectorLoops& loops, const Choices* choices) {
  const auto tuned = choices ? choices->find(conv) : std::nullopt;
  return tuned ? tuned->choice : kernels::usual_conv(conv.problem, loops);
}

namespace {

std::string measured_text(const TuningEntry& entry) {
  return "measured: " + format_us(entry.median_us) + ", usual choice " + format_us(entry.usual_us) + " (" + entry.method + ", " +
         std::to_string(entry.measured) + " configurations)";
}

/// @param next  the next best one; empty: there is none.
std::string estimated_text(double cycles, const std::string& next, double next_cycles) {
  const auto text = [](double value) { return format_fixed(value / 1e6, 2) + " million cycles"; };
  return "estimated at " + text(cycles) + "; " + (next.empty() ? "nothing else computes it" : "next: " + next + " at " + text(next_cycles));
}

}  // namespace

std::string reason_of(const kernels::ConvChoice& choice, const ConvWithEnd& conv, const kernels::VectorLoops& loops, const Choices* choices,
                      kernels::Precision precision) {
  const auto& problem = conv.problem;
  const auto* entry = choices ? choices->entry(conv) : nullptr;
  if (entry && entry->implementation == choice.implementation->name && entry->knobs == choice.knobs) return measured_text(*entry);
  double least = 0;
  std::string next;
  for (const auto* other : kernels::conv_implementations(precision)) {
    if (other == choice.implementation || other->is_measured_only || !other->reason_against(problem, loops).empty()) continue;
    const double value = other->estimate(problem, loops, other->usual(problem, loops));
    if (next.empty() || value < least) next = other->name, least = value;
  }
  return estimated_text(choice.implementation->estimate(problem, loops, choice.knobs), next, least);
}

std::string reason_of(const kernels::Int8ConvImplementation& way, const kernels::Int8Problem& problem, const kernels::Int8Loops& loops,
                      const Choices* choices) {
  const auto* entry = choices ? choices->entry(problem) : nullptr;
  if (entry && entry->implementation == way.name) return measured_text(*entry);
  const kernels::Int8ConvImplementation* next = nullptr;
  for (const auto* other : kernels::int8_conv_candidates(problem, loops))
    if (other != &way && (!next || other->estimate(problem, loops) < next->estimate(problem, loops))) next = other;
  return estimated_text(way.estimate(problem, loops), next ? next->name : "", next ? next->estimate(problem, loops) : 0);
}

}  // namespace scissionlite::tune
