"""Who may connect, who may use what, how much, and how that changes while the server runs. Real processes, certificates by openssl,
clients of grpc's own Python package."""

import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import unittest

import certificates
import peers
from calls import LARGEST, arrays, grpc, infer_request, main, np, pb, pb_grpc
from test_pressure import HEAVY, SLOW, heavy_request, wait_for

X = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
LIGHT = infer_request(inputs=[("x", "FP32", X.shape)], raw=[X.tobytes()])
NO_CONNECTION = ("UNAVAILABLE", "DEADLINE_EXCEEDED")


def code_of(call):
    try:
        call()
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


def rules(*list_of_rules):
    return json.dumps({"schema": "scissionlite.access/1", "rules": list(list_of_rules)})


class SecurityCase(unittest.TestCase):
    program = None

    @classmethod
    def setUpClass(cls):
        from calls import ServerCase
        cls.program = ServerCase.program
        cls.temporary = tempfile.TemporaryDirectory(prefix="security-test-")
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.repository = cls.folder / "repository"
        peers.make_repository(cls.repository)
        for model in list(cls.repository.iterdir()):
            if model.name not in ("m", "heavy", "steady"):
                shutil.rmtree(model)
        cls.plant = certificates.Authority(cls.folder / "plant")
        for name in ("edge", "dev1", "dev2", "flood"):
            cls.plant.issue(name)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def serve(self, *words, tls=True, repository=None):
        words = [*(self.plant.options("edge") if tls else []), *words]
        server = peers.Serve(self.program, repository or self.repository, *words).__enter__()
        self.addCleanup(server.__exit__)
        return server

    def stub(self, server, name=None, credentials=None):
        """A connection of its own each time."""
        options = [*LARGEST, ("grpc.use_local_subchannel_pool", 1)]
        credentials = credentials or (self.plant.credentials(name) if name else None)
        channel = grpc.secure_channel(server.address, credentials, options) if credentials else grpc.insecure_channel(server.address, options)
        self.addCleanup(channel.close)
        return pb_grpc.GRPCInferenceServiceStub(channel)

    def access_file(self, text, name="access.json"):
        path = self.folder / name
        path.write_text(text)
        return path

    def until_logged(self, server, text, seconds=30):
        wait_for(lambda: text in server.stderr(), seconds)

    def refused(self, *words):
        result = subprocess.run([self.program, "serve", "--model-repository", self.repository, "--grpc-port", "0", *map(str, words)],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 2, result.stderr)
        return result.stderr


