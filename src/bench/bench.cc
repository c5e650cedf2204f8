#include "bench/bench.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/scratch_folder.h"
#include "bench/contestant.h"
#include "device/answer.h"
#include "engine/engine.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "prepare/prepare.h"
#include "vision/model_input.h"

namespace scissionlite {
namespace {

constexpr double kStartTimeoutUs = 120e6;

/// Removed at the end unless the user wants to keep it.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& keep) {
    ScratchFolder::remove_abandoned(kPurpose);
    if (keep.empty()) {
      path_ = scratch_.emplace(kPurpose).path();
      return;
    }
    path_ = keep;
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) throw ResourceError("[bench] cannot create folder '" + path_.string() + "': " + error.message() + "; choose another with --keep");
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  static constexpr const char* kPurpose = "bench";
  std::optional<ScratchFolder> scratch_;  // none: kept
  fs::path path_;
};

bool wants_edge(const Contestant& c) { return c.key != "local"; }

class Bench {
 public:
  explicit Bench(const BenchOptions& options)
      : o_(options),
        folder_(options.keep),
        model_(load_model(options.model)),
        input_(vision::find_input_spec(model_, options.model, options.input_spec)) {
    model_ = vision::with_input_size(std::move(model_), input_);
    if (o_.images.empty()) throw InvalidArgument("[bench] there is no image to measure with");
  }

  BenchResults run() {
    choose_contestants();
    prepare_all();
    reference_ = reference_answers();
    start_edge();
    start_devices();
    measure_latency();
    if (o_.in_flight > 1) measure_throughput();
    return results();
  }

 private:
  void choose_contestants() {
    std::vector<std::string> keys{"local"};
    for (const auto& key : o_.candidates)
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    for (const auto& key : keys) {
      contestants_.emplace_back();
      contestants_.back().key = key;
      contestants_.back().family = candidate_from_key(key).family();
    }
  }

  /// Runs `body`; what it throws takes the contestant out of the race, not the others.
  template <typename Body>
  void attempt(Contestant& c, Body&& body) {
    if (!c.error.empty()) return;
    try {
      body();
    } catch (const Error& e) {
      c.error = e.what();
      c.device.reset();
      log::warning("[bench] " + c.key + " is out: " + e.what());
    }
  }

  [[nodiscard]] fs::path package_of(const Contestant& c) const { return folder_.path() / ("package-" + std::to_string(&c - contestants_.data())); }

  void prepare_all() {
    PrepareOptions prepare;
    prepare.graph = model_;
    prepare.model_path = o_.model;
    prepare.input = input_;
    prepare.cuts = ops::find_costed_cuts(model_, {.max_tensors = o_.max_cut_tensors});
    prepare.fit_images = o_.fit_images;
    prepare.shelf = o_.shelf;
    prepare.repository = folder_.path() / "models";
    fs::create_directories(prepare.repository);
    Progress progress("preparing", static_cast<int64_t>(contestants_.size()));
    for (auto& c : contestants_) {
      attempt(c, [&] {
        prepare.candidate = candidate_from_key(c.key);
        prepare.package = package_of(c);
        prepare.tail_name = "tail" + std::to_string(&c - contestants_.data());
        (void)prepare_candidate(prepare);
      });
      progress.advance(1, c.key);
    }
  }

  std::vector<int64_t> reference_answers() {
    const auto whole = compile(with_batch(model_, 1), default_backend());
    std::vector<int64_t> best;
    Progress progress("uncut model", static_cast<int64_t>(o_.images.size()));
    for (const auto& path : o_.images) {
      const auto outputs = whole->run(std::vector<Tensor>{vision::preprocess(vision::load_image(path), input_)});
      const auto classes = device::best_classes(outputs.front(), input_, 1);
      best.push_back(classes.empty() ? -1 : classes.front().index);
      progress.advance();
    }
    return best;
  }

  void start_edge() {
    if (std::none_of(contestants_.begin(), contestants_.end(), [](const auto& c) { return wants_edge(c) && c.error.empty(); })) return;
    std::vector<std::string> arguments{"serve", "--model-repository", (folder_.path() / "models").string(), "--grpc-port", "0", "--json"};
    if (!o_.edge_engine.empty()) arguments.insert(arguments.end(), {"--engine", o_.edge_engine});
    if (o_.edge_threads > 0) arguments.insert(arguments.end(), {"--threads", std::to_string(o_.edge_threads)});
    edge_ = std::make_unique<ChildProcess>(arguments, (folder_.path() / "edge.log").string());
    const Json ready = parse_json(edge_->read_line(kStartTimeoutUs), "the edge's ready line");
    const auto port = JsonReader(ready, "the edge's ready line").at("port").integer();
    link_ = std::make_unique<net::LinkEmulator>("127.0.0.1:" + std::to_string(port), o_.link);
  }

  [[nodiscard]] std::vector<std::string> device_arguments(const Contestant& c) const {
    std::vector<std::string> arguments{"run", package_of(c).string(), "--stdin", "paths", "--json", "--top", "1", "--call-timeout-ms", "60000"};
    if (!o_.device_engine.empty()) arguments.insert(arguments.end(), {"--engine", o_.device_engine});
    if (o_.device_slow > 1) arguments.insert(arguments.end(), {"--slow", Json(o_.device_slow).dump()});
    if (o_.device_threads > 0) arguments.insert(arguments.end(), {"--threads", std::to_string(o_.device_threads)});
    if (wants_edge(c)) arguments.insert(arguments.end(), {"--edge", link_->address(), "--fallback", "none"});
    return arguments;
  }

