#include <algorithm>
#include <cmath>
#include <iostream>
#include <optional>

#include "base/counted.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/stats.h"
#include "base/text.h"
#include "cli/command.h"
#include "simulate/of_plan.h"
#include "simulate/regret.h"
#include "simulate/scenario.h"

namespace scissionlite::cli {
namespace {

constexpr double kHourUs = 3600e6, kHoursARun = 20, kLinkTraceUs = 300e6;

struct Options {
  std::string plan, trace, link;
  double duration_s = 600, deadline_ms = 0, dwell_ms = 2000, images_per_second = 4, faults_hours = 0, most_regret = 0;
  int devices = 1, links = 0;
  uint64_t seed = 1;
  std::vector<const CLI::Option*> of_a_plan;  // what --random-faults and --random-links draw
  bool has_duration = false;
};

simulate::Trace trace_of(const Options& options) {
  if (!options.trace.empty()) return simulate::trace_from_json(read_json(options.trace, "trace", 1), options.trace);
  if (options.link.empty()) throw InvalidArgument("[simulate] nothing says what the link does; give --trace or --link");
  return {.links = {{.at_us = 0, .link = net::parse_link(options.link)}}, .events = {}, .duration_us = options.duration_s * 1e6};
}

void print_violations(const simulate::Summary& summary) {
  for (const auto& one : summary.violations) std::cerr << "broken promise: " << one << "\n";
}

/// The command that makes a random run again. @param what  "--random-links 1"
std::string replay(const std::string& what, uint64_t seed) { return "scissionlite simulate " + what + " --seed " + std::to_string(seed); }

Json or_null(std::optional<double> value) { return value ? Json(*value) : Json(); }

std::string lost_text(const simulate::Summary& summary) {
  return summary.lost > 0 ? ", " + std::to_string(summary.lost) + " lost with their device" : "";
}

std::string mean_text(const simulate::Summary& summary) {
  if (summary.answered() == 0) return "no answer";
  return format_us(summary.mean_latency_us()) +
         (summary.errors > 0 ? ", " + std::to_string(summary.errors) + " of " + counted(summary.images, "image") + " without an answer" : "");
}

void print_regret(const std::vector<control::PlanTraits>& plans, const simulate::Regret& out) {
  const auto& s = out.summary;
  std::cout << counted(s.images, "image") << ": " << s.edge << " by the edge, " << s.local << " by the device, " << counted(s.errors, "error") << ", "
            << s.late << " late" << lost_text(s) << "; switched plan " << counted(s.switches, "time") << "\n";
  if (const auto ratio = out.vs_oracle())
    std::cout << "mean latency " << format_us(out.ours_us) << "; with the link known beforehand " << format_us(out.oracle_us) << " ("
              << format_fixed(*ratio, 2) << " times)\n";
  if (!out.best_fixed_us()) std::cout << "no plan answers\n";
  for (size_t i = 0; i < plans.size(); ++i) std::cout << "  always " << plans[i].key << ": " << mean_text(out.fixed[i]) << "\n";
}

int simulate_plan(const Options& options, const Common& common) {
  simulate::WorldOptions world{.plans = simulate::plans_of(load_plan(options.plan))};
  world.controller.deadline_us = options.deadline_ms * 1e3, world.controller.dwell_us = options.dwell_ms * 1e3;
  world.devices = options.devices, world.period_us = 1e6 / options.images_per_second, world.seed = options.seed, world.keeps_latencies = true;
  const auto out = simulate::regret_of(world, trace_of(options));
  if (common.json) {
    Json fixed = Json::object(), errors = Json::object();
    for (size_t i = 0; i < world.plans.size(); ++i)
      fixed[world.plans[i].key] = to_json(out.fixed[i])["mean_latency_us"], errors[world.plans[i].key] = out.fixed[i].errors;
    std::cout << Json{{"summary", to_json(out.summary)},
                      {"oracle_us", out.oracle_us},
                      {"vs_oracle", or_null(out.vs_oracle())},
                      {"fixed_us", fixed},
                      {"fixed_errors", errors},
                      {"vs_best_fixed", or_null(out.vs_fixed)}}
                     .dump(2)
              << "\n";
  } else {
    print_regret(world.plans, out);
    print_violations(out.summary);
  }
  return out.summary.violations.empty() ? 0 : 1;
}

/// "3 hours"; what is no whole number of hours with decimals, below an hour "900.00 s".
std::string simulated_time(double us) {
  const double hours = us / kHourUs;
  if (hours < 1) return format_us(us);
  return hours == std::round(hours) ? counted(std::llround(hours), "hour") : format_fixed(hours, 1) + " hours";
}

/// Random worlds with every fault that concerns time and network; hours of devices.
int simulate_faults(const Options& options, const Common& common) {
  simulate::Summary all;
  const double hours = std::min(kHoursARun, options.faults_hours);
  Progress progress("simulate", static_cast<int64_t>(options.faults_hours));
  for (uint64_t seed = options.seed; all.simulated_us < options.faults_hours * kHourUs; ++seed) {
    const auto world = simulate::random_world(seed);
    auto out = simulate::simulate(world, simulate::random_faults(seed, hours));
    for (auto& one : out.violations) one += "; replay: " + replay("--random-faults " + Json(hours).dump(), seed);
    all.add(out);
    progress.advance(static_cast<int64_t>(hours) * world.devices);
    if (!all.violations.empty()) break;
  }
  if (common.json) std::cout << to_json(all).dump(2) << "\n";
  else
    std::cout << simulated_time(all.simulated_us) << ", " << counted(all.images, "image") << ": " << all.edge << " by the edge, " << all.local
              << " by devices, " << counted(all.errors, "error") << " where nobody could answer, " << all.late
              << " late for want of time on the device" << lost_text(all) << "; "
              << counted(static_cast<int64_t>(all.violations.size()), "broken promise") << "\n";
  if (!common.json) print_violations(all);
  return all.violations.empty() ? 0 : 1;
}

/// Random and adversarial links, half of each.
simulate::Regret regret_of_link(uint64_t seed) {
  auto world = simulate::random_world(seed);
  world.devices = 1, world.controller.deadline_us = 0;
  for (auto& plan : world.plans) plan.answers_locally = true;
  const bool is_random = seed % 2 == 1;
  return simulate::regret_of(
      world, is_random ? simulate::random_link(seed, kLinkTraceUs) : simulate::adversarial_link(seed, kLinkTraceUs, world.controller.dwell_us));
}

int simulate_links(const Options& options, const Common& common) {
  std::vector<double> vs_fixed;
  simulate::Summary all;
  uint64_t worst_seed = 0;
  Progress progress("simulate", options.links);
  for (int i = 0; i < options.links; ++i) {
    const uint64_t seed = options.seed + static_cast<uint64_t>(i);
    auto out = regret_of_link(seed);
    if (vs_fixed.empty() || *out.vs_fixed > *std::max_element(vs_fixed.begin(), vs_fixed.end())) worst_seed = seed;
    vs_fixed.push_back(*out.vs_fixed);
    for (auto& one : out.summary.violations) one += "; replay: " + replay("--random-links 1", seed);
    all.add(out.summary);
    progress.advance();
  }
  const double worst = percentile(vs_fixed, 100), p99 = percentile(vs_fixed, 99), middle = median(vs_fixed);
  const auto again = replay("--random-links 1", worst_seed);
  if (common.json)
    std::cout << Json{{"traces", options.links}, {"worst", worst},           {"worst_seed", worst_seed},    {"replay", again}, {"p99", p99},
                      {"median", middle},        {"switches", all.switches}, {"violations", all.violations}}
                     .dump(2)
              << "\n";
  else
    std::cout << counted(options.links, "trace") << ": mean latency over the best fixed plan's with a dwell time a switch: median "
              << format_fixed(middle, 3) << ", 99 of 100 below " << format_fixed(p99, 3) << ", worst " << format_fixed(worst, 3) << " (" << again
              << ")\n";
  if (!common.json) print_violations(all);
  const bool is_too_far = options.most_regret > 0 && worst > options.most_regret;
  if (is_too_far) std::cerr << "the worst trace ends at " << format_fixed(worst, 3) << ", more than " << options.most_regret << "\n";
  return is_too_far || !all.violations.empty() ? 1 : 0;
}

/// What would be left out without a word.
void check_modes(const Options& options) {
  const auto refuse_both = [](const char* one, const char* other) {
    throw InvalidArgument(std::string("[simulate] ") + one + " and " + other + " are given; expected one of them");
  };
  if (options.faults_hours > 0 && options.links > 0) refuse_both("--random-faults", "--random-links");
  const char* const random = options.faults_hours > 0 ? "--random-faults" : options.links > 0 ? "--random-links" : nullptr;
  if (random && !options.plan.empty()) refuse_both(random, "a plan");
  if (!options.trace.empty() && random) refuse_both(random, "--trace");
  if (!options.link.empty() && random) refuse_both(random, "--link");
  for (const auto* option : options.of_a_plan)
    if (random && option->count() > 0)
      throw InvalidArgument("[simulate] " + option->get_name() + " is given, which " + random + " draws for each device; leave one of them out");
  if (!options.trace.empty() && !options.link.empty()) refuse_both("--trace", "--link");
  if (!options.trace.empty() && options.has_duration)
    throw InvalidArgument("[simulate] --duration-s is given, and --trace says its own; leave one of them out");
  if (options.most_regret > 0 && options.links == 0) throw InvalidArgument("[simulate] --most-regret is given without --random-links");
}

int simulate_command(const Options& options, const Common& common) {
  check_modes(options);
  if (options.faults_hours > 0) return simulate_faults(options, common);
  if (options.links > 0) return simulate_links(options, common);
  if (options.plan.empty())
    throw InvalidArgument("[simulate] no plan is given; give plan.json with --trace or --link, or --random-faults HOURS, or --random-links COUNT");
  return simulate_plan(options, common);
}

}  // namespace

Run declare_simulate(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  app.add_option("plan", options->plan, "plan.json: its best candidates of each kind are what the device may switch between");
  app.add_option("--trace", options->trace, "trace.json: what the link does when, and what else happens (docs/formats.md)");
  app.add_option("--link", options->link, "a steady link instead, as 58.8M,27.4ms");
  const auto* duration = app.add_option("--duration-s", options->duration_s, "with --link: simulated seconds")
                             ->check(CLI::Range(1e-3, 31'536'000.0))
                             ->capture_default_str();
  const auto* deadline =
      app.add_option("--deadline-ms", options->deadline_ms, "of each image; 0: none")->check(CLI::Range(0.0, 1e8))->capture_default_str();
  const auto* dwell =
      app.add_option("--dwell-ms", options->dwell_ms, "least time between two switches of plan")->check(CLI::Range(1e-3, 1e8))->capture_default_str();
  const auto* rate =
      app.add_option("--images-per-second", options->images_per_second, "of each camera")->check(CLI::Range(1e-6, 1e6))->capture_default_str();
  const auto* devices = app.add_option("--devices", options->devices, "that share the edge")->check(CLI::Range(1, 1000))->capture_default_str();
  options->of_a_plan = {duration, deadline, dwell, rate, devices};
  app.add_option("--random-faults", options->faults_hours,
                 "in place of a plan: so many hours of random devices under random faults, and whether every promise is kept")
      ->check(CLI::Range(1e-3, 1e6));
  app.add_option("--random-links", options->links,
                 "in place of a plan: so many random and adversarial links, and how far from the best fixed plan the controller ends")
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--most-regret", options->most_regret, "with --random-links: end with 1 where one is further away than so many times")
      ->check(CLI::Range(1e-3, 1e3));
  app.add_option("--seed", options->seed, "of all that is random; a broken promise tells the seed that repeats it")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  return [options, duration, &common] {
    options->has_duration = duration->count() > 0;
    return simulate_command(*options, common);
  };
}

}  // namespace scissionlite::cli
