#include "tune/choices.h"

#include <cstdlib>

#include "base/cpu.h"
#include "base/log.h"
#include "tune/conv_space.h"
#include "tune/tune_chain.h"

namespace scissionlite::tune {
namespace {

std::string text_of(const TuningKey& key) { return key.cpu + ", " + key.isa + ", " + std::to_string(key.threads) + (key.threads == 1 ? " thread" : " threads"); }

}  // namespace

Choices::Choices(const Database& database, const std::string& where, const kernels::VectorLoops& loops, int threads) : where_(where), loops_(loops) {
  const TuningKey here{"", "f32", loops.isa, this_machine().cpu, threads};
  for (const auto& [key, entry] : database.entries) {
    TuningKey machine = key;
    machine.problem.clear();
    if (machine == here) entries_[key.problem] = entry;
  }
  if (entries_.empty() && !database.entries.empty())
    log::warning("[tune] '" + where + "' is of other machines or threads (" + text_of(database.entries.begin()->first) + "), not of " + text_of(here) + ": ignored; run `scissionlite tune` here");
  rates_ = rates_of([this](const std::string& problem) { return entry(problem); });
}

std::optional<TuningEntry> Choices::entry(const std::string& problem) const {
  const auto it = entries_.find(problem);
  return it == entries_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<TunedConv> Choices::find(const ConvWithEnd& conv) const {
  const auto& problem = conv.problem;
  const auto with_end = entry(conv.text()), found = with_end ? with_end : entry(problem.text());
  if (!found) return std::nullopt;
  for (const auto* implementation : kernels::conv_implementations()) {
    if (found->implementation != implementation->name || !implementation->reason_against(problem, loops_).empty()) continue;
    const ConvSpace space(problem, loops_, {implementation});  // of that one alone: asking oneDNN for its own takes a millisecond
    if (const auto config = space.find(found->implementation, found->knobs)) return TunedConv{space.choice(*config), found->median_us, found->usual_us};
  }
  log::warning("[tune] '" + where_ + "' says '" + kernels::describe(found->implementation, found->knobs) + "' for " + problem.text() + ", which this version does not have: ignored; tune again");
  return std::nullopt;
}

std::optional<TunedBands> Choices::find(const ChainOfConvs& chain) const {
  const auto found = entry(chain.text());
  const auto rows = found ? found->knobs.find(kRows) : kernels::Knobs::const_iterator{};
  if (!found || found->implementation != kChain || rows == found->knobs.end() || rows->second < 1 || found->median_us <= 0 || found->usual_us <= 0) return std::nullopt;
  return TunedBands{rows->second, found->median_us / found->usual_us};
}

bool Choices::keeps_usual(const std::string& network) const {
  const auto found = entry(network);
  return found && found->implementation == kUsual;
}

std::shared_ptr<const Choices> load_choices(const std::string& path, const kernels::VectorLoops& loops, int threads) {
  const char* variable = std::getenv("SCISSIONLITE_TUNING");
  const std::string file = !path.empty() ? path : variable ? variable : "";
  return file.empty() ? nullptr : std::make_shared<const Choices>(load_database(file), file, loops, threads);
}

kernels::ConvChoice choose_conv(const ConvWithEnd& conv, const kernels::VectorLoops& loops, const Choices* choices) {
  const auto tuned = choices ? choices->find(conv) : std::nullopt;
  return tuned ? tuned->choice : kernels::usual_conv(conv.problem, loops);
}

}  // namespace scissionlite::tune
