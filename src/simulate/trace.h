// Simulate: devices, their links and an edge in one process under a simulated clock and a seed, with the controller that `run` uses.
//
// What lives here: what happens when (Trace, this file), made by chance (scenario.h), the world it happens in (world.h), what came out and what must
// never (summary.h). Relies on control, net. Start with world.h.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "net/link.h"

namespace scissionlite::simulate {

/// What the link is from a moment on.
struct LinkChange {
  double at_us = 0;
  net::LinkOptions link;
  double loss = 0;  // share of messages that a packet of is lost: they come a retransmission later, TCP keeps the rest
};

/// Other things that happen.
enum class Event {
  kEdgeKilled,       // calls in flight are lost, new ones refused
  kEdgeStarted,      // again, with new connections
  kEdgeSlower,       // value: times
  kEdgeBusy,         // value 1: its queue is full for all others' sake, and it says so; 0: no longer
  kTailReplaced,     // value: version that it serves from now on
  kTailWrong,        // it serves another model of the same shapes and claims nothing of it; value 0: no longer
  kConnectionDead,   // what is sent vanishes until the device connects anew
  kDuplicates,       // value: share of answers that come twice
  kDeviceSlower,     // value: times
  kDeviceSuspended,  // value: seconds in which no device does anything; what comes for it waits
  kDeviceGone,       // value: seconds for which the first device is off: what it had accepted is lost with it, what it knew too
  kFlood,            // value: requests a second that somebody else sends to the edge, whatever it answers; 0: no longer
};
[[nodiscard]] const char* to_text(Event event);

struct Happening {
  double at_us = 0;
  Event event = Event::kEdgeKilled;
  double value = 0;
};

struct Trace {
  std::vector<LinkChange> links;  // the first at 0; of every device
  std::vector<Happening> events;  // in order of time
  double duration_us = 0;
};

/// "scissionlite.trace/1". @throws InvalidArgument saying where: times that go back, unknown words.
[[nodiscard]] Trace trace_from_json(const Json& json, const std::string& where);
[[nodiscard]] Json to_json(const Trace& trace);

}  // namespace scissionlite::simulate
