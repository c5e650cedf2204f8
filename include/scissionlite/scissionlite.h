// ScissionLite as a library: the steps of the program `scissionlite` for an application that does them in process.
//
//   Model -> cuts -> score, profile, probe -> plan -> prepare -> Edge (one machine) and Device (another)
//
// Every step takes and gives values; Scores, Profile, Network and Plan are the JSON files that the commands read and
// write, so a step may as well be done by the program. examples/01_hello_split shows the shortest way from a model to an
// answer. In names, `_us` is microseconds, `_bps` bits per second; images are paths of files, folders (not recursive) or
// globs. `engine` is "" (the default), "openvino", "onnxruntime", "reference", "slow:4:openvino" ...; `threads` 0 is every
// core. Functions may be called from several threads; one object takes one caller at a time unless it says otherwise.
// The library prints nothing on stdout and never ends the process. Everything throws `Error` and nothing else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace scissionlite::api {

using Path = std::filesystem::path;

/// Of the library that is linked, as "0.1.0".
[[nodiscard]] std::string version();

/// Who can act: the caller; whoever made the model file; nobody with this version; the network or the peer; memory, disk,
/// ports; us.
enum class ErrorCode { kInvalidArgument, kModel, kUnsupported, kTransport, kResource, kInternal };

/// Its text says where, what was given, what was expected and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, bool is_retryable) : std::runtime_error(message), code_(code), is_retryable_(is_retryable) {}
  [[nodiscard]] ErrorCode code() const { return code_; }
  /// The same call may succeed later; of kTransport only.
  [[nodiscard]] bool is_retryable() const { return is_retryable_; }

 private:
  ErrorCode code_;
  bool is_retryable_;
};

/// What is logged on stderr, of the whole process. Warnings and errors before the first call.
enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
void set_log_level(LogLevel level);

// --- The model and where it can be cut ---

/// A place to cut: the tensors that cross from device to edge.
struct Cut {
  std::string id{};  // stable for one model; "12" or, with several tensors, "12+9"
  std::vector<std::string> tensors{};
  std::vector<std::vector<int64_t>> shapes{};  // per tensor, batch 1; empty where unknown
  std::vector<std::string> dtypes{};           // per tensor, as "float32"
  int64_t bytes = -1;                          // of all tensors, plain, one image; -1: unknown
  int64_t head_macs = -1;                      // multiply-accumulates before the cut; -1: unknown
};

/// An ONNX file and how an image becomes its input. Immutable; copies share it; any number of threads may use it.
class Model {
 public:
  /// @param input_json  how images are prepared (docs/input_json.md); empty: in the model's metadata, or beside it, or a
  /// default from the input's shape.
  /// @throws kResource: no file; kModel: damaged or no ONNX; kUnsupported: opset below 7, control flow; kInvalidArgument:
  /// an input.json that does not fit. Cost: reads and hashes the file.
  [[nodiscard]] static Model load(const Path& onnx_file, const Path& input_json = {});
  [[nodiscard]] const Path& path() const;
  /// Of the file and its external data: the model's identity in every file that the steps write.
  [[nodiscard]] const std::string& sha256() const;
  /// Of the whole model, one image.
  [[nodiscard]] int64_t macs() const;
  /// By position, input and output excluded. Cost: milliseconds for hundreds of nodes.
  /// @param max_tensors  most tensors that may cross at once, 1 to 16.
  [[nodiscard]] std::vector<Cut> cuts(int max_tensors = 3) const;

  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// --- Measuring. Each result is one JSON file: `load`, `save` and `json` speak the format of docs/formats.md. `load` throws
// kResource without the file, kInvalidArgument with the field that is wrong. ---

/// One candidate measured against the uncut model. Keys: "local", "edge/<codec>", "split/<cut id>/<transfer layer>".
struct Score {
  std::string candidate{};
  double agreement = 0, low = 0, high = 0;  // mean in [0, 1] and its 95 % interval
  int64_t images = 0;                       // behind it; never those that transfer layers were fitted on
  double bytes = 0;                         // sent, mean of an image
};

/// scores.json: what each candidate does to the answers.
class Scores {
 public:
  [[nodiscard]] static Scores load(const Path& file);
  void save(const Path& file) const;
  [[nodiscard]] std::string json() const;
  [[nodiscard]] std::vector<Score> rows() const;

