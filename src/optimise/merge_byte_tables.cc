// Operators of bytes whose operands all follow from one value, such as x * sigmoid(x) -> one ByteTable of that value. Its entries are
// what the operator's reference code gives for each of the 256 bytes.
#include "base/error.h"
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

/// A value as table[source].
struct Function {
  std::string source;
  Tensor table;  // (256)
};

std::optional<Function> function_of(const Rewriter& r, const std::string& value) {
  const auto dtype = r.dtype(value);
  if (dtype != Dtype::kU8 && dtype != Dtype::kI8) return std::nullopt;
  if (const auto maker = r.producer(value); maker && is_fused(r.node(*maker), "ByteTable") && r.node(*maker).inputs.size() == 2)
    if (const auto* table = r.constant(r.node(*maker).inputs[1]); table && table->size() == 256) return Function{r.node(*maker).inputs[0], *table};
  Tensor itself(dtype, {256});
  for (int code = 0; code < 256; ++code) itself.mutable_data()[code] = static_cast<std::byte>(code);
  return Function{value, itself};
}

constexpr size_t kInputsOfBinary = 7;  // the result's zero point may be missing

/// Which inputs are bytes that the operator combines value by value; the others have to be constant. None of a node that is not complete.
std::vector<size_t> operands_of(const Node& node) {
  if (is_fused(node, "ByteTable")) return node.inputs.size() == 2 ? std::vector<size_t>{0} : std::vector<size_t>{};
  if (node.inputs.size() < kInputsOfBinary) return {};
  const bool is_binary = is_fused(node, "FusedQLinearAdd") || is_fused(node, "FusedQLinearMul") ||
                         (node.domain == "com.microsoft" && (node.op_type == "QLinearAdd" || node.op_type == "QLinearMul"));
  return is_binary ? std::vector<size_t>{0, 3} : std::vector<size_t>{};
}

bool merge(Rewriter& r, size_t i) {
  const Node node = r.node(i);
  const auto operands = operands_of(node);
  if (operands.empty()) return false;
  auto inputs = r.constants(i);
  std::optional<std::string> source;
  bool is_shorter = operands.size() > 1;  // a lone table is one already, unless it reads another
  for (const size_t k : operands) {
    const auto f = function_of(r, node.inputs[k]);
    if (!f || (source && *source != f->source)) return false;
    source = f->source;
    inputs[k] = f->table;
    is_shorter = is_shorter || f->source != node.inputs[k];
  }
  for (size_t k = 0; k < inputs.size(); ++k)
    if (!node.inputs[k].empty() && inputs[k].empty()) return false;
  const auto* op = is_shorter ? ops::find(node.domain, node.op_type) : nullptr;
  if (!op || !op->reference) return false;
  Node made = node;
  made.op_type = "ByteTable";
  made.domain = ops::kFusedDomain;
  made.attributes.clear();
  try {
    made.inputs = {*source, r.add_constant(node.outputs[0] + "_table", op->reference(r.context(i), inputs)[0])};
  } catch (const Error&) {
    return false;  // left to the engine, which says what is wrong with it
  }
  r.import_fused_domain();
  r.replace(i, std::move(made));
  return true;
}

}  // namespace

int merge_byte_tables(Graph& graph) { return sweep(graph, {merge}); }

}  // namespace scissionlite::passes
