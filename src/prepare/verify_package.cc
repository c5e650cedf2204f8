#include "prepare/verify_package.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "engine/engine.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "prepare/further_plans.h"
#include "prepare/prepare.h"
#include "prepare/repository.h"
#include "prepare/verify.h"
#include "profile/synthetic_image.h"
#include "vision/model_input.h"

namespace scissionlite {
namespace {

constexpr double kMostOtherCodes = 0.05, kHalfPrecision = 2e-3;

class Checker {
 public:
  /// @param of  the package that this one is a further plan of; nullptr: it is none, or that one could not be opened.
  explicit Checker(const PackageVerifyOptions& options, const DevicePackage* of = nullptr) : options_(options), of_(of) {}

  std::vector<PackageFinding> run() {
    if (!step("package: files and hashes", [&] { return open(); })) return findings_;
    if (is_split()) step("head: names its tail", [&] { return head_names_tail(); });
    if (is_split() && fs::exists(package_.picture_path())) step("head: gives the stored tensors", [&] { return picture(); });
    step("probe: local.onnx gives the stored answer", [&] { return probe(package_.local_path()); });
    for (const auto& model : {package_.head(), package_.local()})
      if (!model.form.empty()) check_compiled(model, model.form.filename().string());
    if (!options_.repository.empty() && !is_local()) check_repository();
    if (!options_.model.empty()) check_against_model();
    return findings_;
  }
  /// nullptr: it could not be.
  [[nodiscard]] const DevicePackage* opened() const { return findings_.front().ok ? &package_ : nullptr; }

 private:
  [[nodiscard]] Candidate candidate() const { return candidate_from_key(package_.manifest.candidate); }
  [[nodiscard]] bool is_split() const { return candidate().kind == Candidate::Kind::kSplit; }
  [[nodiscard]] bool is_local() const { return candidate().kind == Candidate::Kind::kLocal; }
  [[nodiscard]] std::string engine() const { return options_.engine.empty() ? default_backend() : options_.engine; }

  /// Runs a check that returns a detail, or throws why it fails.
  template <typename Body>
  bool step(const std::string& what, Body&& body) {
    try {
      findings_.push_back({what, body(), true});
      return true;
    } catch (const Error& e) {
      findings_.push_back({what, e.what(), false, e.code()});
      return false;
    }
  }

  std::string open() {
    package_ = open_package(options_.package);
    if (of_ != nullptr) check_same_model(*of_, package_);
    return package_.manifest.candidate + " of " + package_.manifest.model_name;
  }

  std::string head_names_tail() {
    while_doing("reading '" + package_.head_path().string() + "'", [&] {
      const auto head = load_model(package_.head_path());
      check_head_names_tail(head, package_.manifest);
      package_.check_input_of(head);
    });
    return package_.manifest.tail_sha256.substr(0, 12);
  }

  std::unique_ptr<Executable> compile_file(const fs::path& path) const {
    return compile(with_batch(load_model(path), 1), engine(), {.threads = options_.threads});
  }

  /// The model's input from a probe's question, which for edge-only plans is an encoded image.
  [[nodiscard]] Tensor decoded(const Tensor& question) const {
    const auto& codec = candidate().codec;
    const std::string bytes(reinterpret_cast<const char*>(question.data()), question.size_bytes());
    if (codec == "file") return vision::preprocess(vision::decode(bytes, "the probe"), package_.input);
    if (codec != "raw") return vision::to_tensor(vision::decode(bytes, "the probe"), package_.input);
    return vision::to_tensor({package_.input.width, package_.input.height, {bytes.begin(), bytes.end()}}, package_.input);
  }

