// scissionlite run: images in, one JSON line each out.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "base/service_notify.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/run_metrics.h"
#include "cli/run_summary.h"
#include "cli/trace_options.h"
#include "device/delivered.h"
#include "device/delivered_trial.h"
#include "device/pipeline.h"
#include "prepare/further_plans.h"
#include "prepare/names.h"
#include "program/tls_options.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string package, edge, engine, stdin_format, watch, from, model, store, fallback = "local", name, metrics, shadow_model;
  std::vector<std::string> images, also;
  double deadline_ms = 0, dwell_ms = 2000, call_timeout_ms = 5000, slow = 1, probe_tolerance = 2e-3, hang_s = 60, update_every_s = 300,
         shadow_share = 0, min_agreement = 0, shadow_bar_s = 600;
  int pipeline = 1, threads = 0, top = 5;
  int64_t repeat = 1;
  bool whole_outputs = false, retry_rejected = false;
  protocol::Security security;
  trace::TracerOptions tracing;
  bool logs_requests = false;
};

std::atomic<bool> g_stop{false}, g_look{false}, g_tries{false};

/// SIGINT and SIGTERM wait, in this thread.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &both, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

void on_signals_to_stop(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // without SA_RESTART, so that a blocked read on stdin returns
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

/// Before images are answered a signal ends the process at once, but for a version that is tried: that first gets its verdict, unless there is a
/// second signal.
void stop_behind_trial() {
  on_signals_to_stop([](int number) {
    if (g_tries && !g_stop.exchange(true)) return;
    signal(number, SIG_DFL);
    raise(number);
  });
}

void stop_on_signals() {
  on_signals_to_stop([](int) { g_stop = true; });
}

/// SIGHUP is a look for a newer version, without --from nothing. Calls that wait go on.
void look_on_hang_up() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_look = true; };
  action.sa_flags = SA_RESTART;
  sigaction(SIGHUP, &action, nullptr);
}

std::unique_ptr<device::FrameSource> make_source(const Options& o) {
  const int given = (o.images.empty() ? 0 : 1) + (o.watch.empty() ? 0 : 1) + (o.stdin_format.empty() ? 0 : 1);
  if (given != 1)
    throw InvalidArgument("[run] got " + std::to_string(given) +
                          " sources of images, expected one of: image files or folders, --watch DIR, --stdin FORMAT");
  if (!o.watch.empty()) return device::make_watch_source(o.watch, g_stop);
  if (!o.stdin_format.empty()) return device::make_stream_source(o.stdin_format, std::cin, g_stop);
  return device::make_file_source(vision::list_images(o.images), o.repeat);
}

/// Whether images get answers: not while one that was taken waits for its own, or for those before it, longer than `hang_us`.
class Progress final : public device::FrameSource {
 public:
  Progress(std::unique_ptr<device::FrameSource> source, double hang_us) : source_(std::move(source)), hang_us_(hang_us) {}
  [[nodiscard]] std::optional<Item> next() override {
    auto item = source_->next();
    if (item && open_++ == 0) since_us_ = Clock::steady().now_us();
    return item;
  }
  void answered() {
    since_us_ = Clock::steady().now_us();
    --open_;
  }
  [[nodiscard]] bool is_well() const { return open_ == 0 || Clock::steady().now_us() - since_us_ < hang_us_; }

 private:
  std::unique_ptr<device::FrameSource> source_;
  double hang_us_;
  std::atomic<int64_t> open_{0};     // images taken and not answered
  std::atomic<double> since_us_{0};  // of the last answer, or of the first image since
};

/// Lines on stdout. What cannot be written ends the run, as a stream that failed once takes no later line either.
class Lines {
 public:
  /// @param what  the line is: "the answer to 'a.jpg'". Called by one thread at a time.
  void write(const std::string& line, const std::string& what) {
    if (!failure_.empty()) {
      ++lost_;
      return;
    }
    errno = 0;
    {
      const HeldSignals held;  // a write that one interrupts would look like a reader that has gone
      std::cout << line << std::endl;
    }
    if (std::cout) return;
    failure_ = "[run] " + what + " could not be written to stdout" + (errno != 0 ? ": " + std::string(std::strerror(errno)) : "");
    g_stop = true;
  }
  /// @throws ResourceError naming the first line that is lost.
  void check() const {
    if (failure_.empty()) return;
    throw ResourceError(failure_ + "; it and " + std::to_string(lost_) +
                        " further lines are lost: is the disk full or the reader gone? Give these images again");
  }