  std::unique_ptr<ChildProcess> start_device(const Contestant& c, const std::vector<std::string>& more = {}) {
    auto arguments = device_arguments(c);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto log = folder_.path() / ("device-" + std::to_string(&c - contestants_.data()) + ".log");
    auto child = std::make_unique<ChildProcess>(arguments, log.string());
    (void)child->read_line(kStartTimeoutUs);
    return child;
  }

  void start_devices() {
    Progress progress("starting devices", static_cast<int64_t>(contestants_.size()));
    for (auto& c : contestants_) {
      attempt(c, [&] { c.device = start_device(c); });
      progress.advance(1, c.key);
    }
  }

  void measure_latency() {
    const auto n = static_cast<int64_t>(o_.images.size());
    Progress progress("measuring", n * static_cast<int64_t>(contestants_.size()));
    for (int64_t from = 0; from < n; from += o_.block) {
      const int64_t to = std::min<int64_t>(n, from + o_.block);
      for (auto& c : contestants_) {
        attempt(c, [&] { measure_block(c, from, to); });
        progress.advance(to - from, c.key);
      }
    }
  }

  void measure_block(Contestant& c, int64_t from, int64_t to) {
    // The other processes have had the caches since this one's last turn.
    for (int warm_up = 0; warm_up < 2; ++warm_up) (void)ask(c, o_.images[static_cast<size_t>(from)].string(), wants_edge(c));
    for (int64_t i = from; i < to; ++i) {
      c.samples.push_back(ask(c, o_.images[static_cast<size_t>(i)].string(), wants_edge(c)));
      c.sample_images.push_back(i);
    }
  }

  /// A second process a candidate, fed with all paths at once.
  void measure_throughput() {
    Progress progress("throughput", static_cast<int64_t>(contestants_.size()));
    for (auto& c : contestants_) {
      attempt(c, [&] {
        c.device.reset();
        const auto child = start_device(c, {"--pipeline", std::to_string(o_.in_flight)});
        c.throughput_ips = pipelined_rate(*child);
      });
      progress.advance(1, c.key);
    }
  }

  /// Images a second between the answers after the first few: the pipeline is full then.
  double pipelined_rate(ChildProcess& child) {
    const size_t n = o_.images.size(), skipped = std::min<size_t>(n / 4, 2 * static_cast<size_t>(o_.in_flight));
    size_t written = 0;
    double start_us = 0;
    for (size_t read = 0; read < n; ++read) {
      for (; written < n && written < read + 2 * static_cast<size_t>(o_.in_flight) + 2; ++written) child.write_line(o_.images[written].string());
      const Json line = parse_json(child.read_line(kStartTimeoutUs), "device");
      if (line.contains("error")) throw TransportError("[bench] " + line["error"].get<std::string>(), false);
      if (read == skipped) start_us = Clock::steady().now_us();
    }
    const double us = Clock::steady().now_us() - start_us;
    return n > skipped + 1 && us > 0 ? static_cast<double>(n - skipped - 1) * 1e6 / us : 0;
  }

  [[nodiscard]] double predicted_us(const std::string& key) const {
    if (!o_.plan) return 0;
    for (const auto* list : {&o_.plan->top, &o_.plan->families, &o_.plan->pareto})
      for (const auto& candidate : *list)
        if (candidate.key == key) return candidate.prediction_us();
    return o_.plan->chosen.key == key ? o_.plan->chosen.prediction_us() : 0;
  }

  BenchResults results() {
    BenchResults r;
    r.model_name = o_.model.stem().string();
    r.model_sha256 = model_sha256(o_.model);
    r.machine = this_machine();
    r.device_engine =
        (o_.device_slow > 1 ? "slow:" + Json(o_.device_slow).dump() + ":" : "") + (o_.device_engine.empty() ? default_backend() : o_.device_engine);
    r.edge_engine = o_.edge_engine.empty() ? default_backend() : o_.edge_engine;
    r.link_rtt_us = o_.link.rtt_us;
    r.link_up_bps = o_.link.up_bps;
    r.link_down_bps = o_.link.down_bps;
    r.device_slowdown = o_.device_slow;
    r.command = o_.command;
    for (const auto& c : contestants_) {
      r.rows.push_back(summarise(c, reference_));
      r.rows.back().predicted_us = predicted_us(c.key);
    }
    const double local_us = r.rows.front().latency_median_us;
    for (auto& row : r.rows)
      if (row.latency_median_us > 0 && local_us > 0) row.speedup_over_local = local_us / row.latency_median_us;
    return r;
  }

  const BenchOptions& o_;
  WorkFolder folder_;
  Graph model_;
  vision::InputSpec input_;
  std::vector<Contestant> contestants_;
  std::vector<int64_t> reference_;
  std::unique_ptr<ChildProcess> edge_;
  std::unique_ptr<net::LinkEmulator> link_;
};

void add_key(std::vector<std::string>& keys, const std::string& key) {
  if (!key.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
}

}  // namespace

std::vector<std::string> family_keys(const Plan& plan) {
  std::vector<std::string> keys{"local"};
  for (const auto& candidate : plan.families) add_key(keys, candidate.key);
  add_key(keys, plan.chosen.key);
  return keys;
}

std::vector<std::string> all_keys(const Plan& plan) {
  auto keys = family_keys(plan);
  for (const auto& candidate : plan.top) add_key(keys, candidate.key);
  return keys;
}

BenchResults run_bench(const BenchOptions& options) { return Bench(options).run(); }

}  // namespace scissionlite