class Connections(SecurityCase):
    def test_both_ends_show_certificates(self):
        server = self.serve()
        response = self.stub(server, "dev1").ModelInfer(LIGHT, timeout=20)
        np.testing.assert_array_equal(arrays(response)["y"], 2 * X + 1)

    def test_authorities_in_between(self):
        """What an authority below ours has issued is accepted with that one's certificate behind it, and not without."""
        hall = self.plant.below(self.folder / "hall", "hall")
        certificate, key = hall.issue_chain("dev9")
        server = self.serve("--access", self.access_file(rules({"identities": ["dev9"], "models": ["m"]})))
        for shown, code in ((certificate.read_bytes(), "OK"), (certificate.read_bytes().replace(hall.ca.read_bytes(), b""), "UNAVAILABLE")):
            with grpc.secure_channel(server.address, grpc.ssl_channel_credentials(self.plant.ca.read_bytes(), key.read_bytes(), shown)) as channel:
                stub = pb_grpc.GRPCInferenceServiceStub(channel)
                self.assertEqual([code_of(lambda: stub.ModelInfer(LIGHT, timeout=20)) for _ in range(2)], [code] * 2)

    def test_plain_text_leaves_this_machine_only_when_asked_for(self):
        text = self.refused("--grpc-address", "0.0.0.0")
        self.assertIn("'0.0.0.0' is an address that others reach", text)
        self.assertIn("--plain-text", text)
        server = self.serve("--grpc-address", "0.0.0.0", "--plain-text", tls=False)
        self.assertEqual(code_of(lambda: self.stub(server).ModelInfer(LIGHT, timeout=20)), "OK")
        probe = subprocess.run([self.program, "probe", "192.0.2.1:8001"], capture_output=True, text=True, timeout=60)
        self.assertEqual(probe.returncode, 2)
        self.assertIn("is on another machine: give --tls-ca", probe.stderr)

    def test_fault_22_plain_text_to_tls_and_reverse(self):
        """Each is closed, and the server goes on."""
        server = self.serve()
        self.assertIn(code_of(lambda: self.stub(server).ModelInfer(LIGHT, timeout=5)), NO_CONNECTION)
        self.assertEqual(code_of(lambda: self.stub(server, "dev1").ModelInfer(LIGHT, timeout=20)), "OK")
        plain = self.serve(tls=False)
        self.assertIn(code_of(lambda: self.stub(plain, "dev1").ModelInfer(LIGHT, timeout=5)), NO_CONNECTION)
        self.assertEqual(code_of(lambda: self.stub(plain).ModelInfer(LIGHT, timeout=20)), "OK")

    def test_fault_37_client_certificates_that_are_refused(self):
        """Expired, not valid yet, revoked, of another authority, none: no handshake, and one line each that says which."""
        self.plant.issue("late", starts_in_days=-10, days=5)
        self.plant.issue("early", starts_in_days=5)
        self.plant.issue("stolen")
        stranger = certificates.Authority(self.folder / "stranger", "elsewhere")
        stranger.issue("spy")
        server = self.serve("--tls-crl", self.plant.revoke("stolen"))
        spy = grpc.ssl_channel_credentials(self.plant.ca.read_bytes(), (stranger.folder / "spy.key").read_bytes(),
                                           (stranger.folder / "spy.pem").read_bytes())
        cases = {
            "('late') expired on ": self.plant.credentials("late"), "('early') is not valid before ": self.plant.credentials("early"),
            "('stolen') is revoked": self.plant.credentials("stolen"), "('spy') is unknown: the authority in": spy,
            "is missing: the other end shows none": grpc.ssl_channel_credentials(self.plant.ca.read_bytes())
        }
        for text, credentials in cases.items():
            for _ in range(3):
                self.assertIn(code_of(lambda: self.stub(server, credentials=credentials).ModelInfer(LIGHT, timeout=5)), NO_CONNECTION,
                              text)  # noqa: B023
            self.until_logged(server, text)
            self.assertEqual(server.stderr().count(text), 1, "once an interval")
        self.assertEqual(code_of(lambda: self.stub(server, "dev1").ModelInfer(LIGHT, timeout=20)), "OK")

    def test_files_that_do_not_fit(self):
        plant = self.plant.folder
        damaged = self.folder / "damaged.pem"
        damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        ca = ["--tls-ca", plant / "ca.pem"]
        self.assertIn("is not that of the certificate", self.refused(*ca, "--tls-cert", plant / "edge.pem", "--tls-key", plant / "dev1.key"))
        self.assertIn("holds no certificate that can be read", self.refused(*ca, "--tls-cert", damaged, "--tls-key", plant / "edge.key"))
        self.assertIn("holds no certificate that can be read",
                      self.refused("--tls-ca", damaged, "--tls-cert", plant / "edge.pem", "--tls-key", plant / "edge.key"))
        self.assertIn("there is no private key", self.refused(*ca, "--tls-cert", plant / "edge.pem"))
        self.assertIn("holds no private key", self.refused(*ca, "--tls-cert", plant / "edge.pem", "--tls-key", plant / "edge.pem"))
        self.assertIn("holds no list of revoked", self.refused(*self.plant.options("edge"), "--tls-crl", plant / "edge.pem"))

    def test_fault_38_secrets_stay_in_their_files(self):
        """Nothing of a key is in what the server prints, in its command line or environment, also when keys are bad and replaced."""
        own = certificates.Authority(self.folder / "secret")
        own.issue("edge")
        server = peers.Serve(self.program, self.repository, "--verbose", *own.options("edge")).__enter__()
        self.addCleanup(server.__exit__)
        keys = [(own.folder / "edge.key").read_text()]
        own.issue("other")
        keys.append((own.folder / "other.key").read_text())
        shutil.copy(own.folder / "other.key", own.folder / "edge.key")  # the key of another certificate
        server.process.send_signal(signal.SIGHUP)
        self.until_logged(server, "is not that of the certificate")
        self.assertEqual(code_of(lambda: self.stub(server, credentials=own.credentials("other")).ModelInfer(LIGHT, timeout=20)), "OK")
        shown = server.stderr() + json.dumps(server.event)
        for name in ("cmdline", "environ"):
            shown += pathlib.Path(f"/proc/{server.process.pid}/{name}").read_bytes().decode(errors="replace")
        for key in keys:
            lines = key.splitlines()[1:-1]
            self.assertGreater(len(lines), 1)
            for line in lines:
                self.assertNotIn(line, shown)
        self.assertNotIn("PRIVATE", shown)


