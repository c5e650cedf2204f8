"""The server under pressure: deadlines, callers that go, a full queue, many at once, the end of the process."""

import os
import signal
import socket
import subprocess
import threading
import time

import peers
from calls import ServerCase, arrays, grpc, infer_request, main, np, pb, pb_grpc

SIDE = 512
SLOW = "slow:20:openvino"  # a heavy request takes half a second or more
RNG = np.random.default_rng(5)
HEAVY = (RNG.standard_normal((1, SIDE, SIDE)) * 0.05).astype(np.float32)


def heavy_request(model="heavy"):
    return infer_request(model, [("x", "FP32", HEAVY.shape)], raw=[HEAVY.tobytes()])


def heavy_answer():
    """The model of test_models.heavy in numpy, in double precision."""
    x = HEAVY.astype(np.float64)
    last = x
    for _ in range(40):
        last = np.tanh(last @ x)
    return last.mean(axis=(1, 2))


def wait_for(condition, seconds=20):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.005)


class Pressure(ServerCase):
    models = ("m", "heavy")
    words = ("--queue-size", "4", "--engine", SLOW)

    def statistics_when_idle(self):
        """After what other tests left running."""
        self.stub.ModelInfer(heavy_request())
        return self.statistics("heavy")

    def test_heavy_answer(self):
        np.testing.assert_allclose(arrays(self.stub.ModelInfer(heavy_request()))["y"], heavy_answer(), atol=1e-6)

    def test_deadline(self):
        start = time.time()
        self.fails(lambda: self.stub.ModelInfer(heavy_request(), timeout=0.05), "DEADLINE_EXCEEDED")
        self.assertLess(time.time() - start, 5)
        self.still_serves()

    def test_deadline_passes_in_the_queue_and_the_request_never_runs(self):
        executions = self.statistics_when_idle().execution_count
        first = self.stub.ModelInfer.future(heavy_request())
        time.sleep(0.1)
        late = [self.stub.ModelInfer.future(heavy_request(), timeout=0.05) for _ in range(3)]
        for call in late:
            self.assertEqual(call.exception().code().name, "DEADLINE_EXCEEDED")
        first.result()
        time.sleep(0.3)
        self.assertEqual(self.statistics("heavy").execution_count - executions, 1)

    def test_cancelled_while_waiting_never_runs(self):
        before = self.statistics_when_idle()
        first = self.stub.ModelInfer.future(heavy_request())
        time.sleep(0.1)
        waiting = [self.stub.ModelInfer.future(heavy_request()) for _ in range(3)]
        time.sleep(0.1)
        for call in waiting:
            call.cancel()
        first.result()
        wait_for(lambda: self.statistics("heavy").inference_stats.fail.count - before.inference_stats.fail.count == 3)
        self.assertEqual(self.statistics("heavy").execution_count - before.execution_count, 1)

    def test_full_queue_refuses_at_once_with_a_hint(self):
        calls = [self.stub.ModelInfer.future(heavy_request())]
        time.sleep(0.2)  # it runs
        calls += [self.stub.ModelInfer.future(heavy_request()) for _ in range(11)]
        codes = []
        for call in calls:
            error = call.exception()
            codes.append("OK" if error is None else error.code().name)
            if error is not None:
                self.assertIn("the queue is full with 4 requests; retry after", error.details())
                hints = [value for key, value in call.trailing_metadata() if key == "grpc-retry-pushback-ms"]
                self.assertGreater(int(hints[0]), 0)
            else:
                np.testing.assert_allclose(arrays(call.result())["y"], heavy_answer(), atol=1e-6)
        self.assertEqual(set(codes), {"OK", "UNAVAILABLE"})
        self.assertGreaterEqual(codes.count("OK"), 5, "one runs, four wait")
        self.still_serves()

    def test_a_stalled_model_does_not_hold_up_another(self):
        call = self.stub.ModelInfer.future(heavy_request())
        self.still_serves()
        self.assertFalse(call.done(), "the light request must not wait for the heavy one")
        call.result()

    def test_streams_that_are_cancelled_at_any_moment(self):
        for i in range(60):
            request = infer_request(inputs=[("x", "FP32", [1, 2, 4])], raw=[bytes(32)]) if i % 4 else heavy_request()
            call = self.stub.ModelStreamInfer(iter([request] * 3))
            time.sleep(0.0005 * (i % 10))
            call.cancel()
        self.still_serves()

    def test_clients_that_vanish(self):
        """A process that is killed with calls in flight leaves nothing behind."""
        code = (
            "import sys, time, calls; channel = calls.grpc.insecure_channel(sys.argv[1]); stub = calls.pb_grpc.GRPCInferenceServiceStub(channel)\n"
            "import test_pressure as t; c = [stub.ModelInfer.future(t.heavy_request()) for _ in range(4)]; time.sleep(0.2); print('sent', flush=True); time.sleep(60)"
        )
        import sys
        process = subprocess.Popen([sys.executable, "-c", code, self.address], cwd=os.path.dirname(os.path.abspath(__file__)), stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"sent\n")
        process.kill()
        process.wait()
        process.stdout.close()
        wait_for(lambda: self.stub.ModelInfer.future(heavy_request()).exception() is None)
        self.still_serves()

    def test_garbage_connections(self):
        for data in (b"", b"GET / HTTP/1.1\r\n\r\n", bytes(1000), os.urandom(5000)):
            with socket.create_connection(("127.0.0.1", self.server.port)) as s:
                s.sendall(data)
        self.still_serves()


