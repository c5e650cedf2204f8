// Profile: how long each part of a model takes on one machine, and what one link can carry.
//
// What lives here: the file formats profile.json (this file) and network.json (network.h), and the measuring code
// (measure.h). Relies on engine, transfer, vision. Start here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/json.h"
#include "base/stats.h"
#include "engine/engine.h"

namespace scissionlite {

/// One measured time. All in microseconds; `ci` is the 95 % interval of the median.
struct Timing {
  double median_us = 0, p95_us = 0;
  Interval ci;
  int64_t n = 0;  // repeats after warm-up; 0 = not measured
  [[nodiscard]] bool measured() const { return n > 0; }
};
[[nodiscard]] Timing make_timing(const std::vector<double>& samples_us);
/// An unmeasured time is null; a plain number is read as one repeat, for profiles written by hand.
[[nodiscard]] Json to_json(const Timing& timing);
[[nodiscard]] Timing timing_from_json(const JsonReader& json);

/// A TL at one cut. Head and tail are timed with the TL inside (engines fuse), encoder and decoder alone for the table.
struct TlProfile {
  Timing encode, decode;              // alone
  Timing head_with_tl, tail_with_tl;  // joined slices; may be unmeasured: then head + encode, decode + tail
  int64_t wire_bytes = 0;
  bool wire_bytes_vary = false;  // entropy-coded: a mean over the images that the profile fitted on
};

struct CutProfile {
  std::string id;
  std::vector<std::string> tensors;
  int64_t bytes = 0;  // plain fp32 (or the tensors' own dtype), one image
  int64_t head_macs = 0;
  int64_t position = 0;  // nodes in the head
  int region = 0;        // block index: block `region` ends at or contains this cut
  bool single = true;
  Timing head, tail;                     // whole slices without TL
  std::map<std::string, TlProfile> tls;  // by TL spec
};

/// profile.json: one model on one machine ("scissionlite.profile/1").
struct Profile {
  std::string machine_name;  // "device", "edge", or as given with --name
  MachineInfo machine;
  EngineInfo engine;
  std::string model_name, model_sha256;
  int64_t model_macs = 0;
  Timing whole;                                              // the uncut model
  std::vector<CutProfile> cuts;                              // by position
  std::vector<Timing> blocks;                                // block i lies between single cut i-1 and i (0 = input, last = output)
  Timing preprocess;                                         // resize, crop, values; from a decoded image
  Timing values;                                             // the values alone, of an image that has the right size; unmeasured: as preprocess
  std::map<std::string, Timing> image_encode, image_decode;  // by codec: "file" (decode only), "raw", "png", "jpeg-q90-420", ...
  std::map<std::string, int64_t> image_bytes;                // median bytes by codec over the profiling images
  int64_t input_bytes = 0;                                   // of the input tensor, one image
  int64_t output_bytes = 0;                                  // of the outputs, one image
  int64_t answer_bytes = 0;                                  // of what the edge sends back: the outputs, or a classifier's five best classes
  std::string via;                                           // address of the stock edge it was measured through, or empty
  std::string command;
};
[[nodiscard]] Json to_json(const Profile& profile);
/// @throws InvalidArgument with the field's path.
[[nodiscard]] Profile profile_from_json(const Json& json, const std::string& where);
[[nodiscard]] Profile load_profile(const fs::path& path);

}  // namespace scissionlite