class Reloading(SecurityCase):
    def own_edge(self, *words, authority=None):
        """A server whose certificate the test may replace."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        for end in ("pem", "key"):
            shutil.copy(self.plant.folder / f"edge.{end}", folder / f"edge.{end}")
        shutil.copy(authority or self.plant.ca, folder / "ca.pem")
        server = peers.Serve(self.program, self.repository, "--tls-ca", folder / "ca.pem", "--tls-cert", folder / "edge.pem", "--tls-key",
                             folder / "edge.key", *words).__enter__()
        self.addCleanup(server.__exit__)
        return server, folder

    def shown_by(self, server):
        """The serial number of the certificate that the server shows to a new connection."""
        words = [
            "openssl", "s_client", "-connect", server.address, "-CAfile", self.plant.ca, "-cert", self.plant.folder / "dev1.pem", "-key",
            self.plant.folder / "dev1.key", "-alpn", "h2"
        ]
        result = subprocess.run([str(word) for word in words], input=b"", capture_output=True, timeout=30)
        return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=result.stdout, capture_output=True, timeout=30).stdout.decode().strip()

    def serial(self, path):
        return subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", str(path)], capture_output=True, check=True).stdout.decode().strip()

    def replace(self, folder, stem):
        """First the certificate, then the key, as people do."""
        for end in ("pem", "key"):
            shutil.copy(self.plant.folder / f"{stem}.{end}", folder / f"edge.{end}")

    def test_a_change_of_the_files_is_seen(self):
        server, folder = self.own_edge()
        self.plant.issue("edge", stem="edge-next")
        self.assertEqual(self.shown_by(server), self.serial(folder / "edge.pem"))
        self.replace(folder, "edge-next")
        wait_for(lambda: self.shown_by(server) == self.serial(self.plant.folder / "edge-next.pem"), 60)
        self.assertIn("[tls] the certificates were read again", server.stderr())

    def test_fault_35_sighup_takes_good_certificates_and_keeps_the_old_for_bad_ones(self):
        server, folder = self.own_edge()
        before = self.serial(folder / "edge.pem")
        self.plant.issue("edge", stem="expired", starts_in_days=-10, days=5)
        self.plant.issue("edge", stem="future", starts_in_days=10)
        bad = {"expired": "expired on", "future": "is this machine's clock", "damaged": "in PEM", "mixed": "is not that of the certificate"}
        (self.plant.folder / "damaged.pem").write_text("no certificate")
        shutil.copy(self.plant.folder / "edge.key", self.plant.folder / "damaged.key")
        shutil.copy(self.plant.folder / "dev1.pem", self.plant.folder / "mixed.pem")
        shutil.copy(self.plant.folder / "edge.key", self.plant.folder / "mixed.key")
        for stem, text in bad.items():
            self.replace(folder, stem)
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: text in server.stderr(), 30)  # noqa: B023
            self.assertEqual(self.shown_by(server), before, stem)
        time.sleep(5)  # two looks at the files later
        said = server.stderr()
        self.assertLessEqual(said.count("is not that of the certificate"), 2, "once by SIGHUP, at most once by the look")
        self.plant.issue("edge", stem="good")
        self.replace(folder, "good")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.shown_by(server) == self.serial(self.plant.folder / "good.pem"), 30)
        self.assertIsNone(server.process.poll())
        self.assertEqual(server.stop(), 0)

    def test_fault_35_sighup_without_anything_to_read_ends_nothing(self):
        server = self.serve(tls=False)
        server.process.send_signal(signal.SIGHUP)
        self.until_logged(server, "nothing new was taken")
        self.assertEqual(code_of(lambda: self.stub(server).ModelInfer(LIGHT, timeout=20)), "OK")

    def test_certificates_roll_under_load(self):
        """Five replacements while requests go on, over one connection and over new ones: no request fails."""
        server, folder = self.own_edge()
        for i in range(5):
            self.plant.issue("edge", stem=f"roll{i}")
        failures, counts, stop = [], [0, 0], threading.Event()

        def ask(kind, make_stub):
            stub = make_stub()
            while not stop.is_set():
                if kind == 1:
                    stub = make_stub()
                try:
                    stub.ModelInfer(LIGHT, timeout=30)
                    counts[kind] += 1
                except grpc.RpcError as error:
                    failures.append(f"{kind}: {error.code()} {error.details()}")

        def fresh():
            channel = grpc.secure_channel(server.address, self.plant.credentials("dev1"), [("grpc.use_local_subchannel_pool", 1)])
            channels.append(channel)
            if len(channels) > 20:
                channels.pop(0).close()
            return pb_grpc.GRPCInferenceServiceStub(channel)

        channels = []
        threads = [threading.Thread(target=ask, args=(0, lambda: self.stub(server, "dev1"))), threading.Thread(target=ask, args=(1, fresh))]
        for thread in threads:
            thread.start()
        try:
            for i in range(5):
                self.replace(folder, f"roll{i}")
                server.process.send_signal(signal.SIGHUP)
                wait_for(lambda: self.shown_by(server) == self.serial(self.plant.folder / f"roll{i}.pem"), 30)  # noqa: B023
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(counts), 5)

    def test_fault_37_a_device_that_is_revoked_while_connected(self):
        """The list is read again, and the open connection is of no use any more."""
        self.plant.issue("taken")
        revoked = self.folder / "list.pem"
        shutil.copy(self.plant.revoke(), revoked)
        server, _ = self.own_edge("--tls-crl", revoked)
        taken, other = self.stub(server, "taken"), self.stub(server, "dev1")
        self.assertEqual(code_of(lambda: taken.ModelInfer(LIGHT, timeout=20)), "OK")
        shutil.copy(self.plant.revoke("taken"), revoked)
        server.process.send_signal(signal.SIGHUP)
        self.until_logged(server, "read again")
        with self.assertRaises(grpc.RpcError) as caught:
            taken.ModelInfer(LIGHT, timeout=20)
        self.assertEqual(caught.exception.code().name, "UNAUTHENTICATED")
        self.assertIn("is revoked", caught.exception.details())
        self.assertEqual(code_of(lambda: other.ModelInfer(LIGHT, timeout=20)), "OK")


class Rules(SecurityCase):
    def test_models_of_others_are_not_there(self):
        access = self.access_file(rules({"identities": ["dev1"], "models": ["m"]}, {"identities": ["dev*"], "models": ["*"]}))
        server = self.serve("--access", access)
        first, second, third = (self.stub(server, name) for name in ("dev1", "dev2", "flood"))
        self.assertEqual([model.name for model in first.RepositoryIndex(pb.RepositoryIndexRequest()).models], ["m"])
        self.assertEqual(sorted(model.name for model in second.RepositoryIndex(pb.RepositoryIndexRequest()).models), ["heavy", "m", "steady"])
        self.assertEqual(len(third.RepositoryIndex(pb.RepositoryIndexRequest()).models), 0)
        self.assertEqual([one.name for one in first.ModelStatistics(pb.ModelStatisticsRequest()).model_stats], ["m"])
        self.assertEqual(code_of(lambda: first.ModelInfer(LIGHT)), "OK")
        self.assertEqual(code_of(lambda: third.ModelInfer(LIGHT)), "PERMISSION_DENIED")
        for name in ("steady", "no_such_model"):  # the same answer, whether it exists or not
            with self.assertRaises(grpc.RpcError) as caught:
                first.ModelInfer(infer_request(name))
            self.assertEqual(caught.exception.code().name, "PERMISSION_DENIED")
            self.assertEqual(caught.exception.details(), f"'dev1' may not use model '{name}'; the server's file of access (--access) says who may")
            for call, request in ((first.ModelMetadata, pb.ModelMetadataRequest), (first.ModelConfig, pb.ModelConfigRequest),
                                  (first.ModelReady, pb.ModelReadyRequest), (first.ModelStatistics, pb.ModelStatisticsRequest)):
                self.assertEqual(code_of(lambda: call(request(name=name))), "PERMISSION_DENIED")  # noqa: B023
        answers = list(first.ModelStreamInfer(iter([LIGHT, infer_request("steady", id="7"), LIGHT])))
        self.assertEqual(["may not use" in answer.error_message for answer in answers], [False, True, False])

    def test_loading_takes_leave(self):
        access = self.access_file(rules({"identities": ["dev1"], "models": ["m"], "may_control": True}, {"identities": ["*"], "models": ["*"]}))
        server = self.serve("--access", access, "--model-control-mode", "explicit", "--load-model", "m")
        first, second = self.stub(server, "dev1"), self.stub(server, "dev2")
        self.assertEqual(code_of(lambda: second.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="m"))), "PERMISSION_DENIED")
        self.assertEqual(code_of(lambda: first.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="heavy"))), "PERMISSION_DENIED")
        self.assertEqual(code_of(lambda: first.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="m"))), "OK")

    def test_on_plain_text_the_address_is_the_identity(self):
        access = self.access_file(rules({"identities": ["127.0.0.1"], "models": ["m"]}))
        server = self.serve("--access", access, tls=False)
        self.assertEqual(code_of(lambda: self.stub(server).ModelInfer(LIGHT, timeout=20)), "OK")
        access.write_text(rules({"identities": ["10.*"], "models": ["m"]}))
        server.process.send_signal(signal.SIGHUP)
        self.until_logged(server, "[access]")
        self.assertEqual(code_of(lambda: self.stub(server).ModelInfer(LIGHT, timeout=20)), "PERMISSION_DENIED")

    def rejections(self, server):
        return [line for line in server.stderr().splitlines() if "the old ones stay in use" in line]

    def test_fault_35_bad_rules_are_rejected_and_the_old_kept(self):
        access = self.access_file(rules({"identities": ["dev1"], "models": ["m"]}))
        server = self.serve("--access", access)
        stub = self.stub(server, "dev1")
        for text, words in (("{", "access.json"), (rules(), "at least one rule"), (rules({"identities": ["*"]}), "models"),
                            (rules({"identities": ["*"], "models": ["*"], "in_flight": 0}), "in_flight"),
                            (rules({"identities": ["*"], "models": ["*"],
                                    "burst": 3}), "requests_per_second"), (rules({"identities": ["*"], "models": ["*"], "rate": 3}), "rate")):
            access.write_text(text)
            said = self.rejections(server)
            server.process.send_signal(signal.SIGHUP)
            # What the file said before may be refused once more meanwhile: the server also looks at it without a signal.
            wait_for(lambda: any(words in line for line in self.rejections(server)[len(said):]), 30)  # noqa: B023
            self.assertEqual(code_of(lambda: stub.ModelInfer(LIGHT, timeout=20)), "OK")
        access.unlink()
        said = self.rejections(server)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(self.rejections(server)) > len(said), 30)
        self.assertEqual(code_of(lambda: stub.ModelInfer(LIGHT, timeout=20)), "OK")
        access.write_text(rules({"identities": ["dev2"], "models": ["m"]}))  # without a signal
        wait_for(lambda: code_of(lambda: stub.ModelInfer(LIGHT, timeout=20)) == "PERMISSION_DENIED", 30)

    def test_bad_rules_at_the_start(self):
        self.assertIn("identities", self.refused("--access", self.access_file(rules({"models": ["*"]}), "bad.json")))
        self.assertIn("no-such-file", self.refused_by_parser("--access", "/no-such-file"))

    def refused_by_parser(self, *words):
        result = subprocess.run([self.program, "serve", "--model-repository", self.repository, *map(str, words)], capture_output=True, text=True,
                                timeout=60)
        self.assertGreater(result.returncode, 0)
        return result.stderr


class Quotas(SecurityCase):
    def hints(self, error):
        return {key: int(value) for key, value in error.trailing_metadata() if key in ("retry-after-ms", "grpc-retry-pushback-ms")}

    def test_requests_a_second(self):
        """A burst of 5 goes through, the rest is refused with a hint, and after the hint there is room again."""
        access = self.access_file(rules({"identities": ["*"], "models": ["*"], "requests_per_second": 0.5, "burst": 5}))
        stub = self.stub(self.serve("--access", access), "dev1")
        stub.ServerLive(pb.ServerLiveRequest())
        start = time.time()
        calls = [stub.ModelInfer.future(LIGHT) for _ in range(20)]
        errors = [call.exception() for call in calls]
        took = time.time() - start
        refused = [error for error in errors if error is not None]
        self.assertTrue(20 - 5 - (1 + took * 0.5) <= len(refused) <= 15, f"{len(refused)} were refused in {took} s")
        for error in refused:
            self.assertEqual(error.code().name, "RESOURCE_EXHAUSTED")
            self.assertIn("'dev1' asks for more than its quota of 0.5 requests a second", error.details())
            hints = self.hints(error)
            self.assertEqual(set(hints), {"retry-after-ms", "grpc-retry-pushback-ms"})
            self.assertTrue(1 <= hints["retry-after-ms"] <= 2000, hints)
        time.sleep(self.hints(refused[-1])["retry-after-ms"] * 1e-3 + 0.05)
        self.assertEqual(code_of(lambda: stub.ModelInfer(LIGHT)), "OK")

    def flood(self, stub, most, stop):
        """A thread that keeps so many requests in flight, accepted or not."""
        def ask():
            calls = []
            while not stop.is_set():
                calls = [call for call in calls if not call.done()]
                calls += [stub.ModelInfer.future(heavy_request()) for _ in range(most - len(calls))]
                time.sleep(0.1)
            for call in calls:
                call.cancel()

        thread = threading.Thread(target=ask)
        thread.start()
        return thread

    def test_fault_29_over_a_quota_within_a_millisecond(self):
        """Of small requests, the quickest of many: beside calls that ask for nothing, since that is what the client and the machine cost."""
        access = self.access_file(rules({"identities": ["dev1"], "models": ["*"], "requests_per_second": 0.001}))
        stub = self.stub(self.serve("--access", access), "dev1")
        self.assertEqual(code_of(lambda: stub.ModelInfer(LIGHT, timeout=20)), "OK")  # the one that it may
        refusals, nothing = [], []
        for _ in range(300):
            begin = time.perf_counter()
            code = code_of(lambda: stub.ModelInfer(LIGHT, timeout=20))
            refusals.append(time.perf_counter() - begin)
            self.assertEqual(code, "RESOURCE_EXHAUSTED")
            begin = time.perf_counter()
            stub.ServerLive(pb.ServerLiveRequest())
            nothing.append(time.perf_counter() - begin)
        self.assertLess(min(refusals), min(nothing) + 0.001)

    def test_fault_29_a_full_queue_is_told_at_once_with_a_hint(self):
        """Well before the model has done one of the requests in front."""
        server = self.serve("--queue-size", "2", "--engine", SLOW)
        stub, stop = self.stub(server, "dev1"), threading.Event()
        compute_s = stub.ModelInfer(heavy_request(), timeout=120).parameters["compute_us"].double_param * 1e-6
        thread = self.flood(self.stub(server, "flood"), 8, stop)
        times, accepted, deadline = [], [], time.time() + 120
        try:
            while len(times) < 10 and time.time() < deadline:
                begin = time.perf_counter()
                call = stub.ModelInfer.future(heavy_request())
                try:
                    error = call.exception(timeout=compute_s / 2)
                except grpc.FutureTimeoutError:
                    accepted.append(call)  # it keeps its place: were it waited for, the next one would take the place that it leaves
                    continue
                self.assertIsNotNone(error, (time.perf_counter() - begin, compute_s))
                times.append(time.perf_counter() - begin)
                self.assertEqual(error.code().name, "UNAVAILABLE")
                self.assertGreaterEqual(self.hints(error)["retry-after-ms"], 1)
        finally:
            stop.set()
            thread.join()
            for call in accepted:
                call.cancel()
        self.assertEqual(len(times), 10)
        self.assertLess(min(times), compute_s / 4, times)

    def test_stream_is_told_too(self):
        access = self.access_file(rules({"identities": ["*"], "models": ["*"], "requests_per_second": 0.1, "burst": 2}))
        stub = self.stub(self.serve("--access", access), "dev1")
        answers = list(stub.ModelStreamInfer(iter([LIGHT] * 4)))
        self.assertEqual([answer.error_message == "" for answer in answers], [True, True, False, False])
        self.assertGreater(answers[-1].infer_response.parameters["retry_after_ms"].int64_param, 0)

    def others_during_a_flood(self, server):
        """How long requests of dev1 waited in the server, in runs of the model, and their results, while `flood` keeps 16 requests in flight."""
        stub, stop = self.stub(server, "dev1"), threading.Event()
        stub.ServerLive(pb.ServerLiveRequest())
        thread = self.flood(self.stub(server, "flood"), 16, stop)
        time.sleep(1)
        waits, codes = [], []
        for _ in range(8):
            try:
                response = stub.ModelInfer(heavy_request(), timeout=120)
                codes.append("OK")
                waits.append(response.parameters["queue_us"].double_param / response.parameters["compute_us"].double_param)
            except grpc.RpcError as error:
                codes.append(error.code().name)
        stop.set()
        thread.join()
        return codes, waits

    def test_fault_30_flood_of_one_leaves_the_others_alone(self):
        """Without quotas the flood has the queue, and others are refused or wait behind it; with them each waits for one request at most."""
        words = ("--queue-size", "6", "--engine", "slow:8:openvino")
        codes, waits = self.others_during_a_flood(self.serve(*words))
        self.assertTrue("UNAVAILABLE" in codes or statistics.median(waits) > 3, f"the flood is none: {codes} {waits}")
        access = self.access_file(rules({"identities": ["flood"], "models": ["*"], "in_flight": 1}, {"identities": ["*"], "models": ["*"]}))
        codes, waits = self.others_during_a_flood(self.serve("--access", access, *words))
        self.assertEqual(set(codes), {"OK"})
        self.assertLess(max(waits), 3, "behind one request of the flood")


if __name__ == "__main__":
    main("__main__")
