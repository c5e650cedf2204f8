"""Bytes that no client sends on purpose: what the HTTP ports do with slow, huge, endless and damaged requests. After each
the server must still serve; every test ends on what the server does, not on a time."""

import json
import pathlib
import resource
import socket
import ssl
import threading
import time

from calls import grpc, infer_request, main, np, peers
from http_calls import HttpCase, tensor, triton_http

X = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
BODY = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2, 4], "data": X.ravel().tolist()}]}).encode()
HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n"
GOOD = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


def wait_for(condition, seconds=60):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.02)


class LimitsCase(HttpCase):
    models = ("m", "wide")

    def tearDown(self):
        self.http_still_serves()
        self.assertIsNone(self.server.process.poll())

    def open_connections(self):
        return self.metrics()['scissionlite_http_connections{port="http"}']

    def turned(self, reason):
        return self.metrics()[f'scissionlite_http_turned_away_total{{port="http",reason="{reason}"}}']

    def ends(self, data, *starts):
        """The connection gets an answer that starts with one of `starts` (b"": none) and is closed."""
        answer = self.all_of(self.raw(data))
        self.assertTrue(any(answer.startswith(start) if start else not answer for start in starts), answer[:200])


class Limits(LimitsCase):
    words = ("--http-read-timeout-secs", "5", "--http-idle-timeout-secs", "5")

    def test_fault_21_one_byte_chunks(self):
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
        self.ends(HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, b"HTTP/1.1 200")
        connection = self.raw(HEAD + b"Connection: close\r\n")
        for piece in (b"Content-Length: %d\r\n\r\n" % len(BODY), BODY):  # a byte a packet
            for byte in piece:
                connection.sendall(bytes([byte]))
        self.assertTrue(self.all_of(connection).startswith(b"HTTP/1.1 200"))

    def test_fault_21_a_million_chunks(self):
        connection = self.raw(HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"1\r\n \r\n" * 10_000)
        connection.sendall(b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n")
        self.assertTrue(self.all_of(connection).startswith(b"HTTP/1.1 200"))

    def test_fault_21_a_million_headers(self):
        before = self.turned("header_too_large")
        connection = self.raw(HEAD)
        try:
            for _ in range(1000):
                connection.sendall(b"a: b\r\n" * 1000)
        except OSError:
            pass
        answer = self.all_of(connection)
        self.assertTrue(not answer or answer.startswith(b"HTTP/1.1 431"), answer)
        self.assertEqual(self.turned("header_too_large") - before, 1)

    def test_fault_21_header_caps(self):
        self.ends(HEAD + b"a: " + b"b" * 20_000 + b"\r\n\r\n", b"HTTP/1.1 431")
        self.ends(HEAD + b"a: b\r\n" * 150 + b"\r\n", b"HTTP/1.1 431")
        self.ends(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 431")
        self.ends(b"GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + b"a: b\r\n" * 90 + b"\r\n", b"HTTP/1.1 200")
        chunk = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1"
        self.ends(chunk + b";" + b"a" * 200_000, b"HTTP/1.1 4", b"")
        self.ends(chunk + b"\r\na\r\n0\r\n" + b"a: b\r\n" * 100_000, b"HTTP/1.1 4", b"")
        self.ends(HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", b"HTTP/1.1 4", b"")

    def test_fault_22_tls_to_the_plain_port(self):
        for port in (self.http_port, self.server.event["metrics_port"]):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with self.assertRaises((ssl.SSLError, OSError)), socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
                context.wrap_socket(plain)

    def test_fault_22_http2_preface(self):
        self.ends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100), b"HTTP/1.1 400")

    def test_fault_22_grpc_to_the_http_port(self):
        with grpc.insecure_channel(self.http_address) as channel, self.assertRaises(grpc.RpcError):
            channel.unary_unary("/inference.GRPCInferenceService/ServerLive", request_serializer=bytes, response_deserializer=bytes)(b"", timeout=5)

    def test_fault_22_garbage(self):
        rng = np.random.default_rng(3)
        for data in (b"\0" * 100 + b"\r\n\r\n", b"\r\n" * 50_000 + b"\r\n", b"GET\r\n\r\n", b"GET /v2\r\n\r\n", b"GET /v2 HTTP/9.9\r\n\r\n",
                     b" GET /v2 HTTP/1.1\r\n\r\n", b"GET /v2 HTTP/1.1\r\n: x\r\n\r\n", b"GET /v2 HTTP/1.1\r\na b: x\r\n\r\n",
                     b"GET /v2 HTTP/1.1\r\na: \0\r\n\r\n", b"GET  /v2 HTTP/1.1\r\n\r\n", infer_request("m").SerializeToString() * 50 + b"\r\n\r\n"):
            self.ends(data, b"HTTP/1.1 4", b"")
        for _ in range(100):
            connection = self.raw(rng.integers(0, 256, rng.integers(1, 2000), dtype=np.uint8).tobytes() + b"\r\n\r\n")
            self.assertNotIn(b" 200 ", self.all_of(connection).split(b"\r\n")[0])

    def test_fault_22_mutated_requests(self):
        """Good requests with a few bytes changed or cut: each is answered, or closed."""
        rng = np.random.default_rng(11)
        codes = set()
        good = GOOD.replace(b"Host: a", b"Host: a\r\nConnection: close")
        for _ in range(2):
            connections = []
            for _ in range(150):
                data = bytearray(good)
                for _ in range(rng.integers(1, 4)):
                    data[rng.integers(len(data))] = rng.integers(256)
                connections.append(self.raw(bytes(data)))
            codes |= {self.all_of(connection)[9:12].decode() for connection in connections}
        self.assertLessEqual(codes, {"", "200", "400", "404", "405", "408", "413", "415", "431"})
        self.assertGreater(len(codes), 2)

    def test_fault_31_callers_that_vanish(self):
        for part in (1, 20, len(GOOD) - 1, len(GOOD)):
            for _ in range(5):
                self.raw(GOOD[:part]).close()
        self.raw(GOOD * 50).close()


class Large(HttpCase):
    models = ("m", "wide")

    def longest_health_check_during(self, call):
        """Seconds, while four threads do it at once."""
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        longest = 0
        while any(thread.is_alive() for thread in threads):
            start = time.time()
            self.assertEqual(self.call("GET", "/v2/health/live")[0], 200)
            longest = max(longest, time.time() - start)
        return longest

    def test_bodies_that_take_long_to_read_do_not_hold_up_health_checks(self):
        numbers = ",".join(["0.123456"] * (4 << 20))
        body = '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [4, 1024, 1024], "data": [%s]}]}' % numbers
        answers = []
        longest = self.longest_health_check_during(lambda: answers.append(self.post(body, model="wide")))
        self.assertEqual([status for status, _ in answers], [200] * 4, answers)
        self.assertAlmostEqual(answers[0][1]["outputs"][0]["data"][0], 0.123456, places=6)
        self.refused(400, body.replace("0.123456]", '"x"]'), "a number", model="wide")
        self.assertLess(longest, 2, "a liveness probe waits for seconds")

    def test_answers_that_take_long_to_write_do_not_hold_up_health_checks(self):
        x = np.random.default_rng(3).standard_normal((1, 2 << 20, 4)).astype(np.float32)
        head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": x.shape, "parameters": {"binary_data_size": x.nbytes}}]}).encode()
        answers = []

        def infer():
            status, fields, body = self.call("POST", "/v2/models/m/infer", head + x.tobytes(), Inference_Header_Content_Length=str(len(head)))
            answers.append((status, fields, len(body), body[:300], body[-100:]))

        longest = self.longest_health_check_during(infer)
        for status, _, size, begin, end in answers:
            self.assertEqual(status, 200, begin)
            self.assertGreater(size, x.nbytes)
            self.assertIn(b'"shape":[1,2097152,4],"data":[', begin)
            self.assertRegex(end, rb",[0-9.e-]+\]\}\]\}$")
        self.assertLess(longest, 2, "a liveness probe waits for seconds")

    def peak_mb(self):
        """The most that the server held since it was last asked."""
        folder = pathlib.Path("/proc") / str(self.server.process.pid)
        status = (folder / "status").read_text()
        (folder / "clear_refs").write_text("5")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def test_json_that_the_model_does_not_take_costs_no_more_than_its_text(self):
        count = 12 << 20
        data = "[0" + ",0" * (count - 1) + "]"
        self.peak_mb()
        before = self.peak_mb()
        for keys, text in (
            (f'"name": "x", "datatype": "FP64", "shape": [1, {count // 4}, 4], "data": {data}', "'FP64', but model 'm' expects 'FP32'"),
            (f'"data": {data}, "shape": [1, {count // 4}, 4], "datatype": "FP64", "name": "x"', "'FP64', but model 'm' expects 'FP32'"),
            (f'"data": {data}, "datatype": "FP32", "name": "x", "shape": [1, 2, 4]', "Expected 32, got 36 or more"),
            (f'"name": "x", "datatype": "BYTES", "shape": [1, 2, 4], "data": {data}', 'is 0, expected a string'),
            (f'"name": "x", "datatype": "FP32", "shape": [1, {count}], "data": {data}', "unexpected shape"),
            (f'"name": "q", "datatype": "FP64", "shape": [1, {count}], "data": {data}', "unexpected inference input 'q'"),
        ):
            self.refused(400, '{"inputs": [{%s}]}' % keys, text)
        self.assertLess(self.peak_mb() - before, 4 * len(data) / (1 << 20))
        key = 'scissionlite_http_body_bytes{port="http"}'
        wait_for(lambda: self.metrics()[key] == 0)


class Slow(LimitsCase):
    words = ("--http-read-timeout-secs", "1", "--http-idle-timeout-secs", "2")

    def test_fault_21_slow_loris(self):
        before = self.turned("too_slow")
        connections = [self.raw() for _ in range(10)]
        for byte in HEAD[:10]:
            for connection in connections:
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    pass
            time.sleep(0.05)
        for connection in connections:  # never the end of the header: closed, although bytes came
            self.assertEqual(self.all_of(connection), b"")
        self.assertGreaterEqual(self.turned("too_slow") - before, 10)

    def test_fault_21_header_that_drips_for_longer_than_allowed(self):
        connection = self.raw(HEAD)
        with self.assertRaises(OSError):  # a byte now and then does not buy more time
            while True:
                connection.sendall(b"a")
                time.sleep(0.1)
        connection.close()

    def test_fault_21_slow_body(self):
        connection = self.raw(HEAD + b"Content-Length: 100000\r\n\r\n")
        with self.assertRaises(OSError):
            while True:
                connection.sendall(b" ")
                time.sleep(0.05)
        connection.close()

    def test_fault_21_idle_connection(self):
        self.assertEqual(self.all_of(self.raw()), b"")
        connection = self.raw(GOOD)
        self.assertTrue(self.all_of(connection).startswith(b"HTTP/1.1 200"))  # then nothing: closed


class ConnectionCap(LimitsCase):
    words = ("--http-max-connections", "40")

    def tearDown(self):
        wait_for(lambda: self.open_connections() < 40)
        super().tearDown()

    def test_fault_21_connection_cap(self):
        before = self.turned("too_many_connections")
        held = [self.raw() for _ in range(40)]
        wait_for(lambda: self.open_connections() >= 40)
        self.ends(GOOD, b"HTTP/1.1 503", b"")
        self.assertGreaterEqual(self.turned("too_many_connections") - before, 1)
        for connection in held:
            connection.close()


class Descriptors(HttpCase):
    models = ("m", )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        used = int(cls("metrics").metrics()["process_open_fds"])
        resource.prlimit(cls.server.process.pid, resource.RLIMIT_NOFILE, (used + 30, used + 30))

    def test_fault_39_no_descriptors(self):
        kept = self.raw(GOOD)
        self.assertIn(b"200 OK", kept.recv(65536))
        held = [self.raw() for _ in range(60)]  # more than there are; the rest waits in the kernel
        for _ in range(20):
            kept.sendall(GOOD)
            self.assertIn(b"200 OK", kept.recv(65536), "a connection that is there goes on")
        waiting = self.raw(GOOD.replace(b"Host: a", b"Host: a\r\nConnection: close"))
        for connection in held:
            connection.close()
        self.assertTrue(self.all_of(waiting).startswith(b"HTTP/1.1 200"), "once there are descriptors again, it is taken")
        kept.close()
        self.http_still_serves()
        cpu = self.cpu_seconds()
        held = [self.raw() for _ in range(60)]
        time.sleep(1)
        self.assertLess(self.cpu_seconds() - cpu, 0.5, "it must not spin while there are none")
        for connection in held:
            connection.close()

    def cpu_seconds(self):
        with open(f"/proc/{self.server.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


class Pressure(HttpCase):
    models = ("m", "heavy")
    words = ("--queue-size", "4", "--engine", "slow:8:openvino")

    def heavy(self):
        return tensor("x", np.full((1, 512, 512), 0.01, np.float32), "FP32")

    def leave(self, connection):
        connection.close()

    def heavy_head(self):
        return json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 512, 512],
                                       "parameters": {"binary_data_size": 1 << 20}}]}).encode()

    def infer_heavy(self, port=None):
        head = self.heavy_head()
        return self.call("POST", "/v2/models/heavy/infer", head + bytes(1 << 20), port=port, Inference_Header_Content_Length=str(len(head)))

    def in_threads(self, call, count):
        threads = [threading.Thread(target=call, args=(i, )) for i in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def test_fault_29_full_queue_refuses_with_a_hint(self):
        self.infer_heavy()  # how long a run takes is known from now on
        failures = self.statistics("heavy").inference_stats.fail.count
        answers = [None] * 12

        def call(i):
            answers[i] = self.infer_heavy()

        for thread in self.in_threads(call, 12):
            thread.join()
        self.assertEqual({status for status, _, _ in answers}, {200, 503})
        for status, fields, body in answers:
            if status == 503:
                self.assertIn("the queue is full with 4 requests; retry after", json.loads(body)["error"])
                self.assertGreaterEqual(int(fields["retry-after"]), 1)
                self.assertGreater(int(fields["retry-after-ms"]), 0)
        self.assertGreater(self.metrics()['nv_inference_request_failure{model="heavy",reason="REJECTED",version="1"}'], 0)
        self.assertEqual(self.statistics("heavy").inference_stats.fail.count - failures, sum(status == 503 for status, _, _ in answers))
        self.http_still_serves()

    def test_fault_31_waiting_requests_of_callers_that_have_gone_never_run(self):
        running = self.in_threads(lambda _: self.infer_heavy(), 1)
        wait_for(lambda: self.metrics()['scissionlite_http_body_bytes{port="http"}'] > 0)
        before = self.statistics("heavy")
        head = self.heavy_head()
        request = b"POST /v2/models/heavy/infer HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n" % (
            len(head), len(head) + (1 << 20)) + head + bytes(1 << 20)
        gone = [self.raw(request) for _ in range(3)]
        wait_for(
            lambda: self.metrics()['nv_inference_pending_request_count{model="heavy",version="1"}'] >= 2 or self.statistics("heavy").inference_stats.
            fail.count > before.inference_stats.fail.count or self.statistics("heavy").execution_count > before.execution_count + 1)
        for connection in gone:
            self.leave(connection)
        running[0].join()
        wait_for(lambda: self.metrics()['scissionlite_http_body_bytes{port="http"}'] == 0)
        self.assertGreaterEqual(self.statistics("heavy").inference_stats.fail.count - before.inference_stats.fail.count, 1)
        self.http_still_serves()

    def test_timeout_parameter_is_a_deadline(self):
        running = self.in_threads(lambda _: self.infer_heavy(), 2)
        wait_for(lambda: self.metrics()['nv_inference_pending_request_count{model="heavy",version="1"}'] >= 1 or not running[0].is_alive())
        with self.assertRaises(triton_http.InferenceServerException) as caught:
            self.web.infer("heavy", [self.heavy()], timeout=1)
        self.assertIn("504", str(caught.exception.status()))
        for thread in running:
            thread.join()

    def test_fault_35_sigterm_answers_what_is_in_flight(self):
        with peers.Serve(self.program, self.repository, *self.words) as server:
            http_port, metrics_port = server.event["http_port"], server.event["metrics_port"]
            idle = self.raw(port=http_port)
            answers = []
            caller = self.in_threads(lambda _: answers.append(self.infer_heavy(http_port)), 1)
            wait_for(lambda: b'scissionlite_http_body_bytes{port="http"} 0' not in self.call("GET", "/metrics", port=metrics_port)[2])
            server.process.terminate()
            caller[0].join()
            self.assertEqual(answers[0][0], 200, answers)
            self.assertEqual(answers[0][1]["connection"], "close")
            self.assertEqual(idle.recv(1), b"", "idle connections end")
            idle.close()
            self.assertEqual(server.process.wait(60), 0)

    def half_sent(self, server):
        """A request of which half has come, and its other half."""
        head = self.heavy_head()
        body = head + bytes(1 << 20)
        caller = self.raw(port=server.event["http_port"])
        caller.sendall(b"POST /v2/models/heavy/infer HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n" %
                       (len(head), len(body)) + body[:1 << 19])
        wait_for(lambda: b'scissionlite_http_body_bytes{port="http"} 0' not in self.call("GET", "/metrics", port=server.event["metrics_port"])[2])
        return caller, body[1 << 19:]

    def test_fault_35_sigterm_answers_what_is_being_received(self):
        with peers.Serve(self.program, self.repository, *self.words) as server:
            caller, rest = self.half_sent(server)
            server.process.terminate()
            time.sleep(0.5)
            caller.sendall(rest)
            answer = self.all_of(caller)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:200])
            self.assertEqual(server.process.wait(60), 0)

    def test_fault_35_sigterm_does_not_wait_for_ever_for_the_rest_of_a_request(self):
        with peers.Serve(self.program, self.repository, *self.words, "--exit-timeout-secs", "1") as server:
            caller, _ = self.half_sent(server)
            start = time.time()
            server.process.terminate()
            self.assertEqual(server.process.wait(30), 0)
            self.assertLess(time.time() - start, 15)
            caller.close()


if __name__ == "__main__":
    main("__main__")
