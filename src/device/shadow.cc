#include "device/shadow.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/text.h"
#include "base/thread_priority.h"
#include "onnx/onnx.h"
#include "prepare/names.h"

namespace scissionlite::device {
namespace {

constexpr int kThreads = 1;
constexpr int kMostDoublings = 8;  // of the time that a plan which drifts again and again is not taken

/// Zeros and ones have an exact interval; others are resampled.
bool are_proportions(const std::deque<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0 || value == 1; });
}

/// By the uncut model's name, or as a package calls it.
const Tensor* find(const NamedTensors& tensors, const std::string& name) {
  auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first == name; });
  if (found == tensors.end()) found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first == plain_name(name); });
  return found == tensors.end() ? nullptr : &found->second;
}

double mean_of(const std::deque<double>& values) { return mean(std::vector<double>(values.begin(), values.end())); }

std::string percent(double share) { return format_fixed(100 * share, 1) + " %"; }

}  // namespace

Shadow::Shadow(ShadowOptions options, vision::InputSpec input, std::shared_ptr<DeviceCounts> counts)
    : options_(std::move(options)),
      input_(std::move(input)),
      counts_(std::move(counts)),
      model_sha256_(options_.sha256.empty() ? scissionlite::model_sha256(options_.model) : options_.sha256),
      outputs_metric_(make_metric("cosine")),
      rng_(options_.seed) {
  std::promise<void> compiled;
  auto done = compiled.get_future();
  thread_ = std::thread([this, promise = std::move(compiled)]() mutable { work(std::move(promise)); });
  try {
    done.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

Shadow::~Shadow() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Shadow::draws() {
  const std::lock_guard lock(mutex_);
  return rng_.uniform() < options_.share;
}

void Shadow::offer(Shadowed image) {
  const std::lock_guard lock(mutex_);
  if (waiting_) {
    ++left_out_;
    return;
  }
  waiting_ = std::move(image);
  wake_.notify_all();
}

void Shadow::work(std::promise<void> compiled) {
  give_way();
  std::unique_ptr<Half> model;
  try {
    model = std::make_unique<Half>(PackagedModel{options_.model, {}}, options_.engine, kThreads);
    compiled.set_value();
  } catch (...) {
    compiled.set_exception(std::current_exception());
    return;
  }
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return is_stopping_ || waiting_; });
    if (is_stopping_) return;
    const auto image = std::move(*waiting_);
    waiting_.reset();
    is_comparing_ = true;
    lock.unlock();
    try {
      compare(*model, image);
    } catch (const std::exception& e) {
      log::debug("[shadow] '" + image.name + "' could not be compared: " + e.what());
      const std::lock_guard guard(mutex_);
      ++failures_;
    }
    lock.lock();
    is_comparing_ = false;
    idle_.notify_all();
  }
}

void Shadow::compare(Half& model, const Shadowed& image) {
  const auto input =
      !image.input.empty()
          ? image.input
          : vision::to_tensor(image.image ? *image.image : vision::resize_and_crop(vision::decode(image.bytes, image.name), input_), input_);
  note(image.plan, value_of(image, model.run({{model.inputs().front().name, input}}, /*keep=*/false)));
}

/// In [0, 1].
double Shadow::value_of(const Shadowed& image, const NamedTensors& reference) const {
  if (image.index || image.is_positive) {
    const auto* scores = find(reference, image.scores);
    if (scores == nullptr) throw InvalidArgument("the model has no output '" + image.scores + "'");
    if (image.is_positive) {
      const auto verdict = verdict_of(*scores, input_);
      return verdict && verdict->is_positive == *image.is_positive ? 1 : 0;
    }
    const auto best = best_classes(*scores, input_, 1);
    return !best.empty() && best.front().index == *image.index ? 1 : 0;
  }
  std::vector<Tensor> given, expected;
  for (const auto& [name, tensor] : image.outputs) {
    const auto* other = find(reference, name);
    if (other == nullptr) throw InvalidArgument("the model has no output '" + name + "'");
    given.push_back(tensor), expected.push_back(*other);
  }
  if (given.empty()) throw InvalidArgument("there is no output to compare");
  return outputs_metric_->compare(expected, given);
}

Interval Shadow::interval_of(const Watched& watched) {
  const std::vector<double> values(watched.values.begin(), watched.values.end());
  if (!are_proportions(watched.values)) return bootstrap_interval(values);
  return wilson_interval(std::llround(mean(values) * static_cast<double>(values.size())), static_cast<int64_t>(values.size()));
}

/// Of the mean, one-sided, in one case of a thousand too low: it is looked at again and again.
double Shadow::upper_bound(const Watched& watched) {
  constexpr double kSigmas = 3.09;
  const auto n = static_cast<double>(watched.values.size());
  const double m = mean_of(watched.values);
  double squares = 0;
  for (const double value : watched.values) squares += (value - m) * (value - m);
  return m + kSigmas * std::sqrt(squares / (n - 1) / n);
}

/// A plan has drifted when its agreement is below the least one and not by chance.
void Shadow::note(const std::string& plan, double value) {
  if (counts_) counts_->add_shadow(value);
  const std::lock_guard lock(mutex_);
  auto& watched = watched_[plan];
  watched.values.push_back(value);
  if (watched.values.size() > kWindow) watched.values.pop_front();
  ++watched.compared;
  if (options_.min_agreement <= 0 || value >= options_.min_agreement || watched.values.size() < kLeastImages) return;
  const double now_us = options_.clock->now_us();
  if (watched.barred_until_us > now_us) return;
  if (upper_bound(watched) >= options_.min_agreement) return;
  const auto interval = interval_of(watched);
  const double bar_us = std::ldexp(options_.bar_us, std::min(watched.drifts++, kMostDoublings));
  watched.barred_until_us = now_us + bar_us;
  log::warning("[shadow] " + plan + " HAS DRIFTED: of its last " + std::to_string(watched.values.size()) +
               " images that the uncut model answered too, " + percent(mean_of(watched.values)) + " agree (95 %: " + percent(interval.low) + " to " +
               percent(interval.high) + "), expected at least " + percent(options_.min_agreement) + "; it is not taken for " + format_us(bar_us) +
               " where there is another plan. Score the model on pictures of today, and prepare it again");
  watched.values.clear();  // judged afresh when it is taken again
}

bool Shadow::has_drifted(const std::string& plan) const {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(plan);
  return found != watched_.end() && found->second.barred_until_us > options_.clock->now_us();
}

std::vector<PlanAgreement> Shadow::agreements() const {
  const std::lock_guard lock(mutex_);
  std::vector<PlanAgreement> out;
  for (const auto& [plan, watched] : watched_)
    out.push_back({.plan = plan,
                   .images = static_cast<int64_t>(watched.values.size()),
                   .agreement = watched.values.empty() ? 0 : mean_of(watched.values),
                   .interval = watched.values.empty() ? Interval{0, 1} : interval_of(watched),
                   .compared = watched.compared,
                   .has_drifted = watched.barred_until_us > options_.clock->now_us()});
  return out;
}

int64_t Shadow::left_out() const {
  const std::lock_guard lock(mutex_);
  return left_out_;
}

int64_t Shadow::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

void Shadow::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return is_stopping_ || (!waiting_ && !is_comparing_); });
}

}  // namespace scissionlite::device
