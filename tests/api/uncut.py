"""uncut.py MODEL.onnx INPUT.npy TENSORS: the best class of the uncut model in ONNX Runtime, and the bytes of the tensors (names
joined with commas) as float16 by ONNX's own shape inference, as JSON (run with .deps/venv_ort)."""
import json
import sys

import numpy as np
import onnx
import onnxruntime

path, source, tensors = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
scores = session.run(None, {session.get_inputs()[0].name: np.load(source)})[0].ravel()
graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
sizes = {info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim[1:]] for info in [*graph.value_info, *graph.input]}
print(json.dumps({"best": int(scores.argmax()), "bytes": sum(2 * int(np.prod(sizes[name])) for name in tensors)}))
