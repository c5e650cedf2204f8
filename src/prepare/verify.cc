#include "prepare/verify.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/json.h"
#include "base/rng.h"
#include "base/text.h"
#include "engine/backends/reference.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"

namespace scissionlite {
namespace {

constexpr int kDrawnCuts = 10;  // with engines other than the reference

std::vector<Tensor> run_copied(const Compile& compile, const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  for (const auto& tensor : compile(graph)->run(inputs)) outputs.push_back(tensor.clone());
  return outputs;
}

/// Through the file format: what is verified is what would be written.
Graph written_and_read(const Graph& graph, const std::string& which) {
  return while_doing("reading the " + which + " back", [&] { return parse_model(serialize_model(graph), {}, which); });
}

std::vector<Tensor> in_order(const std::vector<ValueInfo>& wanted, const std::vector<ValueInfo>& names, const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const auto& info : wanted) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.name == info.name; });
    if (found == names.end()) throw InvalidArgument("[verify] the tail needs '" + info.name + "', which the head does not give");
    out.push_back(tensors[static_cast<size_t>(found - names.begin())]);
  }
  return out;
}

/// An engine may compute half precision in float32 and round only what leaves a slice, to 11 bits.
double tolerance_for(const std::vector<Tensor>& crossing, const std::vector<Tensor>& answers, double asked) {
  constexpr double kUsual = 1e-4, kHalf = 2e-3;
  if (asked >= 0) return asked;
  const auto is_half = [](const Tensor& tensor) { return tensor.dtype() == Dtype::kF16 || tensor.dtype() == Dtype::kBF16; };
  return std::any_of(crossing.begin(), crossing.end(), is_half) || std::any_of(answers.begin(), answers.end(), is_half) ? kHalf : kUsual;
}

int64_t top1(const Tensor& tensor) {
  const auto values = tensor.to_f32();
  const auto v = values.as<float>();
  return std::max_element(v.begin(), v.end()) - v.begin();
}

/// "" when equal; else how they differ.
std::string difference(const std::string& what, const Tensor& given, const Tensor& expected, bool exact, double tolerance, double& error) {
  if (given.dtype() != expected.dtype() || given.shape() != expected.shape())
    return what + " is " + std::string(dtype_name(given.dtype())) + " " + to_string(given.shape()) + ", expected " +
           std::string(dtype_name(expected.dtype())) + " " + to_string(expected.shape());
  const double here = bit_equal(given, expected) ? 0 : max_relative_error(given, expected);
  error = std::max(error, here);
  if (exact && !bit_equal(given, expected)) return what + " differs in its bits, by up to " + Json(here).dump() + " of its largest value";
  if (!exact && !(here <= tolerance)) return what + " differs by " + Json(here).dump() + " of its largest value, allowed " + Json(tolerance).dump();
  return "";
}

void compare_all(CutCheck& check, const std::vector<ValueInfo>& infos, const std::vector<Tensor>& given, const std::vector<Tensor>& expected,
                 const std::string& kind, bool exact, double tolerance) {
  for (size_t i = 0; i < expected.size() && check.problem.empty(); ++i)
    check.problem = difference(kind + " '" + infos[i].name + "'", given[i], expected[i], exact, tolerance, check.error);
}

/// The whole model with the tensors of all cuts as further outputs, so that one run gives every value to compare with.
std::map<std::string, Tensor> inner_values(const Graph& model, const std::vector<Cut>& cuts, const Compile& compile,
                                           const std::vector<Tensor>& inputs) {
  Graph graph = model;
  std::set<std::string> wanted;
  for (const auto& info : graph.outputs) wanted.insert(info.name);
  for (const auto& cut : cuts)
    for (const auto& name : cut.tensors)
      if (wanted.insert(name).second) {
        auto info = graph.find_value(name).value_or(ValueInfo{});
        info.name = name;
        graph.outputs.push_back(info);
      }
  const auto tensors = run_copied(compile, graph, inputs);
  std::map<std::string, Tensor> values;
  for (size_t i = 0; i < tensors.size(); ++i) values[graph.outputs[i].name] = tensors[i];
  return values;
}

std::vector<Cut> drawn(std::vector<Cut> cuts, int count, uint64_t seed) {
  if (count <= 0 || static_cast<size_t>(count) >= cuts.size()) return cuts;
  Rng rng(seed);
  for (size_t i = cuts.size(); i-- > 1;) std::swap(cuts[i], cuts[rng.below(i + 1)]);
  cuts.resize(static_cast<size_t>(count));
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.position < b.position; });
  return cuts;
}

int64_t distinct_values(const Tensor& tensor) {
  const auto values = tensor.to_f32();
  const auto v = values.as<float>();
  return static_cast<int64_t>(std::set<float>(v.begin(), v.end()).size());
}

CutCheck check_cut(const Graph& model, const Cut& cut, const Compile& compile, const std::vector<Tensor>& inputs, const std::vector<Tensor>& expected,
                   const std::map<std::string, Tensor>& values, bool exact, double tolerance) {
  CutCheck check;
  try {
    const auto slices = cut_graph(model, cut.tensors);
    std::vector<Tensor> cut_values;
    if (exact)
      for (const auto& info : slices.head.outputs) cut_values.push_back(values.at(info.name));
    check = check_slices(written_and_read(slices.head, "head"), written_and_read(slices.tail, "tail"), compile, inputs, expected, cut_values, exact,
                         tolerance);
  } catch (const Error& e) { check.problem = e.what(); }
  check.id = cut.id;
  check.tensors = cut.tensors;
  return check;
}

}  // namespace

