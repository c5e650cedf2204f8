// What travels between simulated devices and the edge. Private to simulate/.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <vector>

#include "net/link_model.h"

namespace scissionlite::simulate {

struct Message {
  enum class Kind : uint8_t { kInfer, kCheck, kPing, kAnswer, kCheckAnswer, kPong, kRefused, kBusy, kFailed };
  Kind kind = Kind::kInfer;
  bool is_up = true;
  size_t device = 0, plan = 0;
  uint64_t number = 0;      // of the call, which its answer carries too
  int32_t tail = 0;         // requests: wanted; answers: what computed them, -1 for one that is wrong and does not say so
  uint32_t connection = 0;  // answers: which of the edge's lives they are from
  double bytes = 0;
  double edge_us = 0;  // answers: queue and compute
  double late_us = 0;  // beyond the link's own time, as a retransmission makes it
};

/// What is to happen at a moment; of two at the same moment the older entry first.
struct Due {
  enum class Kind : uint8_t {
    kLink,
    kEvent,
    kFrame,
    kHeadDone,
    kLocalDone,
    kBudget,
    kArrival,
    kEdgeDone,
    kFlood,
    kCheckDue,
    kCheckTimeout,
    kProbeTimeout,
    kWake,
    kReturn
  };
  double at_us = 0;
  uint64_t order = 0;
  Kind kind = Kind::kFrame;
  uint32_t device = 0;
  uint64_t id = 0;  // of a slot, a call, a plan, a trace's entry
  friend bool operator>(const Due& a, const Due& b) { return a.at_us != b.at_us ? a.at_us > b.at_us : a.order > b.order; }
};

class Agenda {
 public:
  void add(double at_us, Due::Kind kind, size_t device, uint64_t id) { queue_.push({at_us, next_++, kind, static_cast<uint32_t>(device), id}); }
  [[nodiscard]] bool is_empty() const { return queue_.empty(); }
  Due take() {
    Due due = queue_.top();
    queue_.pop();
    return due;
  }

 private:
  std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_;
  uint64_t next_ = 0;
};

/// Messages on their way over a device's two lanes.
class Mail {
 public:
  explicit Mail(Agenda& agenda) : agenda_(agenda) {}
  void send(net::LinkModel& lane, const Message& message, double now_us) {
    size_t at = slots_.size();
    if (free_.empty()) slots_.emplace_back();
    else at = free_.back(), free_.pop_back();
    slots_[at] = {message, lane.enter(message.bytes, now_us)};
    schedule(at);
  }
  /// The message that arrives, or nothing: it was re-timed since.
  [[nodiscard]] bool take(uint64_t slot, double now_us, Message& out) {
    auto& entry = slots_[slot];
    if (!entry.transit || entry.transit->departs_us + entry.message.late_us > now_us) return false;
    entry.transit->gone = true, entry.transit.reset();
    out = entry.message;
    free_.push_back(slot);
    return true;
  }
  /// Behind a change of the link: all that is on its way is due at another moment. @param loses  also what is on its way: the connection is dead.
  void reschedule(size_t device, bool loses) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      auto& entry = slots_[i];
      if (!entry.transit || entry.message.device != device) continue;
      if (!loses) schedule(i);
      else entry.transit->gone = true, entry.transit.reset(), free_.push_back(i);
    }
  }

 private:
  struct Slot {
    Message message;
    std::shared_ptr<net::Transit> transit;
  };
  void schedule(size_t slot) {
    const auto& entry = slots_[slot];
    if (entry.transit->departs_us < net::kNever)
      agenda_.add(entry.transit->departs_us + entry.message.late_us, Due::Kind::kArrival, entry.message.device, slot);
  }
  Agenda& agenda_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_;
};

}  // namespace scissionlite::simulate