 private:
  std::string failure_;
  int64_t lost_ = 0;  // after the first
};

device::Observation observation(const Options& o) {
  device::check_device_name(o.name);
  return {.name = o.name,
          .tracer = make_tracer(o.tracing, "scissionlite-device", o.name, o.security.allows_plain_text),
          .counts = std::make_shared<device::DeviceCounts>(),
          .logs_requests = o.logs_requests};
}

std::string engine_of(const Options& o) {
  const std::string engine = o.engine.empty() ? default_backend() : o.engine;
  return o.slow > 1 ? "slow:" + Json(o.slow).dump() + ":" + engine : engine;
}

device::OffloaderOptions offloader_options(const Options& o, const device::Observation& observation) {
  device::OffloaderOptions out;
  out.edge = o.edge;
  out.engine = engine_of(o);
  out.threads = o.threads;
  out.deadline_us = o.deadline_ms * 1e3;
  out.call_timeout_us = o.call_timeout_ms * 1e3;
  out.local_fallback = o.fallback == "local";
  out.top_k = o.top;
  out.whole_outputs = o.whole_outputs;
  out.probe_tolerance = o.probe_tolerance;
  out.security = o.security;
  out.observation = observation;
  out.session.breaker.seed = std::random_device()();  // devices that lost the same edge do not return at the same moment
  return out;
}

/// Plans of packages on this machine, or of one that is replaced when the edge offers a newer version.
struct Answering {
  std::shared_ptr<device::Shadow> shadow;
  std::unique_ptr<device::Plans> given;
  std::unique_ptr<device::Delivered> delivered;
  /// They stay while they are held, even when the version is replaced.
  [[nodiscard]] std::shared_ptr<const device::Plans> plans() const {
    if (!delivered) return {std::shared_ptr<void>(), given.get()};
    const auto version = delivered->versions().current();
    return {version, &version->plans()};
  }
  [[nodiscard]] device::Answerer& answerer() const { return delivered ? static_cast<device::Answerer&>(delivered->versions()) : given->answerer(); }
};

DevicePlans offloaders(const std::shared_ptr<const device::Plans>& plans) {
  DevicePlans out;
  for (const auto* plan : plans->all()) out.emplace_back(plans, plan);
  return out;
}

/// Where state is kept: the service's own folder under systemd, else the user's; in it a folder for each edge and package.
fs::path default_store(const Options& o) {
  const auto of = [](const char* variable) -> fs::path {
    const char* value = std::getenv(variable);
    return value == nullptr ? "" : value;
  };
  fs::path folder = split(of("STATE_DIRECTORY").string(), ':').front();  // several of a unit are joined
  if (folder.empty() && !of("XDG_STATE_HOME").empty()) folder = of("XDG_STATE_HOME") / "scissionlite";
  if (folder.empty() && !of("HOME").empty()) folder = of("HOME") / ".local" / "state" / "scissionlite";
  if (folder.empty())
    throw InvalidArgument("[run] no place for packages from the edge: neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set; give --store DIR");
  return folder / "store" / plain_name(o.from + (o.model.empty() ? "" : "_" + device::parse_package_name(o.model).first));
}

/// On this machine, the first one first.
std::vector<DevicePackage> given_packages(const Options& o) {
  std::vector<DevicePackage> out;
  if (!o.from.empty()) return out;
  out = open_plans(o.package);
  for (const auto& folder : o.also)
    for (auto& package : open_plans(folder)) out.push_back(std::move(package));
  return out;
}

/// The uncut model: as given, or that of a local plan among the packages, which holds it, with its identity.
std::pair<fs::path, std::string> shadow_model(const Options& o, const std::vector<DevicePackage>& packages) {
  if (!o.shadow_model.empty()) return {o.shadow_model, ""};
  for (const auto& package : packages)
    if (package.manifest.candidate == "local") return {package.local_path(), package.manifest.model_sha256};
  throw InvalidArgument(
      "[run] --shadow compares answers with those of the uncut model; give that as --shadow-model FILE, or a package of the plan `local` as --also");
}

