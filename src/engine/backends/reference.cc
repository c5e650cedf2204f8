#include "engine/backends/reference.h"

#include <deque>
#include <unordered_map>

#include "base/file.h"
#include "ops/ops.h"

namespace scissionlite {
namespace {

/// 128 bits: two values of one run collide with a chance of about 2^-100.
struct Key {
  uint64_t low = 0, high = 0;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  size_t operator()(const Key& key) const { return static_cast<size_t>(key.low); }
};

class KeyBuilder {
 public:
  void add(std::string_view text) {
    add_number(text.size());
    mix(std::as_bytes(std::span(text.data(), text.size())));
  }
  void add_number(uint64_t n) { mix(std::as_bytes(std::span(&n, 1))); }
  void add(const Tensor& t) {
    add_number(static_cast<uint64_t>(t.dtype()));
    add_number(t.shape().size());
    for (int64_t size : t.shape()) add_number(static_cast<uint64_t>(size));
    mix(t.bytes());
  }
  [[nodiscard]] Key key() const { return key_; }

 private:
  void mix(std::span<const std::byte> bytes) {
    key_.low = fast_hash(bytes, key_.low);
    key_.high = fast_hash(bytes, key_.high ^ 0x5851f42d4c957f2dULL);
  }
  Key key_;
};

struct AttributeHasher {
  KeyBuilder& key;
  void operator()(int64_t v) const { key.add_number(static_cast<uint64_t>(v)); }
  void operator()(float v) const { key.add({reinterpret_cast<const char*>(&v), sizeof(v)}); }
  void operator()(const std::string& v) const { key.add(v); }
  void operator()(const Tensor& v) const { key.add(v); }
  void operator()(const std::vector<int64_t>& v) const { key.add({reinterpret_cast<const char*>(v.data()), v.size() * sizeof(int64_t)}); }
  void operator()(const std::vector<float>& v) const { key.add({reinterpret_cast<const char*>(v.data()), v.size() * sizeof(float)}); }
  void operator()(const std::vector<std::string>& v) const {
    for (const auto& text : v) key.add(text);
  }
};

Key node_key(const Graph& graph, const Node& node, std::span<const Tensor> inputs) {
  KeyBuilder key;
  key.add(node.domain);
  key.add(node.op_type);
  key.add_number(static_cast<uint64_t>(graph.opset(node.domain)));
  key.add_number(node.outputs.size());
  for (const auto& [name, value] : node.attributes) {
    key.add(name);
    std::visit(AttributeHasher{key}, value);
  }
  for (const auto& input : inputs) key.add(input);
  return key.key();
}

}  // namespace

struct ReferenceMemo::Impl {
  size_t limit_bytes = 0, bytes = 0;
  int64_t hits = 0, misses = 0;
  std::unordered_map<Key, std::vector<Tensor>, KeyHash> results;
  std::deque<Key> order;

  void store(const Key& key, const std::vector<Tensor>& outputs) {
    for (const auto& t : outputs) bytes += t.size_bytes();
    results.emplace(key, outputs);
    order.push_back(key);
    while (bytes > limit_bytes && !order.empty()) {
      const auto it = results.find(order.front());
      for (const auto& t : it->second) bytes -= t.size_bytes();
      results.erase(it);
      order.pop_front();
    }
  }
};
ReferenceMemo::ReferenceMemo(size_t limit_bytes) : impl_(std::make_unique<Impl>()) { impl_->limit_bytes = limit_bytes; }
ReferenceMemo::~ReferenceMemo() = default;
int64_t ReferenceMemo::hits() const { return impl_->hits; }
int64_t ReferenceMemo::misses() const { return impl_->misses; }

namespace {

/// The graph, and after which node each value is no longer needed.
struct Program {
  Graph graph;
  std::vector<std::vector<std::string>> last_uses;  // per node

  explicit Program(const Graph& given) : graph(given), last_uses(given.nodes.size()) {
    for (const auto& node : graph.nodes) ops::check_known(graph, node, "reference");
    std::set<std::string> kept;
    for (const auto& info : graph.outputs) kept.insert(info.name);
    for (size_t i = graph.nodes.size(); i-- > 0;)
      for (const auto& input : graph.nodes[i].inputs)
        if (!input.empty() && !graph.initializers.count(input) && kept.insert(input).second) last_uses[i].push_back(input);
  }
};

class ReferenceExecutable final : public Executable {
 public:
  ReferenceExecutable(std::shared_ptr<const Program> program, std::shared_ptr<ReferenceMemo> memo)
      : program_(std::move(program)), memo_(std::move(memo)) {
    info_.spec = "reference";
    info_.version = "1";
    info_.precision = "f32";
    info_.threads = 1;
  }
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return program_->graph.inputs; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return program_->graph.outputs; }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }

  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    const Graph& graph = program_->graph;
    check_inputs(inputs, graph.inputs, "reference");
    std::unordered_map<std::string, Tensor> values;
    for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs[i].name] = inputs[i];
    const auto value = [&](const std::string& name) -> Tensor {
      if (name.empty()) return {};
      if (const auto it = values.find(name); it != values.end()) return it->second;
      return graph.initializers.at(name);
    };
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const auto& node = graph.nodes[n];
      std::vector<Tensor> arguments;
      for (const auto& input : node.inputs) arguments.push_back(value(input));
      const auto results = run_node(node, arguments);
      for (size_t i = 0; i < node.outputs.size() && i < results.size(); ++i)
        if (!node.outputs[i].empty()) values[node.outputs[i]] = results[i];
      for (const auto& name : program_->last_uses[n]) values.erase(name);
    }
    std::vector<Tensor> outputs;
    for (const auto& info : graph.outputs) outputs.push_back(value(info.name));
    return outputs;
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<ReferenceExecutable>(program_, memo_); }

 private:
  std::vector<Tensor> run_node(const Node& node, std::span<const Tensor> arguments) {
    if (!memo_) return ops::run_node(program_->graph, node, arguments);
    auto& memo = memo_->impl();
    const Key key = node_key(program_->graph, node, arguments);
    if (const auto it = memo.results.find(key); it != memo.results.end()) {
      ++memo.hits;
      return it->second;
    }
    ++memo.misses;
    auto results = ops::run_node(program_->graph, node, arguments);
    memo.store(key, results);
    return results;
  }
  std::shared_ptr<const Program> program_;
  std::shared_ptr<ReferenceMemo> memo_;
  EngineInfo info_;
};

class ReferenceBackend final : public Backend {
 public:
  explicit ReferenceBackend(std::shared_ptr<ReferenceMemo> memo) : memo_(std::move(memo)) {}
  [[nodiscard]] std::string name() const override { return "reference"; }
  [[nodiscard]] Support available() const override { return {}; }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& graph, const CompileOptions&) const override {
    return std::make_unique<ReferenceExecutable>(std::make_shared<Program>(graph), memo_);
  }

 private:
  std::shared_ptr<ReferenceMemo> memo_;
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend() { return std::make_unique<ReferenceBackend>(nullptr); }
std::unique_ptr<Backend> make_reference_backend(std::shared_ptr<ReferenceMemo> memo) { return std::make_unique<ReferenceBackend>(std::move(memo)); }

}  // namespace scissionlite
