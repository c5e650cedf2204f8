#include "net/link_model.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::net {
namespace {

constexpr double kPacketBytes = 1448;  // payload of an Ethernet frame under TCP with time stamps
constexpr double kMaxChunkBytes = 64 * 1024;
constexpr double kQueueBytes = 64 * 1024;  // of a modest router

double work_us(double bytes, double rate_bps) { return rate_bps > 0 ? bytes * 8e6 / rate_bps : 0; }

}  // namespace

LinkModel::LinkModel(LaneOptions options, double now_us, uint64_t seed) : options_(options), origin_us_(now_us), free_us_(now_us), rng_(seed) {}

double LinkModel::after_work(double from_us, double work) const {
  if (options_.stall_every_us <= 0 || options_.stall_for_us <= 0) return from_us + work;
  // Each period is `every - for` of service, then a stall.
  const double every = options_.stall_every_us, service = every - options_.stall_for_us;
  double phase = std::fmod(from_us - origin_us_, every);
  if (phase > service) {
    from_us += every - phase;
    phase = 0;
  }
  const double first = std::min(work, service - phase);
  if (first >= work) return from_us + work;
  const double rest = work - first;
  const double whole = std::ceil(rest / service) - 1;
  return from_us + first + options_.stall_for_us + whole * every + (rest - whole * service);
}

/// What is served between two moments: the inverse of after_work.
double LinkModel::work_until(double from_us, double until_us) const {
  if (options_.stall_every_us <= 0 || options_.stall_for_us <= 0) return until_us - from_us;
  const double every = options_.stall_every_us, service = every - options_.stall_for_us;
  const auto served = [&](double us) { return std::floor(us / every) * service + std::min(std::fmod(us, every), service); };
  return served(until_us - origin_us_) - served(from_us - origin_us_);
}

void LinkModel::schedule(Transit& transit, double earliest_us) {
  if (options_.black_hole) {
    transit.start_us = transit.serialised_us = transit.departs_us = kNever;
    return;
  }
  transit.start_us = std::max(earliest_us, free_us_);
  transit.serialised_us = after_work(transit.start_us, work_us(transit.left_bytes, options_.rate_bps));
  free_us_ = transit.serialised_us;
  if (transit.jitter_share < 0 && options_.jitter_us > 0) transit.jitter_share = rng_.uniform();
  const double jitter_us = std::max(0.0, transit.jitter_share) * options_.jitter_us;
  transit.departs_us = std::max(last_departs_us_, transit.serialised_us + options_.delay_us + jitter_us);
  last_departs_us_ = transit.departs_us;
}

std::shared_ptr<Transit> LinkModel::enter(double bytes, double now_us) {
  while (!transits_.empty() && transits_.front()->gone) transits_.pop_front();
  auto transit = std::make_shared<Transit>();
  transit->left_bytes = bytes;
  schedule(*transit, now_us);
  transits_.push_back(transit);
  return transit;
}

void LinkModel::set_options(LaneOptions options, double now_us) {
  for (auto& transit : transits_)
    if (transit->start_us < now_us && transit->serialised_us > now_us && options_.rate_bps > 0)
      transit->left_bytes = std::max(0.0, transit->left_bytes - work_until(transit->start_us, now_us) * options_.rate_bps / 8e6);
  options_ = options;
  free_us_ = now_us;
  last_departs_us_ = 0;
  for (auto& transit : transits_) {
    if (transit->gone) continue;
    if (transit->serialised_us <= now_us) last_departs_us_ = std::max(last_departs_us_, transit->departs_us);  // on the way; only order is kept
    else schedule(*transit, now_us);
  }
}

double LinkModel::capacity_bytes() const {
  return kQueueBytes + (options_.rate_bps > 0 ? options_.rate_bps / 8e6 * options_.delay_us : options_.delay_us * 1250);
}

size_t LinkModel::chunk_bytes() const {
  if (options_.rate_bps <= 0) return static_cast<size_t>(kMaxChunkBytes);
  return static_cast<size_t>(std::clamp(options_.rate_bps / 8e3, kPacketBytes, kMaxChunkBytes));
}

}  // namespace scissionlite::net
