#!/usr/bin/env python3
"""The distinct convolutions of ONNX files as problem strings, each with how often a network has it: what bench/shapes/convolutions.txt
holds. In a string mb is the batch, ic and oc channels, ih and iw the input's size, kh and kw the kernel, sh and sw strides, ph and
pw the padding before each side, g groups.

Example: tools/make_graphs/list_convolutions.py build/graphs/*.onnx -o bench/shapes/convolutions.txt
"""
import argparse
import collections
import pathlib

import onnx
from onnx import helper

HEADER = "# Made by tools/make_graphs/list_convolutions.py from the networks of tools/make_graphs/make_graphs.py; do not edit."


def sizes(graph):
    """Sizes of all values by name."""
    found = {i.name: list(i.dims) for i in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        found[value.name] = [d.dim_value for d in value.type.tensor_type.shape.dim]
    return found


def problem(node, found):
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    (n, ic, ih, iw), (oc, _, kh, kw) = found[node.input[0]], found[node.input[1]]
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    if (top, left) != (bottom, right) or attributes.get("dilations", [1, 1]) != [1, 1]:
        raise SystemExit(f"[list_convolutions] {node.name}: padding of unequal sides or a dilation, which the strings do not say")
    sh, sw = attributes.get("strides", [1, 1])
    return f"conv mb{n}ic{ic}ih{ih}iw{iw}oc{oc}kh{kh}kw{kw}sh{sh}sw{sw}ph{top}pw{left}g{attributes.get('group', 1)}"


def convolutions(path):
    model = onnx.load(str(path))
    for initializer in model.graph.initializer:
        if initializer.data_type == onnx.TensorProto.FLOAT:
            initializer.ClearField("raw_data")  # sizes are enough, and shape inference copies the model
    graph = onnx.shape_inference.infer_shapes(model).graph
    found = sizes(graph)
    return collections.Counter(problem(node, found) for node in graph.node if node.op_type == "Conv")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("-o", "--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    counts = collections.defaultdict(dict)
    for path in sorted(options.models):
        for text, count in convolutions(path).items():
            counts[text][path.stem] = count
    lines = [text + "".join(f" {network}={count}" for network, count in networks.items()) for text, networks in counts.items()]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join([HEADER, *lines]) + "\n")
    print(f"[list_convolutions] {len(lines)} distinct of {sum(sum(n.values()) for n in counts.values())} -> {options.out}")


if __name__ == "__main__":
    main()