  /// The head on the probe's picture, by the engine and, where there is one, its compiled form. Where sums are made in another order some codes
  /// differ, and a byte may hold several.
  std::string picture() {
    const auto stored = package_.load_probe();
    const auto input = vision::to_tensor(vision::load_image(package_.picture_path()), package_.input);
    const auto executable = compile(with_batch(load_packaged(package_.head(), engine()), 1), engine(), {.threads = options_.threads});
    const auto given = executable->run(std::vector<Tensor>{input});
    double worst = 0;
    for (size_t i = 0; i < given.size(); ++i) {
      const auto& name = executable->outputs()[i].name;
      const auto found = std::find_if(stored.inputs.begin(), stored.inputs.end(), [&](const auto& t) { return t.first == name; });
      if (found == stored.inputs.end()) continue;  // the tail does not need it
      const bool are_codes = dtype_size(found->second.dtype()) == 1;
      const double error = are_codes ? share_that_differs(given[i], found->second) : max_relative_error(given[i], found->second);
      const double most = are_codes ? kMostOtherCodes : std::max(options_.tolerance, dtype_size(found->second.dtype()) == 2 ? kHalfPrecision : 0);
      if (!(error <= most))
        throw InvalidArgument("[verify] '" + package_.head_path().string() + "' makes other tensors of probe.png than were stored, in '" + name +
                              "': " + (are_codes ? "a share of the bytes of " : "by a share of the largest value of ") + Json(error).dump() +
                              ", allowed " + Json(most).dump() + "; it computes something else on this machine, or is not the head of this package");
      worst = std::max(worst, error);
    }
    return "largest difference " + Json(worst).dump();
  }

  static double share_that_differs(const Tensor& a, const Tensor& b) {
    if (a.size_bytes() != b.size_bytes()) return 1;
    size_t differ = 0;
    for (size_t i = 0; i < a.size_bytes(); ++i) differ += a.data()[i] != b.data()[i];
    return a.size_bytes() == 0 ? 0 : static_cast<double>(differ) / static_cast<double>(a.size_bytes());
  }

  /// @param next  takes what `model` gives, where that is not the answer.
  std::string probe(const fs::path& model, const fs::path& next = {}) {
    const auto stored = package_.load_probe();
    const bool is_encoded = candidate().kind == Candidate::Kind::kEdge && candidate().codec != "tensor";
    std::vector<Tensor> inputs;
    auto executable = compile_file(model);
    for (const auto& info : executable->inputs()) {
      const auto found = std::find_if(stored.inputs.begin(), stored.inputs.end(), [&](const auto& t) { return t.first == info.name; });
      if (found == stored.inputs.end()) throw InvalidArgument("[verify] probe.bin has no tensor '" + info.name + "', which the tail needs");
      inputs.push_back(is_encoded ? decoded(found->second) : found->second);
    }
    auto answers = executable->run(inputs);
    if (!next.empty()) {
      NamedTensors sent;
      for (size_t i = 0; i < answers.size(); ++i) sent.emplace_back(executable->outputs()[i].name, answers[i].clone());
      executable = compile_file(next);
      answers = executable->run(in_order(executable->inputs(), sent));
    }
    double worst = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
      const auto& name = executable->outputs()[i].name;
      const auto found = std::find_if(stored.outputs.begin(), stored.outputs.end(), [&](const auto& t) { return t.first == name; });
      if (found == stored.outputs.end()) throw InvalidArgument("[verify] probe.bin has no answer for output '" + name + "'");
      const double error = max_relative_error(answers[i], found->second);
      if (!(error <= probe_tolerance()))
        throw InvalidArgument("[verify] '" + model.string() + "' answers the probe differently in output '" + name + "': by " + Json(error).dump() +
                              " of its largest value, allowed " + Json(probe_tolerance()).dump() + "; it is not the tail of this package");
      worst = std::max(worst, error);
    }
    return "largest difference " + Json(worst).dump();
  }

  [[nodiscard]] double probe_tolerance() const {
    return package_.manifest.forward ? std::max(options_.tolerance, kChainTolerance) : options_.tolerance;
  }

  using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
  static std::vector<Tensor> in_order(const std::vector<ValueInfo>& wanted, const NamedTensors& given) {
    std::vector<Tensor> out;
    for (const auto& info : wanted) {
      const auto found = std::find_if(given.begin(), given.end(), [&](const auto& tensor) { return tensor.first == info.name; });
      if (found == given.end())
        throw InvalidArgument("[verify] the edge's model gives no '" + info.name + "', which the cloud's needs; prepare both together");
      out.push_back(found->second);
    }
    return out;
  }

