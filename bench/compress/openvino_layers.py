#!/usr/bin/env python3
"""Convolutions by OpenVINO, one thread, f32, each as a model of its own compiled for latency: reads problems ("conv
mb1ic64ih56...") from standard input, and prints a JSON line for each with the median of its runs in microseconds (the
lesser of CPU and wall time), less what a model costs that does nothing to a value of one element.

Example: echo "conv mb1ic64ih56iw56oc64kh1kw1sh1sw1ph0pw0g1" | build/peers/main/bin/python bench/compress/openvino_layers.py
"""
import argparse
import json
import re
import statistics
import sys
import time

import numpy as np
import openvino as ov

LEAST_S = 0.01  # of a turn
FIELDS = re.compile(r"mb(\d+)ic(\d+)ih(\d+)iw(\d+)oc(\d+)kh(\d+)kw(\d+)sh(\d+)sw(\d+)ph(\d+)pw(\d+)g(\d+)$")
ops = ov.opset13 if hasattr(ov, "opset13") else __import__("openvino.runtime.opset13", fromlist=["opset13"])


def model_of(problem):
    n, c, h, w, k, kh, kw, sh, sw, ph, pw, g = map(int, FIELDS.search(problem).groups())
    rng = np.random.default_rng(1)
    x = ops.parameter([n, c, h, w], np.float32)
    weights = rng.uniform(-1, 1, (g, k // g, c // g, kh, kw) if g > 1 else (k, c, kh, kw)).astype(np.float32)
    convolve = ops.group_convolution if g > 1 else ops.convolution
    y = convolve(x, ops.constant(weights), [sh, sw], [ph, pw], [ph, pw], [1, 1])
    bias = ops.constant(rng.uniform(-1, 1, (1, k, 1, 1)).astype(np.float32))
    return ov.Model([ops.add(y, bias)], [x]), rng.uniform(-1, 1, (n, c, h, w)).astype(np.float32)


def idle():
    x = ops.parameter([1], np.float32)
    return ov.Model([ops.relu(x)], [x]), np.ones(1, np.float32)


def compiled(core, model, x):
    request = core.compile_model(
        model, "CPU",
        {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    request.set_input_tensor(ov.Tensor(x))
    request.infer()
    return request


def median_us(request, rounds):
    start = time.perf_counter()
    request.infer()
    repeats = max(1, int(LEAST_S / max(time.perf_counter() - start, 1e-6)))
    turns = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            request.infer()
        turns.append(min(time.perf_counter() - wall, time.process_time() - cpu) / repeats * 1e6)
    return statistics.median(turns)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    core = ov.Core()
    call_us = median_us(compiled(core, *idle()), options.rounds)
    for line in sys.stdin:
        us = median_us(compiled(core, *model_of(line.split()[1])), options.rounds)
        print(json.dumps({"problem": line.split()[1], "openvino_us": max(us - call_us, 0), "call_us": call_us, "version": ov.__version__}),
              flush=True)


if __name__ == "__main__":
    main()
