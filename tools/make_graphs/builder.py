"""Builds an ONNX graph and computes it on one seeded picture at the same time, so that BatchNorms can hold the statistics of what
reaches them. numpy and the onnx wheel only.

Layers are methods of Net: each takes and gives a Value (a name in the graph, and its numbers on the picture). Weights
are He-normal (variance 2 / fan-in; 1 / fan-in in the last layer), biases and BatchNorm offsets small, BatchNorm scales
near one. Values are those of MT19937 seeded by network and parameter name; where no BatchNorm follows, convolutions are
centred and scaled. Measured statistics are rounded, so that the last bits of a machine's arithmetic do not matter and
the same seed gives the same file. """
import dataclasses
import zlib

import arithmetic
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
SHAPE, CLASSES = (3, 224, 224), 1000
CHUNK = 1 << 20  # random numbers at a time


@dataclasses.dataclass
class Value:
    name: str
    array: np.ndarray  # (1, c, h, w) or (1, c), f32

    @property
    def channels(self):
        return self.array.shape[1]


def rounded(values, digits=6):
    """`digits` significant binary digits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(mantissa, digits)), exponent - digits).astype(np.float32)


class Net:
    def __init__(self, name, seed=1, shape=SHAPE, classes=CLASSES):
        self.name, self.seed, self.classes = name, seed, classes
        self.nodes, self.initializers, self.parameters = [], [], 0
        self.input = Value("input", self.normal("input", (1, *shape)))

    # Numbers

    def random(self, parameter):
        return np.random.RandomState(zlib.crc32(f"{self.name}/{parameter}/{self.seed}".encode()))

    def normal(self, parameter, shape, deviation=1.0):
        state, out = self.random(parameter), np.empty(int(np.prod(shape)), np.float32)
        for start in range(0, out.size, CHUNK):
            part = out[start:start + CHUNK]
            part[:] = deviation * state.standard_normal(part.size)
        return out.reshape(shape)

    def constant(self, name, array, is_parameter=False):
        self.initializers.append(numpy_helper.from_array(array, name))
        self.parameters += array.size if is_parameter else 0
        return name

    # Nodes

    def node(self, operator, inputs, arrays, **attributes):
        """One node named after its place; `arrays` are what it gives."""
        base = f"{operator.lower()}_{len(self.nodes)}"
        names = [base + "_out"] if len(arrays) == 1 else [f"{base}_out{i}" for i in range(len(arrays))]
        self.nodes.append(helper.make_node(operator, inputs, names, name=base, **attributes))
        values = [Value(name, array) for name, array in zip(names, arrays)]
        return values[0] if len(values) == 1 else values

    def place(self, operator):
        """Prefix for parameters of the next node."""
        return f"{operator}_{len(self.nodes)}"

    def conv(self, x, channels, kernel=1, stride=1, pad=None, groups=1, bias=False):
        """Square kernel; padding keeps the size at stride 1 unless given."""
        pad = kernel // 2 if pad is None else pad
        place, shape = self.place("conv"), (channels, x.channels // groups, kernel, kernel)
        weights = self.normal(place + "_weight", shape, np.sqrt(2 / np.prod(shape[1:])))
        y, offsets = arithmetic.conv(x.array, weights, stride, pad, groups), None
        if bias:
            weights, offsets, y = self.centred(place, weights, y)
        names = [x.name, self.constant(place + "_weight", weights, True)] + ([self.constant(place + "_bias", offsets, True)] if bias else [])
        return self.node("Conv", names, [y], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups, dilations=[1, 1])

    def centred(self, place, weights, y):
        """Weights, biases and result of a convolution without a BatchNorm: unit deviation and centred channels, which would else be
        below zero everywhere or above in deep stacks. Where there is one place only (squeezed channels), biases are just small."""
        offsets = self.normal(place + "_bias", y.shape[1:2], 0.05)
        if y[0, 0].size > 1:
            means = y.mean((0, 2, 3), keepdims=True)
            gain = rounded(1 / (y - means).std(), 3)
            weights, y, offsets = weights * gain, y * gain, offsets - rounded(means.reshape(-1) * gain)
        return weights, offsets, y + offsets.reshape(1, -1, 1, 1)

    def batch_norm(self, x, epsilon=1e-5):
        place, shape = self.place("bn"), (x.channels, )
        scale = np.clip(self.normal(place + "_weight", shape, 0.1) + 1, 0.5, 1.5).astype(np.float32)
        offset = self.normal(place + "_bias", shape, 0.1)
        mean, variance = x.array.mean((0, 2, 3)), x.array.var((0, 2, 3))
        variance = np.maximum(variance, 1e-2 * variance.mean())  # a channel that hardly moves must not be blown up
        mean, variance = rounded(mean), rounded(variance)
        names = [
            x.name,
            self.constant(place + "_weight", scale, True),
            self.constant(place + "_bias", offset, True),
            self.constant(place + "_running_mean", mean),
            self.constant(place + "_running_var", variance)
        ]
        gain = (scale / np.sqrt(variance + np.float32(epsilon))).reshape(1, -1, 1, 1)
        y = (x.array - mean.reshape(1, -1, 1, 1)) * gain + offset.reshape(1, -1, 1, 1)
        return self.node("BatchNormalization", names, [y], epsilon=epsilon, momentum=0.9)

    def linear(self, x, outputs, is_last=False):
        place = self.place("linear")
        weights = self.normal(place + "_weight", (outputs, x.channels), np.sqrt((1 if is_last else 2) / x.channels))
        offsets = self.normal(place + "_bias", (outputs, ), 0.05)
        names = [x.name, self.constant(place + "_weight", weights, True), self.constant(place + "_bias", offsets, True)]
        return self.node("Gemm", names, [x.array @ weights.T + offsets], alpha=1.0, beta=1.0, transB=1)

    def relu(self, x):
        return self.node("Relu", [x.name], [np.maximum(x.array, 0)])

    def relu6(self, x):
        place = self.place("clip")
        low, high = (self.constant(f"{place}_{end}", np.array(value, np.float32)) for end, value in (("min", 0), ("max", 6)))
        return self.node("Clip", [x.name, low, high], [np.clip(x.array, 0, 6)])

    def sigmoid(self, x):
        return self.node("Sigmoid", [x.name], [arithmetic.sigmoid(x.array)])

    def silu(self, x):
        return self.multiply(x, self.sigmoid(x))

    def hard_sigmoid(self, x):
        return self.node("HardSigmoid", [x.name], [arithmetic.hard_sigmoid(x.array)], alpha=1 / 6, beta=0.5)

    def hard_swish(self, x):
        return self.node("HardSwish", [x.name], [x.array * arithmetic.hard_sigmoid(x.array)])

    def max_pool(self, x, kernel, stride, pad=0, ceil=0):
        """`ceil` is kept as exported; sizes must divide evenly, where it changes nothing."""
        assert not ceil or (x.array.shape[2] + 2 * pad - kernel) % stride == 0
        y = arithmetic.pool(x.array, kernel, stride, pad, np.maximum, -np.inf)
        return self.node("MaxPool", [x.name], [y], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, dilations=[1, 1], ceil_mode=ceil)

    def average_pool(self, x, kernel, stride):
        y = arithmetic.pool(x.array, kernel, stride, 0, np.add, 0) / np.float32(kernel * kernel)
        return self.node("AveragePool", [x.name], [y], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[0] * 4, ceil_mode=0,
                         count_include_pad=1)

    def global_pool(self, x):
        return self.node("GlobalAveragePool", [x.name], [x.array.mean((2, 3), keepdims=True)])

    def mean_of_places(self, x):
        return self.node("ReduceMean", [x.name], [x.array.mean((2, 3))], axes=[2, 3], keepdims=0)

    def flatten(self, x):
        return self.node("Flatten", [x.name], [x.array.reshape(1, -1)], axis=1)

    def add(self, x, y):
        return self.node("Add", [x.name, y.name], [x.array + y.array])

    def multiply(self, x, y):
        return self.node("Mul", [x.name, y.name], [x.array * y.array])

    def concat(self, values):
        return self.node("Concat", [v.name for v in values], [np.concatenate([v.array for v in values], 1)], axis=1)

    def halves(self, x):
        half = x.channels // 2
        sizes = self.constant(self.place("split") + "_sizes", np.array([half, half], np.int64))
        return self.node("Split", [x.name, sizes], [x.array[:, :half], x.array[:, half:]], axis=1)

    def reshape(self, x, shape):
        name = self.constant(self.place("reshape") + "_shape", np.array(shape, np.int64))
        return self.node("Reshape", [x.name, name], [x.array.reshape(shape)])

    def shuffle(self, x, groups):
        """Channel shuffle: channel g * (c / groups) + i goes to i * groups + g."""
        n, c, h, w = x.array.shape
        parts = self.reshape(x, (n, groups, c // groups, h, w))
        order = (0, 2, 1, 3, 4)
        return self.reshape(self.node("Transpose", [parts.name], [np.ascontiguousarray(parts.array.transpose(order))], perm=order), (n, c, h, w))

    def model(self, y):
        """The graph from the input to `y`, checked."""
        check_scale(self.name, y.array, self.classes)
        floats = TensorProto.FLOAT
        graph = helper.make_graph(self.nodes, self.name, [helper.make_tensor_value_info("input", floats, self.input.array.shape)],
                                  [helper.make_tensor_value_info(y.name, floats, y.array.shape)], self.initializers)
        made = helper.make_model(graph, producer_name="scissionlite make_graphs", ir_version=IR_VERSION,
                                 opset_imports=[helper.make_opsetid("", OPSET)])
        onnx.checker.check_model(made)
        return made


def check_scale(name, logits, classes):
    """Answers of a network worth measuring: finite, of ordinary size, all different."""
    distinct, deviation = len(np.unique(logits)), float(logits.std())
    if logits.shape != (1, classes) or not np.isfinite(logits).all() or distinct < 0.99 * classes or not 0.02 < deviation < 50:
        raise SystemExit(
            f"[make_graphs] {name}: logits of shape {logits.shape}, {distinct} distinct, deviation {deviation:.3g}; expected (1, {classes}), all different, about one"
        )
