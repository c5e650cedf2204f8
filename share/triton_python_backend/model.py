"""Triton Python backend that runs the tail.onnx (or model.onnx) beside it in ONNX Runtime, byte for byte the file that other servers
run. Tensor names, types and shapes come from the file; config.pbtxt only repeats them."""

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        folder = os.path.join(args["model_repository"], args["model_version"])
        options = onnxruntime.SessionOptions()
        threads = config.get("parameters", {}).get("threads", {}).get("string_value", "")
        if threads:
            options.intra_op_num_threads = int(threads)
        names = [name for name in ("tail.onnx", "model.onnx") if os.path.exists(os.path.join(folder, name))]
        if not names:
            raise FileNotFoundError(f"{folder} has neither tail.onnx nor model.onnx; run scissionlite prepare again")
        self.session = onnxruntime.InferenceSession(os.path.join(folder, names[0]), options, providers=["CPUExecutionProvider"])
        self.inputs = [item.name for item in self.session.get_inputs()]
        self.outputs = [item.name for item in self.session.get_outputs()]
        self.batches = config.get("max_batch_size", 0) > 0

    def execute(self, requests):
        if self.batches and len(requests) > 1:
            answers = self.run_together(requests)
            if answers is not None:
                return answers
        return [self.run_one(request) for request in requests]

    def tensors(self, request):
        return {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}

    def respond(self, request, values):
        wanted = set(request.requested_output_names())
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor(name, np.ascontiguousarray(value)) for name, value in zip(self.outputs, values) if name in wanted])

    def run_one(self, request):
        try:
            return self.respond(request, self.session.run(self.outputs, self.tensors(request)))
        except Exception as error:  # one bad request must not end the model
            return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(str(error)))

    def run_together(self, requests):
        """One run for all requests; None when they do not fit together or the run fails, so that each runs alone."""
        try:
            feeds = [self.tensors(request) for request in requests]
            joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in self.inputs}
            values = self.session.run(self.outputs, joined)
        except Exception:
            return None
        ends = np.cumsum([feed[self.inputs[0]].shape[0] for feed in feeds])[:-1]
        parts = [np.split(value, ends) for value in values]
        return [self.respond(request, [part[i] for part in parts]) for i, request in enumerate(requests)]
