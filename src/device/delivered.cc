#include "device/delivered.h"

#include <algorithm>
#include <chrono>
#include <future>

#include "base/log.h"
#include "base/text.h"
#include "base/thread_priority.h"
#include "base/version.h"
#include "device/delivered_trial.h"
#include "prepare/further_plans.h"

namespace scissionlite::device {
namespace {

constexpr double kLookAtStateUs = 500e3;
constexpr double kRefusedAgainUs = 600e6;  // after which a version that the edge refused is tried again
constexpr double kWordUs = 60e6, kTrialUs = 300e6;
constexpr int kReplacedTries = 3;  // lists that were out of date before their files were fetched
constexpr size_t kShortVersion = 12;

std::string short_name(const std::string& version) { return version.substr(0, kShortVersion); }

/// Runs `body` on a thread that gives way to others, waits for it, and passes on what it throws. Lower priority cannot be taken back, and threads
/// inherit it: so nothing that stays is made in it.
template <typename Body>
void run_nicely(Body&& body) {
  std::async(std::launch::async, [&] {
    give_way();
    body();
  }).get();
}

/// What decides a trial beside the version.
std::string tried_with(const OffloaderOptions& options) {
  return "scissionlite " + std::string(kVersion) + ", engine " + (options.engine.empty() ? default_backend() : options.engine) + ", tolerance " +
         Json(options.probe_tolerance).dump();
}

/// What any version would meet is no version's fault, so it is said before one is tried. @throws InvalidArgument, Unsupported.
void check_options(const OffloaderOptions& options) {
  (void)make_backend(options.engine.empty() ? default_backend() : options.engine);
  if (!options.edge.empty()) (void)offload::make_grpc_edge(options.edge, options.connect_timeout_us, options.security);
}

std::string failed_text(const delivery::Offer& offer, const std::string& reason) {
  return "[delivery] package '" + offer.name + "' version " + short_name(offer.version) + " failed its probe and is not used: " + reason;
}

/// What the store is told and cannot write now is logged: the device goes on without.
template <typename Body>
void unless_disk_fails(Body&& body) {
  try {
    body();
  } catch (const ResourceError& e) { log::warning(std::string("[delivery] the store stays as it is: ") + e.what()); }
}

}  // namespace

std::pair<std::string, std::string> parse_package_name(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {text, ""};
  const auto version = text.substr(slash + 1);
  if (version.size() < 6 || version.size() > 64 || version.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw InvalidArgument("[run] '" + text + "' names version '" + version +
                          "', expected NAME or NAME/VERSION with the first 6 to 64 hex digits of the version");
  return {text.substr(0, slash), version};
}

namespace {

/// As long as it lives.
class Raised {
 public:
  explicit Raised(std::atomic<bool>* flag) : flag_(flag) {
    if (flag_ != nullptr) *flag_ = true;
  }
  ~Raised() {
    if (flag_ != nullptr) *flag_ = false;
  }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  std::atomic<bool>* flag_;
};

}  // namespace

Delivered::Delivered(std::unique_ptr<delivery::Source> source, std::unique_ptr<delivery::Store> store, DeliveryOptions options)
    : source_(std::move(source)), store_(std::move(store)), options_(std::move(options)) {
  check_options(options_.offloader);
  std::shared_ptr<Version> first;
  try {
    first = start_with_offer();
  } catch (const std::exception& e) {
    if (store_->state().current.empty() && store_->state().previous.empty()) throw;
    first = start_from_store(e.what());
  }
  versions_ = std::make_unique<VersionSwitch>(std::move(first));
  looked_us_ = Clock::steady().now_us();
  if (options_.update_every_us > 0 || options_.is_asked_to_look) thread_ = std::thread([this] { look_again_and_again(); });
}

Delivered::~Delivered() {
  stop_.request_stop();
  if (thread_.joinable()) thread_.join();
}

DeliveryCounters Delivered::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Delivered::count(const std::function<void(DeliveryCounters&)>& by) {
  const std::lock_guard lock(mutex_);
  by(counters_);
}

/// The one that was asked for. @throws NotOffered naming what is offered.
delivery::Offer Delivered::chosen_offer() {
  count([](auto& c) { ++c.looks; });
  const auto offers = source_->offers();
  std::vector<std::string> names;
  for (const auto& offer : offers) {
    names.push_back(offer.name + "/" + short_name(offer.version));
    const bool is_named = options_.name.empty() ? offers.size() == 1 : offer.name == options_.name;
    if (is_named && offer.version.starts_with(options_.version)) {
      delivery::check_offer(offer, source_->address());
      return offer;
    }
  }
  const std::string wanted = options_.name.empty() ? "one package, or its name with --model"
                                                   : "'" + options_.name + (options_.version.empty() ? "" : "/" + options_.version) + "'";
  throw delivery::NotOffered("[delivery] " + source_->address() + " offers " + (names.empty() ? "no packages to this device" : join(names)) +
                             ", expected " + wanted +
                             (names.empty() ? "; are there some in its --packages, are their models served, and does its --access allow them?" : ""));
}

void Delivered::fetch(const delivery::Offer& offer, bool in_background) {
  delivery::PullOptions pull;
  pull.shows_progress = !in_background && options_.shows_progress;
  pull.share = in_background ? options_.share : 1;
  if (in_background) pull.stop = stop_.get_token();
  else if (options_.goes_on) pull.goes_on = [this] { options_.goes_on(kWordUs); };
  int64_t bytes = 0;
  const auto fetch = [&] { bytes = delivery::pull(*source_, *store_, offer, pull); };
  if (in_background) run_nicely(fetch);
  else fetch();
  log::info("[delivery] package '" + offer.name + "' version " + short_name(offer.version) + ": " + format_bytes(static_cast<double>(bytes)) +
            " of " + format_bytes(static_cast<double>(offer.size_bytes())) + " fetched");
  count([&](auto& c) { c.pulled_bytes += bytes; });
}

std::vector<std::unique_ptr<Offloader>> Delivered::offloaders(const std::string& version) const {
  return make_offloaders(open_plans(store_->package(version)), options_.offloader);
}

std::shared_ptr<Version> Delivered::make_version(const std::string& version, std::vector<std::unique_ptr<Offloader>> plans) const {
  return std::make_shared<Version>(short_name(version), std::make_unique<Plans>(std::move(plans), options_.switching));
}

/// Ready to answer. @throws NotOffered: it failed and is rejected; RefusedByEdge; others: it could not be tried now.
std::shared_ptr<Version> Delivered::tried(const delivery::Offer& offer) {
  store_->begin_trial(offer.version, tried_with(options_.offloader));
  try {
    run_nicely([&] { check_on_device(store_->package(offer.version), options_.offloader); });
    auto plans = offloaders(offer.version);
    check_edge(plans);
    return make_version(offer.version, std::move(plans));  // its switch neither learns from the probe nor asks anything of the link before
  } catch (const RefusedByEdge& e) {
    unless_disk_fails([&] { store_->end_trial(); });
    refused_ = offer.version, refused_until_us_ = Clock::steady().now_us() + kRefusedAgainUs;
    throw RefusedByEdge(failed_text(offer, e.what()));
  } catch (const std::exception& e) {
    if (is_of_the_version(e)) reject(offer, e.what());
    unless_disk_fails([&] { store_->end_trial(); });
    if (dynamic_cast<const Error*>(&e) != nullptr) throw;
    throw ResourceError("[delivery] package '" + offer.name + "' version " + short_name(offer.version) + " could not be tried now: " + e.what());
  }
}

const delivery::Rejection* Delivered::rejection(const std::string& version) const {
  const auto* found = store_->rejection(version);
  return found != nullptr && found->tried_with == tried_with(options_.offloader) ? found : nullptr;
}

/// Always throws NotOffered.
void Delivered::reject(const delivery::Offer& offer, const std::string& reason) {
  unless_disk_fails([&] { store_->reject(offer.version, reason); });
  count([](auto& c) { ++c.rejected; });
  throw delivery::NotOffered(failed_text(offer, reason));
}

std::shared_ptr<Version> Delivered::start_with_offer() {
  for (int i = 1;; ++i) {
    const auto offer = chosen_offer();
    if (offer.version == store_->state().current) {
      const auto damage = store_->damage(offer.version);
      if (damage.empty()) return open(offer.version);
      log::warning("[delivery] the store is damaged and fetched again: " + damage);
    } else if (const auto* rejected = rejection(offer.version)) {
      throw delivery::NotOffered("[delivery] package '" + offer.name + "' version " + short_name(offer.version) +
                                 " was rejected before: " + rejected->reason);
    }
    try {
      fetch(offer, /*in_background=*/false);
    } catch (const delivery::Unusable&) {  // replaced since it was listed
      if (i == kReplacedTries) throw;
      continue;
    }
    if (options_.goes_on) options_.goes_on(kTrialUs);
    const Raised trying(options_.is_trying);
    auto version = tried(offer);
    store_->accept(offer.version);
    return version;
  }
}

std::shared_ptr<Version> Delivered::start_from_store(const std::string& why) {
  const auto& state = store_->state();
  for (const std::string& version : {state.current, state.previous}) {
    const auto offer = store_->installed(version);
    if (!offer) continue;
    if ((!options_.name.empty() && offer->name != options_.name) || !version.starts_with(options_.version)) continue;
    if (const auto damage = store_->damage(version); !damage.empty()) {
      log::error("[delivery] version " + short_name(version) + " in '" + store_->folder().string() + "' is damaged: " + damage);
      unless_disk_fails([&] { store_->forget(version); });
      continue;
    }
    log::warning("[delivery] starting from the store '" + store_->folder().string() + "' with package '" + offer->name + "' version " +
                 short_name(version) + ": " + why);
    count([](auto& c) { c.is_from_store = true; });
    return open(version);
  }
  throw delivery::NotOffered("[delivery] the store '" + store_->folder().string() +
                             "' holds no whole version of the wanted package, and none came from the edge: " + why);
}

bool Delivered::look(bool is_asked_for) {
  const std::lock_guard one_at_a_time(looking_);
  looked_us_ = Clock::steady().now_us();
  try {
    const auto offer = chosen_offer();
    if (offer.version == store_->state().current) return false;
    if (offer.version == refused_ && looked_us_ < refused_until_us_ && !is_asked_for) return false;
    if (const auto* rejected = rejection(offer.version)) {
      if (std::exchange(told_, offer.version) != offer.version)
        log::warning("[delivery] version " + short_name(offer.version) + " is offered and was rejected before: " + rejected->reason);
      return false;
    }
    fetch(offer, /*in_background=*/true);
    auto next = tried(offer);
    store_->accept(offer.version);
    auto before = versions_->switch_to(std::move(next));
    log::warning("[delivery] switched from version " + before->name() + " to " + short_name(offer.version) + " of package '" + offer.name + "'");
    count([](auto& c) { ++c.updates; });
    while (before.use_count() > 1 && !stop_.stop_requested())
      Clock::steady().sleep_us(kLookAtStateUs / 10);  // so that it ends here, and not in the way of an image
    return true;
  } catch (const std::exception& e) {
    std::string note;
    count([](auto& c) { ++c.failures; });
    if (!stop_.stop_requested() && limit_.admits(e.what(), note))
      log::warning("[delivery] version " + versions_->current()->name() + " stays in use: " + std::string(e.what()) + note);
    return false;
  }
}

double Delivered::due_us() const {
  const auto version = versions_->current();
  const auto& plans = version->plans().all();
  const bool is_refused = std::any_of(plans.begin(), plans.end(),
                                      [](const auto* plan) { return plan->edge() != nullptr && plan->edge()->state() == EdgeState::kRefused; });
  return looked_us_ + (is_refused ? std::min(options_.refused_every_us, options_.update_every_us) : options_.update_every_us);
}

void Delivered::look_again_and_again() {
  const auto stop = stop_.get_token();
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop,
                     std::chrono::duration<double, std::micro>(options_.update_every_us > 0 ? std::min(kLookAtStateUs, options_.update_every_us)
                                                                                            : kLookAtStateUs),
                     [&] { return stop.stop_requested(); });
    }
    const bool is_asked = options_.is_asked_to_look && options_.is_asked_to_look->exchange(false);
    const bool is_due = options_.update_every_us > 0 && Clock::steady().now_us() >= due_us();
    if (!stop.stop_requested() && (is_asked || is_due)) (void)look(is_asked);
  }
}

}  // namespace scissionlite::device
