#include "train/prune/prune.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"
#include "compress/channel_gates.h"
#include "compress/remove_channels.h"
#include "engine/engine.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "train/compressing.h"
#include "train/network/classifier.h"
#include "train/prune/expected_latency.h"
#include "train/prune/prune_search.h"
#include "train/prune/way_to_budget.h"
#include "train/train_graph.h"

namespace scissionlite::train {
namespace {

constexpr int kLatencyRounds = 31;
constexpr double kWithoutBudget = 0.25;

const compress::Run kEngine = [](const Graph& graph, std::span<const Tensor> inputs) { return compile(with_batch(graph, 1), "native")->run(inputs); };

compress::NetworkSize size_of(const Graph& graph) { return compress::size_without(compress::Channels(graph), {}); }

/// What is searched: the model with gates of channels, and of blocks over that. Channels are related as they are without the latter, since
/// the gate of a plain layer joins its input's channels with its output's.
struct Gated {
  compress::GatedGraph channels;
  std::vector<compress::Block> blocks;
  Graph graph;

  Gated(const Graph& model, const PruneJob& job) {
    const auto folded = compress::Channels(model).graph();
    channels = job.channels ? compress::with_channel_gates(folded) : compress::GatedGraph{folded, {}};
    if (job.blocks) blocks = compress::find_blocks(channels.graph);
    graph = compress::with_gates(channels.graph, blocks);
  }
};

/// The searched network without what it does not need, by steps.
struct Needed {
  std::map<std::string, float> gates;  // as applied
  Graph without_blocks;
  std::set<int> classes;  // of `channels`
  std::vector<compress::Layer> layers;
  std::map<int, double> magnitude;
  compress::Channels channels;

  Needed(const Graph& searched, const Gated& gated, const Found& found, const Prunable& prunable, const PruneJob& job)
      : gates(found.gates), without_blocks(apply(searched, gated)), channels(without_blocks) {
    layers = compress::find_layers(channels);
    // magnitudes by the entries of scales: classes have other numbers in a graph without blocks
    std::map<std::pair<compress::ConstantAxis, int64_t>, double> by_entry;
    for (const auto& [one, value] : found.magnitude)
      for (const auto& member : prunable.channels().classes()[static_cast<size_t>(one)].members) by_entry[{member.where, member.index}] = value;
    for (size_t i = 0; i < channels.classes().size(); ++i)
      for (const auto& member : channels.classes()[i].members)
        if (const auto it = by_entry.find({member.where, member.index}); it != by_entry.end()) magnitude.emplace(static_cast<int>(i), it->second);
    for (size_t i = 0; i < channels.classes().size(); ++i)
      if (!channels.classes()[i].fixed.empty()) magnitude[static_cast<int>(i)] = 1;
    if (job.channels) classes = compress::small_classes(channels, layers, magnitude, job.threshold_share, job.width_multiple);
  }

 private:
  Graph apply(const Graph& searched, const Gated& gated) {
    for (const auto& block : gated.blocks)
      if (auto& gate = gates.at(block.name); !block.is_residual) gate = gate == 0 ? 0.F : 1.F;
    return compress::without_gates(searched, gated.blocks, gates);
  }
};

double wanted(const std::optional<double>& budget, int64_t whole) {
  return !budget ? INFINITY : *budget <= 1 ? *budget * static_cast<double>(whole) : *budget;
}

class Pruner {
 public:
  explicit Pruner(const PruneJob& job) : job_(job), train_(with_itself_as_teacher(job.train)), model_(load_to_compress(train_, "prune")) {
    if (job.search_epochs < 1 || job.strength < 0 || job.threshold_share < 0 || job.threshold_share >= 1)
      throw InvalidArgument("[prune] search epochs of at least 1, a strength of at least 0 and a threshold share in [0, 1) are needed");
    if (job.width_multiple < 1)
      throw InvalidArgument("[prune] widths are to be multiples of " + std::to_string(job.width_multiple) + "; expected at least 1");
    if (job.budget.latency_us && job.profile.empty())
      throw InvalidArgument("[prune] a budget of latency (--latency-ms) needs the times of a machine; give the model's profile with --profile");
    if (!job.profile.empty()) read_profile();
    if (!job.report.empty()) check_writable(job.report);
  }

