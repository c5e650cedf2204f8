// A network of few bits as ordinary ONNX: QuantizeLinear, Clip of bytes, DequantizeLinear. docs/low_bits.md shows it.
#pragma once

#include "compress/low_bit_points.h"
#include "compress/low_bit_steps.h"

namespace scissionlite::compress {

/// What stands for the values of a model.
struct LowBitSteps {
  std::vector<std::vector<float>> weights;   // by layer: one step, or one an output
  std::vector<Histogram::Step> activations;  // by point
};

/// A layer as it was written.
struct WrittenLayer {
  int64_t constant_outputs = 0;  // outputs that all their weights, or the scale of BatchNormalization, make constant
  int64_t clipped_biases = 0;    // outputs whose scale had to grow so that the bias fits int32
};
struct WrittenLowBit {
  Graph graph;
  std::vector<WrittenLayer> layers;  // as of the model
};

/// Weights become codes, BatchNormalization goes into scales and biases, points become integers; between two points everything can be computed in
/// integers. Bias codes are of the scale of the products and below 2^30: where a bias would be larger, the output's scale grows. An output with
/// nothing but zeros has codes 0 (bipolar: codes of a scale so small that its products are below the bias's unit).
/// @throws InvalidArgument: steps of another number, or that are not positive; weights that are not finite; a negative scale of BatchNormalization.
/// Cost: a pass over the weights. Numerics: scales are products in double, rounded once; biases are rounded to half a unit.
[[nodiscard]] WrittenLowBit write_low_bit(const LowBitModel& model, const LowBitSteps& steps);

}  // namespace scissionlite::compress
