// What the device hands out for one image: the answer, where it came from, and where the time went.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/tensor.h"
#include "vision/input_spec.h"
#include "vision/vision.h"

namespace scissionlite::device {

/// One image as it reaches the device. The clock of its deadline starts when `Offloader::prepare` takes it.
struct Frame {
  std::string name;                    // path or number, for messages and results
  std::string bytes;                   // of an image file; empty when `image` is set
  std::optional<vision::Image> image;  // already decoded, as from a camera
};

/// kCloud: an edge forwarded what it computed, and the cloud finished it.
enum class Origin { kEdge, kLocal, kCloud };
/// "edge", "local" or "cloud", as answers, logs and traces say it.
[[nodiscard]] const char* name_of(Origin origin);

/// Where the time of one answer went, in microseconds. Parts that did not happen are 0.
struct Parts {
  double image_decode_us = 0;  // file bytes to pixels, on the device
  double preprocess_us = 0;    // resize, crop, values
  double head_us = 0;          // head with TL encoder (engines fuse them); the whole model when local
  double encode_us = 0;        // image codec of edge-only plans
  double serialize_us = 0;     // building the request message
  double wire_us = 0;          // the call less serialize, queue, decode and compute: both ways through the network and the stacks
  double edge_queue_us = 0, edge_decode_us = 0, edge_compute_us = 0;  // as the edge reports them; a stock edge reports none
  double cloud_wire_us = 0;  // the edge's call to the cloud less what follows; where the edge gave the cloud up, the time until then
  double cloud_queue_us = 0, cloud_decode_us = 0, cloud_compute_us = 0;  // as the cloud reports them
  double local_tail_us = 0;                                              // tail on the device
  double other_us = 0;                                                   // the rest: waiting between stages, choosing the best classes
  [[nodiscard]] double cloud_us() const { return cloud_wire_us + cloud_queue_us + cloud_decode_us + cloud_compute_us; }
  [[nodiscard]] double sum_us() const;
};

struct Class {
  int64_t index = 0;  // in the model's output
  std::string label;  // "" when input.json has none
  double score = 0;   // as the model gives it
};

/// What a model that finds one class says.
struct Verdict {
  bool is_positive = false;
  double share = 0, threshold = 0;  // of the positive class
  std::string label;                // of that class
};

struct Answer {
  std::string name;
  Origin origin = Origin::kLocal;
  std::string candidate;                                // the plan, where there are several
  std::string package;                                  // version of the package, where it came from an edge
  std::vector<Class> top;                               // best first; empty when the first output is not a list of scores
  std::optional<Verdict> verdict;                       // where input.json has a decision
  std::vector<std::pair<std::string, Tensor>> outputs;  // empty when the edge sent classes only, see OffloaderOptions::whole_outputs
  double latency_us = 0;                                // from taking the frame to the answer
  Parts parts;
  int64_t payload_bytes = 0;   // tensors or file that were sent; 0 when nothing was
  int64_t message_bytes = 0;   // the whole serialised request
  bool is_late = false;        // past the deadline
  std::string note;            // why it is local although there is an edge
  std::string error;           // not empty: there is no answer, and this is why
  bool was_read = true;        // false: there was no image, so that no plan was asked
  std::string id;              // of the request, at the edge too
  std::string trace_id = {};   // "" when the image is not traced
  int64_t response_bytes = 0;  // the whole answer of the edge
};

/// @param count  classes of the model, which tells whether the labels count a background class.
[[nodiscard]] Class labelled_class(int64_t index, int64_t count, double score, const vision::InputSpec& input);
/// The `k` best of the first output, with labels. Ties go to the lower index; NaN is last.
[[nodiscard]] std::vector<Class> best_classes(const Tensor& scores, const vision::InputSpec& input, int k);

/// By input.json's decision. nullopt: it has none, or the scores are no list with that class.
[[nodiscard]] std::optional<Verdict> verdict_of(const Tensor& scores, const vision::InputSpec& input);

/// One line of `scissionlite run`: name, origin, verdict, top, outputs, latency_us, parts, bytes; or name and error. Outputs are
/// told where there are no classes, or with `whole`; their values (row-major) up to 1,000 of them, or with `whole` all.
[[nodiscard]] Json to_json(const Answer& answer, bool whole = false);

}  // namespace scissionlite::device