bool VerifyResult::ok() const {
  return std::all_of(checks.begin(), checks.end(), [](const CutCheck& check) { return check.ok; });
}

Compile make_compile(const std::string& engine, int threads) {
  if (engine == "reference") {
    auto backend = std::shared_ptr<Backend>(make_reference_backend(std::make_shared<ReferenceMemo>()));
    return [backend, threads](const Graph& graph) { return backend->compile(with_batch(graph, 1), {.threads = threads}); };
  }
  auto backend = std::shared_ptr<Backend>(make_backend(engine));
  if (const auto support = backend->available(); !support.ok) throw Unsupported("[" + engine + "] " + support.reason);
  return [backend, threads](const Graph& graph) { return backend->compile(with_batch(graph, 1), {.threads = threads}); };
}

std::vector<Tensor> random_inputs(const Graph& graph, uint64_t seed) {
  Rng rng(seed);
  std::vector<Tensor> inputs;
  for (const auto& info : graph.inputs) {
    Shape shape = info.shape;
    if (!shape.empty() && shape[0] < 0) shape[0] = 1;
    if (!info.has_shape || !is_static(shape))
      throw InvalidArgument("[verify] input '" + info.name + "' has shape " + (info.has_shape ? to_string(info.shape) : "unknown") +
                            "; random inputs need a known one: give an image with --image");
    Tensor tensor(info.dtype, shape);
    if (info.dtype == Dtype::kF32) {
      for (auto& v : tensor.mutable_as<float>()) v = static_cast<float>(rng.uniform(-1, 1));
    } else if (info.dtype == Dtype::kF16) {
      auto* halves = reinterpret_cast<uint16_t*>(tensor.mutable_data());
      for (int64_t i = 0; i < tensor.size(); ++i) halves[i] = f32_to_f16(static_cast<float>(rng.uniform(-1, 1)));
    } else if (dtype_size(info.dtype) == 1) {
      for (size_t i = 0; i < tensor.size_bytes(); ++i)
        tensor.mutable_data()[i] = static_cast<std::byte>(rng.below(info.dtype == Dtype::kBool ? 2 : 256));
    } else {
      throw InvalidArgument("[verify] input '" + info.name + "' is " + std::string(dtype_name(info.dtype)) +
                            "; random inputs are made for float32, float16 and 8-bit types");
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

CutCheck check_slices(const Graph& head, const Graph& tail, const Compile& compile, const std::vector<Tensor>& inputs,
                      const std::vector<Tensor>& expected, const std::vector<Tensor>& cut_values, bool exact, double tolerance) {
  CutCheck check;
  const auto crossing = run_copied(compile, head, inputs);
  if (!cut_values.empty()) compare_all(check, head.outputs, crossing, cut_values, "cut tensor", exact, tolerance);
  const auto answers = run_copied(compile, tail, in_order(tail.inputs, head.outputs, crossing));
  if (answers.size() != expected.size())
    throw InvalidArgument("[verify] the tail has " + std::to_string(answers.size()) + " outputs, the model has " + std::to_string(expected.size()));
  compare_all(check, tail.outputs, answers, expected, "output", exact, tolerance_for(crossing, answers, tolerance));
  check.same_top1 = !expected.empty() && expected[0].size() == answers[0].size() && top1(expected[0]) == top1(answers[0]);
  if (check.problem.empty() && !check.same_top1) check.problem = "the top-1 of output '" + tail.outputs[0].name + "' differs";
  check.ok = check.problem.empty();
  return check;
}

VerifyResult verify_model(const Graph& given, const VerifyOptions& options) {
  Graph model = given;
  VerifyResult result;
  result.engine = options.engine;
  result.exact = options.engine == "reference";
  auto cuts = ops::find_costed_cuts(model, {.max_tensors = options.max_tensors});
  result.cuts_of_model = static_cast<int64_t>(cuts.size());
  const int count = options.cuts >= 0 ? options.cuts : result.exact ? 0 : kDrawnCuts;
  cuts = drawn(std::move(cuts), count, options.seed);

  const auto compile = make_compile(options.engine, options.threads);
  const auto inputs = options.inputs.empty() ? random_inputs(model, options.seed) : options.inputs;
  std::vector<Tensor> expected;
  std::map<std::string, Tensor> values;
  while_doing("running the uncut model with " + options.engine, [&] {
    expected = run_copied(compile, model, inputs);
    if (result.exact) values = inner_values(model, cuts, compile, inputs);
  });
  if (!expected.empty()) result.distinct_values = distinct_values(expected[0]);
  for (size_t i = 0; i < cuts.size(); ++i) {
    if (options.progress) options.progress(cuts[i].id, i, cuts.size());
    result.checks.push_back(check_cut(model, cuts[i], compile, inputs, expected, values, result.exact, options.tolerance));
  }
  return result;
}

}  // namespace scissionlite
