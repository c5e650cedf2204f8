#include "planner/checker.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "planner/quantity.h"

namespace scissionlite::planner {
namespace {

using Kind = Constraint::Kind;

bool is_claim(Kind kind) { return kind == Kind::kLayers || kind == Kind::kMachine || kind == Kind::kImages; }
bool is_floor(Kind kind) { return kind == Kind::kThroughput || kind == Kind::kBlocks || kind == Kind::kAgreement || kind == Kind::kAgreementLow; }

Held held_at(const std::vector<Held>& held, int bound) {
  if (bound == Share::kNothing) return Held::kNo;
  return bound == Share::kAll ? Held::kYes : held[static_cast<size_t>(bound)];
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kLatency: return "latency";
    case Kind::kMachineTime: return "time on the machine";
    case Kind::kThroughput: return "throughput";
    case Kind::kBytes: return "bytes";
    case Kind::kBytesFrom: return "bytes from the machine";
    case Kind::kBlocks: return "number of blocks on the machine";
    case Kind::kAgreement: return "agreement";
    case Kind::kAgreementLow: return "lower end of agreement";
    case Kind::kPsnr: return "PSNR of the rebuilt picture";
    case Kind::kSsim: return "SSIM of the rebuilt picture";
    default: return "";
  }
}

}  // namespace

Checker::Checker(const CostModel& model, std::vector<Constraint> constraints, const LayerIndex& layers, Exposures exposures)
    : model_(&model), constraints_(std::move(constraints)), exposures_(std::move(exposures)) {
  if (constraints_.size() > 64) throw InvalidArgument("[plan] got " + std::to_string(constraints_.size()) + " constraints, expected at most 64");
  const auto local = model.slice(0, CostModel::kNone, CostModel::kNone);
  for (size_t k = 0; k < constraints_.size(); ++k) {
    auto& c = constraints_[k];
    first_.emplace_back();
    last_.emplace_back();
    if (c.kind == Kind::kLayers) {
      if (c.first != c.last && layers.knows(c.first + ".." + c.last)) c.first = c.last = c.first + ".." + c.last;  // dots inside one name
      first_[k] = layers.held_by(c.first);
      last_[k] = layers.held_by(c.last);
    }
    if (c.is_share_of_local) {
      if (!local.possible)
        throw InvalidArgument("[plan] '" + c.text + "' is a share of the local-only time, but the profile of '" + model.machine(0).machine_name +
                              "' has no time of the whole model; give a time (50ms) or profile the device again");
      c.limit *= local.total_us();
      c.is_share_of_local = false;
    }
    if (c.kind == Kind::kBytesFrom && c.machine + 1 >= model.machine_count())
      throw InvalidArgument("[plan] '" + c.text + "': nothing leaves '" + model.machine(c.machine).machine_name + "', it is the last machine");
    if (c.depends_on_link()) link_mask_ |= uint64_t{1} << k;
  }
}

bool Checker::holds(size_t k, const Choice& choice) const {
  const auto& c = constraints_[k];
  if (c.kind == Kind::kImages) {
    const bool sends_image = choice.first != CostModel::kNone && model_->hops()[static_cast<size_t>(choice.first)].cut < 0;
    return !sends_image;
  }
  const auto share = model_->share(c.machine, choice);
  if (c.kind == Kind::kMachine) return share.is_empty() == c.is_forbidden;
  const Held first_below = held_at(first_[k], share.lower), last_below = held_at(last_[k], share.lower);
  const Held first_above = held_at(first_[k], share.upper), last_above = held_at(last_[k], share.upper);
  if (!c.is_forbidden) return first_below == Held::kNo && last_below == Held::kNo && first_above == Held::kYes && last_above == Held::kYes;
  if (share.is_empty()) return true;
  const bool before = first_below == Held::kYes && last_below == Held::kYes, after = first_above == Held::kNo && last_above == Held::kNo;
  return before || after;
}

