#include "cli/tune_model.h"

#include <algorithm>
#include <iostream>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "engine/backends/native/choosing/conv_problems.h"
#include "engine/backends/native/choosing/network_check.h"
#include "kernels/generated/chain_plan.h"
#include "kernels/int8/loops.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"
#include "tune/choices.h"
#include "tune/generating.h"
#include "tune/tune_bytes.h"
#include "tune/tune_chain.h"
#include "tune/tune_pool.h"
#include "tune/tune_strip.h"

namespace scissionlite::cli {
namespace {

/// A convolution of floats or of bytes, a chain, a pooling or a strip of the model, and what was found for it.
struct Layer {
  std::string problem;
  int count = 0;
  tune::TuningEntry entry;
  bool is_conv = true, is_chain = false, is_finished = true;
  int64_t failed = 0;
};

/// Most work first.
std::vector<ConvUse> sorted(std::vector<ConvUse> uses) {
  std::stable_sort(uses.begin(), uses.end(),
                   [](const ConvUse& a, const ConvUse& b) { return a.conv.problem.macs() * a.count > b.conv.problem.macs() * b.count; });
  return uses;
}

/// Each search may take its share of the time that is left.
class Tuner {
 public:
  Tuner(const TuneModelOptions& options, const ConvUses& uses)
      : options_(options),
        log_(options.output + ".log"),
        bar_("tune", steps(options, uses)),
        left_(uses.convs.size() + uses.byte_convs.size() + uses.chains.size() + static_cast<size_t>(kernel_uses(options, uses))) {
    if (fs::exists(options.output)) known_ = tune::load_database(options.output);
    if (options.is_generating) generating_.emplace(options.output, generate::default_tools());
    if (options.seconds > 0) until_us_ = Clock::steady().now_us() + options.seconds * 1e6;
    keep(tune::measure_rates(loops(), threads()));
  }

  Layer run(const ConvUse& use) {
    const auto is_done = [&](int64_t measured) { return measured >= options_.tune.budget || measured >= configurations(use.conv.problem); };
    return run({use.conv.text(), use.count, {}}, tune::key_of(use.conv, loops(), threads()), is_done, options_.tune.budget,
               [&](const tune::TuneOptions& tuning, const Told& told) {
                 auto tuned = tune::tune_conv(use.conv, tuning, log_, told);
                 if (generating_) generating_->keep(use.conv.problem.text(), loops(), tuned.entry);
                 return tuned;
               });
  }

  /// Has a few ways, which are all measured.
  Layer run(const ByteConvUse& use) {
    const auto ways = tune::byte_conv_ways(use.problem, kernels::best_int8_loops(), options_.tune.measure);
    return run({ways.key.problem, use.count, {}}, ways,
               [&](const tune::TuneOptions& tuning, const Told& told) { return tune::tune_byte_conv(ways, tuning, log_, told); });
  }

  /// After the convolutions, by whose choices it is judged.
  Layer run(const ChainUse& use) {
    const tune::Choices choices(known_, options_.output, loops(), threads());
    std::vector<kernels::ConvChoice> separate;
    for (const auto& stage : use.chain.stages) separate.push_back(tune::choose_conv(stage, loops(), &choices));
    Layer layer{use.chain.text(), use.count, {}};
    layer.is_conv = false, layer.is_chain = true;
    return run(std::move(layer), tune::chain_ways(use.chain, separate, options_.tune.measure));
  }

  /// Only while kernels are generated: our own loops are the only other way.
  Layer run(const PoolUse& use) { return run_kernel(use.pool.text(), use.count, tune::pool_ways(use.pool, options_.tune.measure)); }
  Layer run(const StripUse& use) { return run_kernel(use.strip.text(), use.count, tune::strip_ways(use.strip, options_.tune.measure)); }

 private:
  static constexpr int64_t kOwnSteps = 12;  // of convolutions of bytes, chains, poolings and strips, at most and about
  /// Poolings and strips are searched only while kernels are generated.
  [[nodiscard]] static int64_t kernel_uses(const TuneModelOptions& options, const ConvUses& uses) {
    return options.is_generating ? static_cast<int64_t>(uses.pools.size() + uses.strips.size()) : 0;
  }
  [[nodiscard]] static int64_t steps(const TuneModelOptions& options, const ConvUses& uses) {
    const auto budget = options.tune.budget, convs = static_cast<int64_t>(uses.convs.size()),
               byte_convs = static_cast<int64_t>(uses.byte_convs.size()), chains = static_cast<int64_t>(uses.chains.size()),
               alone = kernel_uses(options, uses);
    const auto generated = options.is_generating
                               ? alone + std::count_if(uses.chains.begin(), uses.chains.end(),
                                                       [](const ChainUse& use) { return !kernels::generated_problem(use.chain.problem()).empty(); })
                               : 0;
    return convs * budget + (byte_convs + chains + alone) * kOwnSteps + generated * budget;
  }
  using Told = std::function<void(const tune::TuneStep&)>;
  [[nodiscard]] const kernels::VectorLoops& loops() const { return *options_.tune.measure.trial.loops; }
  [[nodiscard]] int threads() const { return options_.tune.measure.trial.threads; }

