// The simulated edge: one worker, a bounded queue, one tail of each plan. Private to simulate/.
#pragma once

#include <deque>
#include <functional>

#include "simulate/messages.h"
#include "simulate/world.h"

namespace scissionlite::simulate {

class Edge {
 public:
  using Reply = std::function<void(const Message&, double now_us)>;
  Edge(const WorldOptions& options, Agenda& agenda, Rng& rng, Reply reply)
      : options_(options), agenda_(agenda), rng_(rng), reply_(std::move(reply)) {}

  void receive(const Message& message, double now_us);
  void finish(uint64_t job, double now_us);  // of kEdgeDone
  void flood(uint64_t wave, double now_us);  // of kFlood
  void apply(const Happening& happening, double now_us);
  [[nodiscard]] uint32_t life() const { return life_; }
  [[nodiscard]] size_t waiting() const { return queue_.size(); }

 private:
  struct Job {
    Message request;
    double arrived_us = 0;
  };
  void answer(Message request, Message::Kind kind, double bytes, double now_us);
  void start(double now_us);
  void lose_all(double now_us);
  void forget(size_t device);
  void start_flood(double rate, double now_us);

  const WorldOptions& options_;
  Agenda& agenda_;
  Rng& rng_;
  Reply reply_;
  bool is_up_ = true, is_busy_ = false, is_wrong_ = false;
  int32_t version_ = 0;
  double slower_ = 1, duplicates_ = 0, flood_ = 0;
  uint64_t wave_ = 0;     // of the flood, since its rate was set
  uint32_t life_ = 1;     // between two starts
  uint64_t serving_ = 0;  // number of the job that is served, 0: none
  uint64_t next_job_ = 1;
  std::deque<Job> queue_;  // the first is served
};

}  // namespace scissionlite::simulate