double Checker::exposed(size_t k, const Choice& choice) const {
  const auto exposure = exposures_.of(choice);
  if (exposure.kind == Exposure::Kind::kNothing) return 0;
  if (exposure.kind == Exposure::Kind::kImage) return std::numeric_limits<double>::infinity();
  if (exposure.kind == Exposure::Kind::kUnknown) return std::numeric_limits<double>::max();
  return constraints_[k].kind == Kind::kPsnr ? exposure.quality.psnr_db : exposure.quality.ssim;
}

double Checker::value(size_t k, const Outcome& outcome) const {
  const auto& c = constraints_[k];
  const auto& choice = outcome.choice;
  const auto hop = [&](size_t link) { return link < model_->links().size() ? choice.hop(link) : CostModel::kNone; };
  switch (c.kind) {
    case Kind::kLatency: return outcome.latency_us;
    case Kind::kThroughput: return outcome.slowest_us > 0 ? 1e6 / outcome.slowest_us : 0;
    case Kind::kBytes: return outcome.bytes;
    case Kind::kBytesFrom: return hop(c.machine) == CostModel::kNone ? 0 : model_->hops()[static_cast<size_t>(hop(c.machine))].bytes;
    case Kind::kBlocks: return static_cast<double>(model_->blocks_in(model_->share(c.machine, choice)));
    case Kind::kAgreement: return outcome.agreement.mean;
    case Kind::kAgreementLow: return outcome.agreement.mean < 0 ? -1 : outcome.agreement.interval.low;
    case Kind::kPsnr:
    case Kind::kSsim: return exposed(k, choice);
    case Kind::kMachineTime: {
      const int in = c.machine == 0 ? CostModel::kNone : hop(c.machine - 1);
      return c.machine > 0 && in == CostModel::kNone ? 0 : model_->slice(c.machine, in, hop(c.machine)).total_us();
    }
    default: return holds(k, choice) ? 0 : 1;
  }
}

double Checker::miss(size_t k, const Outcome& outcome) const {
  const auto& c = constraints_[k];
  const double given = value(k, outcome);
  return std::fmax(0, is_claim(c.kind) ? given : is_floor(c.kind) ? c.limit - given : given - c.limit);
}

uint64_t Checker::missed(const Outcome& outcome) const {
  uint64_t mask = 0;
  for (size_t k = 0; k < constraints_.size(); ++k)
    if (miss(k, outcome) > 0) mask |= uint64_t{1} << k;
  return mask;
}

std::string Checker::format(size_t k, double value) const {
  switch (constraints_[k].kind) {
    case Kind::kLatency:
    case Kind::kMachineTime: return format_us(value);
    case Kind::kBytes:
    case Kind::kBytesFrom: return format_fixed(value, 0) + " bytes";
    case Kind::kThroughput: return format_fixed(value, 2) + " images/s";
    case Kind::kBlocks: return format_fixed(value, 0);
    case Kind::kPsnr: return format_fixed(value, 2) + " dB";
    default: return format_fixed(value, 4);
  }
}

std::string Checker::exposure_sentence(size_t k, const Choice& choice) const {
  const auto& text = constraints_[k].text;
  switch (exposures_.of(choice).kind) {
    case Exposure::Kind::kNothing: return "sends nothing, which meets '" + text + "'";
    case Exposure::Kind::kImage: return "sends the picture itself, which '" + text + "' rules out";
    case Exposure::Kind::kUnknown: return "was not measured by `scissionlite privacy`, as '" + text + "' needs";
    case Exposure::Kind::kMeasured: break;
  }
  return "";
}

std::string Checker::sentence(size_t k, const Outcome& outcome) const {
  const auto& c = constraints_[k];
  const double given = value(k, outcome), by = miss(k, outcome);
  if (is_claim(c.kind)) return (by > 0 ? "does not meet '" : "meets '") + c.text + "'";
  if (c.needs_scores() && given < 0) return "was not scored, as '" + c.text + "' needs";
  if (c.needs_privacy())
    if (auto text = exposure_sentence(k, outcome.choice); !text.empty()) return text;
  const std::string what = std::string(name_of(c.kind)) + " " + format(k, given);
  if (by <= 0) return what + " meets '" + c.text + "'";
  return what + " is " + format(k, by) + (is_floor(c.kind) ? " short of '" : " over '") + c.text + "'";
}

}  // namespace scissionlite::planner