/// nullptr: it was not asked for. @param packages  empty: they come from the edge.
std::shared_ptr<device::Shadow> make_shadow(const Options& o, const std::vector<DevicePackage>& packages, const device::Observation& observing) {
  if (o.shadow_share <= 0) {
    if (!o.shadow_model.empty() || o.min_agreement > 0)
      throw InvalidArgument("[run] --shadow-model and --min-agreement go with --shadow SHARE, which is 0");
    return nullptr;
  }
  if (packages.empty()) throw InvalidArgument("[run] --shadow does not go with --from: packages from an edge may be of any model; name the package");
  const auto& first = packages.front();
  const auto [model, sha256] = shadow_model(o, packages);
  auto shadow = std::make_shared<device::Shadow>(device::ShadowOptions{.model = model,
                                                                       .sha256 = sha256,
                                                                       .engine = engine_of(o),
                                                                       .share = o.shadow_share,
                                                                       .min_agreement = o.min_agreement,
                                                                       .bar_us = o.shadow_bar_s * 1e6,
                                                                       .seed = std::random_device()()},
                                                 first.input, observing.counts);
  if (shadow->model_sha256() != first.manifest.model_sha256)
    throw InvalidArgument("[run] --shadow-model '" + shadow->options().model.string() + "' has sha256 " + shadow->model_sha256() +
                          ", the package is of model " + first.manifest.model_name + " with " + first.manifest.model_sha256 +
                          "; give the file that the package was prepared from");
  return shadow;
}

device::SwitchOptions switch_options(const Options& o) {
  device::SwitchOptions out;
  out.control.deadline_us = o.deadline_ms * 1e3, out.control.call_timeout_us = o.call_timeout_ms * 1e3, out.control.dwell_us = o.dwell_ms * 1e3;
  return out;
}

/// To systemd: it is no start that hangs.
void extend_start(double within_us) { notify_service("EXTEND_TIMEOUT_USEC=" + std::to_string(static_cast<int64_t>(within_us))); }

/// @param retries  what was rejected before may be tried again.
std::unique_ptr<device::Delivered> make_delivered(const Options& o, const device::Observation& observing, bool retries) {
  device::DeliveryOptions options;
  std::tie(options.name, options.version) = device::parse_package_name(o.model);
  options.update_every_us = o.update_every_s * 1e6, options.is_asked_to_look = &g_look, options.is_trying = &g_tries;
  options.goes_on = extend_start;
  options.offloader = offloader_options(o, observing);
  options.switching = switch_options(o);
  if (options.offloader.edge.empty()) options.offloader.edge = o.from;
  auto source = delivery::make_grpc_source(o.from, {.security = o.security});
  auto store = std::make_unique<delivery::Store>(o.store.empty() ? default_store(o) : fs::path(o.store));
  if (retries) store->pardon();
  return std::make_unique<device::Delivered>(std::move(source), std::move(store), std::move(options));
}

bool is_of_the_edge(const Error& e) {
  return dynamic_cast<const TransportError*>(&e) != nullptr || dynamic_cast<const delivery::Unusable*>(&e) != nullptr;
}

/// A service waits for its first package, whatever the edge may change about that: it is not up yet, has no such package, does not let this device
/// have it, or gives one that is of no use. What answers given files ends.
std::unique_ptr<device::Delivered> first_delivered(const Options& o, const device::Observation& observing) {
  constexpr double kPauseUs = 5e6, kPauseOfTrialsUs = 60e6, kLookUs = 100e3;
  LogLimit limit;
  const auto wait = [&](const Error& e) {
    std::string note;
    if (limit.admits(e.what(), note)) log::warning("[run] waiting for the first package: " + std::string(e.what()) + note);
    const double pause_us = dynamic_cast<const device::RefusedByEdge*>(&e) != nullptr ? kPauseOfTrialsUs : kPauseUs;
    notify_service("STATUS=waiting for the first package");
    extend_start(pause_us + 60e6);
    for (const double end_us = Clock::steady().now_us() + pause_us; Clock::steady().now_us() < end_us && !g_look.exchange(false);)
      Clock::steady().sleep_us(kLookUs);
  };
  for (bool retries = o.retry_rejected;; retries = false) {
    try {
      return make_delivered(o, observing, retries);
    } catch (const Error& e) {
      if (o.watch.empty() || g_stop || !is_of_the_edge(e)) throw;
      wait(e);
    }
  }
}

