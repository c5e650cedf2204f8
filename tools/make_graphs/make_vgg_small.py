#!/usr/bin/env python3
"""A VGG-style network for small pictures of ten classes (1 x 28 x 28: Fashion-MNIST; with --cifar 3 x 32 x 32:
CIFAR-10): three stages of two 3x3 convolutions with BatchNorm and a hidden dense layer, seeded, not trained, with its
input.json in the metadata and beside it. The same seed gives the same bytes. Plan after Simonyan and Zisserman, ICLR
2015, at the widths that pictures of this size are usually given.

Example: tools/make_graphs/make_vgg_small.py build/graphs_small/vgg_fashion.onnx
"""
import argparse
import json
import pathlib

from builder import Net
from make_graphs import write

STAGES = (32, 64, 128)  # channels of two convolutions each
HIDDEN, CLASSES = 256, 10
FASHION = {"schema": "scissionlite.input/1", "width": 28, "height": 28, "resize": "none", "channels": "GRAY", "mean": [0.286], "std": [0.353]}
CIFAR = {
    "schema": "scissionlite.input/1", "width": 32, "height": 32, "resize": "none", "channels": "RGB", "mean": [0.4914, 0.4822, 0.4465],
    "std": [0.2470, 0.2435, 0.2616]
}


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
    parser.add_argument("--cifar", action="store_true", help="for colour pictures of 32 by 32")
    options = parser.parse_args()
    spec = CIFAR if options.cifar else FASHION
    net = Net("vgg_cifar" if options.cifar else "vgg_fashion", options.seed, shape=(len(spec["mean"]), spec["height"], spec["width"]),
              classes=CLASSES)
    model = net.model(build(net))
    entry = model.metadata_props.add()
    entry.key, entry.value = "scissionlite.input", json.dumps(spec)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write(model, options.out)
    options.out.with_suffix(".input.json").write_text(json.dumps(spec, indent=1) + "\n")
    print(f"[make_vgg_small] {len(model.graph.node)} nodes, {net.parameters} parameters")


if __name__ == "__main__":
    main()
