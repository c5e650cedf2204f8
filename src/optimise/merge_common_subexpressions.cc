// Equal nodes are computed once: the later one's readers read the earlier one's results. Small constants that are equal become
// one before, so that nodes which read copies are equal too.
#include <algorithm>
#include <unordered_map>

#include "ops/ops.h"
#include "optimise/passes.h"
#include "optimise/rewriter.h"

namespace scissionlite::passes {
namespace {

/// Bounds, axes, shapes and scalars; comparing weights would cost more than it finds.
constexpr size_t kLargestConstantBytes = 4096;

/// Fields with their length before them, so that no two lists give one text.
class Key {
 public:
  void add(std::string_view text) { text_ += std::to_string(text.size()) + ":" + std::string(text); }
  template <typename T>
  void add_raw(const T* data, size_t count) {
    add({reinterpret_cast<const char*>(data), count * sizeof(T)});
  }
  void operator()(int64_t v) { add_raw(&v, 1); }
  void operator()(float v) { add_raw(&v, 1); }
  void operator()(const std::string& v) { add(v); }
  void operator()(const std::vector<int64_t>& v) { add_raw(v.data(), v.size()); }
  void operator()(const std::vector<float>& v) { add_raw(v.data(), v.size()); }
  void operator()(const std::vector<std::string>& v) {
    for (const auto& text : v) add(text);
  }
  void operator()(const Tensor& v) {
    (*this)(static_cast<int64_t>(v.dtype()));
    (*this)(v.shape());
    add_raw(v.data(), v.size_bytes());
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string key_of(const Node& node) {
  Key key;
  key.add(node.domain);
  key.add(node.op_type);
  key(node.inputs);
  for (const auto& output : node.outputs) key.add(output.empty() ? "" : "1");
  for (const auto& [name, value] : node.attributes) {
    key.add(name);
    key(static_cast<int64_t>(value.index()));
    std::visit(key, value);
  }
  return key.text();
}

/// Readers of a copy read the constant whose name comes first.
int merge_constants(Graph& graph, Rewriter& r) {
  std::unordered_map<std::string, std::string> first;
  int rewrites = 0;
  for (const auto& [name, tensor] : graph.initializers) {
    if (tensor.size_bytes() > kLargestConstantBytes) continue;
    Key key;
    key(tensor);
    const auto [it, is_new] = first.emplace(key.text(), name);
    if (is_new || r.readers(name).empty()) continue;
    r.replace_reads(name, it->second);
    ++rewrites;
  }
  return rewrites;
}

/// Operators of our table give the same for the same; a result that is an output of the graph keeps its node.
bool may_be_merged(const Rewriter& r, const Node& node) {
  return ops::find(node.domain, node.op_type) && node.op_type != "Dropout" &&
         std::none_of(node.outputs.begin(), node.outputs.end(), [&](const auto& output) { return r.is_output(output); });
}

int merge_nodes(Rewriter& r) {
  std::unordered_map<std::string, size_t> first;
  int rewrites = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    const auto [it, is_new] = first.emplace(key_of(r.node(i)), i);
    if (is_new || !may_be_merged(r, r.node(i))) continue;
    const auto outputs = r.node(i).outputs, kept = r.node(it->second).outputs;
    r.erase(i);
    for (size_t k = 0; k < outputs.size(); ++k)
      if (!outputs[k].empty()) r.replace_reads(outputs[k], kept[k]);
    ++rewrites;
  }
  return rewrites;
}

}  // namespace

int merge_common_subexpressions(Graph& graph) {
  Rewriter rewriter(graph);
  int rewrites = merge_constants(graph, rewriter);
  rewrites += merge_nodes(rewriter);
  if (rewrites > 0) rewriter.finish();
  return rewrites;
}

}  // namespace scissionlite::passes
