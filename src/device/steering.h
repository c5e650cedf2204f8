// Who decides for an Offloader how long the edge may take, and is told what came of it.
#pragma once

namespace scissionlite::device {

/// Calls come from the threads that answer images, several at once in a pipeline.
class Steering {
 public:
  virtual ~Steering() = default;
  /// <= 0: the edge is not asked. @param spent_us  since the image was taken. @param extra_local_us  what the local half has to do first.
  [[nodiscard]] virtual double edge_budget_us(double spent_us, double extra_local_us) = 0;
  /// @param us  until the image was ready to be sent. @param compute_us  of that: an engine's.
  virtual void note_head(double us, double compute_us) = 0;
  virtual void note_local(double us) = 0;
  /// @param wire_us  the call less edge_us, which is what the edge says that it took.
  virtual void note_answer(double bytes, double wire_us, double edge_us) = 0;
  virtual void note_silence(double bytes, double waited_us) = 0;
};

}  // namespace scissionlite::device
