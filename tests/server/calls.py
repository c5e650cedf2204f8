"""Raw gRPC calls with tritonclient's own message classes, for requests that its client would not send; and a test case
that starts our server once for a class."""

import pathlib
import shutil
import tempfile
import unittest

import peers

peers.enter_venv()
import grpc  # noqa: E402
import numpy as np  # noqa: E402
import tritonclient.grpc as triton  # noqa: E402
from tritonclient.grpc import service_pb2 as pb  # noqa: E402
from tritonclient.grpc import service_pb2_grpc as pb_grpc  # noqa: E402

TYPES = {
    "BOOL": np.bool_, "UINT8": np.uint8, "INT8": np.int8, "UINT16": np.uint16, "INT16": np.int16, "INT32": np.int32, "UINT32": np.uint32,
    "INT64": np.int64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64
}
# What the model `casts` takes, and numbers of each type that every engine keeps.
CASTS = {
    "b": "BOOL", "u8": "UINT8", "i8": "INT8", "u16": "UINT16", "i16": "INT16", "i32": "INT32", "u32": "UINT32", "i64": "INT64", "f16": "FP16",
    "f64": "FP64"
}
VALUES = {
    "BOOL": [1, 0, 1], "UINT8": [0, 7, 255], "INT8": [-128, 0, 127], "UINT16": [0, 300, 65535], "INT16": [-32768, 5, 32767],
    "INT32": [-70000, 0, 70000], "UINT32": [0, 1, 70000], "INT64": [-5, 0, 1 << 20], "FP16": [0.5, -2, 1024], "FP64": [0.25, -3, 1e6]
}
LARGEST = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def infer_request(model="m", inputs=(), outputs=(), raw=(), **fields):
    """inputs: (name, datatype, shape) or (name, datatype, shape, {field of contents: values})."""
    request = pb.ModelInferRequest(model_name=model, raw_input_contents=list(raw), **fields)
    for name, datatype, shape, *contents in inputs:
        tensor = request.inputs.add(name=name, datatype=datatype, shape=shape)
        if contents:
            for field, values in contents[0].items():
                getattr(tensor.contents, field).extend(values)
            tensor.contents.SetInParent()
    for name in outputs:
        request.outputs.add(name=name)
    return request


def arrays(response):
    """Outputs of a raw response as numpy arrays; checks that the bytes fit the shape."""
    assert len(response.outputs) == len(response.raw_output_contents), "each output must have raw contents"
    return {
        output.name: np.frombuffer(raw, TYPES[output.datatype]).reshape(output.shape)
        for output, raw in zip(response.outputs, response.raw_output_contents)
    }


class ServerCase(unittest.TestCase):
    program = None  # set by the test's main
    words = ()  # of the command line, for subclasses
    models = None  # names to serve; None: all

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="server-test-")
        cls.repository = pathlib.Path(cls.folder.name) / "repository"
        peers.make_repository(cls.repository)
        for model in list(cls.repository.iterdir()):
            if cls.models is not None and model.name not in cls.models:
                shutil.rmtree(model)
        cls.server = peers.Serve(cls.program, cls.repository, *cls.words).__enter__()
        cls.address = cls.server.address
        cls.client = triton.InferenceServerClient(cls.address)
        cls.channel = grpc.insecure_channel(cls.address, options=LARGEST)
        cls.stub = pb_grpc.GRPCInferenceServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.channel.close()
        cls.server.__exit__()
        cls.folder.cleanup()

    def fails(self, call, code, *texts):
        """`call` must fail with the gRPC status `code` (a name) and a message that has all of `texts`."""
        with self.assertRaises((grpc.RpcError, triton.InferenceServerException)) as caught:
            call()
        error = caught.exception
        if isinstance(error, grpc.RpcError):
            name, details = error.code().name, error.details()
        else:
            name, details = error.status().split(".")[-1], error.message()
        self.assertEqual(name, code, details)
        for text in texts:
            self.assertIn(text, details)
        return details

    def statistics(self, name):
        return self.client.get_inference_statistics(name).model_stats[0]

    def still_serves(self):
        """The server answers a plain request, whatever came before."""
        x = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
        response = self.stub.ModelInfer(infer_request(inputs=[("x", "FP32", x.shape)], raw=[x.tobytes()]))
        np.testing.assert_array_equal(arrays(response)["y"], 2 * x + 1)


def main(module):
    """Runs the tests: PROGRAM [unittest's words]."""
    import sys
    ServerCase.program = sys.argv.pop(1)
    unittest.main(module=module, verbosity=2)