class QueuePolicy(ServerCase):
    models = ("impatient", )
    words = ("--engine", SLOW)

    def test_what_waits_too_long_and_what_is_too_much_is_told_before_the_engine_is_free(self):
        first = self.stub.ModelInfer.future(heavy_request("impatient"))
        time.sleep(0.1)
        waiting = [self.stub.ModelInfer.future(heavy_request("impatient")) for _ in range(2)]
        time.sleep(0.05)
        for call, words in [(self.stub.ModelInfer.future(heavy_request("impatient")), "the queue is full with 2 requests"),
                            *((call, "waited for the 200.0 ms that a request may") for call in waiting)]:
            error = call.exception()
            self.assertEqual(error.code().name, "UNAVAILABLE")
            self.assertIn(words, error.details())
            self.assertGreaterEqual(int(dict(error.trailing_metadata())["retry-after-ms"]), 1)
        self.assertFalse(first.done())
        np.testing.assert_allclose(arrays(first.result())["y"], heavy_answer(), atol=1e-6)


class Batching(ServerCase):
    models = ("m", "steady")

    def ask_many(self, model):
        """16 threads, 20 requests each, all different: each gets its own answer."""
        failures = []

        def ask(seed):
            rng = np.random.default_rng(seed)
            for _ in range(20):
                x = rng.standard_normal((rng.integers(1, 4), 3, 4)).astype(np.float32)
                try:
                    y = arrays(self.stub.ModelInfer(infer_request(model, [("x", "FP32", x.shape)], raw=[x.tobytes()])))["y"]
                    np.testing.assert_allclose(y, 2 * x + 1, rtol=1e-6)
                except (grpc.RpcError, AssertionError) as error:
                    failures.append(str(error))

        threads = [threading.Thread(target=ask, args=(seed, )) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        return self.statistics(model)

    def test_requests_run_together_and_each_gets_its_own_answer(self):
        before = self.statistics("m")
        stats = self.ask_many("m")
        self.assertEqual(stats.inference_stats.success.count - before.inference_stats.success.count, 320)
        self.assertLess(stats.execution_count - before.execution_count, 320)
        self.assertGreater(max(b.batch_size for b in stats.batch_stats), 3, "larger than any one request")
        self.assertLessEqual(max(b.batch_size for b in stats.batch_stats), 8)
        self.assertEqual(sum(b.batch_size * b.compute_infer.count for b in stats.batch_stats), stats.inference_count)

    def test_without_dynamic_batching_each_runs_alone(self):
        self.assertEqual(self.ask_many("steady").execution_count, 320)

    def test_fault_32_one_damaged_request_does_not_fail_its_neighbours(self):
        good = infer_request(inputs=[("x", "FP32", [1, 2, 4])], raw=[bytes(32)])
        bad = infer_request(inputs=[("x", "FP32", [1, 2, 4])], raw=[bytes(31)])
        calls = [(i, self.stub.ModelInfer.future(bad if i % 3 == 0 else good)) for i in range(30)]
        for i, call in calls:
            self.assertEqual(call.exception() is not None, i % 3 == 0)


class Poison(ServerCase):
    models = ("table", )
    words = ("--engine", "reference")

    def test_fault_32_an_item_that_fails_its_batch_fails_alone(self):
        """Each batch has some whose index lies beyond the table, which only the run of the engine finds."""
        rows = [int(row) for row in np.random.default_rng(5).integers(0, 12, 64)]
        before = self.statistics("table").inference_stats.fail.count
        calls = [self.stub.ModelInfer.future(infer_request("table", [("x", "INT64", [1, 1])], raw=[np.int64(row).tobytes()])) for row in rows]
        for row, call in zip(rows, calls):
            self.assertEqual(call.exception() is not None, row >= 10, row)
            if row < 10:
                np.testing.assert_array_equal(arrays(call.result())["y"], np.arange(4 * row, 4 * row + 4, dtype=np.float32).reshape(1, 1, 4))
        self.assertEqual(self.statistics("table").inference_stats.fail.count - before, sum(row >= 10 for row in rows))
        self.still_serves_table()

    def test_data_at_fault_are_the_callers_and_the_server_stays_ready(self):
        for _ in range(20):
            self.fails(lambda: self.stub.ModelInfer(infer_request("table", [("x", "INT64", [1, 1])], raw=[np.int64(99).tobytes()])),
                       "INVALID_ARGUMENT", "99")
            self.assertTrue(self.client.is_server_ready())
        self.still_serves_table()

    def still_serves_table(self):
        answer = self.stub.ModelInfer(infer_request("table", [("x", "INT64", [8, 1])], raw=[np.arange(8, dtype=np.int64).tobytes()]))
        np.testing.assert_array_equal(arrays(answer)["y"].ravel(), np.arange(32, dtype=np.float32))


class Ending(ServerCase):
    """Each test ends a server of its own; that of the class keeps a port busy."""
    models = ("heavy", )

    def own_server(self, *words):
        server = peers.Serve(self.program, self.repository, "--engine", SLOW, *words).__enter__()
        self.addCleanup(server.__exit__)
        channel = grpc.insecure_channel(server.address)
        self.addCleanup(channel.close)
        return server, pb_grpc.GRPCInferenceServiceStub(channel)

    def test_sigterm_drains(self):
        server, stub = self.own_server()
        calls = [stub.ModelInfer.future(heavy_request()) for _ in range(3)]
        wait_for(lambda: stub.ModelStatistics(pb.ModelStatisticsRequest(name="heavy")).model_stats[0].name)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        for call in calls:
            np.testing.assert_allclose(arrays(call.result())["y"], heavy_answer(), atol=1e-6)
        self.assertEqual(server.process.wait(30), 0)

    def test_no_new_calls_while_draining(self):
        server, stub = self.own_server()
        call = stub.ModelInfer.future(heavy_request())
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        self.assertIsNone(server.process.poll(), "a request is in flight")
        # Whoever asks now is told that the server is going: not ready, or no connection at all.
        try:
            self.assertFalse(stub.ServerReady(pb.ServerReadyRequest(), timeout=5).ready)
        except grpc.RpcError as error:
            self.assertEqual(error.code().name, "UNAVAILABLE")
        with self.assertRaises(grpc.RpcError) as caught:
            stub.ModelInfer(heavy_request(), timeout=5)
        self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
        call.result()
        self.assertEqual(server.process.wait(30), 0)

    def test_exit_timeout(self):
        server, stub = self.own_server("--exit-timeout-secs", "0.1", "--queue-size", "100")
        calls = [stub.ModelInfer.future(heavy_request()) for _ in range(20)]
        time.sleep(0.3)
        start = time.time()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.time() - start, 10)
        self.assertGreater(sum(call.exception() is not None for call in calls), 10)

    def test_an_idle_stream_does_not_hold_up_the_end(self):
        server, stub = self.own_server("--exit-timeout-secs", "60")
        asked, go_on = threading.Event(), threading.Event()

        def requests():
            yield heavy_request()
            asked.set()
            go_on.wait(60)

        idle, busy = stub.ModelStreamInfer(requests()), stub.ModelStreamInfer(iter([heavy_request()] * 50))
        self.assertEqual(next(idle).error_message, "")
        asked.wait(60)
        next(busy)
        start = time.time()
        server.process.send_signal(signal.SIGTERM)
        for stream in (idle, busy):
            with self.assertRaises(grpc.RpcError) as caught:
                for response in stream:
                    self.assertEqual(response.error_message, "", "what was taken is answered")
            self.assertEqual((caught.exception.code().name, caught.exception.details()), ("UNAVAILABLE", "the server is shutting down"))
        go_on.set()
        self.assertEqual(server.process.wait(30), 0)
        self.assertLess(time.time() - start, 20)

    def test_sigint(self):
        server, _ = self.own_server()
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.process.wait(30), 0)

    def refused(self, *words):
        result = subprocess.run([self.program, "serve", *map(str, words)], capture_output=True, text=True, timeout=60)
        self.assertGreater(result.returncode, 0)
        self.assertLess(result.returncode, 64, result.stderr)
        return result.stderr

    def test_busy_port(self):
        text = self.refused("--model-repository", self.repository, "--grpc-port", self.server.port)
        self.assertIn(f"cannot listen on 127.0.0.1:{self.server.port}", text)
        self.assertIn("--grpc-port", text)

    def test_foreign_address(self):
        self.assertIn("cannot listen on 203.0.113.7:0",
                      self.refused("--model-repository", self.repository, "--grpc-address", "203.0.113.7", "--grpc-port", 0, "--plain-text"))

    def test_bad_words(self):
        self.assertIn("--model-repository", self.refused())
        self.assertIn("no-such-folder", self.refused("--model-repository", "/no-such-folder"))
        self.assertIn("warp", self.refused("--model-repository", self.repository, "--grpc-port", 0, "--engine", "warp"))
        self.refused("--model-repository", self.repository, "--grpc-port", 70000)
        self.assertIn("--model-control-mode", self.refused("--model-repository", self.repository, "--load-model", "heavy"))
        self.assertIn("/dev/null", self.refused("--model-repository", self.repository, "--grpc-port", 0, "--ready-file", "/dev/null/ready.json"))


if __name__ == "__main__":
    main("__main__")
