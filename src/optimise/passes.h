// The functions of the table. Private to optimise/.
#pragma once

#include "graph/graph.h"

namespace scissionlite::passes {

#define SCISSIONLITE_PASS(name, kind, summary) int name(Graph& graph);
#include "optimise/passes.inc"
#undef SCISSIONLITE_PASS

}  // namespace scissionlite::passes
