#include "engine/backends/native/compiled/compilation.h"

#include <algorithm>
#include <utility>

#include "base/counted.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/version.h"
#include "engine/backends/native/choosing/conv_problems.h"
#include "engine/backends/native/lowering/conv_stage.h"
#include "engine/backends/native/lowering/lower.h"
#include "engine/backends/native/lowering/lower_int8.h"
#include "engine/backends/native/lowering/lowering.h"
#include "engine/backends/native/run_states.h"
#include "kernels/int8/problem_text.h"
#include "kernels/vector/loops.h"
#include "ops/ops.h"
#include "optimise/optimise.h"

namespace scissionlite::native {

namespace {

/// There is memory for what is inferred; callers rely on what is declared.
void check_types(const std::vector<ValueInfo>& declared, const std::vector<ValueInfo>& inferred) {
  for (size_t i = 0; i < declared.size(); ++i)
    if (declared[i].dtype != Dtype::kUndefined && inferred[i].dtype != Dtype::kUndefined && declared[i].dtype != inferred[i].dtype)
      throw ModelError("[native] output '" + declared[i].name + "' is declared as " + std::string(dtype_name(declared[i].dtype)) + ", but is " +
                       std::string(dtype_name(inferred[i].dtype)) + "; correct its type in the model");
}

}  // namespace

Graph specialise(Graph out, const std::vector<Shape>& shapes) {
  out.values.clear();
  for (size_t i = 0; i < shapes.size(); ++i) {
    out.inputs[i].shape = shapes[i];
    out.inputs[i].has_shape = true;
  }
  const auto declared = out.outputs;
  for (auto& output : out.outputs) output.has_shape = false, output.dtype = Dtype::kUndefined;
  optimise(out);  // infers all shapes anew
  check_types(declared, out.outputs);
  for (const auto& node : out.nodes) {
    ops::check_known(out, node, "native");
    for (const auto& value : node.outputs) {
      if (value.empty()) continue;
      const auto info = out.find_value(value);
      if (!info || !info->has_shape || !is_static(info->shape) || info->dtype == Dtype::kUndefined)
        throw Unsupported("[native] cannot compile [" + node.label() + "]: the shape of '" + value +
                          "' is not known before it runs; try --engine openvino");
    }
  }
  return out;
}

std::vector<Shape> usual_shapes(const std::vector<ValueInfo>& inputs) {
  std::vector<Shape> shapes;
  for (const auto& input : inputs) {
    Shape shape = input.shape;
    if (!shape.empty() && shape[0] < 0) shape[0] = 1;
    if (!input.has_shape || !is_static(shape)) return {};
    shapes.push_back(shape);
  }
  return shapes;
}

namespace {

std::string how_to_compile_for_here(const fs::path& folder) {
  return "; compile the model again here (`scissionlite compile MODEL -o " + folder.string() + "`), elsewhere with --isa " +
         kernels::best_loops().isa + ", or with --portable, which keeps the model to compile from";
}

bool is_settled(const ValueInfo& input) { return input.has_shape && is_static(input.shape); }

std::string text_of(const std::vector<Shape>& shapes) {
  std::string text;
  for (const auto& shape : shapes) text += (text.empty() ? "" : ", ") + to_string(shape);
  return text;
}

}  // namespace

Compilation::Compilation(Graph graph, const CompileOptions& options, bool explains)
    : inputs_(graph.inputs), outputs_(graph.outputs), explains_(explains), loops_(&kernels::best_loops()) {
  const int threads = options.threads > 0 ? options.threads : this_machine().cores;
  info_ = {.spec = "native", .version = kVersion, .isa = loops_->isa, .precision = options.precision, .threads = threads};
  precision_ = kernels::precision_named(options.precision);
  folder_ = compiled_folder(graph);
  if (folder_.empty()) graph_ = std::move(graph);
  else open(graph);
  if (!opened_) tuned_ = choices(options.tuning);
  const auto shapes = usual_shapes();
  if (std::all_of(inputs_.begin(), inputs_.end(), is_settled))
    programs_[shapes] = std::make_shared<const Program>(make_program(std::exchange(graph_, {}), shapes));  // no other shapes can come
  else if (!shapes.empty()) (void)program(shapes);
  if (const auto it = programs_.find(shapes); it != programs_.end()) info_.precision = kernels::name_of(it->second->precision());
}

/// Files of `tune` are of float32: what they say of it cannot be weighed against estimates of bf16.
std::shared_ptr<const tune::Choices> Compilation::choices(const std::string& tuning) const {
  if (precision_ == kernels::Precision::kF32) return tune::load_choices(tuning, *loops_, info_.threads);
  if (const auto file = tune::choices_file(tuning); !file.empty())
    log::warning("[native] '" + file + "' was tuned in f32, this is compiled in " + kernels::name_of(precision_) + ": ignored");
  return nullptr;
}

/// Opens what fits this machine; else compiles the model that lies beside the folder or is kept in it.
void Compilation::open(const Graph& graph) {
  beside_ = model_of_compiled(graph);
  auto compiled = load_compiled(folder_);
  precision_ = kernels::precision_named(compiled.precision);
  if (const auto reason = reason_against(compiled); !reason.empty()) {
    if (!beside_.empty()) log::info("[native] compiling '" + beside_.string() + "' instead of opening '" + folder_.string() + "': " + reason);
    else if (keeps_model(compiled)) log::info("[native] compiling the model kept in '" + folder_.string() + "': " + reason);
    else throw Unsupported("[native] cannot run '" + folder_.string() + "': " + reason + how_to_compile_for_here(folder_));
    graph_ = source(compiled);
    return;
  }
  if (compiled.threads != info_.threads)
    log::info("[native] '" + folder_.string() + "' was made for " + counted(compiled.threads, "thread") + ", it runs with " +
              std::to_string(info_.threads));
  opened_ = open_compiled(folder_, std::move(compiled));
  loops_ = &kernels::loops_named(opened_->compiled.isa);
  info_.isa = loops_->isa;
}

Graph Compilation::source(const CompiledModel& compiled) const {
  return beside_.empty() ? kept_model(compiled, folder_) : model_beside(compiled, beside_);
}

std::vector<Shape> Compilation::usual_shapes() const {
  return opened_ && !opened_->compiled.programs.empty() ? opened_->compiled.programs[0].shapes : native::usual_shapes(inputs_);
}

std::shared_ptr<const Program> Compilation::program(const std::vector<Shape>& shapes) {
  const std::lock_guard lock(mutex_);
  if (const auto it = programs_.find(shapes); it != programs_.end()) return it->second;
  if (programs_.size() >= RunStates::kMost) std::erase_if(programs_, [](const auto& one) { return one.second.use_count() == 1; });
  return programs_[shapes] = std::make_shared<const Program>(make_program(graph_, shapes));
}

Program Compilation::make_program(Graph graph, const std::vector<Shape>& shapes) {
  LoweringOptions options{
      .loops = loops_, .threads = info_.threads, .precision = precision_, .tuned = tuned_.get(), .explains = explains_, .store = nullptr};
  if (!std::all_of(inputs_.begin(), inputs_.end(), is_settled)) options.store = &packed_;  // else no other program can share, and no key is needed
  if (!opened_) return lower(specialise(std::move(graph), shapes), options);
  std::string known;
  for (size_t i = 0; i < opened_->stored.programs.size() && i < opened_->compiled.programs.size(); ++i) {
    const auto& of = opened_->compiled.programs[i].shapes;
    known += (known.empty() ? "" : "; ") + text_of(of);
    if (of != shapes) continue;
    const auto& stored = opened_->stored.programs[i];
    options.store = opened_->weights.get();
    options.repeat = &stored.lowered;
    return while_doing("loading '" + folder_.string() + "'", [&] { return lower(stored.graph, options); });
  }
  if (beside_.empty() && !keeps_model(opened_->compiled))
    throw Unsupported("[native] '" + folder_.string() + "' is compiled for inputs of " + known + ", got " + text_of(shapes) +
                      "; compile it with --batch for these too, or with --portable, which keeps the model");
  return lower(specialise(source(opened_->compiled), shapes), options);
}

}  // namespace scissionlite::native

