// A TL inside the whole model: what is trained as one graph before it is split.
#include "graph/slice.h"
#include "transfer/transfer.h"

namespace scissionlite::transfer {

Graph insert(const SplitModel& split) {
  Graph graph = join(split.head, split.tail);
  graph.values.clear();  // inferred for halves
  graph.check();
  return graph;
}

}  // namespace scissionlite::transfer
