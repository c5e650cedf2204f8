#!/usr/bin/python3
"""make_light_models.py OUT_DIR [--only NAME ...] [--seed N] [--external-above-mb N]

Real graphs with weights that mean something numerically. The onnx wheel carries nine ImageNet networks
(onnx/backend/test/data/light) whose weights are constants, so that every output is the same number. Here every float
parameter is drawn anew from a seed: convolutions and matrix products uniform with He's variance 2 / fan_in, BatchNorm
variance uniform in 0.5..2, scale in 0.8..1.2, means and biases small. Then each layer is scaled to unit activations on
seeded images, as deep unnormalised stacks and sums of 16 residuals would vanish or saturate, and the last one is
centred so that its answer depends on the image. The graph itself, its names and its opset stay as they are.
"""
import argparse
import collections
import pathlib
import zlib

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import common
import torch_graph

NAMES = ["bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19", "zfnet512"]
IMAGES = 4  # that the scales are measured on
SIDE = 224
CHUNK = 1 << 20  # random numbers at a time
LOGIT_DEVIATION = 2.0


def uniform(model, name, seed, shape, low, high):
    """The same values on every machine and numpy: MT19937, seeded by the names."""
    state = np.random.RandomState(zlib.crc32(f"{model}/{name}/{seed}".encode()))
    out = np.empty(int(np.prod(shape)), np.float32)
    for start in range(0, out.size, CHUNK):
        part = out[start:start + CHUNK]
        part[:] = low + (high - low) * state.random_sample(part.size)
    return out.reshape(shape)


def calibration_images(seed):
    """Smooth random fields plus noise, normalised as the input.json says."""
    state = np.random.RandomState(seed)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    images = np.zeros((IMAGES, 3, SIDE, SIDE))
    for image in images.reshape(-1, SIDE, SIDE):
        for _ in range(8):
            fx, fy, phase = state.uniform(-12, 12), state.uniform(-12, 12), state.uniform(0, 2 * np.pi)
            image += state.uniform(5, 30) * np.sin(2 * np.pi * (fx * x + fy * y) + phase)
        image += state.uniform(90, 160) + state.normal(0, 8, image.shape)
    mean, std = (np.array(v).reshape(1, 3, 1, 1) for v in (common.IMAGENET_MEAN, common.IMAGENET_STD))
    return ((np.clip(images, 0, 255) / 255 - mean) / std).astype(np.float32)


def parameter_shapes(graph):
    """Shapes of all float parameters: the initializers, and what ConstantOfShape makes of an initializer."""
    arrays = {i.name: i for i in graph.initializer}
    shapes = {i.name: tuple(i.dims) for i in graph.initializer if i.data_type == onnx.TensorProto.FLOAT}
    for node in graph.node:
        if node.op_type == "ConstantOfShape" and node.input[0] in arrays:
            shapes[node.output[0]] = tuple(int(v) for v in numpy_helper.to_array(arrays[node.input[0]]))
    return shapes


def roles(graph, shapes):
    """What each parameter is for: (operator, input position, fan-in of weights), seen through Reshape and Unsqueeze."""
    behind = {}
    for node in graph.node:
        if node.op_type in ("Reshape", "Unsqueeze") and node.input[0] in shapes:
            behind[node.output[0]] = node.input[0]
    found = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            name = behind.get(name, name)
            if name not in shapes or node.op_type in ("Reshape", "Unsqueeze"):
                continue
            found.setdefault(name, (node.op_type, position, fan_in(node, shapes[name]) if position == 1 else 0))
    return found


def fan_in(node, shape):
    """Terms in the sum behind one output of a Conv (out, in / group, kh, kw) or a Gemm."""
    if node.op_type == "Gemm":
        return shape[-1] if torch_graph.attributes(node).get("transB") else shape[0]
    return int(np.prod(shape[1:]))


def draw(model, name, seed, shape, role):
    operator, position, terms = role
    if operator in ("Conv", "Gemm") and position == 1:
        limit = np.sqrt(3 * 2 / terms)  # uniform in +-limit has variance 2 / fan_in
        return uniform(model, name, seed, shape, -limit, limit)
    if operator == "BatchNormalization":
        low, high = {1: (0.8, 1.2), 2: (-0.1, 0.1), 3: (-0.1, 0.1), 4: (0.5, 2.0)}[position]
        return uniform(model, name, seed, shape, low, high)
    if operator == "Mul":
        return uniform(model, name, seed, shape, 0.8, 1.2)
    return uniform(model, name, seed, shape, -0.1, 0.1)  # biases: Conv, Gemm, Add


