// Scores, Profile, Network and Plan: the commands' JSON files as values.
#include "api/internal.h"

namespace scissionlite::api {
namespace {

Candidate public_candidate(const PlannedCandidate& c) {
  const bool is_scored = c.agreement >= 0;
  return {.key = c.key,
          .family = c.family,
          .latency_us = c.latency_us,
          .bytes = c.bytes,
          .agreement = c.agreement,
          .agreement_low = is_scored ? c.agreement_interval.low : -1,
          .agreement_high = is_scored ? c.agreement_interval.high : -1,
          .is_feasible = c.feasible,
          .problem = c.infeasible_reason};
}

std::vector<Candidate> public_candidates(const std::vector<PlannedCandidate>& candidates) {
  std::vector<Candidate> out;
  for (const auto& candidate : candidates) out.push_back(public_candidate(candidate));
  return out;
}

template <typename Value>
std::string text_of(const Value& value) {
  return at_border([&] { return to_json(value).dump(2) + "\n"; });
}

template <typename Value>
void write(const Path& file, const Value& value) {
  at_border([&] { write_json(file, to_json(value)); });
}

}  // namespace

Scores Scores::load(const Path& file) {
  return at_border([&] { return wrap<Scores>(load_scores(file)); });
}
void Scores::save(const Path& file) const { write(file, impl_->value); }
std::string Scores::json() const { return text_of(impl_->value); }
std::vector<Score> Scores::rows() const {
  std::vector<Score> out;
  for (const auto& s : impl_->value.scores)
    out.push_back(
        {.candidate = s.candidate, .agreement = s.agreement, .low = s.interval.low, .high = s.interval.high, .images = s.n, .bytes = s.bytes_mean});
  return out;
}

Profile Profile::load(const Path& file) {
  return at_border([&] { return wrap<Profile>(load_profile(file)); });
}
void Profile::save(const Path& file) const { write(file, impl_->value); }
std::string Profile::json() const { return text_of(impl_->value); }
const std::string& Profile::machine() const { return impl_->value.machine_name; }
double Profile::whole_us() const { return impl_->value.whole.median_us; }

Network Network::of(double rtt_us, double up_bps, double down_bps) {
  return at_border([&] {
    if (!(rtt_us >= 0) || !(up_bps > 0) || !(down_bps > 0))
      throw InvalidArgument("[network] got a round trip of " + Json(rtt_us).dump() + " us, " + Json(up_bps).dump() + " bit/s up and " +
                            Json(down_bps).dump() + " bit/s down; expected a time of at least 0 and rates above 0");
    return wrap<Network>(scissionlite::Network{.links = {{.rtt_us = rtt_us, .up_bps = up_bps, .down_bps = down_bps}}, .command = {}});
  });
}
Network Network::load(const Path& file) {
  return at_border([&] {
    auto network = load_network(file);
    if (network.links.empty()) throw InvalidArgument("[network] " + file.string() + " lists no link, expected one from the device to the edge");
    return wrap<Network>(std::move(network));
  });
}
void Network::save(const Path& file) const { write(file, impl_->value); }
std::string Network::json() const { return text_of(impl_->value); }
double Network::rtt_us() const { return impl_->value.links.front().rtt_us; }
double Network::up_bps() const { return impl_->value.links.front().up_bps; }
double Network::down_bps() const { return impl_->value.links.front().down_bps; }

Plan Plan::load(const Path& file) {
  return at_border([&] { return wrap<Plan>(load_plan(file)); });
}
void Plan::save(const Path& file) const { write(file, impl_->value); }
std::string Plan::json() const { return text_of(impl_->value); }
Candidate Plan::chosen() const { return public_candidate(impl_->value.chosen); }
std::vector<Candidate> Plan::best() const { return public_candidates(impl_->value.top); }
std::vector<Candidate> Plan::families() const { return public_candidates(impl_->value.families); }

}  // namespace scissionlite::api
