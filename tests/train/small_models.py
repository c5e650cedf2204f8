"""Small models that tests of pruning and 2:4 sparsity train on stripes, and what ONNX Runtime says of the results.
Import it after the programs are on sys.argv, as test_train.py wants them."""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stripes import CLASSES, OnStripes  # noqa: E402  (it takes the programs off sys.argv)

WIDTH = 16
BASE = ["--epochs", 6, "--batch-statistics"]  # how models are trained that are made smaller then


class Builder:
    def __init__(self, seed=3):
        self.rng, self.arrays, self.nodes = np.random.default_rng(seed), {}, []

    def array(self, name, values):
        self.arrays[name] = np.asarray(values, np.float32)
        return name

    def op(self, op, inputs, **attributes):
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{op.lower()}{len(self.nodes)}", **attributes))
        return output

    def conv(self, x, inputs, outputs, stride=1, norm=True):
        key = len(self.nodes)
        w = self.array(f"w{key}", self.rng.standard_normal((outputs, inputs, 3, 3)) / np.sqrt(4.5 * inputs))
        y = self.op("Conv", [x, w] if norm else [x, w, self.array(f"b{key}", np.zeros(outputs))], pads=[1, 1, 1, 1], strides=[stride, stride])
        if not norm:
            return y
        names = [
            self.array(f"{part}{key}", values)
            for part, values in (("scale", np.ones(outputs)), ("shift", np.zeros(outputs)), ("mean", np.zeros(outputs)), ("var", np.ones(outputs)))
        ]
        return self.op("BatchNormalization", [y, *names])

    def save(self, x, path):
        flat = self.op("Flatten", [self.op("GlobalAveragePool", [x])])
        self.nodes.append(
            helper.make_node("Gemm",
                             [flat, self.array("w_fc",
                                               self.rng.standard_normal((CLASSES, WIDTH)) * 0.3),
                              self.array("b_fc", np.zeros(CLASSES))], ["l"], name="fc", transB=1))
        graph = helper.make_graph(self.nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
                                  [helper.make_tensor_value_info("l", TensorProto.FLOAT, ["N", CLASSES])],
                                  [numpy_helper.from_array(v, k) for k, v in self.arrays.items()])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path


def residual_model(path):
    """Stem and three residual blocks, far more than four kinds of stripes need."""
    b = Builder()
    x = b.op("Relu", [b.conv("x", 3, WIDTH, stride=2)])
    for _ in range(3):
        inner = b.op("Relu", [b.conv(x, WIDTH, WIDTH)])
        x = b.op("Relu", [b.op("Add", [b.conv(inner, WIDTH, WIDTH), x])])
    return b.save(x, path)


def plain_model(path):
    """Without BatchNormalization."""
    b = Builder()
    x = b.op("Relu", [b.conv("x", 3, WIDTH, stride=2, norm=False)])
    for _ in range(2):
        x = b.op("Relu", [b.conv(x, WIDTH, WIDTH, norm=False)])
    return b.save(x, path)


def answers(model, images):
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    x = (np.stack(images).astype(np.float32).transpose(0, 3, 1, 2) / 255 - 0.5) / 0.25
    batches = np.split(x, len(x)) if session.get_inputs()[0].shape[0] == 1 else [x]
    return np.concatenate([session.run(None, {session.get_inputs()[0].name: batch})[0] for batch in batches])


def accuracy(model, images, labels):
    return float((answers(model, images).argmax(1) == np.array(labels)).mean())


def parameters(model):
    return sum(numpy_helper.to_array(t).size for t in onnx.load(model).graph.initializer if t.data_type == TensorProto.FLOAT)


class OnTrainedModel(OnStripes):
    """With a trained residual model."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.residual = cls.folder / "residual.onnx"
        cls.trained(residual_model(cls.folder / "start.onnx"), cls.residual, *BASE)
