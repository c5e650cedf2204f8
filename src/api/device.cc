#include <random>

#include "api/internal.h"
#include "device/plans.h"
#include "engine/engine.h"
#include "prepare/further_plans.h"

namespace scissionlite::api {
namespace {

device::OffloaderOptions offloader_options(const DeviceOptions& options) {
  device::OffloaderOptions out;
  out.edge = options.edge;
  out.engine = options.engine.empty() ? default_backend() : options.engine;
  out.threads = options.threads;
  out.deadline_us = options.deadline_us;
  out.call_timeout_us = options.call_timeout_us;
  out.local_fallback = options.local_fallback;
  out.top_k = options.top;
  out.security = internal(options.security);
  out.session.breaker.seed = std::random_device()();  // devices that lost the same edge do not return at the same moment
  return out;
}

device::SwitchOptions switch_options(const DeviceOptions& options) {
  device::SwitchOptions out;
  out.control.deadline_us = options.deadline_us, out.control.call_timeout_us = options.call_timeout_us, out.control.dwell_us = options.dwell_us;
  return out;
}

Output public_output(const std::string& name, const Tensor& tensor) {
  const Tensor values = tensor.to_f32();
  const auto span = values.as<float>();
  return {.name = name, .shape = tensor.shape(), .values = {span.begin(), span.end()}};
}

/// @param plan  of the answer when it names none.
Answer public_answer(const device::Answer& answer, const std::string& plan) {
  const auto& p = answer.parts;
  Answer out;
  out.plan = answer.candidate.empty() ? plan : answer.candidate;
  out.is_from_edge = answer.error.empty() && answer.origin != device::Origin::kLocal;
  for (const auto& c : answer.top) out.top.push_back({.index = c.index, .label = c.label, .score = c.score});
  if (const auto& v = answer.verdict)
    out.verdict = Verdict{.is_positive = v->is_positive, .share = v->share, .threshold = v->threshold, .label = v->label};
  for (const auto& [name, tensor] : answer.outputs) out.outputs.push_back(public_output(name, tensor));
  out.latency_us = answer.latency_us;
  out.edge_us = p.edge_queue_us + p.edge_decode_us + p.edge_compute_us + p.cloud_us();
  out.wire_us = p.wire_us;
  out.device_us = p.sum_us() - out.edge_us - out.wire_us;
  out.sent_bytes = answer.payload_bytes;
  out.is_late = answer.is_late;
  out.note = answer.note;
  out.error = answer.error;
  return out;
}

}  // namespace

struct Device::Impl {
  device::Plans plans;

  Answer answer(device::Frame frame) { return public_answer(plans.answerer().answer(std::move(frame)), plans.first().package().manifest.candidate); }
};

Device::Device(const Path& package, const DeviceOptions& options)
    : impl_(at_border([&] {
        return std::unique_ptr<Impl>(
            new Impl{.plans = {device::make_offloaders(open_plans(package), offloader_options(options)), switch_options(options)}});
      })) {}
Device::~Device() = default;
Device::Device(Device&&) noexcept = default;
Device& Device::operator=(Device&&) noexcept = default;

Answer Device::run(const Path& image) {
  return at_border([&] {
    device::Frame frame{.name = image.string(), .bytes = {}, .image = {}};
    try {
      frame.bytes = read_file(image);
    } catch (const scissionlite::Error& e) {
      Answer answer;
      answer.error = e.what();
      return answer;
    }
    return impl_->answer(std::move(frame));
  });
}

Answer Device::run(std::span<const uint8_t> rgb, int width, int height) {
  return at_border([&] {
    if (width <= 0 || height <= 0 || rgb.size() != static_cast<size_t>(width) * static_cast<size_t>(height) * 3)
      throw InvalidArgument("[device] got " + std::to_string(rgb.size()) + " bytes for " + std::to_string(width) + " x " + std::to_string(height) +
                            " pixels, expected width * height * 3 (8-bit RGB)");
    vision::Image image{.width = width, .height = height, .rgb = {rgb.begin(), rgb.end()}};
    return impl_->answer({.name = "pixels", .bytes = {}, .image = std::move(image)});
  });
}

std::string Device::edge_problem() const {
  std::string first;
  for (const auto* plan : impl_->plans.all()) {
    const auto* edge = plan->edge();
    const std::string problem = edge == nullptr ? "" : edge->reason();
    if (edge != nullptr && problem.empty()) return "";
    if (first.empty()) first = problem;
  }
  return first;
}

}  // namespace scissionlite::api
