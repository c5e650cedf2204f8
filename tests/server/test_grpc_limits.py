"""What the edge holds for callers over gRPC, and for how long: messages, compressed or not, calls of a connection, idle connections."""

import gzip
import json
import os
import queue
import resource
import socket
import tempfile
import time
import unittest
import urllib.request

from unread_calls import UnreadCalls

from calls import LARGEST, ServerCase, grpc, infer_request, main, np, pb, pb_grpc, peers, triton


class Limits(ServerCase):
    """What gRPC holds for callers before a handler sees it."""
    models = ("m", )
    words = ("--max-message-mb", "4")
    BOMB_BYTES = 300 << 20
    GOOD = infer_request(inputs=[("x", "FP32", [1, 2, 4])], raw=[bytes(32)])

    def most_memory(self):
        """In bytes, so far."""
        with open(f"/proc/{self.server.process.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))

    def test_fault_20_a_compressed_bomb_is_refused_without_being_inflated(self):
        raw = bytes(self.BOMB_BYTES)
        bomb = infer_request(inputs=[("x", "FP32", [len(raw) // 32, 2, 4])], raw=[raw]).SerializeToString()
        before = self.most_memory()
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            with grpc.insecure_channel(self.address, options=LARGEST, compression=compression) as channel:
                infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
                self.fails(lambda: infer(bomb, timeout=60), "INVALID_ARGUMENT", "becomes larger than 4194304 bytes")
                metadata = channel.unary_unary("/inference.GRPCInferenceService/ModelMetadata")
                self.fails(lambda: metadata(bomb, timeout=60), "INTERNAL", "")  # it has no tensors, and is not inflated; Triton's status, too
                stream = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer",
                                               response_deserializer=pb.ModelStreamInferResponse.FromString)
                answers = list(stream(iter([bomb, self.GOOD.SerializeToString()]), timeout=60))
                self.assertIn("becomes larger than 4194304 bytes", answers[0].error_message)
                self.assertEqual(answers[1].error_message, "")
        self.assertLess(self.most_memory() - before, 50 << 20)
        self.still_serves()

    def test_damaged_messages_of_every_call_get_internal_and_the_next_ones_their_answer(self):
        for method in ("ServerLive", "ModelReady", "ModelMetadata", "ModelConfig", "ModelInfer", "RepositoryIndex"):
            call = self.channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
            for _ in range(20):
                self.fails(lambda call=call: call(b"\x0a\x7f damaged", timeout=10), "INTERNAL", "")
        self.assertTrue(self.client.is_server_live() and self.client.is_model_ready("m"))
        self.assertEqual(self.client.get_model_metadata("m").name, "m")
        self.still_serves()

    def test_tritonclient_with_and_without_compression(self):
        for items in (1, 8):  # gRPC sends what does not become smaller as it is
            x = np.resize(np.arange(8, dtype=np.float32), (items, 2, 4))
            tensor = triton.InferInput("x", x.shape, "FP32")
            tensor.set_data_from_numpy(x)
            for algorithm in ("gzip", "deflate", None):
                np.testing.assert_array_equal(self.client.infer("m", [tensor], compression_algorithm=algorithm).as_numpy("y"), 2 * x + 1)
                self.stream_answers(tensor, algorithm, 2 * x + 1)

    def stream_answers(self, tensor, algorithm, wanted):
        found = queue.Queue()
        self.client.start_stream(lambda result, error: found.put((result, error)), compression_algorithm=algorithm)
        self.client.async_stream_infer("m", [tensor])
        result, error = found.get(timeout=60)
        self.client.stop_stream()
        self.assertIsNone(error)
        np.testing.assert_array_equal(result.as_numpy("y"), wanted)

    def test_fault_20_damaged_compression(self):
        """As a handler gets it: what looks compressed is taken for that."""
        good = gzip.compress(self.GOOD.SerializeToString())
        infer = self.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for bytes_, words in ((good[:-9], "ends early"), (good + b"x", "1 bytes behind its end"), (good[:10] + b"\xff" * 20, "damaged"),
                              (b"\x78\x9c" + b"\xff" * 20, "damaged")):
            self.fails(lambda: infer(bytes_, timeout=60), "INVALID_ARGUMENT", words)
        self.still_serves()

    def test_streams_that_wait_for_their_next_request_hold_nothing_of_the_last(self):
        """More bytes than all requests in flight may have together, over streams that stay open."""
        x = np.zeros((8, 30_000, 4), np.float32)
        request = infer_request(inputs=[("x", "FP32", x.shape)], raw=[x.tobytes()]).SerializeToString()
        begin = self.channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        streams, sources = [], []
        for _ in range((1 << 30) // len(request) + 20):
            sources.append(queue.Queue())
            streams.append(begin(iter(sources[-1].get, None), timeout=120))
            sources[-1].put(request)
            answer = pb.ModelStreamInferResponse.FromString(next(streams[-1]))
            self.assertEqual(answer.error_message, "")
        self.still_serves()
        for source in sources:
            source.put(None)

    def memory(self):
        with open(f"/proc/{self.server.process.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS:"))

    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "AddressSanitizer's own memory is counted, too")
    def test_calls_whose_answers_nobody_reads_hold_nothing_of_their_requests(self):
        x = np.zeros((8, 240, 8), np.float32)
        request = infer_request(inputs=[("x", "FP32", (8, 480, 4))], raw=[x.tobytes()])
        request.outputs.add(name="y").parameters["classification"].int64_param = 1  # a short answer, which waits all the same
        message, calls = request.SerializeToString(), 80
        before, connections = self.memory(), []
        try:
            for _ in range(30):
                connections.append(UnreadCalls(self.address, "/inference.GRPCInferenceService/ModelInfer"))
                for _ in range(calls):
                    connections[-1].call(message)
                self.assertTrue(connections[-1].wait_for_answers(calls))
            self.assertLess(self.memory() - before, 30 * calls * len(message) * 0.6, "gRPC itself holds 24 KB a call")
            self.still_serves()
        finally:
            for connection in connections:
                connection.close()
        self.still_serves()

    def test_what_lies_in_shared_memory_is_refused(self):
        for side in ("inputs", "outputs"):
            request = pb.ModelInferRequest()
            request.CopyFrom(self.GOOD)
            tensor = request.inputs[0] if side == "inputs" else request.outputs.add(name="y")
            tensor.parameters["shared_memory_region"].string_param = "region"
            self.fails(lambda: self.stub.ModelInfer(request, timeout=60), "INVALID_ARGUMENT", "shared memory, which this server does not")
        self.still_serves()

    def test_more_calls_than_streams_of_a_connection_are_all_answered(self):
        request = infer_request(inputs=[("x", "FP32", [1, 2, 4])], raw=[bytes(32)])
        calls = [self.stub.ModelStreamInfer(iter([request])) for _ in range(1500)]
        self.assertEqual(sum(1 for call in calls for _ in call), 1500)


class Observed(ServerCase):
    models = ("m", )

    def test_what_is_refused_before_it_is_a_request_is_logged_and_spans_are_counted(self):
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as spans, peers.Serve(self.program, self.repository, "--trace-file", spans.name,
                                                                                "--log-format", "json", "--log-requests") as server:
            with grpc.insecure_channel(server.address) as channel:
                infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
                for garbage in (b"\xff" * 40, b"\x1f\x8b" + bytes(40)):
                    with self.assertRaises(grpc.RpcError):
                        infer(garbage, timeout=60, metadata=(("traceparent", trace), ))
            with urllib.request.urlopen(f"http://127.0.0.1:{server.event['metrics_port']}/metrics", timeout=60) as answer:
                text = answer.read().decode()
            self.assertIn('scissionlite_trace_spans_total{outcome="exported"}', text)
            self.assertIn('scissionlite_trace_spans_total{outcome="dropped"}', text)
            server.stop()
            lines = [line for line in map(json.loads, server.stderr().splitlines()) if line["message"] == "turned away"]
        self.assertEqual([(line["identity"], line["trace_id"]) for line in lines], [("127.0.0.1", trace.split("-")[1])] * 2)


class Idle(ServerCase):
    models = ("m", )
    words = ("--grpc-idle-timeout-secs", "1")

    def test_fault_21_an_idle_connection_is_closed_and_the_next_call_makes_another(self):
        with socket.create_connection(("127.0.0.1", self.server.port)) as s:
            s.settimeout(20)
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            start = time.time()
            while s.recv(4096):
                pass
            self.assertLess(time.time() - start, 15)
        time.sleep(2.5)
        self.still_serves()


class Descriptors(ServerCase):
    models = ("m", )

    def open(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def test_fault_39_the_grpc_port_survives_that_no_descriptor_is_left(self):
        self.still_serves()
        most = self.open() + 30
        resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE, (most, most))
        held = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(60)]  # more than there are; the rest waits in the kernel
        time.sleep(0.3)
        self.still_serves()  # a connection that is there goes on
        self.assertGreater(most - self.open(), 3, "some are left for files")
        for connection in held:
            connection.close()
        with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            live = pb_grpc.GRPCInferenceServiceStub(channel).ServerLive(pb.ServerLiveRequest(), timeout=20, wait_for_ready=True)
        self.assertTrue(live.live, "once there are some again, it is taken")
        self.assertIn("cannot take a connection on port", self.server.log())


if __name__ == "__main__":
    main("__main__")
