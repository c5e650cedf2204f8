"""What systemd hears from `serve` and `run` (sd_notify), with this test in its place: ready, well, hung, ending. And
what they say where an address cannot be listened on."""

import http.client
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import peers
from calls import ServerCase, grpc, infer_request, main, np, pb, pb_grpc

X = np.zeros((2, 3), np.float32)
LONG_S = 60  # what must come is waited for so long


def pair_request():
    return infer_request("pair", [("a", "FP32", [2, 3]), ("b", "FP32", [2, 3])], raw=[X.tobytes(), X.tobytes()])


class Systemd:
    """Takes what a service sends to NOTIFY_SOCKET."""
    def __init__(self, folder, watchdog_ms=None):
        path = f"@{folder.name}_{os.getpid()}"[:90]  # as systemd may: a name that no file has
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path[1:])
        self.environment = {**os.environ, "NOTIFY_SOCKET": path}
        if watchdog_ms:
            self.environment["WATCHDOG_USEC"] = str(watchdog_ms * 1000)

    def next(self, seconds=LONG_S):
        ready, _, _ = select.select([self.socket], [], [], seconds)
        return self.socket.recv(4096).decode() if ready else None

    def wait_for(self, text):
        end = time.time() + LONG_S
        while time.time() < end:
            heard = self.next()
            if heard is not None and text in heard.splitlines():
                return heard
        raise AssertionError(f"no {text} within {LONG_S} s")

    def silence(self):
        """What is heard after all that was on its way."""
        while self.next(seconds=0):
            pass
        return self.next(seconds=1)


