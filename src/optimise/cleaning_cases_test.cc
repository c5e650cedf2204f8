// Cases of the passes that take nodes out or share them.
#include "optimise/test_cases.h"

namespace scissionlite::testing_graphs {
namespace {

const Shape kImage{-1, 4, 6, 5};

void two_reshapes_and_gemm(Maker& m) {
  const auto first = m.op("Reshape", {m.input(kImage), m.ints({0, 4, -1})});
  m.output(m.op("Relu", {m.op("Flatten", {first})}));
}

}  // namespace

std::vector<Case> cleaning_cases() {
  return {
      {"fold_codes", "codes looked up by packed bytes", 3,
       [](Maker& m) {
         const auto index = m.op("Cast", {m.constant(Tensor::of<uint8_t>({2}, {1, 0}))}, {{"to", int64_t{6}}});
         const auto codes = m.op(
             "Reshape", {m.op("Gather", {m.constant(Tensor::of<int8_t>({2, 2}, {-2, 1, 3, -1})), index}), m.constant(Tensor::of<int64_t>({1}, {4}))});
         m.output(m.op("Add", {m.input({3, 4}), m.op("DequantizeLinear", {codes, m.scalar(0.5F), m.constant(Tensor::of<int8_t>({}, {0}))})}));
       }},
      {"fold_codes", "weights that codes stand for", 0,
       [](Maker& m) {
         m.output(m.op("Add", {m.input({3, 4}), m.op("DequantizeLinear", {m.constant(Tensor::of<int8_t>({4}, {1, 2, 3, 4})), m.scalar(0.5F),
                                                                          m.constant(Tensor::of<int8_t>({}, {0}))})}));
       }},
      {"fold_constants", "a sum of constants", 1,
       [](Maker& m) {
         m.output(m.op("Add", {m.input(kImage), m.op("Add", {m.scalar(1), m.scalar(2)})}));
       }},
      {"fold_constants", "the shape of a value whose shape is known", 2,
       [](Maker& m) {
         const auto x = m.input({2, 4, 6, 5});
         m.output(m.op("Reshape", {x, m.op("Concat", {m.op("Shape", {x}), m.ints({1})}, {{"axis", int64_t{0}}})}));
       }},
      {"fold_constants", "an open shape", 0, [](Maker& m) { m.output(m.op("Shape", {m.input(kImage)})); }},

      {"remove_identity", "Identity and Dropout in the middle", 2,
       [](Maker& m) { m.output(m.op("Relu", {m.op("Identity", {m.op("Dropout", {m.input(kImage)})})})); }},
      {"remove_identity", "Dropout before an output", 1, [](Maker& m) { m.output(m.op("Dropout", {m.op("Relu", {m.input(kImage)})})); }},
      {"remove_identity", "Identity between an input and an output", 0, [](Maker& m) { m.output(m.op("Identity", {m.input(kImage)})); }},
      {"remove_identity", "Identity between two outputs", 0,
       [](Maker& m) {
         const auto y = m.op("Relu", {m.input(kImage)});
         m.output(y);
         m.output(m.op("Identity", {y}));
       }},
      {"remove_identity", "Dropout whose mask is read", 0,
       [](Maker& m) {
         const auto both = m.ops("Dropout", {m.input(kImage)}, 2);
         m.output(m.op("Relu", {both[0]}));
         m.output(m.op("Not", {both[1]}));
       }},
      {"remove_identity", "Reshape to the same sizes", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Reshape", {m.input(kImage), m.ints({-1, 4, 6, 5})})}));
       }},
      {"remove_identity", "Flatten of a matrix", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Flatten", {m.input({-1, 7})})}));
       }},
      {"remove_identity", "Squeeze with axes as attribute", 0,
       [](Maker& m) {
         m.output(m.op("Squeeze", {m.input({2, 1, 3})}, {{"axes", Ints{1}}}));
       },
       11},
      {"remove_identity", "Reshape and Flatten in a row", 1, two_reshapes_and_gemm},
      {"remove_identity", "Unsqueeze and Squeeze in a row", 2,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Squeeze", {m.op("Unsqueeze", {m.input(kImage), m.ints({2})}), m.ints({2})})}));
       }},
      {"remove_identity", "Transposes in a row, of which the first has other readers", 1,
       [](Maker& m) {
         const auto first = m.op("Transpose", {m.input(kImage)}, {{"perm", Ints{0, 2, 3, 1}}});
         m.output(m.op("Transpose", {first}, {{"perm", Ints{0, 2, 1, 3}}}));
         m.output(first);
       }},
      {"remove_identity", "Transpose that keeps the order", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Transpose", {m.input(kImage)}, {{"perm", Ints{0, 1, 2, 3}}})}));
       }},
      {"remove_identity", "Transpose of equal sizes", 0,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Transpose", {m.input({3, 3})})}));
       }},
      {"remove_identity", "Cast to the type that it has", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Cast", {m.input(kImage)}, {{"to", int64_t{1}}})}));
       }},
      {"remove_identity", "Cast to another type", 0,
       [](Maker& m) {
         m.output(m.op("Cast", {m.input(kImage)}, {{"to", int64_t{7}}}));
       }},
      {"remove_identity", "Slice of all", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Slice", {m.input({2, 5}), m.ints({0}), m.ints({99}), m.ints({1})})}));
       }},
      {"remove_identity", "Slice backwards", 0,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Slice", {m.input({2, 5}), m.ints({-1}), m.ints({-99}), m.ints({1}), m.ints({-1})})}));
       }},
      {"remove_identity", "Concat and Sum of one", 2,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Sum", {m.op("Concat", {m.input(kImage)}, {{"axis", int64_t{1}}})})}));
       }},
      {"remove_identity", "Pad of nothing", 1, [](Maker& m) { m.output(m.op("Relu", {m.pad(m.input(kImage), Ints(8, 0))})); }},
      {"remove_identity", "Pad of nothing, pads as attribute", 1, [](Maker& m) { m.output(m.op("Relu", {m.pad(m.input(kImage), Ints(8, 0))})); }, 9},
      {"remove_identity", "Expand to the same shape and Tile of one", 2,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Tile", {m.op("Expand", {m.input({2, 3}), m.ints({2, 1})}), m.ints({1, 1})})}));
       }},

      {"remove_rounding", "Clip, Floor and Cast", 1,
       [](Maker& m) {
         m.output(m.op("Cast", {m.op("Floor", {m.clip(m.input(kImage), 0, 255)})}, {{"to", int64_t{2}}}));
       }},
      {"remove_rounding", "Relu, Floor and Cast", 1,
       [](Maker& m) {
         m.output(m.op("Cast", {m.op("Floor", {m.op("Relu", {m.input(kImage)})})}, {{"to", int64_t{6}}}));
       }},
      {"remove_rounding", "Floor, Clip and Cast", 1,
       [](Maker& m) {
         m.output(m.op("Cast", {m.clip(m.op("Floor", {m.input(kImage)}), 0, 15)}, {{"to", int64_t{2}}}));
       }},
      {"remove_rounding", "a bound between whole numbers", 0,
       [](Maker& m) {
         m.output(m.op("Cast", {m.clip(m.op("Floor", {m.input(kImage)}), 0, 1.5)}, {{"to", int64_t{2}}}));
       }},
      {"remove_rounding", "values below 0", 0,
       [](Maker& m) {
         m.output(m.op("Cast", {m.op("Floor", {m.clip(m.input(kImage), -3, 3)})}, {{"to", int64_t{6}}}));
       }},
      {"remove_rounding", "a Cast to halves", 0,
       [](Maker& m) {
         m.output(m.op("Cast", {m.op("Floor", {m.clip(m.input(kImage), 0, 255)})}, {{"to", int64_t{10}}}));
       }},
      {"remove_rounding", "a Floor that is read elsewhere", 0,
       [](Maker& m) {
         const auto floor = m.op("Floor", {m.op("Relu", {m.input(kImage)})});
         m.output(m.op("Cast", {floor}, {{"to", int64_t{6}}}));
         m.output(floor);
       }},

      {"remove_dead_code", "a node that nothing reads", 1,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.op("Neg", {x});
         m.output(m.op("Relu", {x}));
       }},
      {"remove_dead_code", "a mask that nothing reads", 1, [](Maker& m) { m.output(m.ops("Dropout", {m.input(kImage)}, 2)[0]); }},
      {"remove_dead_code", "a mask that is an output", 0, [](Maker& m) { m.output(m.ops("Dropout", {m.input(kImage)}, 2)[1]); }},

      {"merge_common_subexpressions", "equal nodes with equal constants", 3,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Mul", {m.clip(x, -1, 1), m.clip(x, -1, 1)}));
       }},
      {"merge_common_subexpressions", "another attribute", 0,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Mul", {m.op("Elu", {x}, {{"alpha", 1.0f}}), m.op("Elu", {x}, {{"alpha", 2.0f}})}));
       }},
      {"merge_common_subexpressions", "equal nodes that are both outputs", 0,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Relu", {x}));
         m.output(m.op("Relu", {x}));
       }},

      {"merge_concats", "nested, along one axis", 1,
       [](Maker& m) {
         const auto x = m.input(kImage), y = m.op("Relu", {x});
         m.output(m.op("Concat", {m.op("Concat", {x, y}, {{"axis", int64_t{1}}}), x, y}, {{"axis", int64_t{-3}}}));
       }},
      {"merge_concats", "nested, along two axes", 0,
       [](Maker& m) {
         const auto x = m.input(kImage), inner = m.op("Concat", {x, x}, {{"axis", int64_t{1}}});
         m.output(m.op("Concat", {inner, m.op("Concat", {x, x}, {{"axis", int64_t{1}}})}, {{"axis", int64_t{2}}}));
       }},
      {"merge_concats", "nested, the inner one read elsewhere", 0,
       [](Maker& m) {
         const auto x = m.input(kImage), inner = m.op("Concat", {x, x}, {{"axis", int64_t{1}}});
         m.output(m.op("Concat", {inner, x}, {{"axis", int64_t{1}}}));
         m.output(m.op("Relu", {inner}));
       }},
      {"merge_concats", "of all parts of a Split", 1,
       [](Maker& m) {
         const auto parts = m.ops("Split", {m.input(kImage)}, 2, {{"axis", int64_t{1}}});
         m.output(m.op("Relu", {m.op("Concat", parts, {{"axis", int64_t{1}}})}));
       }},
      {"merge_concats", "of the parts of a Split in another order", 0,
       [](Maker& m) {
         const auto parts = m.ops("Split", {m.input(kImage)}, 2, {{"axis", int64_t{1}}});
         m.output(m.op("Relu", {m.op("Concat", {parts[1], parts[0]}, {{"axis", int64_t{1}}})}));
       }},
      {"merge_concats", "a Split into the parts of a Concat", 1,
       [](Maker& m) {
         const auto x = m.input(kImage), y = m.input({-1, 2, 6, 5});
         const auto parts = m.ops("Split", {m.op("Concat", {x, y}, {{"axis", int64_t{1}}}), m.ints({4, 2})}, 2, {{"axis", int64_t{1}}});
         m.output(m.op("Relu", {parts[0]}));
         m.output(m.op("Neg", {parts[1]}));
       }},
      {"merge_concats", "a Split into other parts", 0,
       [](Maker& m) {
         const auto x = m.input(kImage), y = m.input({-1, 2, 6, 5});
         const auto parts = m.ops("Split", {m.op("Concat", {x, y}, {{"axis", int64_t{1}}}), m.ints({3, 3})}, 2, {{"axis", int64_t{1}}});
         m.output(m.op("Relu", {parts[0]}));
         m.output(m.op("Neg", {parts[1]}));
       }},
  };
}

}  // namespace scissionlite::testing_graphs
