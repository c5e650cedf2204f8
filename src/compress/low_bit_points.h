// What of a network is quantised: its layers, and the values that they and sums read.
#pragma once

#include <functional>

#include "compress/low_bit.h"
#include "compress/two_four.h"

namespace scissionlite::compress {

/// Conv, Gemm or MatMul whose weights become codes.
struct LowBitLayer {
  size_t node = 0;
  std::string name;          // of the node
  SparseLayer weights;       // shape and constant
  int64_t batch_norm = -1;   // node of the BatchNormalization that alone reads the layer: it is folded when the model is written; -1: none
  bool has_negative = true;  // some weight is below zero
  bool is_first = false;     // reads an input of the network through no other layer
  bool is_last = false;      // its results reach an output through no other layer
  std::string not_eligible;  // why it stays float, or empty
};

/// A value that is quantised, for some of its readers.
struct ActivationPoint {
  struct Reader {
    size_t node = 0, input = 0;
  };
  std::string value;
  int bits = 8;
  bool is_signed = false;  // may be negative: 8 bits with a zero point
  int source = -1;         // the point whose codes these codes are made from; -1: made from the float value
  int repeats = -1;        // the point whose step it has, behind an operator that moves codes; -1: its own
  std::vector<Reader> readers;
};

/// A float network, ready for codes.
struct LowBitModel {
  Graph graph;
  LowBitPlan plan;                      // with the bits that layers really have
  std::vector<LowBitLayer> layers;      // those that become codes, in the order of the graph, as plan.layers
  std::vector<ActivationPoint> points;  // sources and what is repeated before those that depend on them
  std::vector<std::string> notes;       // what differs from the plan that was asked for, or stays float, with the reason
};

/// The graph as layers are looked for in it: in opset 13 or newer, constant parts computed, nothing that does nothing at inference, a name to each
/// node, weights and BatchNormalization constants to each layer of its own, negative scales of BatchNormalization turned into negative weights.
/// @throws Unsupported: a float16 or a quantised graph; as raise_opset.
[[nodiscard]] Graph ready_for_low_bits(const Graph& graph);

/// Every layer with constant weights, in the order of the graph. @param graph  from ready_for_low_bits.
[[nodiscard]] std::vector<LowBitLayer> find_low_bit_layers(const Graph& graph);

/// Which values are quantised so that layers of the plan read what they shall. Layers that the plan does not name stay float. A sum's float result is
/// quantised once for each number of bits that its readers want, a layer's result once: what wants fewer bits is made of those codes. Values that may
/// be negative take 8 bits, with a note.
/// @param graph  from ready_for_low_bits. @throws InvalidArgument: a layer that the graph does not have or that is not eligible (with the reason), a
/// layer that is named twice, no layer.
[[nodiscard]] LowBitModel with_plan(const Graph& graph, const LowBitPlan& plan);

/// The graph with `make`'s result in the place of each point for its readers.
/// @param make  appends nodes that make the result from the value, and returns its name.
[[nodiscard]] Graph with_points(const LowBitModel& model,
                                const std::function<std::string(size_t point, const std::string& value, std::vector<Node>& nodes)>& make);

/// Points before operators that only move values, and repeated behind them: codes are moved, results stay the same.
[[nodiscard]] LowBitModel with_points_before_moves(LowBitModel model);

}  // namespace scissionlite::compress
