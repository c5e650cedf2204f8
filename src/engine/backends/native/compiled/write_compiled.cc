#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/cpu.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/version.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/compiled/compiled.h"
#include "engine/backends/native/compiled/stored_kernels.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace native {
namespace {

constexpr int64_t kLine = 64, kPage = 4096;

/// weights.bin as it grows. @throws ResourceError for a full disk.
class WeightsFile {
 public:
  explicit WeightsFile(fs::path path) : path_(std::move(path)), file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (file_.get() < 0) fail();
  }

  void add(const std::string& key, const std::byte* data, int64_t bytes) {
    const int64_t alignment = bytes >= 16 * kPage ? kPage : kLine, offset = (size_ + alignment - 1) / alignment * alignment;
    static constexpr std::byte kZeros[kPage]{};
    write(kZeros, offset - size_);
    write(data, bytes);
    written_.push_back({key, offset, bytes, checksum_text(fast_hash({data, static_cast<size_t>(bytes)}))});
    size_ = offset + bytes;
  }
  void finish() {
    if (fsync(file_.get()) != 0) fail();
  }
  [[nodiscard]] const std::vector<StoredWeights>& written() const { return written_; }

 private:
  [[noreturn]] void fail() const {
    throw ResourceError("[native] cannot write '" + path_.string() + "': " + std::strerror(errno) +
                        "; free some space or choose another place; nothing was changed");
  }
  void write(const std::byte* data, int64_t bytes) const {
    if (!write_all(file_.get(), {reinterpret_cast<const char*>(data), static_cast<size_t>(bytes)})) fail();
  }
  fs::path path_;
  Descriptor file_;
  int64_t size_ = 0;
  std::vector<StoredWeights> written_;
};

CompiledProgram described(const Program& program, const std::vector<Shape>& shapes) {
  CompiledProgram out{shapes, program.arena_bytes, {}};
  for (const auto& step : program.steps) out.steps.push_back({step.node, step.implementation, step.reason, step.macs});
  return out;
}

CompiledFile listed(const fs::path& folder, const std::string& name) {
  const auto bytes = read_file(folder / name, uint64_t{64} << 30);
  return {name, static_cast<int64_t>(bytes.size()), sha256_hex(bytes), checksum_text(fast_hash(std::as_bytes(std::span(bytes))))};
}

/// Shapes of the inputs for each batch. @throws InvalidArgument for a batch that the model does not take.
std::vector<std::vector<Shape>> shapes_for(const Graph& graph, const std::vector<int64_t>& batches) {
  const auto usual = usual_shapes(graph.inputs);
  if (usual.empty() && !graph.inputs.empty())
    throw Unsupported("[compile] '" + graph.name + "' has inputs of open size besides the batch; give the model fixed sizes");
  std::vector<std::vector<Shape>> out;
  for (const auto batch : batches) {
    auto shapes = usual;
    for (size_t i = 0; i < shapes.size(); ++i) {
      const auto& given = graph.inputs[i].shape;
      if (!given.empty() && given[0] < 0) shapes[i][0] = batch;
      else if (batch != 1 && !given.empty() && given[0] != batch)
        throw InvalidArgument("[compile] '" + graph.name + "' takes input '" + graph.inputs[i].name + "' as " + to_string(given) +
                              ", not in batches of " + std::to_string(batch) + "; leave --batch out");
    }
    if (std::find(out.begin(), out.end(), shapes) == out.end()) out.push_back(std::move(shapes));
  }
  return out;
}

/// Types that the model leaves open are those that were inferred.
std::vector<ValueInfo> outputs_of(const Graph& graph, const Graph& stored) {
  auto outputs = graph.outputs;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].dtype == Dtype::kUndefined) outputs[i].dtype = stored.outputs[i].dtype;
  return outputs;
}

class Compiler {
 public:
  Compiler(const Graph& graph, const CompileModelOptions& options, const CompileProgress& progress)
      : graph_(graph),
        options_(options),
        progress_(progress),
        precision_(kernels::precision_named(options.precision)),
        loops_(options.isa.empty() ? kernels::best_loops() : kernels::described_loops(options.isa)),
        folder_(options.folder),
        weights_(folder_.path() / kWeightsBin) {}

