#include "device/plan_switch.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/text.h"

namespace scissionlite::device {
namespace {

constexpr int kFewestRehearsals = 3, kMostRehearsals = 20;
constexpr double kRehearsedUs = 250e3;  // enough of a plan
constexpr size_t kFewPictures = 3;
constexpr double kPaddedPatienceUs = 2e6;  // of a padded call: a slow link has the time

/// A picture of the model's size.
Frame grey_frame(const vision::InputSpec& input) {
  vision::Image image{.width = input.width,
                      .height = input.height,
                      .rgb = std::vector<uint8_t>(static_cast<size_t>(input.width) * static_cast<size_t>(input.height) * 3, 128)};
  return {.name = "rehearsal", .bytes = vision::encode(image, "jpeg-q90-420"), .image = std::nullopt};
}

/// Of one image, uncoded.
int64_t wire_bytes(const Manifest& manifest) {
  int64_t bytes = 0;
  for (const auto& info : manifest.wire) {
    auto size = static_cast<int64_t>(dtype_size(info.dtype));
    for (const auto dim : info.shape) size *= std::max<int64_t>(dim, 1);  // the batch may be open
    bytes += size;
  }
  return bytes;
}

}  // namespace

PlanSwitch::Rehearsed PlanSwitch::unrehearsed(const Offloader& plan) {
  const auto& manifest = plan.package().manifest;
  const auto kind = candidate_from_key(manifest.candidate).kind;
  return {.traits = {.key = manifest.candidate,
                     .uses_edge = kind != Candidate::Kind::kLocal && plan.edge() != nullptr,
                     .answers_locally = plan.expected_local_us() > 0}};
}

void PlanSwitch::rehearse_once(size_t plan, const Frame& frame) {
  auto& out = rehearsed_[plan];
  const auto prepared = plans_[plan]->prepare(frame, /*keep=*/false);
  const double us = prepared.ready_us - prepared.accepted_us;
  if (out.traits.head_us == 0 || us < out.traits.head_us) out.traits.head_us = us, out.compute_us = prepared.parts.head_us;
  out.traits.up_bytes = static_cast<double>(prepared.payload_bytes);
}

/// What plans take here, by the quickest of a few runs in turns, since whatever else starts with the device is to slow all of them alike; the edge's
/// part is learned with its first answers.
void PlanSwitch::rehearse() {
  std::vector<Frame> frames;
  for (const auto& plan : plans_) frames.push_back(grey_frame(plan->package().input));
  const double end_us = clock().now_us() + kRehearsedUs * static_cast<double>(plans_.size());
  for (int round = 0; round < kFewestRehearsals || (round < kMostRehearsals && clock().now_us() < end_us); ++round)
    for (size_t i = 0; i < plans_.size(); ++i) rehearse_once(i, frames[i]);
  for (size_t i = 0; i < plans_.size(); ++i) {
    auto& traits = rehearsed_[i].traits;
    traits.local_us = plans_[i]->expected_local_us();
    log::debug("[offload] " + traits.key + ": " + format_us(traits.head_us) + " before it sends, " + format_us(traits.local_us) +
               " when it answers by itself");
  }
}

class PlanSwitch::Wheel final : public Steering {
 public:
  Wheel(PlanSwitch& owner, size_t plan) : owner_(owner), plan_(plan) {}
  [[nodiscard]] double edge_budget_us(double spent_us, double extra_local_us) override {
    const std::lock_guard lock(owner_.mutex_);
    return owner_.controller_->edge_budget_us(plan_, spent_us, owner_.clock().now_us(), extra_local_us);
  }
  void note_head(double us, double compute_us) override {
    const std::lock_guard lock(owner_.mutex_);
    owner_.learn_own_time(plan_, compute_us);
    owner_.controller_->note_compute(compute_us, owner_.rehearsed_[plan_].compute_us);
    if (owner_.decodes_[plan_]) owner_.learn_picture(plan_, us, compute_us);
  }
  void note_local(double us) override {
    const std::lock_guard lock(owner_.mutex_);
    owner_.controller_->note_local(plan_, us);
  }
  void note_answer(double bytes, double wire_us, double edge_us) override {
    const std::lock_guard lock(owner_.mutex_);
    owner_.controller_->note_answer(plan_, bytes, wire_us, edge_us, owner_.clock().now_us());
  }
  void note_silence(double bytes, double waited_us) override {
    const std::lock_guard lock(owner_.mutex_);
    owner_.controller_->note_silence(plan_, bytes, waited_us, owner_.clock().now_us());
  }

