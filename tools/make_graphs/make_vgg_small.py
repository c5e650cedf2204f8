#!/usr/bin/env python3
"""A VGG-style network for small grey pictures (1 x 28 x 28, ten classes; Fashion-MNIST): three stages of two 3x3 convolutions with
BatchNorm and a hidden dense layer, seeded, not trained, with its input.json in the metadata and beside it. The same seed gives the same bytes.
Plan after Simonyan and Zisserman, ICLR 2015, at the widths that pictures of this size are usually given.

Example: tools/make_graphs/make_vgg_small.py build/graphs_small/vgg_fashion.onnx
"""
import argparse
import json
import pathlib

from builder import Net
from make_graphs import write

STAGES = (32, 64, 128)  # channels of two convolutions each
HIDDEN, CLASSES = 256, 10
INPUT = {"schema": "scissionlite.input/1", "width": 28, "height": 28, "resize": "none", "channels": "GRAY", "mean": [0.286], "std": [0.353]}


def build(net):
    x = net.input
    for channels in STAGES:
        for _ in range(2):
            x = net.relu(net.batch_norm(net.conv(x, channels, 3)))
        x = net.max_pool(x, 2, 2)
    x = net.relu(net.linear(net.flatten(x), HIDDEN))
    return net.linear(x, CLASSES, is_last=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="ONNX file to write")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    net = Net("vgg_fashion", options.seed, shape=(1, INPUT["height"], INPUT["width"]), classes=CLASSES)
    model = net.model(build(net))
    entry = model.metadata_props.add()
    entry.key, entry.value = "scissionlite.input", json.dumps(INPUT)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write(model, options.out)
    options.out.with_suffix(".input.json").write_text(json.dumps(INPUT, indent=1) + "\n")
    print(f"[make_vgg_small] {len(model.graph.node)} nodes, {net.parameters} parameters")


if __name__ == "__main__":
    main()