  /// Looks at each: seconds.
  [[nodiscard]] int64_t configurations(const kernels::ConvProblem& problem) const {
    return static_cast<int64_t>(tune::ConvSpace(problem, loops()).space().count_valid());
  }

  Layer run_kernel(const std::string& problem, int count, const tune::Ways& ways) {
    Layer layer{problem, count, {}};
    layer.is_conv = false;
    return run(std::move(layer), ways);
  }
  Layer run(Layer layer, const tune::Ways& ways) {
    return run(std::move(layer), ways, [&](const tune::TuneOptions& tuning, const Told& told) {
      auto tuned = tune::tune_ways(ways, tuning, log_, told);
      if (ways.generated) generating_->keep(ways.generated->problem, loops(), tuned.entry);
      return tuned;
    });
  }
  template <typename Search>
  Layer run(Layer layer, const tune::Ways& ways, const Search& search) {
    const int64_t budget = options_.tune.budget;
    return run(
        std::move(layer), ways.key,
        [&](int64_t measured) {
          return measured >= static_cast<int64_t>(ways.all.size()) + (ways.generated ? budget : 0) || measured >= tune::measurements(ways, budget);
        },
        kOwnSteps + (ways.generated ? budget : 0), search);
  }

  /// @param is_done  of the measurements that an earlier search made.
  template <typename Search>
  Layer run(Layer layer, const tune::TuningKey& key, const std::function<bool(int64_t)>& is_done, int64_t steps, const Search& search) {
    const auto known = known_.entries.find(key);
    int64_t shown = 0;
    if (known != known_.entries.end() && is_done(known->second.measured)) {
      layer.entry = known->second;
    } else {
      const auto tuned = search(with_share_of_time(), [&](const tune::TuneStep& step) {
        if (++shown <= steps) bar_.advance(1, "best " + format_us(step.best_us) + ", " + layer.problem);
        if (!step.outcome.is_ok()) log::debug("[tune] " + layer.problem + ", " + step.choice + ": " + step.outcome.failure);
      });
      layer.entry = tuned.entry, layer.failed = tuned.failed, layer.is_finished = tuned.is_finished;
      tune::Database found;
      found.add(tuned.key, tuned.entry);
      keep(found);
    }
    bar_.advance(steps - std::min(steps, shown), "");
    --left_;
    return layer;
  }

  [[nodiscard]] tune::TuneOptions with_share_of_time() const {
    auto tuning = options_.tune;
    const double now_us = Clock::steady().now_us();
    if (until_us_ > 0) tuning.until_us = now_us + std::max(1.0, (until_us_ - now_us) / static_cast<double>(left_));
    return tuning;
  }

  void keep(const tune::Database& found) { known_ = tune::update_database(options_.output, found); }

