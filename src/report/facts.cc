// Under which conditions the numbers came about: machines, engines, link, images, commands, and what to keep in mind.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "base/version.h"
#include "report/markup.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

/// Collects facts, leaving out what is empty.
class Facts {
 public:
  void add(const std::string& subject, const std::string& name, const std::string& value) {
    if (!value.empty()) facts_.push_back({subject, name, value});
  }
  void add_machine(const std::string& subject, const MachineInfo& machine) {
    add(subject, "CPU", machine.cpu + ", " + std::to_string(machine.cores) + (machine.cores == 1 ? " core" : " cores"));
    add(subject, "Instruction sets", join(machine.isa, " "));
  }
  std::vector<Fact> take() { return std::move(facts_); }

 private:
  std::vector<Fact> facts_;
};

void add_profile(Facts& facts, const Profile& profile, const std::string& fallback_name) {
  const std::string subject = profile.machine_name.empty() ? fallback_name : profile.machine_name;
  facts.add_machine(subject, profile.machine);
  facts.add(subject, "Engine", profile.engine.spec + (profile.engine.version.empty() ? "" : " (" + profile.engine.version + ")"));
  facts.add(subject, "Threads", std::to_string(profile.engine.threads));
  facts.add(subject, "Precision", profile.engine.precision);
  facts.add(subject, "Widest instruction set used", profile.engine.isa);
  if (profile.whole.measured())
    facts.add(subject, "Whole model",
              ms(profile.whole.median_us) + ", p95 " + ms(profile.whole.p95_us) + ", median of " + std::to_string(profile.whole.n));
  facts.add(subject, "Measured through", profile.via);
}

void add_link(Facts& facts, const std::string& subject, double rtt_us, double up_bps, double down_bps) {
  facts.add(subject, "Round trip", ms(rtt_us));
  facts.add(subject, "Bandwidth", bandwidth(up_bps) + " up, " + bandwidth(down_bps) + " down");
}

void add_bench(Facts& facts, const BenchResults& bench, const std::string& subject) {
  facts.add_machine(subject, bench.machine);
  facts.add(subject, "Device engine", bench.device_engine);
  facts.add(subject, "Edge engine", bench.edge_engine);
  if (bench.device_slowdown > 1) facts.add(subject, "Device slowed", coordinate(bench.device_slowdown) + " times");
  add_link(facts, subject, bench.link_rtt_us, bench.link_up_bps, bench.link_down_bps);
  facts.add(subject, "Commit", bench.commit);
}

/// Families that must always compete; a report says which of them it knows nothing of.
const std::vector<std::pair<std::string, std::string>>& required_families() {
  static const std::vector<std::pair<std::string, std::string>> kFamilies{{"local", "local only"},
                                                                          {"edge/file", "edge only with the source file"},
                                                                          {"edge/raw", "edge only with raw pixels"},
                                                                          {"edge/png", "edge only with PNG"},
                                                                          {"edge/jpeg", "edge only with JPEG"},
                                                                          {"edge/webp", "edge only with WebP"},
                                                                          {"fp32", "plain cut fp32"},
                                                                          {"fp16", "plain cut fp16"},
                                                                          {"uint8", "plain cut uint8"},
                                                                          {"pool", "pool transfer layer"},
                                                                          {"learned", "learned transfer layer"}};
  return kFamilies;
}

bool is_of_family(const std::string& key, const std::string& family) {
  if (family == "local" || family.rfind("edge/", 0) == 0) return key.rfind(family, 0) == 0;
  if (key.rfind("split/", 0) != 0) return false;
  const auto tl = split(key, '/').back();
  return family == "learned" ? kind_of_tl(tl) == TlKind::kLearned : tl.rfind(family, 0) == 0;
}

std::string missing_families(const View& view, const std::vector<PlannedCandidate>& candidates) {
  std::vector<std::string> missing;
  for (const auto& [prefix, name] : required_families()) {
    const auto is_here = [&, family = prefix](const auto& row) { return is_of_family(row.key, family); };
    bool found = std::any_of(candidates.begin(), candidates.end(), is_here);
    for (const auto& table : view.tables) found |= std::any_of(table.rows.begin(), table.rows.end(), is_here);
    if (!found) missing.push_back(name);
  }
  return missing.empty() ? "" : "Not among the inputs of this page, so not compared: " + join(missing) + ".";
}

std::string prediction_note(const View& view) {
  std::vector<double> errors;
  for (const auto& table : view.tables)
    for (const auto& row : table.rows)
      if (row.is_measured() && row.predicted_us > 0) errors.push_back(std::fabs(row.predicted_us - row.measured_us) / row.measured_us);
  const std::string how = "A predicted latency is the sum of medians measured apart: slices, transfer layers, link.";
  if (errors.empty()) return how + " None of them was measured end to end here; `scissionlite bench` does that.";
  return how + " Here it is off by " + percent(median(errors)) + " in the median of " + std::to_string(errors.size()) + " candidates and by " +
         percent(*std::max_element(errors.begin(), errors.end())) + " at worst.";
}