  PruneReport run() {
    check_job(train_);
    const auto data = load_data(train_, train_.input, classes_of(model_));
    whole_ = size_of(model_);
    report_.parameters_before = whole_.parameters, report_.macs_before = whole_.macs;
    const Gated gated(model_, job_);
    const Graph rebuilt = search(gated, data);
    tune(rebuilt, data);
    const auto left = size_of(result_);
    report_.parameters_after = left.parameters, report_.macs_after = left.macs;
    const auto predicted_us = predict(compress::Channels(result_), {});
    if (predicted_us) report_.predicted = {machine_, latency_->whole_us(), *predicted_us};
    report_.budget = job_.budget;
    report_.is_within_budget = share_met(left, predicted_us) == 1;
    measure_latency();
    if (!job_.report.empty()) write_file(job_.report, to_json(report_).dump(2) + "\n");
    return std::move(report_);
  }

 private:
  void read_profile() {
    const auto profile = load_profile(job_.profile);
    latency_.emplace(model_, model_sha256(train_.model), profile, job_.profile.string());
    machine_ = profile.machine_name;
    log::info("latency is predicted from " + std::to_string(latency_->pieces()) + " pieces of the model, as timed on '" + machine_ + "'");
  }
  /// Latency in microseconds; nothing where there is no profile.
  [[nodiscard]] std::optional<double> predict(const compress::Channels& channels, const std::set<int>& removed) const {
    return latency_ ? std::optional(latency_->us(channels, removed)) : std::nullopt;
  }
  /// How much of the way to each budget is done: 1 where it is met or not given, 0 where nothing has gone yet.
  struct SharesMet {
    double parameters, work;  // work: of multiply-accumulates and latency, whichever is behind
  };
  [[nodiscard]] SharesMet shares_met(const compress::NetworkSize& size, const std::optional<double>& latency_us) const {
    const auto share = [](double whole, double left, double wanted) {
      return whole > wanted ? std::clamp((whole - left) / (whole - wanted), 0.0, 1.0) : 1;
    };
    const auto of = [&](int64_t whole, int64_t left, const std::optional<double>& budget) {
      return share(static_cast<double>(whole), static_cast<double>(left), wanted(budget, whole));
    };
    return {of(whole_.parameters, size.parameters, job_.budget.parameters),
            std::min(of(whole_.macs, size.macs, job_.budget.macs),
                     job_.budget.latency_us ? share(latency_->whole_us(), *latency_us, *job_.budget.latency_us) : 1)};
  }
  [[nodiscard]] double share_met(const compress::NetworkSize& size, const std::optional<double>& latency_us) const {
    const auto shares = shares_met(size, latency_us);
    return std::min(shares.parameters, shares.work);
  }
  /// What is further from its budget weighs more, and what has none less than what has.
  [[nodiscard]] CostWeights cost_weights(const SharesMet& met) const {
    const auto& budget = job_.budget;
    const bool has_work = budget.macs || budget.latency_us;
    if (!budget.is_given()) return {};
    if (!has_work) return {1, kWithoutBudget};
    if (!budget.parameters) return {kWithoutBudget, 1};
    const double parameters = 1 - met.parameters, work = 1 - met.work, most = std::max(parameters, work);
    return most > 0 ? CostWeights{parameters / most, work / most} : CostWeights{};
  }

