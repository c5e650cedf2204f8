"""A model compiled here for four lanes runs on arm-64 (cross-compiled, under qemu-user) and answers as ONNX Runtime does.
test_compiled.py SCISSIONLITE CMAKE INCLUDES WORK     with the Python of .deps/venv_ort; INCLUDES holds nlohmann/json.hpp

Exit 77 (skipped) where the cross compiler or the emulator is missing."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
SOURCES = ("tests/arm/compiled_on_arm.cc", *(f"src/base/{name}.cc"
                                             for name in ("text", "cpu", "tensor", "json", "file", "descriptor", "base64", "memory")),
           "src/graph/graph.cc", *(f"src/onnx/{name}.cc" for name in ("compiled", "compiled_json")),
           *(f"src/ops/{name}.cc"
             for name in ("support", "activation", "activation_names", "move", "moves_values", "resize", "strip", "strip_program")),
           *(f"src/kernels/{name}.cc" for name in ("layout", "move", "packed", "precision", "problem_fields", "dense/dense", "dense/two_four_dense")))
KERNELS = ("bf16", "bitserial", "conv", "generated", "int8", "lowbit", "pool", "sparse24", "strip", "vector"
           )  # folders of src/kernels: all but other instruction sets and oneDNN
NOT_NEEDED = ("native.cc", "explain.cc", "write_compiled.cc", "network_check.cc", "graph_choices.cc", "graph_costs.cc", "selection.cc",
              "form_paths.cc", "stored_kernels.cc")  # the executable around it, reports, compiling, choosing, and generated kernels


def model(path):
    """Winograd, a chain with a residual, a pool, a dense layer; channels and sizes that are no multiples of four."""
    rng = np.random.RandomState(3)
    weights, nodes = [], []

    def constant(name, *shape):
        weights.append(numpy_helper.from_array((rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32), name))
        return name

    def conv(x, name, out, into, kernel, group=1, activation=None):
        pads = [kernel // 2] * 4
        nodes.append(
            helper.make_node("Conv", [x, constant(name + "_w", out, into // group, kernel, kernel),
                                      constant(name + "_b", out)], [name], kernel_shape=[kernel, kernel], pads=pads, group=group))
        if activation:
            nodes.append(helper.make_node(activation, [name], [name + "_f"]))
        return name + "_f" if activation else name

    stem = conv("x", "stem", 24, 3, 3, activation="Relu")
    body = conv(stem, "body", 22, 24, 3, activation="Relu")
    wide = conv(body, "wide", 90, 22, 1, activation="Relu")
    deep = conv(wide, "deep", 90, 90, 3, group=90, activation="Relu")
    narrow = conv(deep, "narrow", 22, 90, 1)
    nodes.append(helper.make_node("Add", [narrow, body], ["sum"]))
    nodes.append(helper.make_node("MaxPool", ["sum"], ["pooled"], kernel_shape=[3, 3], strides=[2, 2]))
    nodes.append(helper.make_node("GlobalAveragePool", ["pooled"], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["flat"]))
    nodes.append(helper.make_node("Gemm", ["flat", constant("dense_w", 10, 22), constant("dense_b", 10)], ["y"], transB=1))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "small", [value("x", TensorProto.FLOAT, (1, 3, 61, 58))], [value("y", TensorProto.FLOAT, (1, 10))], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), str(path))


def build(cmake, includes, work):
    """The runner, one object a source, so that ccache finds what did not change."""
    alone = work / "include"
    alone.mkdir(exist_ok=True)
    (alone / "nlohmann").unlink(missing_ok=True)
    (alone / "nlohmann").symlink_to(pathlib.Path(includes) / "nlohmann")
    fingerprint = work / "build_fingerprint.cc"
    subprocess.run([cmake, f"-DROOT={ROOT}", f"-DOUT={fingerprint}", "-P", ROOT / "cmake" / "fingerprint.cmake"], check=True)
    native = sorted(path for path in (ROOT / "src/engine/backends/native").rglob("*.cc")
                    if not path.name.endswith("_test.cc") and path.name not in NOT_NEEDED)
    kernels = [
        path for folder in KERNELS for path in sorted((ROOT / "src/kernels" / folder).glob("*.cc")) if not re.search("_test|_avx|onednn", path.name)
    ]
    ccache, sources = [program for program in [shutil.which("ccache")]
                       if program], [*(ROOT / name for name in SOURCES), *kernels, *native, fingerprint]
    objects = [work / f"{source.parent.name}_{source.stem}.o" for source in sources]

    def compile_one(source, to):
        subprocess.run([*ccache, COMPILER, "-std=c++20", "-O1", "-fopenmp", "-I", ROOT / "src", "-I", alone, "-c", source, "-o", to], check=True)

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(compile_one, sources, objects))
    subprocess.run([COMPILER, "-fopenmp", "-static", *objects, "-o", work / "compiled_on_arm"], check=True)


def main():
    program, cmake, includes, work = sys.argv[1:5]
    for needed in (COMPILER, EMULATOR):
        if not shutil.which(needed):
            print(f"[SKIP] no {needed}; apt-get install g++-aarch64-linux-gnu qemu-user")
            sys.exit(77)
    work = pathlib.Path(work)
    work.mkdir(parents=True, exist_ok=True)
    model(work / "small.onnx")
    subprocess.run([program, "compile", work / "small.onnx", "-o", work / "compiled", "--isa", "neon", "--threads", "2"], check=True)
    compiled = json.loads((work / "compiled" / "compiled.json").read_text())
    done = {step["implementation"].split()[0] for step in compiled["programs"][0]["steps"]}
    assert compiled["lanes"] == 4 and {"dense"} < done, done
    x = np.random.RandomState(4).standard_normal((1, 3, 61, 58)).astype(np.float32)
    x.tofile(work / "x.bin")
    onnxruntime.InferenceSession(str(work / "small.onnx"), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0].tofile(work / "y.bin")
    build(cmake, includes, work)
    subprocess.run([EMULATOR, work / "compiled_on_arm", work / "compiled", work / "x.bin", work / "y.bin"], check=True, timeout=120)
    (work / "compiled" / "weights.bin").write_bytes((work / "compiled" / "weights.bin").read_bytes()[:-64])
    refused = subprocess.run([EMULATOR, work / "compiled_on_arm", work / "compiled", work / "x.bin", work / "y.bin"], capture_output=True, text=True,
                             timeout=120)
    assert refused.returncode == 1 and "copied in part" in refused.stderr, refused.stderr


main()