  void check_repository() {
    const auto folder = options_.repository / package_.manifest.tail_name;
    fs::path file;
    const bool there = step("repository: the package's model", [&] {
      if (!fs::is_directory(folder))
        throw InvalidArgument("[verify] '" + options_.repository.string() + "' has no model '" + package_.manifest.tail_name +
                              "'; prepare both together");
      file = model_file(folder);
      const auto given = model_sha256(file);
      if (given != package_.manifest.tail_sha256)
        throw InvalidArgument("[verify] '" + file.string() + "' has sha256 " + given + ", the package expects " + package_.manifest.tail_sha256 +
                              "; prepare both together");
      return "sha256 " + given.substr(0, 12);
    });
    step("repository: manifest and config", [&] { return check_claims(folder); });
    if (!there) return;
    const auto& forward = package_.manifest.forward;
    if (!forward) step("probe: the edge's model gives the stored answer", [&] { return probe(file); });
    else if (const auto copy = folder / "cloud" / "local.onnx"; fs::exists(copy))
      step("probe: the edge's model and its copy of the cloud's give the stored answer", [&] { return probe(file, copy); });
    for (const auto& [path, hash] : edge_.compiled)
      if (step("repository: " + path, [&, p = path, h = hash] { return check_form(folder, p, h, edge_.tail_sha256), h.substr(0, 12); }))
        check_compiled({file, folder / path}, path);
  }

  /// A compiled form against its ONNX file, whatever engine the rest is checked with.
  void check_compiled(const PackagedModel& model, const std::string& name) {
    if (!step("compiled: every byte of " + name, [&] { return check_form_bytes(model.form), load_compiled(model.form).isa; })) return;
    step("compiled: " + name + " answers as its ONNX file", [&] { return compare_form(model); });
  }

  [[nodiscard]] std::string compare_form(const PackagedModel& model) const {
    const auto compiled = load_compiled(model.form);
    if (const auto reason = native::reason_against(compiled); !reason.empty()) return "not tried here: " + reason;
    const CompileOptions threads{.threads = options_.threads};
    const auto form = compile(compiled_graph(model.form), "native", threads), onnx = compile(load_model(model.onnx), "native", threads);
    double worst = 0;
    for (const auto& program : compiled.programs) {
      const auto inputs = inputs_of(model.form, program.shapes);
      const auto given = form->run(inputs), expected = onnx->run(inputs);
      for (size_t o = 0; o < expected.size(); ++o) {
        const double error = max_relative_error(given.at(o), expected[o]);
        if (!(error <= allowed(expected[o])))
          throw InvalidArgument("[verify] '" + model.form.string() + "' answers otherwise than '" + model.onnx.string() + "' in output '" +
                                compiled.outputs[o].name + "': by " + Json(error).dump() + " of its largest value, allowed " +
                                Json(allowed(expected[o])).dump() + "; prepare the package again");
        worst = std::max(worst, error);
      }
    }
    return "largest difference " + Json(worst).dump() + ", batches compiled for: " + std::to_string(compiled.programs.size());
  }

  static std::vector<Tensor> inputs_of(const fs::path& form, const std::vector<Shape>& shapes) {
    Graph graph = compiled_graph(form);
    for (size_t i = 0; i < shapes.size(); ++i) graph.inputs.at(i).shape = shapes[i];
    return random_inputs(graph, /*seed=*/1);
  }

  /// Codes are rounded: sums in another order may make one a step larger.
  [[nodiscard]] double allowed(const Tensor& expected) const {
    if (dtype_size(expected.dtype()) > 1 || expected.size() == 0) return options_.tolerance;
    const auto values = expected.to_f32();
    double largest = 0;
    for (const float v : values.as<float>()) largest = std::max(largest, std::abs(double{v}));
    return std::max(options_.tolerance, 1.001 / std::max(largest, 1.0));
  }

