#include "device/delivered_trial.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "prepare/further_plans.h"
#include "prepare/verify_package.h"

namespace scissionlite::device {
namespace {

constexpr double kLookUs = 20e3;

bool is_of_the_version(ErrorCode code) { return code == ErrorCode::kInvalidArgument || code == ErrorCode::kModel || code == ErrorCode::kUnsupported; }

void check_halves(const fs::path& folder, const OffloaderOptions& options) {
  const auto findings = verify_package(
      {.package = folder, .repository = {}, .model = {}, .images = {}, .engine = options.engine, .threads = 1, .tolerance = options.probe_tolerance});
  std::vector<std::string> wrong, unknown;
  for (const auto& finding : findings)
    if (!finding.ok) (is_of_the_version(finding.code) ? wrong : unknown).push_back(finding.what + ": " + finding.detail);
  if (!wrong.empty()) throw InvalidArgument(join(wrong, "; "));
  if (!unknown.empty()) throw ResourceError(join(unknown, "; "));
}

vision::Image picture_of(const DevicePackage& package) {
  if (fs::exists(package.picture_path())) return vision::load_image(package.picture_path());
  vision::Image grey{.width = package.input.width, .height = package.input.height, .rgb = {}};
  grey.rgb.assign(static_cast<size_t>(grey.width) * static_cast<size_t>(grey.height) * 3, 128);
  return grey;
}

/// As Offloader answers one without an edge. It does not do it itself: each of its answers is an image that is counted, traced and logged.
void check_picture(const DevicePackage& package, const OffloaderOptions& options) {
  const auto candidate = candidate_from_key(package.manifest.candidate);
  const auto engine = options.engine.empty() ? default_backend() : options.engine;
  const auto picture = vision::decode(vision::encode(picture_of(package), "png"), "probe");
  Half local(package.local(), engine, /*threads=*/1);
  NamedTensors tensors{{local.inputs().front().name, vision::preprocess(picture, package.input)}};
  if (candidate.kind == Candidate::Kind::kSplit) {
    Half head(package.head(), engine, /*threads=*/1);
    tensors.front().first = head.inputs().front().name;
    auto crossing = head.run(tensors, /*keep=*/true);
    std::move(crossing.begin(), crossing.end(), std::back_inserter(tensors));
  }
  const auto outputs = local.run(tensors, /*keep=*/true);
  const auto& names = package.manifest.output_names;
  const auto main = std::find_if(outputs.begin(), outputs.end(), [&](const auto& o) { return !names.empty() && o.first == names.front(); });
  const auto& scores = (main == outputs.end() ? outputs.front() : *main).second;
  (void)best_classes(scores, package.input, options.top_k);
  (void)verdict_of(scores, package.input);
}

bool is_decided(const EdgeSession& edge) { return edge.state() == EdgeState::kReady || edge.state() == EdgeState::kRefused; }

}  // namespace

bool is_of_the_version(const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  return ours != nullptr && is_of_the_version(ours->code());
}

void check_on_device(const fs::path& folder, const OffloaderOptions& options) {
  check_halves(folder, options);
  for (const auto& package : open_plans(folder))
    while_doing("answering a picture by plan '" + package.manifest.candidate + "'", [&] { check_picture(package, options); });
}

void check_edge(const std::vector<std::unique_ptr<Offloader>>& plans, double patience_us) {
  std::vector<const Offloader*> asked;
  for (const auto& plan : plans)
    if (plan->edge() != nullptr) asked.push_back(plan.get());
  if (asked.empty()) return;
  const double end_us = Clock::steady().now_us() + patience_us;
  while (!std::all_of(asked.begin(), asked.end(), [](const auto* plan) { return is_decided(*plan->edge()); }) && Clock::steady().now_us() < end_us)
    Clock::steady().sleep_us(kLookUs);
  for (const auto* plan : asked) {
    const auto& edge = *plan->edge();
    if (edge.state() != EdgeState::kRefused) continue;
    if (edge.holds_other_tail()) throw TransportError(edge.reason(), /*retryable=*/true);  // it may get it later than this device
    throw RefusedByEdge(edge.reason());
  }
  const auto is_ready = [](const auto* plan) { return plan->edge()->state() == EdgeState::kReady; };
  if (std::none_of(asked.begin(), asked.end(), is_ready)) throw TransportError(asked.front()->edge()->reason(), /*retryable=*/true);
  for (const auto* plan : asked)
    if (!is_ready(plan))
      log::warning("[delivery] plan '" + plan->package().manifest.candidate +
                   "' comes with the others, though the edge could not be asked about it yet: " + plan->edge()->reason());
}

}  // namespace scissionlite::device