  CompiledModel run() {
    const auto tuned =
        precision_ == kernels::Precision::kF32 ? tune::load_choices(options_.tuning, loops_, options_.threads) : nullptr;  // which are of float32
    out_ = {.model_name = options_.model.stem().string(),
            .model_sha256 = model_sha256(options_.model),
            .created_by = kVersion,
            .engine = "native",
            .build = build_fingerprint(),
            .isa = loops_.isa,
            .lanes = loops_.lanes,
            .threads = options_.threads,
            .precision = options_.precision,
            .cpu = this_machine().cpu,
            .tuning = tuned ? tune::choices_file(options_.tuning) : "",
            .inputs = graph_.inputs,
            .outputs = {},
            .metadata = graph_.metadata,
            .packed_bytes = 0,
            .programs = {},
            .files = {}};
    for (const auto& shapes : shapes_for(graph_, options_.batches)) add_program(shapes, tuned.get());
    out_.outputs = outputs_of(graph_, stored_.programs.at(0).graph);
    write();
    folder_.commit();
    return out_;
  }

 private:
  void say(const std::string& doing) const {
    if (progress_) progress_(doing);
  }

  void add_program(const std::vector<Shape>& shapes, const tune::Choices* tuned) {
    say("packing weights for " + (shapes.empty() ? "no inputs" : to_string(shapes[0])));
    const auto optimised = specialise(graph_, shapes);
    Lowered lowered;
    out_.programs.push_back(described(
        lower(optimised,
              {.loops = &loops_, .threads = options_.threads, .precision = precision_, .tuned = tuned, .store = &packed_, .note = &lowered}),
        shapes));
    for (const auto& [subject, decision] : lowered.decisions) decisions_.push_back(decision);
    stored_.programs.push_back(stored_program(optimised, lowered));
    for (const auto& [name, identity] : stored_.programs.back().values)
      if (values_.insert(identity).second)
        weights_.add(key_of_values(identity), lowered.read.at(name).data(), static_cast<int64_t>(lowered.read.at(name).size_bytes()));
  }

  void write() {
    say("writing");
    for (const auto& [key, bytes] : packed_.all()) weights_.add(key, bytes.data.get(), bytes.bytes);
    weights_.finish();
    stored_.weights = weights_.written();
    out_.packed_bytes = packed_.total_bytes();
    write_file(folder_.path() / kGraphsJson, graphs_text());
    if (options_.is_portable) write_file(folder_.path() / kCompiledModel, serialize_model(graph_));
    const auto kernels = store_kernels(decisions_, out_.tuning, folder_.path());
    say("hashing");
    for (const auto* name : {kGraphsJson, kWeightsBin}) out_.files.push_back(listed(folder_.path(), name));
    if (options_.is_portable) out_.files.push_back(listed(folder_.path(), kCompiledModel));
    for (const auto& name : kernels) out_.files.push_back(listed(folder_.path(), name));
    write_json(folder_.path() / kCompiledJson, to_json(out_));
  }

  [[nodiscard]] std::string graphs_text() const {
    try {
      return to_json(stored_).dump() + "\n";
    } catch (const Json::exception& e) {  // of text in attributes
      throw Unsupported("[compile] '" + graph_.name + "' cannot be written as JSON, which is UTF-8: " + e.what());
    }
  }

  const Graph& graph_;
  const CompileModelOptions& options_;
  const CompileProgress& progress_;
  kernels::Precision precision_;
  const kernels::VectorLoops& loops_;
  StagedFolder folder_;
  WeightsFile weights_;
  kernels::PackedInMemory packed_;
  Stored stored_;
  std::set<std::string> values_;     // identities written
  std::vector<Decision> decisions_;  // of all programs
  CompiledModel out_;
};

/// What lies there may be replaced only when it is a compiled model.
void check_target(const fs::path& folder) {
  if (fs::exists(folder) && !is_compiled(folder) && !(fs::is_directory(folder) && fs::is_empty(folder)))
    throw InvalidArgument("[compile] '" + folder.string() + "' exists and is no compiled model; choose another folder");
}

}  // namespace
}  // namespace native

CompiledModel compile_model(const Graph& graph, const CompileModelOptions& options, const CompileProgress& progress) {
  if (!compiled_folder(graph).empty()) throw InvalidArgument("[compile] '" + options.model.string() + "' is compiled already; give the ONNX file");
  native::check_target(options.folder);
  return native::Compiler(graph, options, progress).run();
}

}  // namespace scissionlite
