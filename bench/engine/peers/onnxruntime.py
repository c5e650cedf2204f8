"""ONNX Runtime, CPU provider. Source: onnxruntime.ai, Thread management and Graph optimizations: all optimisations, sequential
execution, as many threads within an operator as asked for; input and output bound, so that no copy is timed."""
VENV = "main"


def load_library():
    import onnxruntime
    return onnxruntime


def version(onnxruntime):
    return onnxruntime.__version__


class Session:
    def __init__(self, onnxruntime, model, threads, work):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.binding.bind_output(self.session.get_outputs()[0].name)

    def set_input(self, x):
        self.x = x  # bound, not copied
        self.binding.bind_cpu_input(self.session.get_inputs()[0].name, x)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        return self.binding.copy_outputs_to_cpu()[0]
