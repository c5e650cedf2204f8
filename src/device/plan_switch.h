// Several prepared plans of one model, of which each image takes the one that is fastest now.
//
// Decides by control::Controller, which the simulator drives too: a packet of measurements goes in with each image, a plan and a time to wait for the
// edge come out. A thread measures the link where images do not: calls without effect, while no image is on its way.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "control/controller.h"
#include "device/offloader.h"

namespace scissionlite::device {

struct SwitchOptions {
  control::ControllerOptions control;
  double look_every_us = 100e3;      // whether the link has to be measured
  std::shared_ptr<Shadow> shadow{};  // plans that it finds drifted are left; may be nullptr
};

struct SwitchCounters {
  int64_t switches = 0, probes = 0;
  std::map<std::string, int64_t> images;  // by candidate
};

class PlanSwitch final : public Answerer {
 public:
  /// Measures each plan's halves on a grey picture. @param plans  of one model, on one edge; the first is begun with.
  /// @throws InvalidArgument: plans of different models, or two of one candidate.
  PlanSwitch(std::vector<std::unique_ptr<Offloader>> plans, SwitchOptions options);
  ~PlanSwitch() override;

  [[nodiscard]] Prepared prepare(Frame frame, bool keep) override;
  [[nodiscard]] Answer finish(Prepared prepared) override;
  [[nodiscard]] Clock& clock() const override { return plans_.front()->clock(); }
  [[nodiscard]] const std::vector<std::unique_ptr<Offloader>>& plans() const { return plans_; }
  [[nodiscard]] SwitchCounters counters() const;

 private:
  /// Of one plan: passes on under the lock.
  class Wheel;
  void share_falls();
  [[nodiscard]] std::vector<bool> usable() const;
  [[nodiscard]] std::vector<bool> allowed() const;
  void measure_link();
  void space_checks();
  [[nodiscard]] bool is_checking() const;
  bool measure_once();
  [[nodiscard]] bool knows_pictures(size_t plan) const;
  void learn_picture(size_t plan, double us, double compute_us);
  void learn_own_time(size_t plan, double compute_us);
  void set_head(size_t plan);
  void lose_probe(double bytes, double waited_us);

  std::vector<std::unique_ptr<Offloader>> plans_;
  SwitchOptions options_;
  std::vector<std::unique_ptr<Wheel>> wheels_;
  double shared_fall_us_ = 0;  // the newest fall that the others were told of; of `prepare`
  mutable std::mutex mutex_;   // guards what follows
  std::condition_variable wake_;
  /// Of a plan with a grey picture: until it sends, and what of that an engine takes.
  struct Rehearsed {
    control::PlanTraits traits;
    double compute_us = 0;
  };
  static Rehearsed unrehearsed(const Offloader& plan);
  void check_fits_those_before(size_t plan) const;
  void rehearse();
  void rehearse_once(size_t plan, const Frame& frame);
  std::vector<Rehearsed> rehearsed_;  // by plan
  std::vector<bool> decodes_;         // pictures
  std::deque<double> pictures_us_;    // what the newest ones took more than a grey one, on a device that is not throttled
  std::unique_ptr<control::Controller> controller_;
  SwitchCounters counters_;
  int in_flight_ = 0, on_link_ = 0;  // images; those among them that may ask the edge
  bool was_alone_ = true;            // since the last image was taken
  bool is_stopping_ = false;
  std::thread prober_;
};

}  // namespace scissionlite::device
