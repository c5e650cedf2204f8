"""small_model.py FOLDER: a network of three convolutions with random weights, its input.json and a picture, for what
needs some model. With the Python of .deps/venv_ort."""
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64


def network():
    rng = np.random.RandomState(5)
    weights, nodes, last, channels = [], [], "x", 3
    for i, wider in enumerate((16, 8, 32)):  # narrow in the middle: there it is cut
        weights.append(numpy_helper.from_array((rng.standard_normal((wider, channels, 3, 3)) / (3 * channels**0.5)).astype(np.float32), f"w{i}"))
        nodes += [
            helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"])
        ]
        last, channels = f"r{i}", wider
    weights.append(numpy_helper.from_array(rng.standard_normal((channels, 10)).astype(np.float32), "dense"))
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense"], ["y"])
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "small", [value("x", TensorProto.FLOAT, ("n", 3, SIDE, SIDE))], [value("y", TensorProto.FLOAT, ("n", 10))],
                              weights)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])


def png(seed):
    """A picture of noise, by hand: no library of pictures is needed."""
    pixels = np.random.RandomState(seed).randint(0, 256, (SIDE, SIDE * 3), np.uint8)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(
        b"IEND", b"")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(network(), folder / "small.onnx")
    (folder / "small.input.json").write_text(
        json.dumps({
            "schema": "scissionlite.input/1", "width": SIDE, "height": SIDE, "resize": "stretch", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]
        }))
    for seed in range(2):
        (folder / f"picture{seed}.png").write_bytes(png(seed))


if __name__ == "__main__":
    main()
