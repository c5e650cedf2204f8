"""Ends of different age. The edge against callers that name other versions, or none, or send what it does not know; a
  device against edges of other versions: our own, behind a relay that changes what it says of itself. test_versions.py
  SCISSIONLITE"""

import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
import peers  # noqa: E402

peers.enter_venv()
import soak_device  # noqa: E402
from calls import ServerCase, arrays, grpc, infer_request, np, pb  # noqa: E402

PROGRAM = ServerCase.program = sys.argv.pop(1)
KEY = "scissionlite-protocol"
EXTENSION = "scissionlite_protocol:"
SERVICE = "/inference.GRPCInferenceService/"
UNKNOWN_FIELD = b"\xc2\x3e\x03new"  # number 1000, three bytes
X = np.arange(8, dtype=np.float32).reshape(1, 2, 4)


def request(**parameters):
    out = infer_request(inputs=[("x", "FP32", X.shape)], raw=[X.tobytes()])
    for name, value in parameters.items():
        out.parameters[name].string_param = value
    return out


class Edge(ServerCase):
    models = ("m", )

    def asked_with(self, versions, **parameters):
        return self.stub.ModelInfer(request(**parameters), metadata=[(KEY, versions)])

    def test_fault_46_it_names_its_range(self):
        told = [extension for extension in self.client.get_server_metadata().extensions if extension.startswith(EXTENSION)]
        self.assertRegex(told[0], EXTENSION + r"\d+-\d+$")
        self.assertEqual(len(told), 1)

    def test_fault_46_devices_in_its_range_and_silent_ones_are_answered(self):
        for versions in ("1-1", "1-9"):
            np.testing.assert_array_equal(arrays(self.asked_with(versions))["y"], 2 * X + 1)
        sha256 = self.stub.ModelInfer(request()).parameters["model_sha256"].string_param
        np.testing.assert_array_equal(arrays(self.stub.ModelInfer(request(model_sha256=sha256)))["y"], 2 * X + 1)

    def test_fault_46_devices_beyond_its_range_are_told_who_is_to_be_updated(self):
        words = "the edge speaks version 1 of ScissionLite's protocol, the device versions 7 to 9: update the edge"
        self.fails(lambda: self.asked_with("7-9"), "FAILED_PRECONDITION", words)
        self.fails(lambda: self.stub.ModelConfig(pb.ModelConfigRequest(name="m"), metadata=[(KEY, "7-9")]), "FAILED_PRECONDITION", words)
        answers = list(self.stub.ModelStreamInfer(iter([request()]), metadata=[(KEY, "7-9")]))
        self.assertIn(words, answers[0].error_message)
        packages = self.channel.unary_unary("/scissionlite.delivery.Delivery/List")
        self.fails(lambda: packages(b"", metadata=[(KEY, "7-9")]), "FAILED_PRECONDITION", words)
        self.still_serves()

    def test_fault_46_a_range_that_is_none(self):
        for versions in ("", "2", "2-1", "x" * 300):
            self.fails(lambda versions=versions: self.asked_with(versions), "INVALID_ARGUMENT", "expected OLDEST-NEWEST")

    def test_fault_46_what_it_does_not_know_is_skipped(self):
        ask = self.channel.unary_unary(SERVICE + "ModelInfer")
        answer = ask(request(of_a_later_version="x").SerializeToString() + UNKNOWN_FIELD, metadata=[("scissionlite-of-a-later-version", "x")])
        np.testing.assert_array_equal(arrays(pb.ModelInferResponse.FromString(answer))["y"], 2 * X + 1)


class Relay(grpc.GenericRpcHandler):
    """Passes calls on to an edge; `change` may give another server metadata. Adds to each answer a field that nobody knows."""
    def __init__(self, port, change):
        self.channel, self.change, self.told = grpc.insecure_channel(f"127.0.0.1:{port}"), change, set()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((self, ))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, call):
        def answer(bytes, context):
            metadata = [(key, value) for key, value in context.invocation_metadata() if key.startswith("scissionlite")]
            self.told |= {value for key, value in metadata if key == KEY}
            try:
                out = self.channel.unary_unary(call.method)(bytes, metadata=metadata, timeout=30)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            if call.method == SERVICE + "ServerMetadata":
                server = pb.ServerMetadataResponse.FromString(out)
                self.change(server)
                out = server.SerializeToString()
            return out + UNKNOWN_FIELD

        return grpc.unary_unary_rpc_method_handler(answer)

    def stop(self):
        self.server.stop(0).wait()
        self.channel.close()


def tell(versions):
    """A change of what the edge says: this range, or none."""
    def change(server):
        others = [extension for extension in server.extensions if not extension.startswith(EXTENSION)]
        del server.extensions[:]
        server.extensions.extend(others + ([EXTENSION + versions] if versions is not None else []))

    return change


class Device(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="versions-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        soak_device.make_package(PROGRAM, cls.folder)
        cls.edge = peers.Serve(PROGRAM, cls.folder / "models", "--engine", "native", "--no-http", "--no-metrics").__enter__()
        cls.addClassCleanup(cls.edge.__exit__)

    def run_with(self, change):
        """What `run` gives for one picture: its answer, exit code and errors; and what it told the relay."""
        relay = Relay(self.edge.port, change)
        self.addCleanup(relay.stop)
        done = subprocess.run([
            PROGRAM, "run", "--json", self.folder / "package", "--edge", f"127.0.0.1:{relay.port}", "--engine", "native", self.folder / "picture0.png"
        ], capture_output=True, text=True, timeout=120)
        return json.loads(done.stdout.splitlines()[1]), done.returncode, done.stderr, relay.told

    def test_fault_46_edges_whose_range_has_a_version_of_ours(self):
        for versions in ("1-1", "1-9", None):
            answer, code, errors, told = self.run_with(tell(versions))
            self.assertEqual((answer["origin"], code), ("edge", 0), errors)
            self.assertEqual(told, {"1-1"}, "each call names the device's range")

    def test_fault_46_an_edge_of_later_versions_is_not_used(self):
        answer, code, errors, _ = self.run_with(tell("3-4"))
        self.assertEqual((answer["origin"], code), ("local", 2), errors)
        self.assertIn("the edge speaks versions 3 to 4 of ScissionLite's protocol, the device version 1: update the device", errors)

    def test_fault_46_an_edge_whose_range_is_none_is_not_used(self):
        answer, code, errors, _ = self.run_with(tell("newest"))
        self.assertEqual((answer["origin"], code), ("local", 2), errors)
        self.assertIn("'newest', expected OLDEST-NEWEST", errors)

    def test_fault_46_a_stock_server_is_asked_for_none(self):
        def change(server):
            tell(None)(server)
            server.name = "another"

        answer, code, errors, _ = self.run_with(change)
        self.assertEqual((answer["origin"], code), ("edge", 0), errors)


if __name__ == "__main__":
    unittest.main(verbosity=2)