  /// @return the smaller network, not tuned yet.
  Graph search(const Gated& gated, const JobData& data) {
    TrainJob job = train_;
    job.trainer.epochs = job_.search_epochs;
    job.trainer.keep_best = false;
    job.trainer.patience = 0;
    job.trainer.schedule.epochs_after = train_.trainer.epochs;
    if (!job.trainer.checkpoint.empty()) job.trainer.checkpoint += ".search";
    const Prunable prunable(gated.channels.graph, gated.blocks, gated.channels.gates);
    check_something_can_go(prunable);
    std::optional<WayToBudget> way;
    if (job_.budget.is_given()) way.emplace(prunable, job_.width_multiple);
    PruneSearch search(prunable, job_.strength, cost_weights({0, 0}), job.trainer.schedule, way ? &*way : nullptr);
    GraphJob what{.graph = gated.graph,
                  .selection = {job.train, job.freeze, {}, ""},
                  .straight_through = false,
                  .identity = identity(),
                  .given = search.gates(),
                  .kept = search.state()};
    if (way) what.kept.merge(way->state());
    std::optional<Found> found;
    what.after_step = [&](Module& module, const Trainer::Step& step) {
      if (way) way->note(module, search.gates());
      search.after_step(module, step);
      const bool is_last = step.number == step.total, is_logged = is_last || step.number % step.per_epoch == 0,
                 is_checked = way && !way->is_at_end() && (is_last || step.number % WayToBudget::steps_between_checks(step) == 0);
      if (!is_logged && !is_checked) return;
      const auto now = search.found(module);
      if (is_last) found = now;
      const Needed needed(module.export_graph(), gated, now, prunable, job_);
      if (is_logged) log_what_is_left(needed, step);
      if (is_checked) follow(*way, search, prunable, now, needed, module, step);
    };
    std::optional<Graph> searched;
    report_.search = train_graph(job, what, data, [&](const Graph& graph) { searched = graph; });
    if (!searched) throw InternalError("[prune] the search was stopped");
    if (!found) {  // it had ended before: a checkpoint gave its last state
      Module module(*searched);
      found = search.found(module);
    }
    report_.before = score_of(report_.search.epochs, 0);
    report_.searched = score_of(report_.search.epochs, job.trainer.epochs);
    return rebuild(*searched, gated, *found, prunable);
  }

  [[nodiscard]] Json identity() const {
    Json out{{"prune",
              {job_.search_epochs, train_.trainer.epochs, job_.strength, job_.threshold_share, job_.blocks, job_.channels,
               job_.budget.parameters.value_or(0), job_.budget.macs.value_or(0)}}};
    if (job_.width_multiple != 1) out["width_multiple"] = job_.width_multiple;
    if (job_.budget.latency_us) out["latency"] = {*job_.budget.latency_us, sha256_hex(read_file(job_.profile))};
    return out;
  }

  void check_something_can_go(const Prunable& prunable) const {
    if (!prunable.blocks().empty() || (job_.channels && !prunable.layers().empty())) return;
    std::set<std::string> reasons;
    for (const auto& one : prunable.channels().classes())
      if (!one.fixed.empty()) reasons.insert(one.fixed);
    throw InvalidArgument("[prune] nothing of '" + train_.model.string() + "' can be removed: " + join({reasons.begin(), reasons.end()}, "; "));
  }

  void log_what_is_left(const Needed& needed, const Trainer::Step& step) const {
    const auto size = compress::size_without(needed.channels, needed.classes);
    const auto latency_us = predict(needed.channels, needed.classes);
    log::info("left after step " + std::to_string(step.number) + " of " + std::to_string(step.total) + ": " + std::to_string(size.parameters) +
              " parameters, " + std::to_string(size.macs) + " multiply-accumulates" +
              (latency_us ? ", " + format_us(*latency_us) + " predicted on '" + machine_ + "'" : ""));
  }

  /// What has gone stays away; what is to leave next is chosen, unless the budgets are met.
  void follow(WayToBudget& way, const PruneSearch& search, const Prunable& prunable, const Found& now, const Needed& needed, const Module& module,
              const Trainer::Step& step) const {
    way.hold(compress::small_classes(prunable.channels(), prunable.layers(), now.magnitude, job_.threshold_share, job_.width_multiple));
    const auto shares = shares_met(compress::size_without(needed.channels, needed.classes), predict(needed.channels, needed.classes));
    if (std::min(shares.parameters, shares.work) == 1) return way.end();
    const auto met = [&](const compress::NetworkSize& left, const std::set<int>& away) {
      return share_met(left, predict(prunable.channels(), away));
    };
    way.follow(met, cost_weights(shares), module, search.gates(), step);
  }

