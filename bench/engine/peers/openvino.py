"""OpenVINO, CPU device. Source: docs.openvino.ai, Optimizing for Latency and CPU Device: the latency hint, one stream, f32 kept as f32
(by itself it would take bf16 where the CPU has it); the input shared, so that no copy is timed."""
VENV = "main"


def load_library():
    import openvino
    return openvino


def version(openvino):
    return openvino.__version__


class Session:
    def __init__(self, openvino, model, threads, work):
        self.openvino = openvino
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": "1", "INFERENCE_PRECISION_HINT": "f32"}
        self.request = openvino.Core().compile_model(str(model), "CPU", settings).create_infer_request()

    def set_input(self, x):
        self.x = x  # shared, not copied
        self.request.set_input_tensor(self.openvino.Tensor(x, shared_memory=True))

    def run(self):
        self.request.infer(share_inputs=True, share_outputs=True)

    def output(self):
        return self.request.get_output_tensor(0).data
