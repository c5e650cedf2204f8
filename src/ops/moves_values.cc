// Apart from the operators' code, for programs that have none of it.
#include <set>

#include "ops/ops.h"

namespace scissionlite::ops {

bool moves_values(const Node& node) {
  static const std::set<std::string> names{"MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity"};
  return node.domain.empty() && names.count(node.op_type) > 0 && node.outputs.size() == 1;
}

}  // namespace scissionlite::ops