  const TuneModelOptions& options_;
  tune::Database known_;
  std::optional<tune::Generating> generating_;
  tune::MeasurementLog log_;
  Progress bar_;
  size_t left_;
  double until_us_ = 0;
};

double speed_up(const Layer& layer) {
  return layer.entry.median_us > 0 && layer.entry.usual_us > 0 ? layer.entry.usual_us / layer.entry.median_us : 1;
}

Json to_json(const std::vector<Layer>& layers, const std::optional<NetworkCheck>& check) {
  Json json{{"schema", "scissionlite.tuned/1"}, {"layers", Json::array()}};
  for (const auto& layer : layers)
    json["layers"].push_back({{"problem", layer.problem},
                              {"nodes", layer.count},
                              {"usual_us", layer.entry.usual_us},
                              {"best_us", layer.entry.median_us},
                              {"speed_up", speed_up(layer)},
                              {"choice", kernels::describe(layer.entry.implementation, layer.entry.knobs)},
                              {"measured", layer.entry.measured},
                              {"failed", layer.failed},
                              {"finished", layer.is_finished}});
  if (check)
    json["network"] = {{"usual_us", check->usual_us},         {"tuned_us", check->tuned_us}, {"speed_up", check->speed_up},
                       {"speed_up_from", check->from},        {"speed_up_to", check->to},    {"error", check->error},
                       {"verdict", name_of(check->verdict())}};
  return json;
}

void print(const NetworkCheck& check) {
  std::cout << "the whole network in turns: " << format_us(check.usual_us) << " with the usual choices, " << format_us(check.tuned_us)
            << " as tuned, " << format_fixed(check.speed_up, 3) << " times as fast (" << format_fixed(check.from, 3) << " to "
            << format_fixed(check.to, 3) << "); outputs differ by " << check.error << " of the largest value\n";
  if (check.verdict() == NetworkCheck::Verdict::kFaster) return;
  if (check.verdict() == NetworkCheck::Verdict::kSlower)
    std::cout << "tuned is slower: this network keeps the usual choices, the entries stay for others\n";
  else std::cout << "no difference beyond the noise of this machine was shown; tune again when it is quiet\n";
}

void print(const std::vector<Layer>& layers, const std::optional<NetworkCheck>& check, const TuneModelOptions& options) {
  std::vector<std::vector<std::string>> rows{{"problem", "nodes", "usual us", "best us", "speed-up", "measured", "best choice"}};
  double usual_us = 0, best_us = 0;
  size_t unfinished = 0;
  for (const auto& layer : layers) {
    rows.push_back({layer.problem, std::to_string(layer.count), format_fixed(layer.entry.usual_us, 1), format_fixed(layer.entry.median_us, 1),
                    format_fixed(speed_up(layer), 2), std::to_string(layer.entry.measured),
                    layer.is_chain && speed_up(layer) < 1 ? tune::kSeparate : kernels::describe(layer.entry.implementation, layer.entry.knobs)});
    unfinished += !layer.is_finished;
    if (!layer.is_conv) continue;  // a chain is made of convolutions that stand here as well
    usual_us += layer.entry.usual_us * layer.count, best_us += layer.entry.median_us * layer.count;
  }
  std::cout << format_table(rows) << "\nall convolutions one by one: " << format_us(usual_us) << " with the usual choices, " << format_us(best_us)
            << " as tuned\n";
  if (unfinished > 0) std::cout << unfinished << " searches ended with the time (--seconds); the same command goes on from there\n";
  if (check) print(*check);
  std::cout << "use it: SCISSIONLITE_TUNING=" << options.output << " scissionlite ... --engine native\n";
}

/// Nothing is used that was not verified as a whole.
std::optional<NetworkCheck> check(const Graph& graph, const ConvUses& uses, const TuneModelOptions& options) {
  if (options.rounds == 0) return std::nullopt;
  const auto& trial = options.tune.measure.trial;
  tune::Database verdict;
  const auto add = [&](const char* which, double usual_us, double tuned_us) {
    verdict.add(tune::key_of(uses.network, *trial.loops, trial.threads),
                {which, {}, std::min(usual_us, tuned_us), usual_us, options.rounds, tune::kOfNetwork});
    tune::update_database(options.output, verdict);
  };
  add(tune::kTuned, 0, 0);  // an earlier verdict is of other entries
  const auto found = check_network(graph, trial.threads, options.output, options.rounds);
  add(found.verdict() == NetworkCheck::Verdict::kSlower ? tune::kUsual : tune::kTuned, found.usual_us, found.tuned_us);
  return found;
}

}  // namespace

int tune_model(const TuneModelOptions& options, const Common& common) {
  const auto graph = load_model(options.model);
  const auto uses = conv_problems(graph, options.tune.measure.trial.threads);
  std::vector<Layer> layers;
  {
    Tuner tuner(options, uses);
    for (const auto& use : sorted(uses.convs)) layers.push_back(tuner.run(use));
    for (const auto& use : uses.byte_convs) layers.push_back(tuner.run(use));
    for (const auto& use : uses.chains) layers.push_back(tuner.run(use));
    if (options.is_generating) {
      for (const auto& use : uses.pools) layers.push_back(tuner.run(use));
      for (const auto& use : uses.strips) layers.push_back(tuner.run(use));
    }
  }
  const auto whole = check(graph, uses, options);
  if (common.json) std::cout << to_json(layers, whole).dump(2) << "\n";
  else print(layers, whole, options);
  return 0;
}

}  // namespace scissionlite::cli