 private:
  PlanSwitch& owner_;
  size_t plan_;
};

bool PlanSwitch::knows_pictures(size_t plan) const { return !decodes_[plan] || pictures_us_.size() == kFewPictures; }

/// Real pictures take longer to decode than a grey one, large ones longer than small ones, and the first of them longer than the next: what the
/// quickest of the newest few took more is set for all plans that decode, else those that have not been tried would look quicker. What the engine
/// takes depends on no picture. Under the lock.
void PlanSwitch::learn_picture(size_t plan, double us, double compute_us) {
  const auto& rehearsed = rehearsed_[plan];
  const double own_us = rehearsed.traits.head_us - rehearsed.compute_us, now_us = (us - compute_us) / controller_->slowness();
  pictures_us_.push_back(std::max(0.0, now_us - own_us));
  if (pictures_us_.size() > kFewPictures) pictures_us_.pop_front();
  for (size_t i = 0; i < plans_.size(); ++i) set_head(i);
}

/// The engine's own time is its quickest: a rehearsal beside whatever else starts with the device may have been slow all along. Under the lock.
void PlanSwitch::learn_own_time(size_t plan, double compute_us) {
  auto& rehearsed = rehearsed_[plan];
  if (!(compute_us > 0) || compute_us >= rehearsed.compute_us) return;
  rehearsed.traits.head_us -= rehearsed.compute_us - compute_us, rehearsed.compute_us = compute_us;
  set_head(plan);
}

void PlanSwitch::set_head(size_t plan) {
  const bool has_pictures = decodes_[plan] && !pictures_us_.empty();
  const double more_us = has_pictures ? *std::min_element(pictures_us_.begin(), pictures_us_.end()) : 0;
  controller_->set_head(plan, rehearsed_[plan].traits.head_us + more_us);
}

/// Candidates name plans in logs and metrics.
void PlanSwitch::check_fits_those_before(size_t plan) const {
  const auto& package = plans_[plan]->package();
  const auto& manifest = package.manifest;
  const auto& first = plans_.front()->package();
  if (manifest.model_sha256 != first.manifest.model_sha256)
    throw InvalidArgument("[offload] '" + package.folder.string() + "' is of model " + manifest.model_name + " (" +
                          manifest.model_sha256.substr(0, 12) + "), '" + first.folder.string() + "' of " + first.manifest.model_name + " (" +
                          first.manifest.model_sha256.substr(0, 12) + "); expected plans of one model");
  for (size_t i = 0; i < plan; ++i)
    if (const auto& other = plans_[i]->package(); other.manifest.candidate == manifest.candidate)
      throw InvalidArgument("[offload] '" + other.folder.string() + "' and '" + package.folder.string() + "' are both of the candidate " +
                            manifest.candidate + "; expected each candidate once: leave one of them out");
}

PlanSwitch::PlanSwitch(std::vector<std::unique_ptr<Offloader>> plans, SwitchOptions options) : plans_(std::move(plans)), options_(options) {
  for (size_t i = 0; i < plans_.size(); ++i) {
    check_fits_those_before(i);
    const auto& plan = plans_[i];
    const auto& manifest = plan->package().manifest;
    rehearsed_.push_back(unrehearsed(*plan));
    decodes_.push_back(candidate_from_key(manifest.candidate).codec != "file");
  }
  rehearse();
  std::vector<control::PlanTraits> traits;
  for (const auto& rehearsed : rehearsed_) traits.push_back(rehearsed.traits);
  controller_ = std::make_unique<control::Controller>(traits, options_.control);
  for (size_t i = 0; i < plans_.size(); ++i) {
    wheels_.push_back(std::make_unique<Wheel>(*this, i));
    plans_[i]->steer_by(*wheels_[i]);
    counters_.images[traits[i].key] = 0;
  }
  prober_ = std::thread([this] { measure_link(); });
}

PlanSwitch::~PlanSwitch() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake_.notify_all();
  }
  if (prober_.joinable()) prober_.join();
}

/// Plans share the link: that it is lost, as one finds out, the others need not find out with an image each. They are checked before they are asked.
void PlanSwitch::share_falls() {
  size_t fallen = plans_.size();
  for (size_t i = 0; i < plans_.size(); ++i) {
    const auto* edge = plans_[i]->edge();
    if (edge && edge->state() == EdgeState::kDown && edge->fell_us() > shared_fall_us_) fallen = i, shared_fall_us_ = edge->fell_us();
  }
  if (fallen == plans_.size()) return;
  for (const auto& plan : plans_)
    if (plan->edge() && plan->edge()->state() == EdgeState::kReady)
      plan->edge()->doubt("[offload] " + plans_[fallen]->package().manifest.candidate + " has lost the edge");
}

std::vector<bool> PlanSwitch::usable() const {
  std::vector<bool> out;
  for (const auto& plan : plans_) out.push_back(plan->edge() && plan->edge()->is_usable());
  return out;
}

