"""Writes the small model repository that the tests of the server use. Run with the Python of .deps/venv_ort:
test_models.py FOLDER"""

import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def write(folder, nodes, inputs, outputs, constants=(), config=None):
    graph = helper.make_graph(list(nodes), folder.name, list(inputs), list(outputs), list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    (folder / "1").mkdir(parents=True)
    onnx.save(model, folder / "1" / "model.onnx")
    if config is not None:
        (folder / "config.pbtxt").write_text(f'name: "{folder.name}"\nbackend: "onnxruntime"\n{config}\n')


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def affine(folder, batching):
    """y = 2 x + 1 over (n, k, 4): what every row of the behaviour table is tried on."""
    nodes = [helper.make_node("Mul", ["x", "two"], ["double"]), helper.make_node("Add", ["double", "one"], ["y"])]
    config = 'max_batch_size: 8\ninput [ { name: "x" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]\n'
    config += 'output [ { name: "y" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]\n' + batching
    write(folder, nodes, [value("x", T.FLOAT, ["n", "k", 4])], [value("y", T.FLOAT, ["n", "k", 4])],
          [constant("two", [2]), constant("one", [1])], config)


def pair(folder):
    """Two inputs, two outputs, no batching, and no config: everything comes from the graph."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])]
    write(folder, nodes, [value("a", T.FLOAT, [2, 3]), value("b", T.FLOAT, [2, 3])],
          [value("sum", T.FLOAT, [2, 3]), value("product", T.FLOAT, [2, 3])])


def casts(folder):
    """One input of each plain type, each given back as FP32."""
    types = {
        "b": T.BOOL, "u8": T.UINT8, "i8": T.INT8, "u16": T.UINT16, "i16": T.INT16, "i32": T.INT32, "u32": T.UINT32, "i64": T.INT64, "f16": T.FLOAT16,
        "f64": T.DOUBLE
    }
    nodes = [helper.make_node("Cast", [name], [name + "_f32"], to=T.FLOAT) for name in types]
    write(folder, nodes, [value(name, dtype, [3]) for name, dtype in types.items()], [value(name + "_f32", T.FLOAT, [3]) for name in types],
          config="max_batch_size: 0")


def halves(folder):
    """y = -x of FP16, for which JSON has no form."""
    write(folder, [helper.make_node("Neg", ["x"], ["y"])], [value("x", T.FLOAT16, ["n", 4])], [value("y", T.FLOAT16, ["n", 4])])


def heavy(folder, batching=""):
    """Some 0.2 s of work on two cores: for deadlines, cancellation, full queues and draining."""
    nodes, last = [], "x"
    for i in range(40):
        nodes.append(helper.make_node("MatMul", [last, "x"], [f"m{i}"]))
        nodes.append(helper.make_node("Tanh", [f"m{i}"], [f"t{i}"]))
        last = f"t{i}"
    nodes.append(helper.make_node("ReduceMean", [last], ["y"], axes=[1, 2], keepdims=0))
    config = 'max_batch_size: 4\ninput [ { name: "x" data_type: TYPE_FP32 dims: [ 512, 512 ] } ]\n'
    config += 'output [ { name: "y" data_type: TYPE_FP32 dims: [ ] } ]\n' + batching
    write(folder, nodes, [value("x", T.FLOAT, ["n", 512, 512])], [value("y", T.FLOAT, ["n"])], config=config)


def wide(folder):
    """The largest value of 16 MiB: for big messages."""
    nodes = [helper.make_node("ReduceMax", ["x"], ["y"], keepdims=0)]
    write(folder, nodes, [value("x", T.FLOAT, [4, 1024, 1024])], [value("y", T.FLOAT, [])], config="max_batch_size: 0")


def table(folder):
    """y = row x of a table of ten: an index beyond it fails the run that it is in."""
    config = 'max_batch_size: 8\ninput [ { name: "x" data_type: TYPE_INT64 dims: [ 1 ] } ]\noutput [ { name: "y" data_type: TYPE_FP32 dims: [ 1, 4 ] } ]\n'
    config += "dynamic_batching { max_queue_delay_microseconds: 100000 preferred_batch_size: 8 }"
    write(folder, [helper.make_node("Gather", ["rows", "x"], ["y"])], [value("x", T.INT64, ["n", 1])], [value("y", T.FLOAT, ["n", 1, 4])],
          [constant("rows",
                    np.arange(40).reshape(10, 4))], config)


def product(folder):
    """y = x w, whose inner size of 64 only w tells; and no config."""
    write(folder, [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", T.FLOAT, ["n", "k"])], [value("y", T.FLOAT, ["n", 16])],
          [constant("w", np.ones((64, 16)))])


def long(folder):
    """y = x of 64 bits."""
    write(folder, [helper.make_node("Identity", ["x"], ["y"])], [value("x", T.INT64, ["n", 3])], [value("y", T.INT64, ["n", 3])])


def pixels(folder):
    """y = x on a small image, with an input.json: the model that takes encoded images."""
    write(folder, [helper.make_node("Mul", ["x", "one"], ["y"])], [value("x", T.FLOAT, ["n", 3, 6, 5])], [value("y", T.FLOAT, ["n", 3, 6, 5])],
          [constant("one", [1])])
    spec = {"schema": "scissionlite.input/1", "width": 5, "height": 6, "resize": "stretch", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
    (folder / "input.json").write_text(json.dumps(spec))


def main():
    repository = pathlib.Path(sys.argv[1])
    affine(repository / "m", "dynamic_batching { max_queue_delay_microseconds: 2000 }")
    affine(repository / "steady", "")
    pair(repository / "pair")
    casts(repository / "casts")
    heavy(repository / "heavy")
    heavy(repository / "impatient",
          "dynamic_batching { default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 200000 max_queue_size: 2 } }")
    wide(repository / "wide")
    table(repository / "table")
    product(repository / "product")
    halves(repository / "halves")
    long(repository / "long")
    pixels(repository / "pixels")


if __name__ == "__main__":
    main()