  struct Impl;
  explicit Scores(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct ScoreOptions {
  std::vector<std::string> images{};
  std::string fit_images = "0.33";                   // for fitting: a count ("100") or a share; the rest is scored
  std::vector<std::string> cuts{"auto"};             // auto, auto:<count>, all, none, or ids and tensor names
  std::vector<std::string> transfer_layers{"auto"};  // or specs as fp16, uint8, pool, klt-s2-c64-b4
  std::vector<std::string> codecs{"auto"};           // of edge-only candidates; none, or file, raw, png, jpeg-q90-420 ...
  std::string metric = "top1";                       // top1, cosine, or cmd:PROGRAM
  int max_tensors = 3;
  std::string engine{};
  int threads = 0;
  Path cache{};  // file that a stopped run goes on from; empty: none
};
/// Cost: a run of the model an image, then a run of the head a cut and of the tail a transfer layer, an image each.
/// @throws kInvalidArgument: fewer than two different images, an unknown cut, transfer layer or codec.
[[nodiscard]] Scores score(const Model& model, const ScoreOptions& options);

/// profile.json: how long each part of the model takes on one machine.
class Profile {
 public:
  [[nodiscard]] static Profile load(const Path& file);
  void save(const Path& file) const;
  [[nodiscard]] std::string json() const;
  [[nodiscard]] const std::string& machine() const;
  /// Median of the uncut model.
  [[nodiscard]] double whole_us() const;

  struct Impl;
  explicit Profile(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct ProfileOptions {
  std::string machine = "device";              // its name in plans; "edge" for the other one
  std::string cuts = "auto";                   // auto, all, single, or ids joined with ','; both machines take the same
  std::vector<std::string> transfer_layers{};  // empty: fp32, fp16, uint8, pool, and learned ones at the smallest cuts
  std::vector<std::string> images{};           // what codecs are timed on; empty: synthetic pictures
  int max_tensors = 3;
  std::string engine{};
  int threads = 0;
  double budget_us = 120e6;  // of all work; what does not fit is left out, least important first
  double pause_us = 20e3;    // idle before each run, as between images of a service
};
/// Times this machine. Cost: up to `budget_us`, and more where the fewest repeats take longer.
[[nodiscard]] Profile profile(const Model& model, const ProfileOptions& options);
/// The same for exactly the cuts and transfer layers that were scored; `cuts` and `transfer_layers` are not used.
[[nodiscard]] Profile profile(const Model& model, const Scores& scores, const ProfileOptions& options);

/// network.json: what the link between the two machines carries.
class Network {
 public:
  /// Known without measuring. @throws kInvalidArgument for rates that are not positive or a negative time.
  [[nodiscard]] static Network of(double rtt_us, double up_bps, double down_bps);
  [[nodiscard]] static Network load(const Path& file);
  void save(const Path& file) const;
  [[nodiscard]] std::string json() const;
  [[nodiscard]] double rtt_us() const;
  [[nodiscard]] double up_bps() const;
  [[nodiscard]] double down_bps() const;

  struct Impl;
  explicit Network(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Mutual TLS by files in PEM: the first three together, or none of them. Plain text leaves this machine only where `plain_text` allows it.
struct Security {
  Path authority{};           // certificate that signed the other end's
  Path certificate{}, key{};  // of this end; read again when they change
  Path revoked{};             // list of certificates that are no longer accepted (CRL); empty: none
  bool plain_text = false;
};

/// Measures the link to a running edge, "host:port", with the messages that will use it.
/// @throws kTransport when nobody answers. Cost: about `time_limit_us`.
[[nodiscard]] Network probe(const std::string& edge, double time_limit_us = 20e6, const Security& security = {});

// --- Planning ---

/// One way to share the work, as predicted from the measurements.
struct Candidate {
  std::string key{}, family{};
  double latency_us = 0;
  double bytes = 0;                                                // sent, an image
  double agreement = -1, agreement_low = -1, agreement_high = -1;  // -1: not scored
  bool is_feasible = true;
  std::string problem{};  // which constraint it misses, by how much
};

/// plan.json: the best candidate and what stands beside it.
class Plan {
 public:
  [[nodiscard]] static Plan load(const Path& file);
  void save(const Path& file) const;
  [[nodiscard]] std::string json() const;
  [[nodiscard]] Candidate chosen() const;
  /// Best first, the chosen one included.
  [[nodiscard]] std::vector<Candidate> best() const;
  /// The best of every family: local, edge only, plain cuts, transfer layers.
  [[nodiscard]] std::vector<Candidate> families() const;

  struct Impl;
  explicit Plan(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct PlanOptions {
  std::string objective = "latency";   // latency, throughput or bytes
  std::vector<std::string> require{};  // constraints, as "latency <= 50ms" or "agreement >= 0.97" (see `scissionlite plan --help`)
  std::vector<std::string> forbid{};   // as "images leaving" or "machine edge"
  bool from_file = true;               // images reach the device as files; false: as pixels, from a camera
  int best = 10;                       // rows of Plan::best
};
/// @param scores  nullptr: agreement is unknown. @throws kInvalidArgument: files of different models, a constraint that is
/// not understood, or that no candidate meets (says which and the nearest). Cost: milliseconds; no clock, no network.
[[nodiscard]] Plan plan(const Profile& device, const Profile& edge, const Network& network, const Scores* scores, const PlanOptions& options = {});

// --- Preparing ---

/// What the engine "native" is to start from at once, instead of optimising, choosing and packing at each start.
struct CompileFor {
  int threads = 1;    // that choices are made for; any number may run it
  std::string isa{};  // "avx512", "avx2", "base" (every CPU), "neon"; empty: the widest of this CPU
  Path tuning{};      // file of `scissionlite tune`; empty: the one that the environment names, if any
};

struct PrepareOptions {
  Path package{};                     // the device's folder; empty: not written
  Path repository{};                  // the edge's; a folder a model is added; empty: not written
  std::vector<std::string> images{};  // unlabelled, for learned transfer layers; one of them becomes the probe
  std::string fit_images = "0.33";    // as in ScoreOptions, so that both fit the same transfer layer
  std::string served_name{};          // empty: <model>_tail, or <model> for edge-only candidates
  int max_tensors = 3;                // that of the plan
  int max_batch = 32;
  std::string engine{};
  int threads = 0;
  /// Compiled models beside the ONNX files, which Device and Edge run with the engine "native" where they can; else, and with other
  /// engines, the ONNX files. None: not written. @throws kUnsupported when "native" cannot compile a half.
  std::optional<CompileFor> compile_device{}, compile_edge{};
  std::vector<int64_t> edge_batches{};  // that the edge's is compiled for; empty: those that it loads with, 1 and 2. Others are compiled as they come
  /// Keys of further plans in the same package, between which Device switches; their models in the repository are named after what they are sent.
  std::vector<std::string> also{};
};

/// What was written.
struct Prepared {
  std::string candidate{}, served_name{};
  std::string tail_sha256{};  // what device and edge must agree on
  int64_t wire_bytes = 0;     // of the tensors that cross, one image; of an edge-only candidate its input tensor
  bool is_batch_dynamic = false;
  std::vector<Prepared> also{};  // of PrepareOptions::also, in its order
};
/// @param candidate  a key, as of Plan::chosen. What was in the folders under these names is replaced at once, when all is
/// written. @throws kInvalidArgument: an unknown cut, a learned transfer layer without images, further plans without a package; kResource: a folder
/// that cannot be written. Cost: a run an image that is fitted on, the fit, two compilations.
Prepared prepare(const Model& model, const std::string& candidate, const PrepareOptions& options);

// --- Running ---

struct EdgeOptions {
  std::vector<Path> repositories{};  // that `prepare` wrote; every model in them is served
  std::string host = "127.0.0.1";    // 0.0.0.0: every interface, which takes `security`
  int port = 0;                      // 0: any free one
  std::string engine{};
  int threads = 0;  // of one request
  Security security{};
  Path access{};  // who may use what, as of `scissionlite serve --access`; empty: everybody everything
};

/// The edge half: a server of the Open Inference Protocol on threads of its own, in this process.
class Edge {
 public:
  /// Serving when it returns. @throws kInvalidArgument: no such repository; kResource: the port is taken; and what loading
  /// a model throws.
  explicit Edge(const EdgeOptions& options);
  /// Stops without waiting for requests.
  ~Edge();
  Edge(Edge&&) noexcept;
  Edge& operator=(Edge&&) noexcept;
  [[nodiscard]] std::string address() const;  // "127.0.0.1:8001"
  [[nodiscard]] std::vector<std::string> models() const;
  /// Takes no new requests, waits for those in flight, cancels what is left after the deadline. A second call does nothing.
  void stop(double drain_deadline_us = 30e6);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct DeviceOptions {
  std::string edge{};            // "host:port"; empty: everything is answered locally
  double deadline_us = 0;        // per image; then the local half answers. 0: none
  double call_timeout_us = 5e6;  // without a deadline: how long a silent edge is waited for
  bool local_fallback = true;    // false: an image that the edge does not answer is an error
  int top = 5;                   // classes in an answer
  std::string engine{};
  int threads = 0;
  Security security{};    // of the way to the edge
  double dwell_us = 2e6;  // least time between two switches, of a package with several plans
};

struct Class {
  int64_t index = 0;    // in the model's first output
  std::string label{};  // "" without labels in input.json
  double score = 0;     // as the model gives it
};
struct Output {
  std::string name{};
  std::vector<int64_t> shape{};
  std::vector<float> values{};  // row-major, whatever the model's type
};

/// What a model that finds one class says, where input.json has a decision.
struct Verdict {
  bool is_positive = false;
  double share = 0, threshold = 0;  // of the positive class
  std::string label{};              // of that class
};

/// Every image gets one, from the edge or from the device itself.
struct Answer {
  bool is_from_edge = false;
  std::string plan{};        // by which it was answered: "split/37/uint8"
  std::vector<Class> top{};  // best first; empty when the first output is no list of scores
  std::optional<Verdict> verdict{};
  std::vector<Output> outputs{};                   // empty when the edge sent classes only
  double latency_us = 0;                           // from taking the image to the answer
  double device_us = 0, wire_us = 0, edge_us = 0;  // its parts: work here, both ways and waiting, work there
  int64_t sent_bytes = 0;                          // tensors or file, without the message around them
  bool is_late = false;                            // past the deadline
  std::string note{};                              // why it is local although there is an edge
  std::string error{};                             // not empty: there is no answer, and this is why
};

/// The device half: head, link, and the local tail for when the edge does not answer. Of a package with further plans (`prepare --also`) each image
/// takes the one that is fastest as the link and both machines are then.
class Device {
 public:
  /// Compiles the halves, checks that the edge holds the package's tail. An edge that is down or holds another tail is no
  /// error here; it is asked again in the background. @throws kInvalidArgument: no package, or one with other hashes.
  Device(const Path& package, const DeviceOptions& options);
  ~Device();
  Device(Device&&) noexcept;
  Device& operator=(Device&&) noexcept;
  /// An image file. Never throws for the image's or the edge's sake: see Answer::error and Answer::note.
  [[nodiscard]] Answer run(const Path& image);
  /// Pixels as from a camera: (height, width, 3), 8-bit RGB, rows top to bottom without padding; copied.
  /// A plan that sends files as they are (edge/file) sends such a picture as PNG.
  /// @throws kInvalidArgument when `rgb` is not of that size.
  [[nodiscard]] Answer run(std::span<const uint8_t> rgb, int width, int height);
  /// Why no plan can use the edge now; "" when one can, or when none is needed.
  [[nodiscard]] std::string edge_problem() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Image files below `paths`, sorted by name. @throws kInvalidArgument when there is none.
[[nodiscard]] std::vector<Path> list_images(const std::vector<std::string>& paths);

}  // namespace scissionlite::api
