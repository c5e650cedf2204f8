"""run_ort.py MODEL.onnx INPUT.npy OUTPUT.npy ...: first output of each model in ONNX Runtime (run with .deps/venv_ort)."""
import sys

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # waiting threads spin, which on a busy machine costs more than they bring
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
for model, source, target in zip(*[iter(sys.argv[1:])] * 3):
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    images = np.load(source)
    name = session.get_inputs()[0].name
    np.save(target, np.stack([session.run(None, {name: x[None]})[0].reshape(-1) for x in images]))