def refill(model, name, seed):
    """Draws every parameter and turns the constant nodes into initializers."""
    graph = model.graph
    shapes = parameter_shapes(graph)
    drawn = {parameter: draw(name, parameter, seed, shapes[parameter], role) for parameter, role in roles(graph, shapes).items()}
    nodes = [n for n in graph.node if not (n.op_type == "ConstantOfShape" and n.output[0] in shapes)]
    used = {i for n in nodes for i in n.input}
    kept = [i for i in graph.initializer if i.name in used and i.name not in drawn]
    inputs = [i for i in graph.input if i.name in used and i.name not in drawn and i.name not in {k.name for k in kept}]
    del graph.node[:], graph.initializer[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.initializer.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(array, parameter) for parameter, array in drawn.items())
    model.ir_version = max(model.ir_version, 4)  # from 4 on an initializer need not be an input too


def rounded(scale):
    """Three significant binary digits, so that the last bits of a machine's arithmetic do not matter."""
    mantissa, exponent = np.frexp(scale)
    return float(np.ldexp(np.round(mantissa * 8) / 8, exponent))


class Scaler:
    """Scales the weights of each Conv and Gemm, when its turn comes, to unit deviation of its result."""
    def __init__(self, graph):
        self.products = [n for n in graph.node if n.op_type in ("Conv", "Gemm")]
        self.changed = {}  # initializers by name
        self.shapes = {i.name: tuple(i.dims) for i in graph.initializer}
        self.behind = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Reshape"}

    def __call__(self, node, values):
        if node.op_type not in ("Conv", "Gemm"):
            return
        is_last = node is self.products[-1]
        arguments = [values[i] for i in node.input]
        result = torch_graph.OPS[node.op_type](torch_graph.attributes(node), *arguments)
        channels = result.transpose(0, 1).flatten(1)
        # The last layer must differ between images, not only between classes.
        deviation = float((channels - channels.mean(dim=1, keepdim=True)).std() if is_last else result.std())
        scale = rounded((LOGIT_DEVIATION if is_last else 1.0) / deviation)
        self.multiply(node.input[1], scale, values)
        if is_last and len(node.input) > 2:
            centre = (channels.mean(dim=1) - arguments[2]) * scale
            self.changed[node.input[2]] = values[node.input[2]] = -torch.round(centre * 64) / 64

    def multiply(self, name, scale, values):
        values[name] = values[name] * scale
        source = self.behind.get(name, name)
        self.changed[source] = values[name].reshape(self.shapes[source])


def rescale(model, seed):
    graph = model.graph
    scaler = Scaler(graph)
    outputs = torch_graph.run(graph, {graph.input[0].name: calibration_images(seed)}, scaler)
    for initializer in graph.initializer:
        if initializer.name in scaler.changed:
            initializer.CopyFrom(numpy_helper.from_array(scaler.changed[initializer.name].contiguous().numpy(), initializer.name))
    return next(iter(outputs.values())).reshape(IMAGES, -1)


def make(name, arguments):
    folder = common.need(common.DEPS / "onnx/onnx/backend/test/data/light", "run tools/install_deps.sh build")
    model = onnx.load(str(folder / f"light_{name}.onnx"))
    refill(model, name, arguments.seed)
    y = rescale(model, arguments.seed)
    distinct = min(len(np.unique(row)) for row in y)
    if distinct < 100 or not np.isfinite(y).all():
        common.fail(f"{name}: {distinct} distinct outputs, expected at least 100")
    if model.ByteSize() < 1 << 30:  # the checker serialises the whole model
        onnx.checker.check_model(model)
    spec = common.input_json(mean=common.IMAGENET_MEAN, std=common.IMAGENET_STD)
    is_big = model.ByteSize() > arguments.external_above_mb * 1e6
    common.save_model(model, spec, arguments.out / f"{name}.onnx", external=is_big)
    kinds = collections.Counter(n.op_type for n in model.graph.node)
    print(
        f"[assets] {name}: {len(model.graph.node)} nodes ({kinds['Conv']} Conv), {distinct} distinct outputs, classes {sorted(set(y.argmax(1).tolist()))}"
        + (", external data" if is_big else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--external-above-mb", type=float, default=100, help="larger models keep their weights in a file beside them")
    arguments = parser.parse_args()
    for name in arguments.only:
        make(name, arguments)


if __name__ == "__main__":
    main()