class Notified(ServerCase):
    """Servers of their own on the class's repository; the class's server keeps a port busy."""
    models = ("pair", "m")

    def own(self, *words, watchdog_ms=None):
        folder = pathlib.Path(self.folder.name) / self.id()
        folder.mkdir()
        systemd = Systemd(folder, watchdog_ms)
        self.addCleanup(systemd.socket.close)
        errors = open(folder / "stderr", "w+")
        self.addCleanup(errors.close)
        command = [self.program, "serve", "--model-repository", str(self.repository), "--grpc-port", "0", "--json", *map(str, words)]
        process = subprocess.Popen(command, env=systemd.environment, stdout=subprocess.PIPE, stderr=errors, text=True)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()

        self.addCleanup(end)
        return systemd, process, folder

    def stub_of(self, process):
        self.event = json.loads(process.stdout.readline())
        channel = grpc.insecure_channel(f"127.0.0.1:{self.event['port']}")
        self.addCleanup(channel.close)
        return pb_grpc.GRPCInferenceServiceStub(channel)

    def over_http(self, path, port="http_port"):
        connection = http.client.HTTPConnection("127.0.0.1", self.event[port], timeout=LONG_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def test_ready_comes_when_it_serves_and_stopping_when_it_ends(self):
        systemd, process, _ = self.own()
        self.assertEqual(systemd.next().splitlines()[0], "READY=1")
        stub = self.stub_of(process)
        self.assertTrue(stub.ServerReady(pb.ServerReadyRequest()).ready)
        self.assertIsNone(systemd.next(seconds=0.5), "a unit without WatchdogSec is not told WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(systemd.next().splitlines()[0], "STOPPING=1")
        self.assertEqual(process.wait(LONG_S), 0)

    def test_the_ready_file_is_there_while_it_serves(self):
        ready = pathlib.Path(self.folder.name) / "ready.json"
        ready.write_text("of an earlier run")
        _, process, _ = self.own("--ready-file", ready)
        self.stub_of(process)
        end = time.time() + LONG_S
        while not ready.exists() and time.time() < end:
            time.sleep(0.05)
        self.assertEqual(json.loads(ready.read_text())["port"], self.event["port"])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(LONG_S), 0)
        self.assertFalse(ready.exists())

    def test_fault_35_sigterm_while_models_are_loaded(self):
        ready = pathlib.Path(self.folder.name) / "never.json"
        ready.write_text("of an earlier run")
        fifo = self.repository / "steps" / "1" / "model.onnx"  # as a file on a share that does not answer
        fifo.parent.mkdir(parents=True)
        os.mkfifo(fifo)
        self.addCleanup(shutil.rmtree, fifo.parents[1])
        systemd, process, folder = self.own("--ready-file", ready)
        end = time.time() + LONG_S
        while ready.exists() and time.time() < end:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(LONG_S), 0)
        self.assertIn("while models are loaded", (folder / "stderr").read_text())
        self.assertFalse(ready.exists())

    def test_fault_34_a_hung_engine_starves_the_watchdog(self):
        folder = pathlib.Path(self.folder.name)
        stop = folder / "hang"
        systemd, process, _ = self.own("--engine", f"hang:{stop}:native", "--hang-secs", "0.3", watchdog_ms=200)
        systemd.wait_for("READY=1")
        systemd.wait_for("WATCHDOG=1")
        stub = self.stub_of(process)
        systemd.wait_for("WATCHDOG=1")  # also by its own probes, with no request
        stop.touch()
        self.addCleanup(lambda: stop.unlink(missing_ok=True))
        call = stub.ModelInfer.future(pair_request())
        systemd.wait_for("STATUS=does not answer; waiting for the watchdog")
        self.assertIsNone(systemd.silence(), "the watchdog is fed though the engine hangs")
        self.assertFalse(stub.ServerReady(pb.ServerReadyRequest()).ready)
        self.assertTrue(stub.ServerLive(pb.ServerLiveRequest()).live)
        self.assertEqual([self.over_http(f"/v2/{path}")[0] for path in ("health/ready", "models/pair/ready", "health/live")], [400, 400, 200])
        told = call.exception(timeout=LONG_S)
        self.assertEqual(told.code().name, "UNAVAILABLE")
        self.assertIn("the engine hangs", told.details())
        self.assertGreaterEqual(int(dict(told.trailing_metadata())["retry-after-ms"]), 1)
        stop.unlink()  # an engine that comes back is well again
        systemd.wait_for("WATCHDOG=1")
        stub.ModelInfer(pair_request(), timeout=LONG_S)
        self.assertTrue(stub.ServerReady(pb.ServerReadyRequest()).ready)
        self.assertEqual(self.over_http("/v2/health/ready")[0], 200)

    def hung_server(self, *words):
        """A server whose engine hangs from now on, over HTTP on which `post` asks, and its file."""
        stop = pathlib.Path(self.folder.name) / self.id()
        server = peers.Serve(self.program, self.repository, "--engine", f"hang:{stop}:native", *words).__enter__()
        self.addCleanup(server.__exit__)
        self.addCleanup(lambda: stop.unlink(missing_ok=True))
        self.event = server.event
        self.assertEqual(self.post()[0], 200)
        stop.touch()
        return server, stop

    def post(self, model="m", **parameters):
        """Status, fields and error of an answer, and how long it took."""
        x = {"name": "x", "shape": [1, 2, 4], "datatype": "FP32", "data": list(range(8))}
        start = time.time()
        connection = http.client.HTTPConnection("127.0.0.1", self.event["http_port"], timeout=LONG_S)
        try:
            connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": [x], "parameters": parameters}))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read()).get("error"), time.time() - start
        finally:
            connection.close()

    def fails_of(self, server, model):
        with grpc.insecure_channel(server.address) as channel:
            counts = pb_grpc.GRPCInferenceServiceStub(channel).ModelStatistics(pb.ModelStatisticsRequest(name=model)).model_stats[0]
            return counts.inference_stats.success.count, counts.inference_stats.fail.count, counts.execution_count

    def test_fault_34_a_request_whose_own_run_hangs_is_told_at_its_deadline(self):
        server, stop = self.hung_server()
        status, _, error, took = self.post(timeout=500_000)
        self.assertEqual((status, error), (504, "the deadline passed while the request ran"))
        self.assertTrue(0.5 <= took < 5, took)
        stop.unlink()
        end = time.time() + LONG_S
        while self.fails_of(server, "m")[2] < 2 and time.time() < end:
            time.sleep(0.05)
        self.assertEqual(self.fails_of(server, "m"), (1, 1, 2))  # the late result counts as none

    def test_fault_34_requests_to_a_model_known_to_hang_are_refused_at_once(self):
        server, stop = self.hung_server("--hang-secs", "0.5")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.post())) for _ in range(3)]  # they run and wait
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for status, fields, error, took in answers:
            self.assertEqual(status, 503, error)
            self.assertIn("the engine hangs: a run has taken longer than 500.0 ms (--hang-secs); retry after", error)
            self.assertGreaterEqual(int(fields["Retry-After-Ms"]), 1)
            self.assertLess(took, 30)
        for timeout in (0, 10_000_000):
            status, fields, error, took = self.post(timeout=timeout)
            self.assertEqual(status, 503, error)
            self.assertIn("the engine hangs", error)
            self.assertGreaterEqual(int(fields["Retry-After-Ms"]), 1)
            self.assertLess(took, 5)
        self.assertEqual(self.over_http("/v2/models/m/ready")[0], 400)
        stop.unlink()
        end = time.time() + LONG_S
        while self.over_http("/v2/models/m/ready")[0] != 200 and time.time() < end:
            time.sleep(0.05)
        self.assertEqual(self.post()[0], 200)

    def test_fault_34_the_end_is_told_to_those_whose_run_hangs(self):
        server, _ = self.hung_server("--exit-timeout-secs", "1")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.post()))
        thread.start()
        with grpc.insecure_channel(server.address) as channel:
            call = pb_grpc.GRPCInferenceServiceStub(channel).ModelInfer.future(pair_request())
            time.sleep(0.5)
            self.assertEqual(server.stop(), 0)
            thread.join()
            self.assertEqual([(status, error) for status, _, error, _ in answers], [(503, "the server is shutting down")])
            self.assertIn(call.exception(timeout=LONG_S).code().name, ("UNAVAILABLE", "CANCELLED"))

    def test_fault_34_a_hang_is_found_without_any_request(self):
        stop = pathlib.Path(self.folder.name) / "hang_idle"
        systemd, process, _ = self.own("--engine", f"hang:{stop}:native", "--hang-secs", "0.3", watchdog_ms=200)
        systemd.wait_for("WATCHDOG=1")
        stub = self.stub_of(process)
        stop.touch()
        self.addCleanup(lambda: stop.unlink(missing_ok=True))
        systemd.wait_for("STATUS=does not answer; waiting for the watchdog")
        self.assertIsNone(systemd.silence())
        # Ended by SIGTERM as it is: systemd's SIGABRT or an operator must not have to wait.
        self.assertFalse(stub.ModelReady(pb.ModelReadyRequest(name="pair")).ready)
        self.assertEqual([self.over_http(f"/v2/{path}")[0] for path in ("health/ready", "models/pair/ready")], [400, 400])
        self.assertIn('scissionlite_model_ready{model="pair",version="1"} 0', self.over_http("/metrics", "metrics_port")[1])

    def test_fault_33_ready_says_whether_it_can_infer_where_nobody_asks_and_no_systemd_is(self):
        stop = pathlib.Path(self.folder.name) / "hang_by_hand"
        server = peers.Serve(self.program, self.repository, "--engine", f"hang:{stop}:native", "--hang-secs", "0.3", "--exit-timeout-secs",
                             "1").__enter__()
        self.addCleanup(server.__exit__)
        self.addCleanup(lambda: stop.unlink(missing_ok=True))
        with grpc.insecure_channel(server.address) as channel:
            stub = pb_grpc.GRPCInferenceServiceStub(channel)

            def becomes(ready):
                end = time.time() + LONG_S
                while stub.ServerReady(pb.ServerReadyRequest()).ready != ready and time.time() < end:
                    time.sleep(0.1)
                self.assertEqual(stub.ServerReady(pb.ServerReadyRequest()).ready, ready)

            becomes(True)
            stop.touch()
            becomes(False)  # by its own probes
            stop.unlink()
            becomes(True)
            for model in stub.ModelStatistics(pb.ModelStatisticsRequest()).model_stats:
                self.assertEqual((model.inference_count, model.execution_count, model.inference_stats.fail.count), (0, 0, 0), model.name)
            stop.touch()
            becomes(False)
        self.assertEqual(server.stop(), 0)  # though the probe hangs on

    def test_probes_are_in_no_statistics(self):
        systemd, process, _ = self.own(watchdog_ms=40)
        stub = self.stub_of(process)
        for _ in range(20):
            systemd.wait_for("WATCHDOG=1")
        for model in stub.ModelStatistics(pb.ModelStatisticsRequest()).model_stats:
            self.assertEqual((model.inference_count, model.execution_count, model.inference_stats.fail.count), (0, 0, 0), model.name)