Answering make_answering(const Options& o) {
  Answering out;
  const auto observing = observation(o);
  auto packages = given_packages(o);
  out.shadow = make_shadow(o, packages, observing);
  if (!o.from.empty()) {
    out.delivered = first_delivered(o, observing);
    return out;
  }
  auto plan_options = offloader_options(o, observing);
  plan_options.shadow = out.shadow;
  auto switching = switch_options(o);
  switching.shadow = out.shadow;
  out.given = std::make_unique<device::Plans>(device::make_offloaders(std::move(packages), plan_options), switching);
  return out;
}

/// With --from the package is not among the words.
Options without_package(Options o) {
  if (o.from.empty()) {
    if (o.package.empty())
      throw InvalidArgument(
          "[run] no package; give the folder that `scissionlite prepare --package` wrote, or --from HOST:PORT to fetch one from an edge");
    if (!o.model.empty() || !o.store.empty() || o.retry_rejected) throw InvalidArgument("[run] --model, --store and --retry-rejected go with --from");
    return o;
  }
  if (!o.also.empty())
    throw InvalidArgument(
        "[run] --also names packages on this machine; with --from further plans come in the package: `scissionlite prepare --also` writes them");
  (void)device::parse_package_name(o.model);
  if (!o.package.empty()) o.images.insert(o.images.begin(), std::exchange(o.package, ""));
  return o;
}

/// Before what is needed to reach them: an address that is none is on no other machine.
void check_addresses(const Options& o) {
  for (const auto& [option, address] : {std::pair("--edge", &o.edge), std::pair("--from", &o.from)})
    if (!address->empty()) (void)parse_address(*address, option);
}

int run(const Options& given, const Common& common) {
  const Options o = without_package(given);
  if (o.fallback != "local" && o.fallback != "none") throw InvalidArgument("[run] --fallback '" + o.fallback + "'; expected local or none");
  check_addresses(o);
  look_on_hang_up();
  stop_behind_trial();
  Progress source(make_source(o), o.hang_s * 1e6);
  const auto answering = make_answering(o);
  {
    const auto plans = answering.plans();
    if (const auto& offloader = plans->first(); offloader.edge() == nullptr && offloader.package().manifest.candidate != "local")
      log::warning("[run] no --edge given: every image is answered locally");
  }
  const auto metrics = serve_device_metrics(o.metrics, o.security.allows_plain_text, [&answering] { return offloaders(answering.plans()); });
  stop_on_signals();
  Lines lines;
  if (common.json) {
    Json ready{{"ready", true}, {"candidate", answering.plans()->first().package().manifest.candidate}};
    if (answering.delivered) ready["package"] = answering.delivered->versions().current()->name();
    if (metrics) ready["metrics_port"] = metrics->port();
    lines.write(ready.dump(), "the first line");
    lines.check();
  }
  const auto emit = [&](const device::Answer& answer) {
    if (!answer.was_read) note_unread(answering.plans()->first().options().observation, answer);
    lines.write(to_json(answer, o.whole_outputs).dump(-1, ' ', false, Json::error_handler_t::replace), "the answer to '" + answer.name + "'");
    source.answered();
  };
  notify_service("READY=1\nSTATUS=answering images");
  const ServiceWatchdog watchdog([&source] { return source.is_well(); });
  const auto totals = device::run_all(answering.answerer(), source, o.pipeline, g_stop, emit);
  notify_service("STOPPING=1");
  lines.check();
  if (answering.shadow) answering.shadow->drain();
  const auto plans = answering.plans();
  const RunSummary summary{.totals = totals,
                           .plans = *plans,
                           .delivered = answering.delivered.get(),
                           .shadow = answering.shadow.get(),
                           .was_stopped = !o.watch.empty() && g_stop};
  if (common.json) std::cout << Json{{"summary", to_json(summary)}}.dump() << std::endl;
  else if (!common.quiet) print(summary);
  return exit_code(summary);
}

}  // namespace

