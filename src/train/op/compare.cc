// Comparisons, logic, and the choice that follows from them.
#include "train/op/support.h"

namespace scissionlite::train::op {

Tensors equal(const OpContext&, const Tensors& in) { return {at::eq(in[0], in[1])}; }
Tensors less(const OpContext&, const Tensors& in) { return {at::lt(in[0], in[1])}; }
Tensors greater(const OpContext&, const Tensors& in) { return {at::gt(in[0], in[1])}; }
Tensors less_or_equal(const OpContext&, const Tensors& in) { return {at::le(in[0], in[1])}; }
Tensors greater_or_equal(const OpContext&, const Tensors& in) { return {at::ge(in[0], in[1])}; }
Tensors logical_and(const OpContext&, const Tensors& in) { return {at::logical_and(in[0], in[1])}; }
Tensors logical_or(const OpContext&, const Tensors& in) { return {at::logical_or(in[0], in[1])}; }
Tensors logical_not(const OpContext&, const Tensors& in) { return {at::logical_not(in[0])}; }
Tensors where(const OpContext&, const Tensors& in) { return {at::where(in[0], in[1], in[2])}; }

}  // namespace scissionlite::train::op