namespace scissionlite {

namespace {

template <typename Key>
std::string problem_text(const Key& key) {
  return key.text();
}
std::string problem_text(const kernels::Int8Problem& problem) { return kernels::text_of(problem); }

/// One more of `key` among the uses, by its text.
template <typename Use, typename Key>
void count(std::vector<Use>& uses, const Key& key, const Key& (*key_of)(const Use&)) {
  const auto it = std::find_if(uses.begin(), uses.end(), [&](const Use& use) { return problem_text(key_of(use)) == problem_text(key); });
  if (it == uses.end()) uses.push_back({key, 1});
  else ++it->count;
}
const tune::ConvWithEnd& conv_of(const ConvUse& use) { return use.conv; }
const kernels::Int8Problem& byte_conv_of(const ByteConvUse& use) { return use.problem; }
const tune::ChainOfConvs& chain_of(const ChainUse& use) { return use.chain; }
const kernels::PoolProblem& pool_of(const PoolUse& use) { return use.pool; }
const kernels::StripProblem& strip_of(const StripUse& use) { return use.strip; }

constexpr int64_t kLeastStripValues = 1 << 14;  // 64 KiB: below, calls are much of a strip's time

/// A single step waits for memory, whoever computes it.
bool is_worth_a_kernel(const kernels::StripProblem& p) { return p.program.steps.size() > 1 && p.n * p.c * p.h * p.w >= kLeastStripValues; }

}  // namespace

ConvUses conv_problems(const Graph& graph, int threads) {
  const auto shapes = native::usual_shapes(graph.inputs);
  if (shapes.empty() && !graph.inputs.empty()) throw Unsupported("[native] '" + graph.name + "' has inputs of open size; give the model fixed sizes");
  native::Program program;
  program.graph = std::make_shared<Graph>(native::specialise(graph, shapes));
  const native::Lowering l(program, {.loops = &kernels::best_loops(), .threads = threads});
  ConvUses uses;
  uses.network = native::network_text(l);
  for (size_t i = 0; i < program.graph->nodes.size(); ++i) {
    const auto& node = program.graph->nodes[i];
    if (const auto stage = native::coming_stage_of(l, node)) count(uses.convs, stage->with_end(), conv_of);
    if (const auto problem = native::int8_problem_of(l, node)) count(uses.byte_convs, *problem, byte_conv_of);
    if (const auto pool = native::pool_problem_of(l, node)) count(uses.pools, *pool, pool_of);
    if (const auto strip = native::strip_problem_of(l, node); strip && is_worth_a_kernel(*strip)) count(uses.strips, *strip, strip_of);
    for (const auto& nodes : native::find_chains(l, i)) {
      tune::ChainOfConvs chain;
      for (const auto at : nodes) chain.stages.push_back(native::stage_of(l, program.graph->nodes[at])->with_end());
      count(uses.chains, chain, chain_of);
    }
  }
  return uses;
}

}  // namespace scissionlite
