// Device: runs the head on each image, has the edge finish it, and answers by itself when the edge does not.
//
// What lives here: the Offloader (this file), the two slices on the device (halves.h), several plans at once (plan_switch.h), many images in flight
// (pipeline.h), where images come from (frames.h). Relies on vision, engine, offload (the edge with its state), prepare. Start here.
//
// Every frame gets exactly one answer: from the edge, from the local tail, or an explicit error.
//
// Copies of the cut tensor on its way, in latency mode: none in this process (gRPC's slices refer to the engine's output
// buffer, see protocol/wire_internal.h), one into the kernel's socket buffer; on the edge one off the socket and one that joins its
// pieces, of which the tensor is a view. Pipelined mode adds one copy here: the engine may reuse its buffer for the next
// image while the last one is still being sent.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "device/answer.h"
#include "device/expected_time.h"
#include "device/halves.h"
#include "device/observation.h"
#include "device/overrun.h"
#include "device/shadow.h"
#include "device/steering.h"
#include "offload/edge_session.h"
#include "offload/wire_coders.h"
#include "prepare/package.h"
#include "trace/recording.h"

namespace scissionlite::device {

using offload::Edge;
using offload::EdgeSession;
using offload::EdgeState;
using offload::SessionOptions;
using offload::WireCoders;

struct OffloaderOptions {
  std::string edge;              // "host:port"; may be empty for a local package or for local answers only
  std::string engine;            // "" = default_backend()
  int threads = 0;               // 0: every core
  double deadline_us = 0;        // per image, from taking the frame; 0: none
  double call_timeout_us = 5e6;  // without a deadline: how long a silent edge is waited for
  double connect_timeout_us = 2e6;
  bool local_fallback = true;  // false: an image that the edge does not answer is an error
  int top_k = 5;
  bool whole_outputs = false;  // true: fetch every output; false: of a classifier only the `top_k` classes where the edge can do that
  double probe_tolerance = 2e-3;
  protocol::Security security;  // of the way to the edge
  SessionOptions session;
  Observation observation;
  std::shared_ptr<Shadow> shadow;  // compares some of the answers with the uncut model's; of another model than the package's it is left out
  Clock* clock = &Clock::steady();
};

class Version;

/// An image between head and answer.
struct Prepared {
  std::string name;
  double accepted_us = 0, ready_us = 0;
  NamedTensors tensors;                // model input (when it was computed) and the head's outputs
  std::optional<vision::Image> image;  // of the input's size; edge-only plans
  std::vector<protocol::WireTensor> wire;
  int64_t payload_bytes = 0;
  Parts parts;
  std::string error;                            // the image could not be read or the head failed
  std::string id;                               // of the request, and of all that is told of this image
  trace::Context context;                       // with Observation::tracer
  std::unique_ptr<trace::Recording> recording;  // nullptr: it is not traced
  std::unique_ptr<Shadowed> shadowed;           // the image is of the sample
  size_t plan = 0;                              // of several, see plan_switch.h
  std::shared_ptr<Version> version;             // that prepared it, see version_switch.h
};

/// Answers images, in two parts for a pipeline. `prepare` takes one caller at a time, `finish` any number. Neither throws: see Answer::error.
class Answerer {
 public:
  virtual ~Answerer() = default;
  /// @param keep  the result must outlive the next `prepare`.
  [[nodiscard]] virtual Prepared prepare(Frame frame, bool keep) = 0;
  [[nodiscard]] virtual Answer finish(Prepared prepared) = 0;
  [[nodiscard]] virtual Clock& clock() const = 0;
  /// One image, start to end.
  [[nodiscard]] Answer answer(Frame frame) { return finish(prepare(std::move(frame), /*keep=*/false)); }
};

class Offloader final : public Answerer {
 public:
  /// Compiles head and local tail, checks the edge's identity. An edge that is down or wrong is no error here: see `edge`.
  /// @param edge  for tests; nullptr dials options.edge over gRPC.
  /// @throws InvalidArgument: an edge is needed and none is given; ModelError and others from the package.
  Offloader(DevicePackage package, OffloaderOptions options, std::unique_ptr<Edge> edge = nullptr);
  ~Offloader() override;

  [[nodiscard]] Prepared prepare(Frame frame, bool keep) override;
  [[nodiscard]] Answer finish(Prepared prepared) override;
  [[nodiscard]] Clock& clock() const override { return clock_; }
  /// From now on it decides how long the edge may take, in place of the options. Before the first image; kept by reference.
  void steer_by(Steering& steering) { steering_ = &steering; }

  [[nodiscard]] const DevicePackage& package() const { return package_; }
  [[nodiscard]] const OffloaderOptions& options() const { return options_; }
  /// nullptr when the package needs no edge or none was given.
  [[nodiscard]] const EdgeSession* edge() const { return session_.get(); }
  [[nodiscard]] EdgeSession* edge() { return session_.get(); }
  /// nullptr where no answers are compared.
  [[nodiscard]] const Shadow* shadow() const { return options_.shadow.get(); }
  /// Slow but not exceptional time of the local half on the device as it is now, in microseconds; 0 when there is none.
  [[nodiscard]] double expected_local_us() const;
  /// Of head or, without one, of the local half; nullptr when nothing runs here.
  [[nodiscard]] const EngineInfo* engine_info() const;

 private:
  void choose_answer_form(const ProbeTensors& probe);
  void take_outputs(protocol::InferResult& result, Answer& answer) const;
  template <typename Body>
  double staged_us(const Prepared& image, const char* stage, Body&& body) const;
  void begin(Prepared& out);
  void tell(Prepared& prepared, Answer& answer) const;
  void draw_for_shadow(const Frame& frame, Prepared& out) const;
  void offer_to_shadow(Prepared& prepared, const Answer& answer) const;
  void prepare_wire(Frame& frame, Prepared& out, bool keep);
  void encode_wire(std::vector<protocol::WireTensor>& wire);
  void encode_image(Frame& frame, Prepared& out);
  [[nodiscard]] vision::Image pixels(Frame& frame, Prepared& out);
  [[nodiscard]] std::optional<trace::Context> context_of(const Prepared& prepared, const trace::Stage& call) const;
  [[nodiscard]] double restore_us(const Prepared& prepared) const;
  [[nodiscard]] double edge_budget_us(const Prepared& prepared) const;
  [[nodiscard]] double usual_patience_us() const;
  [[nodiscard]] bool ask_edge(Prepared& prepared, Answer& answer);
  void answer_locally(Prepared& prepared, Answer& answer);
  void restore_input(Prepared& prepared, Answer& answer);
  void rehearse_restoring(const ProbeTensors& probe);
  void finish_times(const Prepared& prepared, Answer& answer) const;

  DevicePackage package_;
  OffloaderOptions options_;
  Clock& clock_;
  Candidate candidate_;
  std::string codec_;  // of edge-only plans, as sent; "" for tensors
  std::string input_name_;
  double slow_;
  std::string scores_name_;  // the output that holds the classes' scores; "" when there is none, or whole outputs are wanted
  int64_t class_count_ = 0;  // its length
  std::atomic<bool> edge_classifies_{false};
  WireCoders coders_;
  std::atomic<bool> edge_decodes_{false};  // it reads the streams of coders_
  std::unique_ptr<Half> head_, local_;
  std::unique_ptr<EdgeSession> session_;
  Steering* steering_ = nullptr;
  Overrun overrun_;
  ExpectedTime call_;              // of calls to the edge
  ExpectedTime restore_a_byte_;    // that was sent: to make the input again for the local half
  std::atomic<int> finishing_{0};  // images between `finish` and answer
};

}  // namespace scissionlite::device
