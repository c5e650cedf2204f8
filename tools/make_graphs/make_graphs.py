#!/usr/bin/env python3
"""Nine image classifiers as ONNX files: the standard architectures with the published numbers of parameters, 1 x 3 x 224 x 224 to
1000 classes, opset 17, BatchNorms as nodes. Weights are seeded, not trained; activations keep an ordinary scale. The same seed
gives the same bytes.

Example: tools/make_graphs/make_graphs.py build/graphs --only resnet18 mobilenet_v2
"""
import argparse
import pathlib

from builder import Net
from networks import densenet, efficientnet, mobilenet_v2, mobilenet_v3, resnet, shufflenet_v2, squeezenet, vgg

FAMILIES = (resnet, mobilenet_v2, squeezenet, densenet, vgg, shufflenet_v2, mobilenet_v3, efficientnet)
NETWORKS = {name: family for family in FAMILIES for name in family.PARAMETERS}


def make(name, seed=1):
    """The model; raises where it is not the published one."""
    family, net = NETWORKS[name], Net(name, seed)
    y = family.build(net)
    if net.parameters != family.PARAMETERS[name]:
        raise SystemExit(f"[make_graphs] {name}: {net.parameters} parameters, published {family.PARAMETERS[name]}")
    return net.model(y)


def write(model, path):
    partial = path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString(deterministic=True))
    partial.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        model = make(name, options.seed)
        write(model, options.out / f"{name}.onnx")
        print(f"[make_graphs] {name}: {len(model.graph.node)} nodes, {NETWORKS[name].PARAMETERS[name]} parameters", flush=True)


if __name__ == "__main__":
    main()
