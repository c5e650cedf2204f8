// Convolutions of bytes as texts: what their speed depends on, and nothing else.
#pragma once

#include "kernels/int8/conv.h"

namespace scissionlite::kernels {

/// "bytes mb1ic64ih56iw56oc64kh3kw3sh1sw1dh1dw1pt1pl1pb1pr1g1 w1from-1by2 a2 sum11": the fields of ConvProblem::text(), then
///  - the weights: `w` and the bits that tell them apart, from the least of two's complement on in steps of 1 unless `from` and `by` say otherwise
///  (above: -1 and 1); those of
///    8 bits that are no bytes and do not begin at 0 are all `w8from-127`, as nothing depends on where they begin;
///  - codes of x: `a` and their bits, with those that stand for 0; `s` behind them where bytes are signed, `z` where the zero point isn't 0;
///  - `sum` and the bits of the largest |sum| that there can be (most_sum); left out above 31;
///  - `large` and n where more than 1 of 2^(n + 1), and no more than 1 of 2^n, neighbouring weights exceed 16-bit sums (large_pairs): 4, which is
///  more too, to 9; left out below.
/// Planes are not in it: ways are compared on bytes.
[[nodiscard]] std::string text_of(const Int8Problem& problem);
/// The inverse: a problem of that text, whose codes and sums go as far as any of that text, and but for `w8from-127` weights. Its y is unsigned, all
/// of a byte. Of the convolution what is left out is as in parse_problem. @throws InvalidArgument with the position of what was not understood.
[[nodiscard]] Int8Problem parse_int8_problem(const std::string& text);

}  // namespace scissionlite::kernels