std::string splitting_note(const View& view) {
  if (!view.chosen || view.chosen->key.find("split/") != std::string::npos) return "";
  std::vector<std::string> ranges;
  for (const auto& crossing : view.bandwidth.crossings) {
    const bool was_split = crossing.below.find("split/") != std::string::npos, is_split = crossing.above.find("split/") != std::string::npos;
    if (was_split != is_split) ranges.push_back((is_split ? "above " : "below ") + bandwidth(crossing.bandwidth_bps));
  }
  const std::string what = view.chosen->key == "local" ? "the device alone" : "the edge alone";
  if (ranges.empty()) return "On this link " + what + " is better than any split.";
  return "On this link " + what + " is better than any split; with the same machines a split is the fastest " + join(ranges, " and ") + ".";
}

std::string emulation_note(const Inputs& inputs) {
  bool is_slowed = inputs.device && inputs.device->engine.spec.find("slow:") != std::string::npos;
  bool has_link = false;
  for (const auto& bench : inputs.benches) is_slowed |= bench.device_slowdown > 1, has_link |= bench.link_up_bps > 0;
  std::string text;
  if (is_slowed) text += "The slow device is emulated: after each call it waits (k\u22121) times the CPU time that the call took. ";
  if (has_link) text += "The link is emulated in user space (rate and delay), between separate processes on one machine. ";
  return text;
}

}  // namespace

std::vector<Fact> make_facts(const Inputs& inputs) {
  Facts facts;
  if (inputs.device) add_profile(facts, *inputs.device, "device");
  if (inputs.edge) add_profile(facts, *inputs.edge, "edge");
  if (inputs.network)
    for (const auto& link : inputs.network->links) {
      const std::string subject = "Link " + link.from + " \u2192 " + link.to;
      add_link(facts, subject, link.rtt_us, link.up_bps, link.down_bps);
      facts.add(subject, "Probes", link.n > 0 ? std::to_string(link.n) : "written by hand");
    }
  else if (inputs.plan && !inputs.plan->link_rtt_us.empty() && !inputs.plan->link_up_bps.empty())
    add_link(facts, "Link of the plan", inputs.plan->link_rtt_us[0], inputs.plan->link_up_bps[0],
             inputs.plan->link_down_bps.empty() ? 0 : inputs.plan->link_down_bps[0]);
  if (inputs.plan) {
    facts.add("Plan", "Objective", inputs.plan->objective);
    facts.add("Plan", "Constraints", inputs.plan->constraints.empty() ? "none" : join(inputs.plan->constraints, "; "));
    if (inputs.plan->candidates_considered > 0)
      facts.add("Plan", "Candidates compared", std::to_string(inputs.plan->candidates_considered) + " in " + ms(inputs.plan->planning_us));
  }
  if (inputs.scores) {
    facts.add("Agreement", "Metric", inputs.scores->metric);
    facts.add("Agreement", "Images",
              std::to_string(inputs.scores->images) + " scored, " + std::to_string(inputs.scores->images_fitted) + " others used for fitting");
    if (inputs.scores->label_accuracy >= 0) facts.add("Agreement", "Label accuracy of the uncut model", percent(inputs.scores->label_accuracy));
  }
  if (inputs.privacy) {
    facts.add("Rebuilt pictures", "Images",
              std::to_string(inputs.privacy->held_out) + " judged on, " + std::to_string(inputs.privacy->images) + " others learned from");
    facts.add("Rebuilt pictures", "Size", std::to_string(inputs.privacy->width) + " \u00d7 " + std::to_string(inputs.privacy->height) + " pixels");
  }
  for (size_t i = 0; i < inputs.benches.size(); ++i)
    add_bench(facts, inputs.benches[i], inputs.benches.size() == 1 ? "Bench" : "Bench " + std::to_string(i + 1));
  facts.add("Page", "Made by", std::string("scissionlite ") + kVersion);
  return facts.take();
}

std::vector<Command> make_commands(const Inputs& inputs) {
  std::vector<Command> commands;
  const auto add = [&](const std::string& file, const std::string& text) {
    if (!text.empty()) commands.push_back({file, text});
  };
  if (inputs.scores) add("scores", inputs.scores->command);
  if (inputs.privacy) add("privacy", inputs.privacy->command);
  if (inputs.device) add("device profile", inputs.device->command);
  if (inputs.edge) add("edge profile", inputs.edge->command);
  if (inputs.network) add("network", inputs.network->command);
  if (inputs.plan) add("plan", inputs.plan->command);
  for (const auto& bench : inputs.benches) add("bench", bench.command);
  if (inputs.explained) add("explanation", inputs.explained->command);
  if (inputs.pruned) add("pruning", inputs.pruned->command);
  if (inputs.rare_training) add("training", inputs.rare_training->command);
  add("report", inputs.command);
  return commands;
}

std::vector<std::string> make_footnotes(const View& view, const Inputs& inputs) {
  std::vector<std::string> notes;
  const auto add = [&](const std::string& text) {
    if (!text.empty()) notes.push_back(text);
  };
  add(splitting_note(view));
  if (!view.tables.empty())
    add("Every candidate that was planned or measured is in the table, also those that beat splitting and those that failed.");
  add(prediction_note(view));
  add("Agreement compares with the uncut model, not with labels; intervals are 95 %. Each carries its n: images of the bench where it was measured there, else those of the scores. Candidates whose intervals overlap are not told apart by these images."
      " Images that a transfer layer was fitted on are never scored.");
  add(emulation_note(inputs));
  add(missing_families(view, known_candidates(inputs)));
  return notes;
}

}  // namespace scissionlite::report
