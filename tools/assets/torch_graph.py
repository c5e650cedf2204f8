"""Runs an ONNX graph node by node with torch: enough operators for the asset scripts to check and to scale their models.

A node may be intercepted: `on_node(node, values)` is called before it runs and may change its weights in `values`.
"""
import numpy as np
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

OPS = {}


def op(function):
    OPS[function.__name__] = function
    return function


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def padded(x, a, value):
    """x with explicit ONNX pads (begin..., end...)."""
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    return F.pad(x, [left, right, top, bottom], value=value) if any((top, left, bottom, right)) else x


@op
def Conv(a, x, w, b=None):
    return F.conv2d(padded(x, a, 0.0), w, b, a.get("strides", [1, 1]), 0, a.get("dilations", [1, 1]), a.get("group", 1))


@op
def BatchNormalization(a, x, scale, bias, mean, variance):
    return F.batch_norm(x, mean, variance, scale, bias, eps=a.get("epsilon", 1e-5))


@op
def Relu(a, x):
    return F.relu(x)


@op
def Clip(a, x, low, high):
    return torch.minimum(torch.maximum(x, low), high)


@op
def MaxPool(a, x):
    return F.max_pool2d(padded(x, a, float("-inf")), a["kernel_shape"], a.get("strides", [1, 1]))


@op
def AveragePool(a, x):
    kernel, strides = a["kernel_shape"], a.get("strides", [1, 1])
    area = kernel[0] * kernel[1]
    sums = F.avg_pool2d(padded(x, a, 0.0), kernel, strides) * area
    if a.get("count_include_pad", 0):
        return sums / area
    return sums / (F.avg_pool2d(padded(torch.ones_like(x[:1, :1]), a, 0.0), kernel, strides) * area)


@op
def GlobalAveragePool(a, x):
    return x.mean(dim=(2, 3), keepdim=True)


@op
def LRN(a, x):
    return F.local_response_norm(x, a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0))


@op
def Concat(a, *xs):
    return torch.cat(xs, dim=a["axis"])


@op
def Sum(a, *xs):
    return sum(xs[1:], xs[0])


@op
def Add(a, x, y):
    return x + y


@op
def Mul(a, x, y):
    return x * y


@op
def Unsqueeze(a, x):
    for axis in sorted(a["axes"]):
        x = x.unsqueeze(axis)
    return x


@op
def Transpose(a, x):
    return x.permute(a["perm"])


@op
def Dropout(a, x, *_):
    return x


@op
def Flatten(a, x):
    return x.flatten(a.get("axis", 1))


@op
def Reshape(a, x, shape):
    shape = [int(v) for v in shape]
    if shape[0] == 1 and x.shape[0] != 1:
        shape[0] = x.shape[0]  # a batch where the graph was written for one image
    return x.reshape(shape)


@op
def Gemm(a, x, w, b=None):
    x, w = (x.t() if a.get("transA") else x), (w.t() if a.get("transB") else w)
    y = a.get("alpha", 1.0) * (x @ w)
    return y if b is None else y + a.get("beta", 1.0) * b


@op
def Softmax(a, x):
    """As before opset 13: over everything from `axis` on."""
    return F.softmax(x.flatten(a.get("axis", 1)), dim=1).reshape(x.shape)


def run(graph, feeds, on_node=None):
    """Outputs of `graph` (GraphProto) by name. `feeds` maps input names to arrays."""
    values = {i.name: torch.from_numpy(np.array(numpy_helper.to_array(i))) for i in graph.initializer}
    values.update({name: torch.from_numpy(array) for name, array in feeds.items()})
    uses = {}
    for node in graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    outputs = {o.name for o in graph.output}
    with torch.no_grad():
        for node in graph.node:
            if on_node:
                on_node(node, values)
            arguments = [values[name] if name else None for name in node.input]
            values[node.output[0]] = OPS[node.op_type](attributes(node), *arguments)
            for name in node.input:  # free what no later node needs
                uses[name] -= 1
                if uses[name] == 0 and name not in outputs:
                    values.pop(name, None)
    return {name: values[name].numpy() for name in outputs}
