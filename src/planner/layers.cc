#include "planner/layers.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::planner {
namespace {

bool has(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

}  // namespace

const CutProfile* LayerIndex::find_cut(const std::string& id) const {
  const auto found = std::find_if(cuts_->begin(), cuts_->end(), [&](const CutProfile& cut) { return cut.id == id; });
  return found == cuts_->end() ? nullptr : &*found;
}

const CutProfile* LayerIndex::first_cut_through(const std::string& tensor) const {
  const auto found = std::find_if(cuts_->begin(), cuts_->end(), [&](const CutProfile& cut) { return has(cut.tensors, tensor); });
  return found == cuts_->end() ? nullptr : &*found;
}

int LayerIndex::find_node(const std::string& name) const {
  if (!model_) return -1;
  for (size_t i = 0; i < model_->nodes.size(); ++i) {
    const auto& node = model_->nodes[i];
    if (node.name == name || has(node.outputs, name)) return static_cast<int>(i);
  }
  return -1;
}

bool LayerIndex::knows(const std::string& layer) const {
  return find_cut(layer) || first_cut_through(layer) || (!layer.empty() && find_node(layer) >= 0);
}

/// Single-tensor cuts separate the model into blocks, so other blocks are certain. In the tensor's own block its
/// closing cut holds it, and so does a cut that it crosses; the rest only the graph knows.
std::vector<Held> LayerIndex::held_tensor(const std::string& tensor, const CutProfile& origin) const {
  std::vector<Held> out;
  for (const auto& cut : *cuts_) {
    if (has(cut.tensors, tensor) || cut.region > origin.region || (cut.region == origin.region && cut.single)) out.push_back(Held::kYes);
    else if (cut.region < origin.region || (origin.single && cut.position < origin.position)) out.push_back(Held::kNo);
    else out.push_back(Held::kUnknown);
  }
  return out;
}

std::vector<Held> LayerIndex::held_node(size_t node) const {
  std::set<std::string> reached(model_->nodes[node].outputs.begin(), model_->nodes[node].outputs.end());
  for (size_t i = node + 1; i < model_->nodes.size(); ++i) {
    const auto& next = model_->nodes[i];
    if (std::any_of(next.inputs.begin(), next.inputs.end(), [&](const auto& input) { return !input.empty() && reached.count(input); }))
      reached.insert(next.outputs.begin(), next.outputs.end());
  }
  std::vector<Held> out;
  for (const auto& cut : *cuts_) {
    const bool held = std::any_of(cut.tensors.begin(), cut.tensors.end(), [&](const auto& tensor) { return reached.count(tensor) > 0; });
    out.push_back(held ? Held::kYes : Held::kNo);
  }
  return out;
}

std::vector<Held> LayerIndex::held_by(const std::string& layer) const {
  const auto* cut = find_cut(layer);
  const auto one = [&](const std::string& tensor) {
    const int node = find_node(tensor);
    return node >= 0 ? held_node(static_cast<size_t>(node)) : held_tensor(tensor, *first_cut_through(tensor));
  };
  if (!cut && !layer.empty() && (find_node(layer) >= 0 || first_cut_through(layer))) return one(layer);
  if (!cut) {
    std::vector<std::string> names;
    for (const auto& known : *cuts_) {
      names.push_back(known.id);
      names.insert(names.end(), known.tensors.begin(), known.tensors.end());
    }
    if (model_)
      for (const auto& node : model_->nodes) names.push_back(node.name);
    throw InvalidArgument("[plan] no layer '" + layer + "' among cut ids and cut tensors" +
                          (model_ ? " and nodes" : " (nodes are known only with --model)") + did_you_mean(layer, names));
  }
  auto held = one(cut->tensors[0]);
  for (size_t t = 1; t < cut->tensors.size(); ++t) {
    const auto other = one(cut->tensors[t]);
    for (size_t i = 0; i < held.size(); ++i)
      if (held[i] != other[i]) held[i] = Held::kUnknown;
  }
  return held;
}

}  // namespace scissionlite::planner
