// What is true outside a device and its control has to find out: could the edge have answered an image in time? Private to simulate/.
#pragma once

#include <limits>

#include "simulate/world.h"

namespace scissionlite::simulate {

class Outside {
 public:
  explicit Outside(const WorldOptions& options) : options_(options) {}

  void set_link(const LinkChange& change, double now_us);
  void apply(const Happening& happening, double now_us);
  /// What was known is not any more.
  void forget(double now_us) { changed_us_ = now_us; }
  /// When link or edge last became another.
  [[nodiscard]] double changed_us() const { return changed_us_; }
  /// They have been as they are for so long that control knows them.
  [[nodiscard]] bool is_known(double now_us) const;
  /// The device's own speed, and time enough for another plan.
  [[nodiscard]] bool is_speed_known(double now_us) const;
  /// At most, of an image behind all that may be under way; infinity: the edge does not answer. @param slower  the device, times.
  [[nodiscard]] double most_us(size_t plan, double slower) const;

 private:
  const WorldOptions& options_;
  LinkChange link_;
  bool is_up_ = true, is_busy_ = false, is_wrong_ = false, is_replaced_ = false, is_flooded_ = false;
  double edge_slower_ = 1, changed_us_ = 0, speed_changed_us_ = 0,
         believed_us_ = -std::numeric_limits<double>::infinity();  // when something last was that control goes on to believe in
};

}  // namespace scissionlite::simulate