  Graph rebuild(const Graph& searched, const Gated& gated, const Found& found, const Prunable& prunable) {
    const Needed needed(searched, gated, found, prunable, job_);
    const auto removal = compress::remove_channels(needed.channels, needed.classes, kEngine);
    report_.largest_error = check_answers_alike(removal.masked, removal.rebuilt, "prune", "without the masked channels");
    for (const auto& block : gated.blocks) report_.blocks.push_back({block.name.substr(block.name.find('/') + 1), needed.gates.at(block.name)});
    for (const auto& layer : needed.layers) {
      PrunedLayer out{layer.name, static_cast<int64_t>(layer.classes.size()), 0, {}};
      for (const int one : layer.classes) {
        out.kept += removal.removed.count(one) == 0;
        if (const auto it = needed.magnitude.find(one); it != needed.magnitude.end()) out.magnitudes.push_back(it->second);
      }
      std::sort(out.magnitudes.begin(), out.magnitudes.end());
      report_.layers.push_back(std::move(out));
    }
    std::set<std::string> reasons;
    for (const auto& [one, reason] : removal.refused) reasons.insert(reason);
    report_.refused.assign(reasons.begin(), reasons.end());
    auto out = compress::without_channel_gates(removal.rebuilt, gated.channels.gates);
    out.metadata = model_.metadata;
    return out;
  }

  void tune(const Graph& rebuilt, const JobData& data) {
    TrainJob job = train_;
    job.trainer.schedule.epochs_before = job_.search_epochs;
    const GraphJob what{.graph = rebuilt, .selection = {job.train, job.freeze, {}, ""}, .straight_through = false, .identity = identity()};
    report_.tuning = train_graph(job, what, data, [&](const Graph& graph) {
      result_ = graph;
      save_model(graph, job.output);
    });
    report_.rebuilt = score_of(report_.tuning.epochs, 0);
    report_.after = score_of(report_.tuning.epochs, report_.tuning.best_epoch);
  }

  void measure_latency() {
    const auto before = compile(with_batch(model_, 1), "native", {.threads = 1}), after = compile(with_batch(result_, 1), "native", {.threads = 1});
    const auto inputs = inputs_at_random(*before);
    std::vector<double> times[2];
    for (int i = 0; i < kLatencyRounds; ++i)
      for (const bool is_after : {false, true}) {
        const double start = Clock::steady().now_us();
        (void)(is_after ? after : before)->run(inputs);
        times[is_after].push_back(Clock::steady().now_us() - start);
      }
    report_.latency_before_us = median(times[0]), report_.latency_after_us = median(times[1]);
  }

  const PruneJob& job_;
  TrainJob train_;
  Graph model_, result_;
  compress::NetworkSize whole_;
  std::optional<ExpectedLatency> latency_;
  std::string machine_;  // of the profile
  PruneReport report_;
};

}  // namespace

namespace {

Json to_json(const PruneBudget& budget) {
  Json out = Json::object();
  if (budget.parameters) out["parameters"] = *budget.parameters;
  if (budget.macs) out["macs"] = *budget.macs;
  if (budget.latency_us) out["latency_us"] = *budget.latency_us;
  return out;
}

}  // namespace

Json to_json(const PruneReport& report) {
  Json out{{"schema", "scissionlite.pruning/1"},
           {"parameters", {{"before", report.parameters_before}, {"after", report.parameters_after}}},
           {"macs", {{"before", report.macs_before}, {"after", report.macs_after}}},
           {"latency_us", {{"before", report.latency_before_us}, {"after", report.latency_after_us}}},
           {"budget", to_json(report.budget)},
           {"largest_error", report.largest_error},
           {"is_within_budget", report.is_within_budget},
           {"refused", report.refused},
           {"layers", Json::array()},
           {"blocks", Json::array()},
           {"score", Json::object()},
           {"search", to_json(report.search)},
           {"tuning", to_json(report.tuning)}};
  if (report.predicted)
    out["predicted_latency_us"] = {
        {"machine", report.predicted->machine}, {"before", report.predicted->before_us}, {"after", report.predicted->after_us}};
  for (const auto& layer : report.layers)
    out["layers"].push_back({{"name", layer.name}, {"channels", layer.channels}, {"kept", layer.kept}, {"magnitudes", layer.magnitudes}});
  for (const auto& block : report.blocks) out["blocks"].push_back({{"name", block.name}, {"gate", block.gate}});
  add_score(out["score"], "before", report.before);
  add_score(out["score"], "searched", report.searched);
  add_score(out["score"], "rebuilt", report.rebuilt);
  add_score(out["score"], "after", report.after);
  return out;
}

PruneReport prune(const PruneJob& job) { return Pruner(job).run(); }

}  // namespace scissionlite::train