class Addresses(ServerCase):
    """Fault 36: an address that cannot be listened on is named, with what to do."""
    models = ("pair", )

    def refused(self, *words):
        done = subprocess.run([self.program, "serve", "--model-repository", self.repository, *map(str, words)], capture_output=True, text=True,
                              timeout=LONG_S)
        self.assertEqual(done.returncode, 6, done.stderr)
        return done.stderr

    def test_fault_36_port_taken(self):
        text = self.refused("--grpc-port", self.server.port)
        self.assertIn(f"cannot listen on 127.0.0.1:{self.server.port}", text)
        self.assertIn(f"ss -ltnp 'sport = :{self.server.port}'", text)
        self.assertIn("is taken", text)

    def test_fault_36_address_of_another_machine(self):
        text = self.refused("--grpc-port", 0, "--grpc-address", "203.0.113.7", "--plain-text")
        self.assertIn("203.0.113.7 is no address of this machine", text)
        self.assertIn("--grpc-address", text)

    def test_fault_36_unknown_name(self):
        text = self.refused("--grpc-port", 0, "--grpc-address", "no-such-host.invalid", "--plain-text")
        self.assertIn("'no-such-host.invalid' is no address", text)

    def test_fault_36_addresses_without_a_port(self):
        for address in ("foo", "foo:", "foo:x", ":1", "foo:99999"):
            done = subprocess.run([self.program, "serve", "--model-repository",
                                   str(self.repository), "--forward-to", address], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("expected HOST:PORT", done.stderr)

    def test_fault_36_ipv6_only(self):
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("this machine has no IPv6 loopback")
        with peers.Serve(self.program, self.repository, "--grpc-address", "::1") as server:
            with grpc.insecure_channel(f"[::1]:{server.port}") as channel:
                self.assertTrue(pb_grpc.GRPCInferenceServiceStub(channel).ServerReady(pb.ServerReadyRequest(), timeout=LONG_S).ready)
            text = self.refused("--grpc-port", server.port, "--grpc-address", "::1")
            self.assertIn(f"cannot listen on [::1]:{server.port}", text)


if __name__ == "__main__":
    main(__name__)
