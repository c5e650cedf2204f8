"""`serve --join-cuts`: tails of one model that begin at different cuts answer as they do by themselves, and run together from where they join."""

import pathlib
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from calls import LARGEST, ServerCase, arrays, grpc, infer_request, main, np, pb, pb_grpc, peers
from test_http_limits import wait_for

SMALL_MODEL = pathlib.Path(__file__).resolve().parents[1] / "packaging" / "small_model.py"
MODELS = ("small_tail", "small_split_1_uint8")


class JoinCuts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        python = peers.DEPS / "venv_ort" / "bin" / "python"
        if not python.exists():
            peers.skip(f"no {python}; run tools/install_deps.sh test")
        folder = tempfile.TemporaryDirectory(prefix="join-cuts-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.made = pathlib.Path(folder.name)
        subprocess.run([python, SMALL_MODEL, cls.made], check=True)
        subprocess.run([
            ServerCase.program, "prepare", cls.made / "small.onnx", "--candidate", "split/3/uint8", "--also", "split/1/uint8", "--images",
            cls.made / "picture0.png", "--package", cls.made / "package", "--repository", cls.made / "models"
        ], check=True, capture_output=True, timeout=120)

    def serve(self, *words):
        server = peers.Serve(ServerCase.program, self.made / "models", "--no-http", *words).__enter__()
        self.addCleanup(server.__exit__)
        channel = grpc.insecure_channel(server.address, [*LARGEST, ("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        server.stub = pb_grpc.GRPCInferenceServiceStub(channel)
        return server

    def requests(self, server, name, count, batch):
        """Random ones, the same for each server."""
        rng = np.random.default_rng(7)
        info = server.stub.ModelMetadata(pb.ModelMetadataRequest(name=name))
        out = []
        for _ in range(count):
            inputs, raw = [], []
            for tensor in info.inputs:
                shape = [batch, *tensor.shape[1:]]
                data = rng.integers(0, 256, shape, np.uint8) if tensor.datatype == "UINT8" else rng.random(shape, np.float32)
                inputs.append((tensor.name, tensor.datatype, shape))
                raw.append(data.tobytes())
            out.append(infer_request(name, inputs, raw=raw))
        return out

    def counter(self, server, name):
        text = urllib.request.urlopen(server.event["metrics_url"], timeout=60).read().decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + "{"))

    def answers(self, server, requests):
        """All at once, in the order of the requests."""
        out = [None] * len(requests)

        def ask(i):
            out[i] = next(iter(arrays(server.stub.ModelInfer(requests[i], timeout=120)).values()))

        threads = [threading.Thread(target=ask, args=(i, )) for i in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return out

    def test_answers_are_the_same_and_batches_shared(self):
        alone, joined = self.serve(), self.serve("--join-cuts", "--engine", "slow:20:openvino")
        self.assertIn("begins what models of", joined.stderr())
        self.assertIn("joins what models of", joined.stderr())
        for batch in (1, 3):
            requests = [request for pair in zip(*(self.requests(alone, name, 12, batch) for name in MODELS)) for request in pair]
            expected = [next(iter(arrays(alone.stub.ModelInfer(request)).values())) for request in requests]
            items, runs = self.counter(joined, "scissionlite_joint_items_total"), self.counter(joined, "scissionlite_joint_executions_total")
            for got, wanted in zip(self.answers(joined, requests), expected):
                np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
            self.assertEqual(self.counter(joined, "scissionlite_joint_items_total") - items, batch * len(requests))
            self.assertLess(self.counter(joined, "scissionlite_joint_executions_total") - runs, len(requests))
        self.assertEqual(self.counter(joined, "scissionlite_joint_model"), 2)
        self.assertEqual(self.counter(alone, "scissionlite_joint_model"), 0)

    def test_a_deadline_counts_both_parts(self):
        server = self.serve("--join-cuts", "--engine", "slow:50:openvino")
        for name in MODELS:
            request = self.requests(server, name, 1, 1)[0]
            self.assertEqual(len(arrays(server.stub.ModelInfer(request, timeout=60))), 1)
            request.parameters["timeout"].int64_param = 1
            with self.assertRaises(grpc.RpcError) as caught:
                server.stub.ModelInfer(request, timeout=60)
            self.assertEqual(caught.exception.code().name, "DEADLINE_EXCEEDED")

    def test_readiness_is_of_both_parts(self):
        """While the engine hangs, the models are not ready, and who waits is told; afterwards they answer."""
        hangs = self.made / "hangs"
        server = self.serve("--join-cuts", "--engine", f"hang:{hangs}:openvino", "--hang-secs", "0.3")
        ready = lambda: server.stub.ModelReady(pb.ModelReadyRequest(name=MODELS[1])).ready  # noqa: E731
        self.assertTrue(ready())
        answers = [self.requests(server, name, 1, 1)[0] for name in MODELS]
        for request in answers:
            server.stub.ModelInfer(request, timeout=60)
        time.sleep(0.2)
        before = self.counter(server, "scissionlite_joint_items_total")
        hangs.write_text("")
        for call in [server.stub.ModelInfer.future(request, timeout=120) for request in answers]:
            self.assertEqual(call.exception().code().name, "UNAVAILABLE")
            self.assertIn("the engine hangs", call.exception().details())
        self.assertFalse(ready())
        hangs.unlink()
        wait_for(ready)
        for request in answers:
            server.stub.ModelInfer(request, timeout=120)
        self.assertEqual(self.counter(server, "scissionlite_joint_items_total") - before, 2)


if __name__ == "__main__":
    main("__main__")