  std::string check_claims(const fs::path& folder) {
    const auto where = (folder / "manifest.json").string();
    edge_ = manifest_from_json(parse_json(read_file(where), where), where);
    const auto& edge = edge_;
    const auto& device = package_.manifest;
    if (edge.role != "edge") throw InvalidArgument("[verify] " + where + " has role '" + edge.role + "', expected 'edge'");
    if (edge.tail_sha256 != device.tail_sha256 || edge.model_sha256 != device.model_sha256)
      throw InvalidArgument("[verify] " + where + " is of tail " + edge.tail_sha256 + " of model " + edge.model_sha256 + ", the package of tail " +
                            device.tail_sha256 + " of model " + device.model_sha256);
    if (read_file(folder / "config.pbtxt").find(device.tail_sha256) == std::string::npos)
      throw InvalidArgument("[verify] '" + (folder / "config.pbtxt").string() + "' does not claim model_sha256 " + device.tail_sha256);
    return edge.batch_dynamic ? "batch is dynamic" : "batch is fixed: " + edge.batch_note;
  }

  void check_against_model() {
    const bool same = step("model: the one that was cut", [&] {
      const auto given = model_sha256(options_.model);
      if (given != package_.manifest.model_sha256)
        throw InvalidArgument("[verify] '" + options_.model.string() + "' has sha256 " + given + ", the package was made from " +
                              package_.manifest.model_sha256);
      return given.substr(0, 12);
    });
    if (same) step("head + tail against the model", [&] { return compare_answers(); });
  }

  std::string compare_answers() {
    const auto whole = compile(with_batch(vision::with_input_size(load_model(options_.model), package_.input), 1), engine(),
                               {.threads = options_.threads}),
               tail = compile_file(package_.local_path());
    const auto head = is_split() ? compile_file(package_.head_path()) : nullptr;
    double worst = 0;
    size_t agreeing = 0, total = std::max<size_t>(options_.images.size(), 1);
    for (size_t i = 0; i < total; ++i) {
      const auto image =
          options_.images.empty() ? synthetic_image(package_.input.width, package_.input.height) : vision::load_image(options_.images[i]);
      const std::vector<Tensor> input{vision::preprocess(image, package_.input)};
      const auto crossing = head ? head->run(input) : input;
      const auto given = tail->run(crossing), expected = whole->run(input);
      for (size_t o = 0; o < expected.size(); ++o) worst = std::max(worst, max_relative_error(given.at(o), expected[o]));
      agreeing += top1(given[0]) == top1(expected[0]);
    }
    const auto links = chain_from_key(package_.manifest.chain());
    const bool lossless = std::all_of(links.begin(), links.end(), [](const Candidate& link) { return link.tl.empty() || link.tl == kUnchangedTl; });
    const std::string detail =
        "largest difference " + Json(worst).dump() + ", same top-1 on " + std::to_string(agreeing) + " of " + std::to_string(total) + " images";
    if (lossless && (!(worst <= options_.tolerance) || agreeing < total))
      throw InvalidArgument("[verify] head and tail differ from the model: " + detail + "; allowed " + Json(options_.tolerance).dump());
    return detail + (lossless ? "" : " ('" + package_.manifest.chain() + "' loses some)");
  }

  static int64_t top1(const Tensor& tensor) {
    const auto values = tensor.to_f32();
    const auto v = values.as<float>();
    return std::max_element(v.begin(), v.end()) - v.begin();
  }

  const PackageVerifyOptions& options_;
  DevicePackage package_;
  const DevicePackage* of_;
  Manifest edge_;  // of the repository, once it is read
  std::vector<PackageFinding> findings_;
};

}  // namespace

std::vector<PackageFinding> verify_package(const PackageVerifyOptions& options) {
  Checker package(options);
  auto findings = package.run();
  for (const auto& folder : further_plans(options.package)) {
    auto further = options;
    further.package = folder;
    for (auto& finding : Checker(further, package.opened()).run())
      findings.push_back(
          {folder.lexically_relative(options.package).string() + ", " + finding.what, std::move(finding.detail), finding.ok, finding.code});
  }
  return findings;
}

}  // namespace scissionlite
