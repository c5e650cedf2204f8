// How long planning takes: everything between a model in memory with its profiles as text and a plan, for all cuts and all
// default transfer layers. Reading the model file is given beside it: it is the disk's and protobuf's. Profiles are made up from
// multiply-accumulates, since planning does not depend on their values.
//   plan_speed MODEL.onnx...        one JSON line a model
//   plan_speed --random-dag NODES   the same for a random graph with skips and branches
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "graph/random_graph.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "planner/planner.h"
#include "profile/choose_cuts.h"
#include "transfer/transfer.h"

namespace scissionlite {
namespace {

Timing about_us(double us) { return {.median_us = us, .p95_us = us * 1.1, .ci = {us * 0.99, us * 1.01}, .n = 20}; }

/// Every default transfer layer at every cut, plain ones included.
CutProfile made_cut(const Cut& cut, double total_us, double share) {
  CutProfile profile;
  profile.id = cut.id;
  profile.tensors = cut.tensors;
  profile.bytes = std::max<int64_t>(cut.bytes, 1);
  profile.head_macs = std::max<int64_t>(cut.head_macs, 0);
  profile.position = cut.position;
  profile.region = cut.region;
  profile.single = cut.is_single();
  profile.head = about_us(1 + total_us * share);
  profile.tail = about_us(1 + total_us * (1 - share));
  std::set<std::string> specs{"fp32", "fp16", "uint8", "pool"};
  for (const auto& shape : cut.shapes)
    for (const auto& spec : transfer::default_specs({.name = "x", .dtype = Dtype::kF32, .shape = shape})) specs.insert(spec);
  double factor = 1;
  for (const auto& spec : specs) {
    auto& tl = profile.tls[spec];
    tl.encode = tl.decode = about_us(20 * factor);
    tl.wire_bytes = 1 + static_cast<int64_t>(static_cast<double>(profile.bytes) / factor);
    tl.head_with_tl = about_us(profile.head.median_us + 15 * factor);
    tl.tail_with_tl = about_us(profile.tail.median_us + 15 * factor);
    factor += 1;
  }
  return profile;
}

Profile made_profile(const std::string& machine, const std::vector<Cut>& cuts, double total_us) {
  Profile profile;
  profile.machine_name = machine;
  profile.engine.spec = "made";
  profile.model_name = "model";
  profile.model_sha256 = std::string(64, 'a');
  profile.whole = about_us(total_us);
  profile.preprocess = about_us(800);
  profile.input_bytes = 602112;
  profile.output_bytes = profile.answer_bytes = 4000;
  for (size_t i = 0; i < cuts.size(); ++i)
    profile.cuts.push_back(made_cut(cuts[i], total_us, static_cast<double>(i + 1) / static_cast<double>(cuts.size() + 1)));
  int64_t bytes = 60000;
  for (const auto& codec : timed_codecs()) {
    profile.image_encode[codec] = profile.image_decode[codec] = about_us(500);
    profile.image_bytes[codec] = bytes -= 1000;
  }
  profile.image_encode.erase("file");
  return profile;
}

/// Candidates of a plan worth comparing have scores.
Scores made_scores(const planner::CostModel& model) {
  Scores scores;
  scores.model_sha256 = model.machine(0).model_sha256;
  scores.images = 200;
  double agreement = 1;
  for (const auto& hop : model.hops()) {
    agreement = agreement > 0.9 ? agreement - 0.001 : 1;
    scores.scores.push_back({.candidate = hop.candidate.key(),
                             .agreement = agreement,
                             .interval = {agreement - 0.02, agreement},
                             .n = 200,
                             .bytes_mean = hop.bytes,
                             .bytes_p95 = hop.bytes,
                             .label_accuracy = -1,
                             .note = ""});
  }
  return scores;
}

struct Seconds {
  double load = 0, cuts = 0, read = 0, plan = 0;
};

Json measure(const std::string& name, const std::function<Graph()>& load) {
  auto& clock = Clock::steady();
  Seconds seconds;
  double start_us = clock.now_us();
  const auto lap = [&] {
    const double now_us = clock.now_us(), s = (now_us - start_us) / 1e6;
    start_us = now_us;
    return s;
  };
  Graph graph = load();
  seconds.load = lap();
  const size_t nodes = graph.nodes.size();
  const auto cuts = ops::find_costed_cuts(graph, {.max_tensors = 3});
  seconds.cuts = lap();
  const std::string device = to_json(made_profile("device", cuts, 80e3)).dump(2), edge = to_json(made_profile("edge", cuts, 8e3)).dump(2);
  (void)lap();
  std::vector<Profile> machines{profile_from_json(parse_json(device, "device.json"), "device.json"),
                                profile_from_json(parse_json(edge, "edge.json"), "edge.json")};
  seconds.read = lap();
  const planner::CostModel model(std::move(machines),
                                 {{.from = "device", .to = "edge", .rtt_us = 27.4e3, .up_bps = 5e6, .down_bps = 5e6, .per_call_us = 100, .n = 10}});
  const auto scores = made_scores(model);
  (void)lap();
  const planner::Planner planner(model, &scores, {.objective = "latency", .constraints = {}, .top = 10}, &graph);
  const auto plan = planner.plan();
  seconds.plan = lap();
  return {{"model", name},
          {"nodes", nodes},
          {"cuts", cuts.size()},
          {"candidates", plan.candidates_considered},
          {"profile_bytes", device.size()},
          {"load_s", seconds.load},
          {"cuts_s", seconds.cuts},
          {"read_s", seconds.read},
          {"plan_s", seconds.plan},
          {"total_s", seconds.cuts + seconds.read + seconds.plan}};
}

int run(int argc, char** argv) {
  if (argc < 2) throw InvalidArgument("usage: plan_speed MODEL.onnx... | --random-dag NODES");
  if (std::string(argv[1]) == "--random-dag") {
    const int nodes = argc > 2 ? std::atoi(argv[2]) : 2000;
    for (const double skips : {0.02, 0.1, 0.3})  // few skips: hundreds of cuts; many: hardly any, but long searches for them
      for (uint64_t seed = 1; seed <= 3; ++seed)
        std::cout << measure(fmt::format("random DAG, {} skips a node, seed {}", skips, seed), [&] {
          Rng rng(seed);
          return random_graph(rng, {.nodes = nodes, .skip_probability = skips, .window = 8, .extra_outputs = 0, .shape = {1, 16, 14, 14}});
        }) << std::endl;
    return 0;
  }
  for (int i = 1; i < argc; ++i) std::cout << measure(fs::path(argv[i]).stem().string(), [&] { return load_model(argv[i]); }) << std::endl;
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) {
  try {
    return scissionlite::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "plan_speed: %s\n", e.what());
    return 1;
  }
}