Run declare_run(CLI::App& app, Common& common) {
  auto o = std::make_shared<Options>();
  app.add_option("package", o->package, "device package written by `scissionlite prepare`; not with --from");
  app.add_option("images", o->images, "image files or folders");
  app.add_option("--also", o->also,
                 "package of another plan of the model, which images take while it is the faster one on the link as it is (repeatable)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--dwell-ms", o->dwell_ms, "with several plans: least time between two switches")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--edge", o->edge, "address of the edge, HOST:PORT");
  app.add_option(
      "--from", o->from,
      "fetch the package from the edge at HOST:PORT (`serve --packages`), and newer versions while it runs; also the --edge where none is given");
  app.add_option("--model", o->model, "with --from: which of the edge's packages, NAME, or NAME/VERSION to stay with one");
  app.add_option("--store", o->store,
                 "with --from: where packages are kept; by default a folder of this edge's below $STATE_DIRECTORY, $XDG_STATE_HOME or ~/.local/state")
      ->type_name("DIR");
  app.add_option("--update-every", o->update_every_s, "with --from: seconds between two looks for a newer version; 0 = at the start only")
      ->check(CLI::Range(0.0, 1e8))
      ->capture_default_str();
  app.add_flag("--retry-rejected", o->retry_rejected, "with --from: versions that were rejected before may be tried again");
  app.add_option("--watch", o->watch,
                 "answer image files as they appear in this folder, until stopped; then images without an answer are counted, and are no failure");
  app.add_option(
      "--stdin", o->stdin_format,
      "read images from stdin: frames (each file after its length as uint32, little-endian), mjpeg (JPEGs one after the other, or a camera's multipart stream) or paths (one a line)");
  app.add_option("--deadline-ms", o->deadline_ms, "answer locally when the edge has not answered in time")->check(CLI::NonNegativeNumber);
  app.add_option("--call-timeout-ms", o->call_timeout_ms, "without a deadline: how long a silent edge is waited for")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--hang-secs", o->hang_s, "an image that waits longer than this for its answer: systemd's watchdog is not fed")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  app.add_option("--fallback", o->fallback, "who answers when the edge does not: local or none (an error)")->capture_default_str();
  app.add_option("--pipeline", o->pipeline, "requests in flight; 1 is latency mode")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_option("--repeat", o->repeat, "go through the image files this often")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->capture_default_str();
  app.add_option("--engine", o->engine, "engine of the device half, as openvino or slow:4:openvino");
  app.add_option("--slow", o->slow, "pretend a device this many times slower; short for --engine slow:K:...")->check(CLI::Range(1.0, 1e4));
  app.add_option("--threads", o->threads, "threads of the engine; 0 is all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  app.add_flag(
      "--whole-outputs", o->whole_outputs,
      "fetch every output and print all its values; otherwise, of a classifier, its best classes, and of other models what has at most 1,000 values");
  app.add_option("--top", o->top, "classes to print")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--probe-tolerance", o->probe_tolerance,
                 "largest difference between the stored and the edge's answer to the probe, as a share of its largest value")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--shadow", o->shadow_share,
                 "share of the images that the uncut model answers too, here and in the background, to watch how far answers agree with it")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--shadow-model", o->shadow_model,
                 "with --shadow: ONNX file of the uncut model; by default that of a package of the plan `local` among the given ones")
      ->type_name("FILE");
  app.add_option("--min-agreement", o->min_agreement,
                 "with --shadow: a plan whose agreement is below this, and not by chance, has drifted, and another one of --also is taken")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--shadow-bar-secs", o->shadow_bar_s,
                 "with --min-agreement: how long a plan that has drifted is not taken; twice as long each time again")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  declare_security(app, o->security);
  app.add_option("--name", o->name, "of this device, as the edge's live page and traces show it");
  app.add_option("--metrics", o->metrics,
                 "address of Prometheus metrics at /metrics, in plain text; port 0 = any free; one that others reach takes --plain-text")
      ->type_name("HOST:PORT");
  declare_tracing(app, o->tracing, o->logs_requests);
  return [o, &common] { return run(*o, common); };
}

}  // namespace scissionlite::cli
