// Which cuts hold which layer in their head: what "layer X on device" means for a candidate.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "profile/profile.h"

namespace scissionlite::planner {

enum class Held : char { kNo, kYes, kUnknown };

class LayerIndex {
 public:
  /// @param model  may be null; then only tensors and ids of cuts are layers, and inside a block with branches some
  /// answers are kUnknown.
  explicit LayerIndex(const std::vector<CutProfile>& cuts, const Graph* model = nullptr) : cuts_(&cuts), model_(model) {}
  /// By cut: whether its head computes `layer` (a tensor, a cut id, or with a model any node's name).
  /// @throws InvalidArgument with the nearest names.
  [[nodiscard]] std::vector<Held> held_by(const std::string& layer) const;
  [[nodiscard]] bool knows(const std::string& layer) const;

 private:
  [[nodiscard]] const CutProfile* find_cut(const std::string& id) const;
  [[nodiscard]] const CutProfile* first_cut_through(const std::string& tensor) const;
  [[nodiscard]] int find_node(const std::string& name) const;
  [[nodiscard]] std::vector<Held> held_tensor(const std::string& tensor, const CutProfile& origin) const;
  [[nodiscard]] std::vector<Held> held_node(size_t node) const;

  const std::vector<CutProfile>* cuts_;
  const Graph* model_;
};

}  // namespace scissionlite::planner