/// A plan whose answers have drifted from the model's is left for a milder one: neither it is taken nor one that sends less at the same cut.
std::vector<bool> PlanSwitch::allowed() const {
  std::vector<bool> out(plans_.size(), true);
  if (!options_.shadow) return out;
  for (const auto& drifted : plans_) {
    const auto& bad = drifted->package().manifest;
    if (!options_.shadow->has_drifted(bad.candidate)) continue;
    for (size_t i = 0; i < plans_.size(); ++i) {
      const auto& manifest = plans_[i]->package().manifest;
      const bool is_harsher = manifest.cut_tensors == bad.cut_tensors && !manifest.cut_tensors.empty() && wire_bytes(manifest) < wire_bytes(bad);
      if (manifest.candidate == bad.candidate || is_harsher) out[i] = false;
    }
  }
  return out;
}

Prepared PlanSwitch::prepare(Frame frame, bool keep) {
  share_falls();
  const auto may = usable(), is_allowed = allowed();
  size_t plan = 0;
  {
    const std::lock_guard lock(mutex_);
    const size_t before = controller_->current();
    controller_->allow(is_allowed);
    plan = controller_->choose(may, clock().now_us());
    if (plan != before) {
      plans_.front()->options().observation.counts->add_switch();
      log::info("[offload] from " + controller_->plans()[before].key + " to " + controller_->plans()[plan].key + ": " +
                format_us(controller_->predicted_us(plan, may[plan], clock().now_us())) + " instead of " +
                format_us(controller_->predicted_us(before, may[before], clock().now_us())) +
                (is_allowed[before] ? "" : ", whose answers have drifted"));
    }
    ++counters_.images[controller_->plans()[plan].key];
    was_alone_ = in_flight_++ == 0;
    on_link_ += controller_->plans()[plan].uses_edge ? 1 : 0;
  }
  auto out = plans_[plan]->prepare(std::move(frame), keep);
  out.plan = plan;
  return out;
}

Answer PlanSwitch::finish(Prepared prepared) {
  const size_t plan = prepared.plan;
  auto out = plans_[plan]->finish(std::move(prepared));
  out.candidate = plans_[plan]->package().manifest.candidate;
  const std::lock_guard lock(mutex_);
  // Behind others an image waits for them, which says nothing of its plan; nor does what was promised before a real picture was seen.
  if (knows_pictures(plan) && was_alone_ && in_flight_ == 1 && out.error.empty()) controller_->note_latency(plan, out.latency_us, clock().now_us());
  on_link_ -= controller_->plans()[plan].uses_edge ? 1 : 0;
  if (--in_flight_ == 0) wake_.notify_all();
  return out;
}

SwitchCounters PlanSwitch::counters() const {
  const std::lock_guard lock(mutex_);
  auto out = counters_;
  out.switches = controller_->switches();
  return out;
}

void PlanSwitch::measure_link() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    lock.unlock();
    space_checks();
    const bool measured = measure_once();
    lock.lock();
    if (!measured && !is_stopping_) wake_.wait_for(lock, std::chrono::duration<double, std::micro>(options_.look_every_us));
  }
}

/// Plans that nobody uses now leave the link to the one in use.
void PlanSwitch::space_checks() {
  for (size_t i = 0; i < plans_.size(); ++i) {
    if (!plans_[i]->edge()) continue;
    std::unique_lock lock(mutex_);
    const auto us = controller_->check_spacing_us(i);
    lock.unlock();
    plans_[i]->edge()->space_checks(us);
  }
}

/// What is measured beside a check of a whole tensor would be that check's time, and a small call that it holds up no sign of a dead edge.
bool PlanSwitch::is_checking() const {
  return std::any_of(plans_.begin(), plans_.end(), [](const auto& plan) { return plan->edge() && plan->edge()->is_checking(); });
}

/// @return whether it was due and could be done.
bool PlanSwitch::measure_once() {
  if (is_checking()) return false;
  const auto may = usable();
  const auto found = std::find(may.begin(), may.end(), true);
  if (found == may.end()) return false;
  auto& session = *plans_[static_cast<size_t>(found - may.begin())]->edge();
  std::optional<double> bytes;
  double patience_us = 0, padded_us = 0;
  {
    const std::lock_guard lock(mutex_);
    bytes = controller_->probe_due(clock().now_us()), patience_us = controller_->probe_patience_us();
    if (!bytes || on_link_ > 0) return false;
    ++counters_.probes;
  }
  try {
    const double start_us = clock().now_us();
    session.ping(0, patience_us);
    const double back_us = padded_us = clock().now_us();
    session.ping(static_cast<size_t>(*bytes), kPaddedPatienceUs);
    const double end_us = clock().now_us();
    const std::lock_guard lock(mutex_);
    controller_->note_probe(back_us - start_us, *bytes, end_us - back_us, end_us);
  } catch (const std::exception& e) {
    log::debug(std::string("[offload] the link could not be measured: ") + e.what());
    if (padded_us > 0) lose_probe(*bytes, clock().now_us() - padded_us);
    return false;
  }
  return true;
}

void PlanSwitch::lose_probe(double bytes, double waited_us) {
  const std::lock_guard lock(mutex_);
  controller_->note_lost_probe(bytes, waited_us, clock().now_us());
}

}  // namespace scissionlite::device
