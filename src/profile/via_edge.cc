#include "profile/via_edge.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "ops/cut_cost.h"
#include "protocol/stream_codec.h"
#include "score/scores.h"

namespace scissionlite {
namespace {

constexpr int kRoundTrips = 30;

struct Served {
  std::string name;
  Candidate candidate;
  protocol::InferRequest request;
  int64_t wire_bytes = 0;
  bool reads_streams = false;  // of the entropy coder: then fewer bytes cross than are sent here
};

/// Any values will do for the time of a dense network: small ones, and no denormals.
Tensor filler(const protocol::TensorSpec& spec) {
  const Dtype dtype = dtype_from_oip_name(spec.datatype);
  if (dtype_size(dtype) == 0) throw Unsupported("[profile] input '" + spec.name + "' of type " + spec.datatype + " cannot be filled");
  Shape shape = spec.shape;
  for (auto& size : shape)
    if (size < 0) size = 1;
  Tensor tensor(dtype, shape);
  Rng rng(1);
  if (dtype == Dtype::kF32) {
    for (auto& v : tensor.mutable_as<float>()) v = static_cast<float>(rng.uniform(-1, 1));
  } else if (dtype == Dtype::kF16) {
    auto* values = reinterpret_cast<uint16_t*>(tensor.mutable_data());
    for (int64_t i = 0; i < tensor.size(); ++i) values[i] = f32_to_f16(static_cast<float>(rng.uniform(-1, 1)));
  } else {
    for (size_t i = 0; i < tensor.size_bytes(); ++i) tensor.mutable_data()[i] = static_cast<std::byte>(rng.below(128));
  }
  return tensor;
}

Served find_served(protocol::Client& client, const std::string& name, const ProfileOptions& options) {
  if (!client.model_ready(name))
    throw InvalidArgument("[profile] " + client.address() + " serves no model '" + name +
                          "'; give it the repository written by `scissionlite prepare`, or name others with --via-models");
  const auto claims = client.model_config_parameters(name);
  const auto claim = [&](const std::string& key) {
    const auto it = claims.find(key);
    if (it == claims.end())
      throw InvalidArgument("[profile] model '" + name + "' of " + client.address() + " has no parameter '" + key +
                            "' in its config; prepare its repository with `scissionlite prepare`");
    return it->second;
  };
  if (const auto sha = claim("scissionlite_model_sha256"); sha != options.model_sha256)
    throw InvalidArgument("[profile] model '" + name + "' of " + client.address() + " was made from a model with sha256 " + sha + ", this one has " +
                          options.model_sha256);
  Served served;
  served.name = name;
  served.candidate = candidate_from_key(claim("scissionlite_candidate"));
  served.request.model = name;
  for (const auto& spec : client.model_metadata(name).inputs) {
    auto tensor = filler(spec);
    served.wire_bytes += static_cast<int64_t>(tensor.size_bytes());
    served.reads_streams |= claims.count(protocol::coder_claim(spec.name)) > 0;
    served.request.inputs.push_back({.name = spec.name, .tensor = std::move(tensor), .blob = {}, .parameters = {}});
  }
  return served;
}

double round_trip_us(protocol::Client& client) {
  std::vector<double> times;
  auto& clock = Clock::steady();
  for (int i = 0; i < kRoundTrips; ++i) {
    const double start_us = clock.now_us();
    (void)client.server_live();
    times.push_back(clock.now_us() - start_us);
  }
  return median(times);
}

MeasureItem call_item(protocol::Client& client, const Served& served, double rtt_us) {
  return {served.name, [&client, &served, rtt_us] {
            const auto result = client.infer(served.request);
            const double compute_us = protocol::number_or(result.parameters, "compute_us", -1),
                         decode_us = protocol::number_or(result.parameters, "decode_us", -1);
            return compute_us >= 0 ? compute_us + std::max(0.0, decode_us) : std::max(0.0, result.total_us - rtt_us);
          }};
}

void list_cuts(Profile& profile, std::vector<Cut> cuts) {
  for (const auto& cut : cuts) {
    CutProfile entry;
    entry.id = cut.id;
    entry.tensors = cut.tensors;
    entry.bytes = std::max<int64_t>(cut.bytes, 0);
    entry.head_macs = std::max<int64_t>(cut.head_macs, 0);
    entry.position = cut.position;
    entry.region = cut.region;
    entry.single = cut.is_single();
    profile.cuts.push_back(std::move(entry));
  }
}

void enter(Profile& profile, const Served& served, const Timing& timing) {
  if (served.candidate.kind != Candidate::Kind::kSplit) {
    profile.whole = timing;
    profile.input_bytes = served.wire_bytes;
    return;
  }
  for (auto& cut : profile.cuts) {
    if (cut.id != served.candidate.cut_id) continue;
    auto& tl = cut.tls[served.candidate.tl];
    tl.wire_bytes = served.wire_bytes;
    tl.wire_bytes_vary = served.reads_streams;
    tl.tail_with_tl = timing;
    if (served.candidate.tl == kUnchangedTl) cut.tail = timing;
    return;
  }
  log::warning("[profile] the cut of '" + served.name + "' (" + served.candidate.key() + ") is not among those of this profile and was left out");
}

ChosenCuts served_cuts(const Graph& model, const std::vector<Served>& all) {
  Graph annotated = model;
  const auto cuts = ops::find_costed_cuts(annotated);
  Scores scores;
  for (const auto& served : all)
    if (served.candidate.kind == Candidate::Kind::kSplit) {
      Score score;
      score.candidate = served.candidate.key();
      scores.scores.push_back(score);
    }
  return cuts_of_scores(cuts, scores);
}

}  // namespace

ProfileResult profile_via(const Graph& model, const ProfileOptions& options, const ViaOptions& via) {
  protocol::Client client(via.address, {.connect_timeout_us = via.connect_timeout_us, .security = via.security});
  client.connect();
  std::vector<Served> all;
  for (const auto& name : via.models) all.push_back(find_served(client, name, options));

  ProfileResult result;
  auto& profile = result.profile;
  profile.machine_name = options.machine_name;
  profile.model_name = options.model_name;
  profile.model_sha256 = options.model_sha256;
  Graph annotated = model;
  ops::annotate(annotated);
  profile.model_macs = ops::total_macs(annotated);
  profile.via = via.address;
  const auto server = client.server_metadata();
  profile.engine = {.spec = server.name, .version = server.version, .isa = "", .precision = "", .threads = 1};
  profile.machine.cpu = "behind " + via.address;
  list_cuts(profile, options.chosen.cuts.empty() ? served_cuts(model, all).cuts : options.chosen.cuts);

  const double rtt_us = round_trip_us(client);
  std::vector<MeasureItem> items;
  for (const auto& served : all) items.push_back(call_item(client, served, rtt_us));
  result.total = items.size();
  const auto timings = measure(items, options.measure);
  for (size_t i = 0; i < all.size(); ++i) {
    enter(profile, all[i], timings[i]);
    ++result.measured;
    if (!is_settled(timings[i], options.measure.max_ci)) ++result.unsettled;
  }
  return result;
}

}  // namespace scissionlite
