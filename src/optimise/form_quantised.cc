// DequantizeLinear, an operator, an activation that is a pair of bounds, QuantizeLinear -> one operator of bytes. A function of one
// value becomes a table of 256 bytes. The DequantizeLinear nodes go when nothing reads them any more.
#include "optimise/passes.h"
#include "optimise/quantised.h"

namespace scissionlite::passes {
namespace {

/// A QuantizeLinear and what lies before it.
struct Site {
  size_t quantise = 0, inner = 0;    // nodes; inner is the operator
  std::optional<size_t> activation;  // a node between both
  Codes y;
  ByteBounds bounds{};
};

std::optional<Site> site_at(const Rewriter& r, size_t i) {
  const auto y = quantised(r, i);
  auto before = y ? r.inner_producer(r.node(i).inputs[0]) : std::nullopt;
  if (!before) return std::nullopt;
  Site site{i, *before, std::nullopt, *y, {y->low(), y->low() + 255}};
  const auto f = activation_of(r, *before);
  const auto bounds = f ? bounds_of(*f, *y) : std::nullopt;
  const auto further = bounds && !dequantised(r, r.node(*before).inputs[0]) ? r.inner_producer(r.node(*before).inputs[0]) : std::nullopt;
  if (further) {
    site.activation = before;
    site.inner = *further;
    site.bounds = *bounds;
  }
  return site;
}

/// Puts `made` in the place of all nodes of the site.
void finish(Rewriter& r, const Site& site, Node made, const char* domain = ops::kFusedDomain) {
  made.domain = domain;
  made.name = r.node(site.inner).name;
  made.outputs = r.node(site.quantise).outputs;
  const bool is_bounded = site.bounds.low != site.y.low() || site.bounds.high != site.y.low() + 255;
  if (is_bounded) made.attributes["low"] = site.bounds.low, made.attributes["high"] = site.bounds.high;
  r.import_fused_domain();
  r.erase(site.inner);
  if (site.activation) r.erase(*site.activation);
  r.replace(site.quantise, std::move(made));
}

bool form_conv(Rewriter& r, const Site& site) {
  const Node node = r.node(site.inner);
  if (!is_onnx(node, "Conv")) return false;
  const auto x = dequantised(r, node.inputs[0]);
  const auto w = coded_weights(r, input_of(node, 1), 0);
  if (!x || !w) return false;
  Node made = node;
  made.op_type = "FusedQLinearConv";
  made.inputs = {x->value, x->scale, zero_of(r, *x), w->codes, w->scale, w->zero, site.y.scale, zero_of(r, site.y)};
  if (const auto bias = input_of(node, 2); !bias.empty()) {
    const auto steps = integer_bias(r, bias, x->scale_value, w->scales, w->shape[0]);
    if (!steps) return false;
    made.inputs.push_back(r.add_constant(bias + "_steps", *steps));
  }
  finish(r, site, std::move(made));
  return true;
}

bool form_matmul(Rewriter& r, const Site& site) {
  const Node node = r.node(site.inner);
  const auto product = read_product(node);
  if (!product) return false;
  const auto x = dequantised(r, node.inputs[0]);
  const auto w = coded_weights(r, input_of(node, 1), product->is_turned ? 0 : 1);
  if (!x || !w || w->shape.size() != 2) return false;
  const auto bias = input_of(node, 2);
  const auto steps = bias.empty() ? std::nullopt : integer_bias(r, bias, x->scale_value, w->scales, w->shape[product->is_turned ? 0 : 1]);
  if (!bias.empty() && !steps) return false;
  Node made;
  made.op_type = "FusedQLinearMatMul";
  made.inputs = {x->value, x->scale, zero_of(r, *x), product->is_turned ? as_columns(r, *w) : w->codes,
                 w->scale, w->zero,  site.y.scale,   zero_of(r, site.y)};
  if (steps) made.inputs.push_back(r.add_constant(bias + "_steps", *steps));
  finish(r, site, std::move(made));
  return true;
}

bool form_binary(Rewriter& r, const Site& site) {
  const Node node = r.node(site.inner);
  const bool is_sum = is_add(node);
  if (!is_sum && !is_onnx(node, "Mul")) return false;
  const auto a = dequantised(r, node.inputs[0]), b = dequantised(r, node.inputs[1]);
  if (!a || !b || a->dtype != site.y.dtype || b->dtype != site.y.dtype) return false;
  Node made;
  made.op_type = is_sum ? "FusedQLinearAdd" : "FusedQLinearMul";
  made.inputs = {a->value, a->scale, zero_of(r, *a), b->value, b->scale, zero_of(r, *b), site.y.scale, zero_of(r, site.y)};
  finish(r, site, std::move(made));
  return true;
}

bool form_average(Rewriter& r, const Site& site) {
  const Node node = r.node(site.inner);
  const bool is_global = is_onnx(node, "GlobalAveragePool");
  if ((!is_global && !is_onnx(node, "AveragePool")) || site.activation) return false;
  const auto x = dequantised(r, node.inputs[0]);
  if (!x || x->dtype != site.y.dtype) return false;
  Node made = node;
  made.op_type = is_global ? "QLinearGlobalAveragePool" : "QLinearAveragePool";
  made.inputs = {x->value, x->scale, zero_of(r, *x), site.y.scale, zero_of(r, site.y)};
  finish(r, site, std::move(made), "com.microsoft");
  return true;
}

bool form_concat(Rewriter& r, const Site& site) {
  const Node node = r.node(site.inner);
  if (!is_onnx(node, "Concat") || site.activation) return false;
  Node made = node;
  made.op_type = "QLinearConcat";
  made.inputs = {site.y.scale, zero_of(r, site.y)};
  for (const auto& input : node.inputs) {
    const auto x = dequantised(r, input);
    if (!x || x->dtype != site.y.dtype) return false;
    made.inputs.insert(made.inputs.end(), {x->value, x->scale, zero_of(r, *x)});
  }
  finish(r, site, std::move(made), "com.microsoft");
  return true;
}

/// What only moves or chooses values is done to the bytes, where both sides stand for the same.
bool form_move(Rewriter& r, const Site& site) {
  const Node node = r.node(site.inner);
  if (!ops::moves_values(node) || site.activation) return false;
  const auto x = dequantised(r, node.inputs[0]);
  if (!x || !x->is_alike(site.y)) return false;
  Node made = node;
  made.inputs[0] = x->value;
  finish(r, site, std::move(made), "");
  return true;
}

bool form_table(Rewriter& r, const Site& site) {
  const auto f = activation_of(r, site.inner);
  const auto x = f && !site.activation ? dequantised(r, r.node(site.inner).inputs[0]) : std::nullopt;
  if (!x) return false;
  Node made;
  made.op_type = "ByteTable";
  made.inputs = {x->value, r.add_constant(r.node(site.inner).outputs[0] + "_table", byte_table(*x, site.y, *f))};
  finish(r, site, std::move(made));
  return true;
}

/// Split of bytes, where each part is quantised as the whole was.
bool form_split(Rewriter& r, size_t i) {
  const Node node = r.node(i);
  const auto x = is_onnx(node, "Split") ? dequantised(r, node.inputs[0]) : std::nullopt;
  if (!x) return false;
  std::vector<size_t> kept;  // of each part's QuantizeLinear nodes the one whose result stays
  for (const auto& output : node.outputs) {
    if (output.empty() || r.is_output(output) || r.readers(output).empty()) return false;
    kept.push_back(r.readers(output)[0]);
    int results = 0;
    for (const size_t reader : r.readers(output)) {
      if (const auto y = quantised(r, reader); !y || !x->is_alike(*y)) return false;
      if (r.is_output(r.node(reader).outputs[0])) kept.back() = reader, ++results;
    }
    if (results > 1) return false;  // two names of one value: the copy stays
  }
  Node made = node;
  made.inputs[0] = x->value;
  for (size_t part = 0; part < kept.size(); ++part) {
    const auto result = r.node(kept[part]).outputs[0];
    for (const size_t reader : std::vector<size_t>(r.readers(made.outputs[part])))
      if (reader != kept[part]) r.bypass(reader, result);
    r.erase(kept[part]);
    made.outputs[part] = result;
  }
  r.replace(i, std::move(made));
  return true;
}

bool form(Rewriter& r, size_t i) {
  const auto site = site_at(r, i);
  return site && (form_conv(r, *site) || form_matmul(r, *site) || form_binary(r, *site) || form_average(r, *site) || form_concat(r, *site) ||
                  form_move(r, *site) || form_table(r, *site));
}

/// QuantizeLinear right behind DequantizeLinear.
bool form_requantisation(Rewriter& r, size_t i) {
  const auto y = quantised(r, i);
  const auto x = y ? dequantised(r, r.node(i).inputs[0]) : std::nullopt;
  if (!x) return false;
  if (x->is_alike(*y) && r.bypass(i, x->value)) return true;
  Node made = r.node(i);
  made.op_type = "ByteTable";
  made.domain = ops::kFusedDomain;
  made.attributes.clear();
  made.inputs = {x->value, r.add_constant(made.outputs[0] + "_table", byte_table(*x, *y, {}))};
  r.import_fused_domain();
  r.replace(i, std::move(made));
  return true;
}

}  // namespace

int form_quantised(Graph& graph) {
  const int rewrites = sweep(graph, {form, form_split, form_requantisation});
  if (rewrites > 0 && graph.opset("com.microsoft") == 0) graph.opsets.push_back({"com.microsoft", 1});
  return rewrites;
}

}  // namespace scissionlite::passes
