#include "simulate/world.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/counted.h"
#include "base/error.h"
#include "base/text.h"
#include "simulate/device.h"
#include "simulate/edge.h"

namespace scissionlite::simulate {
namespace {

constexpr double kMostImages = 1e8;
constexpr double kDrainUs = 300e6;  // behind the last frame: all that was accepted is answered by then

void check(const WorldOptions& options, const Trace& trace) {
  if (options.devices < 1 || !(options.period_us > 0) || options.device_queue < 1 || options.edge_queue < 1)
    throw InvalidArgument("[simulate] " + std::to_string(options.devices) + " devices with an image each " + format_fixed(options.period_us, 0) +
                          " us, and queues of " + std::to_string(options.device_queue) + " and " + std::to_string(options.edge_queue) +
                          "; all have to be above 0");
  if (!(options.noise >= 0 && options.noise < 0.5))
    throw InvalidArgument("[simulate] noise is " + format_fixed(options.noise, 3) + "; expected from 0 to below 0.5");
  const double images = trace.duration_us / options.period_us * options.devices;
  if (!(images <= kMostImages))
    throw InvalidArgument("[simulate] " + format_fixed(trace.duration_us * 1e-6, 0) + " s with an image each " + format_fixed(options.period_us, 3) +
                          " us of " + counted(options.devices, "device") + " are " + format_fixed(images, 0) + " images; expected at most " +
                          format_fixed(kMostImages, 0));
  if (trace.links.empty()) throw InvalidArgument("[simulate] the trace says nothing of the link");
}

class World {
 public:
  World(const WorldOptions& options, const Trace& trace)
      : options_(options),
        trace_(trace),
        rng_(options.seed),
        mail_(agenda_),
        edge_(options_, agenda_, rng_, [this](const Message& message, double now_us) {
          if (message.device < devices_.size()) devices_[message.device]->send(message, now_us);
        }) {
    for (int i = 0; i < options.devices; ++i)
      devices_.push_back(std::make_unique<Device>(options_, static_cast<size_t>(i), agenda_, mail_, summary_));
    for (size_t i = 0; i < trace.links.size(); ++i) agenda_.add(trace.links[i].at_us, Due::Kind::kLink, 0, i);
    for (size_t i = 0; i < trace.events.size(); ++i) agenda_.add(trace.events[i].at_us, Due::Kind::kEvent, 0, i);
  }

  Summary run() {
    for (const auto& device : devices_) device->set_link(trace_.links.front(), 0), device->start(0);
    double now_us = 0;
    while (!agenda_.is_empty()) {
      const auto due = agenda_.take();
      if (due.at_us > trace_.duration_us + kDrainUs) break;
      now_us = due.at_us;
      if (films_ && now_us >= trace_.duration_us) {
        films_ = false;
        for (const auto& device : devices_) device->stop_camera();
      }
      handle(due);
      ++summary_.events;
      if (edge_.waiting() > options_.edge_queue)
        summary_.violated("seed " + std::to_string(options_.seed) + ": the edge's queue holds " + std::to_string(edge_.waiting()));
    }
    for (const auto& device : devices_) device->check_done(now_us);
    summary_.simulated_us = trace_.duration_us * options_.devices;
    return std::move(summary_);
  }

 private:
  void handle(const Due& due) {
    Message message;
    switch (due.kind) {
      case Due::Kind::kLink:
        for (const auto& device : devices_) device->set_link(trace_.links[due.id], due.at_us);
        break;
      case Due::Kind::kEvent:
        edge_.apply(trace_.events[due.id], due.at_us);
        for (const auto& device : devices_) device->apply(trace_.events[due.id], due.at_us);
        break;
      case Due::Kind::kEdgeDone: edge_.finish(due.id, due.at_us); break;
      case Due::Kind::kFlood:
        if (films_) edge_.flood(due.id, due.at_us);
        break;
      case Due::Kind::kArrival:
        if (!mail_.take(due.id, due.at_us, message)) break;
        if (message.is_up) edge_.receive(message, due.at_us);
        else devices_[message.device]->receive(message, due.at_us);
        break;
      default: devices_[due.device]->on(due);
    }
  }

  const WorldOptions& options_;
  const Trace& trace_;
  Rng rng_;
  Agenda agenda_;
  Mail mail_;
  Summary summary_;
  std::vector<std::unique_ptr<Device>> devices_;
  Edge edge_;
  bool films_ = true;
};

/// Of one image that is sent at `at_us`, with the link as it is then and stays.
double true_latency_us(const control::PlanTraits& plan, const WorldOptions& options, const LinkChange& link, bool edge_is_there) {
  const double local_us = plan.answers_locally ? plan.head_us + plan.local_us : std::numeric_limits<double>::infinity();
  if (!plan.uses_edge || !edge_is_there || link.link.black_hole) return local_us;
  const auto moving_us = [](double bytes, double bps) { return bps > 0 ? bytes * 8e6 / bps : 0; };
  return std::min(local_us, plan.head_us + link.link.rtt_us + moving_us(plan.up_bytes, link.link.up_bps) + plan.edge_us +
                                moving_us(options.answer_bytes, link.link.down_bps));
}

}  // namespace

Summary simulate(const WorldOptions& options, const Trace& trace) {
  check(options, trace);
  return World(options, trace).run();
}

double oracle_latency_us(const WorldOptions& options, const Trace& trace) {
  check(options, trace);
  double sum_us = 0;
  int64_t images = 0;
  bool edge_is_there = true;
  size_t link = 0, event = 0;
  for (double now_us = 0; now_us < trace.duration_us; now_us += options.period_us) {
    while (link + 1 < trace.links.size() && trace.links[link + 1].at_us <= now_us) ++link;
    for (; event < trace.events.size() && trace.events[event].at_us <= now_us; ++event) {
      if (trace.events[event].event == Event::kEdgeKilled) edge_is_there = false;
      if (trace.events[event].event == Event::kEdgeStarted) edge_is_there = true;
    }
    double best_us = std::numeric_limits<double>::infinity();
    for (const auto& plan : options.plans) best_us = std::min(best_us, true_latency_us(plan, options, trace.links[link], edge_is_there));
    if (std::isfinite(best_us)) sum_us += best_us, ++images;
  }
  return images > 0 ? sum_us / static_cast<double>(images) : std::numeric_limits<double>::infinity();
}

std::vector<Summary> fixed_runs(const WorldOptions& options, const Trace& trace) {
  std::vector<Summary> out;
  for (const auto& plan : options.plans) {
    auto alone = options;
    alone.plans = {plan}, alone.keeps_latencies = false;
    out.push_back(simulate(alone, trace));
  }
  return out;
}

}  // namespace scissionlite::simulate
