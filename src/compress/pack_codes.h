// Codes of few bits in bytes that hold several, as ordinary ONNX. docs/low_bits.md shows it.
#pragma once

#include "graph/graph.h"

namespace scissionlite::compress {

/// Constant int8 and uint8 values that a DequantizeLinear reads are kept in as many bits as tell them apart, where those are 7 or fewer and enough is
/// saved: each byte is looked up (Gather) in a table of the values that it holds. Once constants are folded (ops::fold_constants, ONNX Runtime,
/// OpenVINO) the graph is what it was, values and names. Bits of the first value are a byte's lowest, as in ONNX's int4 and int2; 3, 5, 6 and 7 bits
/// are two or three such constants of 4, 2 and 1 bits, whose sum is the value.
/// @return how many constants were packed. Cost: a pass over them.
int64_t pack_codes(Graph& graph);

}  // namespace scissionlite::compress
