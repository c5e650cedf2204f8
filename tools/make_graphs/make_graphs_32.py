#!/usr/bin/env python3
"""ResNet-18 and VGG-16 for pictures of 3 x 32 x 32 and ten classes, as they are given to CIFAR-10: ResNet-18 begins
with one 3x3 convolution and no pooling (He et al., CVPR 2016, Sec. 4.2, at the widths of its Table 1), VGG-16 has
BatchNorms and one dense layer. Opset 17; seeded, not trained. The same seed gives the same bytes.

Example: tools/make_graphs/make_graphs_32.py build/graphs_32
"""
import argparse
import pathlib

from builder import Net
from make_graphs import write
from networks import resnet, vgg

SHAPE, CLASSES = (3, 32, 32), 10


def resnet18(net):
    x = net.relu(resnet.normed(net, net.input, 64, 3))
    for stage, width in enumerate(resnet.WIDTHS):
        for i in range(2):
            x = resnet.block(net, x, width, 2 if stage > 0 and i == 0 else 1, 1)
    return net.linear(net.flatten(net.global_pool(x)), CLASSES, is_last=True)


def vgg16(net):
    x = net.input
    for channels, convolutions in vgg.STAGES:
        for _ in range(convolutions):
            x = net.relu(resnet.normed(net, x, channels, 3))
        x = net.max_pool(x, 2, 2)
    return net.linear(net.flatten(x), CLASSES, is_last=True)


NETWORKS = {"resnet18_32": resnet18, "vgg16_32": vgg16}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, build in NETWORKS.items():
        net = Net(name, options.seed, shape=SHAPE, classes=CLASSES)
        write(net.model(build(net)), options.out / f"{name}.onnx")
        print(f"[make_graphs_32] {name}: {len(net.nodes)} nodes, {net.parameters} parameters", flush=True)


if __name__ == "__main__":
    main()
