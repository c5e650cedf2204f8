"""HTTP by TLS: what plain HTTP does and bears is done and borne by HTTPS (the same tests over it), and callers are who their certificates say."""

import gzip
import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import certificates
import test_http
import test_http_limits
from calls import grpc, main, np
from http_calls import HttpCase
from https_calls import Secured, context_of
from test_http_limits import wait_for
from test_security import LIGHT, SecurityCase, X, rules

GOOD = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": list(X.shape), "data": X.ravel().tolist()}]}).encode()
DENIED, UNAUTHENTICATED = 403, 401


class Tritonclient(Secured, test_http.Tritonclient):
    pass


class Plain(Secured, test_http.Plain):
    pass


class Bodies(Secured, test_http.Bodies):
    pass


class Limits(Secured, test_http_limits.Limits):
    def test_fault_22_tls_to_the_plain_port(self):
        """And the reverse: plain text to this one is told what is wrong."""
        for data in (GOOD, b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, b"\x16\x03"):
            with socket.create_connection(("127.0.0.1", self.http_port), timeout=60) as plain:
                plain.sendall(data)
                plain.shutdown(socket.SHUT_WR)
                answer = HttpCase.all_of(self, plain)
            if data[:1] != b"\x16":
                self.assertTrue(answer.startswith(b"HTTP/1.1 400"), answer)
                self.assertIn(b"this port speaks HTTPS with clients that show a certificate", answer)
                self.assertIn(b"Connection: close", answer)

    def test_fault_22_handshakes_that_are_damaged(self):
        """Each is closed; the server goes on."""
        before = self.turned("no_tls")
        rng = np.random.default_rng(5)
        hello = self.hello()
        for _ in range(100):
            data = bytearray(hello)
            for _ in range(rng.integers(1, 8)):
                data[rng.integers(3, len(data))] = rng.integers(256)
            with socket.create_connection(("127.0.0.1", self.http_port), timeout=60) as plain:
                plain.sendall(bytes(data[:rng.integers(6, len(data) + 1)]))
                plain.shutdown(socket.SHUT_WR)
                HttpCase.all_of(self, plain)
        self.assertGreater(self.turned("no_tls") - before, 50)

    def hello(self):
        """What a client says first."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        end = self.context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return outgoing.read()


class Slow(Secured, test_http_limits.Slow):
    def test_fault_21_slow_handshakes(self):
        before = self.turned("too_slow")
        silent = [socket.create_connection(("127.0.0.1", self.http_port), timeout=60) for _ in range(5)]
        for connection in silent:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        begun = [socket.create_connection(("127.0.0.1", self.http_port), timeout=60) for _ in range(5)]
        for connection in silent + begun:
            self.assertEqual(HttpCase.all_of(self, connection), b"")
        wait_for(lambda: self.turned("too_slow") - before >= 10, 20)


class Pressure(Secured, test_http_limits.Pressure):
    def leave(self, connection):
        """By a goodbye that only TLS can read, before the end of the connection."""
        connection.setblocking(False)
        with self.assertRaises(ssl.SSLWantReadError):
            connection.unwrap()
        connection.close()


class HttpsCase(SecurityCase):
    def open(self, server, name="dev1", port="http_port", **settings):
        connection = http.client.HTTPSConnection("127.0.0.1", server.event[port], timeout=60, context=context_of(self.plant, name, **settings))
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, target="/v2/models/m/infer", body=GOOD):
        connection.request("POST" if body is not None else "GET", target, body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def cannot(self, server, **who):
        """No request gets through. In TLS 1.3 a client learns that its certificate is refused when it reads."""
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected, BrokenPipeError)):
            self.ask(self.open(server, **who))


class Identities(HttpsCase):
    def test_authorities_in_between(self):
        hall = self.plant.below(self.folder / "hall", "hall")
        certificate, key = hall.issue_chain("dev9")
        server = self.serve("--access", self.access_file(rules({"identities": ["dev9"], "models": ["m"]})))
        context = ssl.create_default_context(cafile=self.plant.ca)
        context.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection("127.0.0.1", server.event["http_port"], timeout=60, context=context)
        self.addCleanup(connection.close)
        self.assertEqual([self.ask(connection)[0] for _ in range(2)], [200] * 2)

    def test_rules_are_of_the_name_in_the_certificate(self):
        access = self.access_file(rules({"identities": ["dev1"], "models": ["m"]}, {"identities": ["dev2"], "models": ["steady"]}))
        server = self.serve("--access", access)
        status, body = self.ask(self.open(server))
        self.assertEqual((status, json.loads(body)["outputs"][0]["data"]), (200, (2 * X + 1).ravel().tolist()))
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub(server, "dev2").ModelInfer(LIGHT, timeout=20)
        status, body = self.ask(self.open(server, "dev2"))
        self.assertEqual((status, json.loads(body)), (DENIED, {"error": caught.exception.details()}), "as over gRPC")
        self.assertEqual([model["name"] for model in json.loads(self.ask(self.open(server, "dev2"), "/v2/repository/index", b"")[1])], ["steady"])
        self.assertEqual(self.ask(self.open(server, "flood"))[0], DENIED)
        self.assertEqual(self.ask(self.open(server, "flood"), "/v2/health/ready", None)[0], 200)

    def test_a_quota_counts_both(self):
        server = self.serve("--access", self.access_file(rules({"identities": ["*"], "models": ["*"], "requests_per_second": 0.002, "burst": 3})))
        connection = self.open(server)
        for _ in range(2):
            self.assertEqual(self.ask(connection)[0], 200)
        self.stub(server, "dev1").ModelInfer(LIGHT, timeout=20)
        self.assertEqual(self.ask(connection)[0], 429)
        self.assertEqual(self.ask(self.open(server, "dev2"))[0], 200, "the other has its own")

    def test_the_live_page_is_for_operators(self):
        server = self.serve(
            "--access",
            self.access_file(rules({"identities": ["dev1"], "models": ["m"]}, {"identities": ["dev2"], "models": ["*"], "may_control": True})))
        self.assertEqual(self.ask(self.open(server, "dev1"), "/live.json", None)[0], DENIED)
        self.assertEqual(self.ask(self.open(server, "dev2"), "/live.json", None)[0], 200)


class Certificates(HttpsCase):
    def test_who_may_connect(self):
        server = self.serve()
        self.assertEqual(server.event["http_url"], f"https://127.0.0.1:{server.event['http_port']}")
        self.assertEqual(self.ask(self.open(server))[0], 200)
        self.cannot(server, name=None)
        self.plant.issue("late", days=1, starts_in_days=-3)
        self.cannot(server, name="late")
        self.until_logged(server, "a client's certificate ('late') expired on")
        other = certificates.Authority(self.folder / "other", "other")
        other.issue("dev1")
        context = ssl.create_default_context(cafile=self.plant.ca)
        context.load_cert_chain(other.folder / "dev1.pem", other.folder / "dev1.key")
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            connection = http.client.HTTPSConnection("127.0.0.1", server.event["http_port"], timeout=60, context=context)
            self.addCleanup(connection.close)
            self.ask(connection)
        self.until_logged(server, "the authority in")
        stranger = http.client.HTTPSConnection("127.0.0.1", server.event["http_port"], timeout=60, context=context_of(other, "dev1"))
        self.addCleanup(stranger.close)
        with self.assertRaises(ssl.SSLCertVerificationError):  # and a client of another plant does not take this edge
            stranger.request("GET", "/v2")
        self.assertEqual(self.ask(self.open(server))[0], 200)

    def test_versions_of_tls(self):
        server = self.serve()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            connection = self.open(server, minimum_version=version, maximum_version=version)
            self.assertEqual(self.ask(connection)[0], 200)
            self.assertEqual(connection.sock.version(), version.name.replace("TLSv1_", "TLSv1."))
        old = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.event['http_port']}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], input=b"",
            capture_output=True, timeout=60)
        self.assertNotEqual(old.returncode, 0)

    def test_no_session_is_resumed(self):
        """Who is revoked between two connections must not come in by the first one's handshake."""
        server = self.serve()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = context_of(self.plant, "dev1", minimum_version=version, maximum_version=version)
            session = None
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", server.event["http_port"]),
                                              timeout=60) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1",
                                                                                        session=session) as secure:
                    secure.sendall(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertTrue(secure.recv(65536).startswith(b"HTTP/1.1 200"))
                    self.assertFalse(secure.session_reused)
                    session = secure.session

    def test_fault_37_revoked_on_an_open_connection(self):
        self.plant.issue("thief")
        crl = self.plant.revoke()
        server = self.serve("--tls-crl", crl)
        connection, honest = self.open(server, "thief"), self.open(server)
        self.assertEqual((self.ask(connection)[0], self.ask(honest)[0]), (200, 200))
        self.plant.revoke("thief")
        server.process.send_signal(signal.SIGHUP)
        self.until_logged(server, "the certificates were read again")
        status, body = self.ask(connection)
        self.assertEqual(status, UNAUTHENTICATED)
        self.assertIn("is revoked", json.loads(body)["error"])
        self.assertEqual(self.ask(honest)[0], 200)
        self.cannot(server, name="thief")

    def test_a_certificate_that_openssl_does_not_take_ends_the_start(self):
        certificate, key = self.folder / "weak.pem", self.folder / "weak.key"
        certificates.run("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=edge", "-keyout", key, "-out", certificate, "-days", 30)
        text = self.refused("--tls-ca", self.plant.ca, "--tls-cert", certificate, "--tls-key", key)
        self.assertIn("OpenSSL does not take this machine's certificate and key: ee key too small", text)

    def test_new_certificates_serve_new_connections(self):
        folder = self.folder / "renewed"
        shutil.copytree(self.plant.folder, folder)
        server = self.serve("--tls-ca", folder / "ca.pem", "--tls-cert", folder / "edge.pem", "--tls-key", folder / "edge.key", tls=False)
        kept = self.open(server)
        self.assertEqual(self.ask(kept)[0], 200)
        before = kept.sock.getpeercert()["serialNumber"]
        certificate, key = self.plant.issue("edge", stem="edge-2")
        shutil.copy(key, folder / "edge.key")
        shutil.copy(certificate, folder / "edge.pem")
        server.process.send_signal(signal.SIGHUP)
        self.until_logged(server, "the certificates were read again")
        fresh = self.open(server)
        self.assertEqual((self.ask(fresh)[0], self.ask(kept)[0]), (200, 200))
        self.assertNotEqual(fresh.sock.getpeercert()["serialNumber"], before)
        self.assertEqual(kept.sock.getpeercert()["serialNumber"], before)


class Ports(HttpsCase):
    def test_metrics_are_plain_for_this_machine_and_https_for_others(self):
        server = self.serve()
        self.assertTrue(server.event["metrics_url"].startswith("http://127.0.0.1:"))
        server = self.serve("--metrics-address", "0.0.0.0", "--http-address", "0.0.0.0")
        self.assertTrue(server.event["metrics_url"].startswith("https://0.0.0.0:"))
        status, body = self.ask(self.open(server, port="metrics_port"), "/metrics", None)
        self.assertEqual(status, 200)
        self.assertIn(b'scissionlite_http_connections{port="http"} 0', body)
        self.cannot(server, name=None, port="metrics_port")
        self.assertEqual(self.ask(self.open(server))[0], 200)

    def test_over_the_cap_a_connection_is_closed(self):
        server = self.serve("--http-max-connections", "8")
        held = [self.open(server) for _ in range(8)]
        for connection in held:
            self.assertEqual(self.ask(connection)[0], 200)
        self.cannot(server, name="dev1")
        self.assertEqual(self.ask(held[0])[0], 200)
        held.pop().close()
        wait_for(lambda: self.status_or_none(server) == 200, 20)

    def status_or_none(self, server):
        try:
            return self.ask(self.open(server))[0]
        except (OSError, http.client.HTTPException):
            return None

    def test_large_bodies_both_ways_by_one_connection(self):
        server = self.serve()
        connection = self.open(server)
        x = np.random.default_rng(1).normal(size=(8, 1 << 17, 4)).astype(np.float32)
        head = json.dumps({
            "inputs": [{"name": "x", "datatype": "FP32", "shape": list(x.shape), "parameters": {"binary_data_size": x.nbytes}}],
            "parameters": {"binary_data_output": True}
        }).encode()
        for compress in (False, True):
            body = head + x.tobytes()
            fields = {"Inference-Header-Content-Length": str(len(head)), **({"Content-Encoding": "gzip"} if compress else {})}
            connection.request("POST", "/v2/models/steady/infer", gzip.compress(body, 1) if compress else body, fields)
            answer = connection.getresponse()
            data = answer.read()
            self.assertEqual(answer.status, 200, data[:300])
            np.testing.assert_array_equal(
                np.frombuffer(data[int(answer.getheader("Inference-Header-Content-Length")):], np.float32).reshape(x.shape), 2 * x + 1)

    def test_many_connections_at_once(self):
        server = self.serve()
        failures = []

        def client(_):
            try:
                for _ in range(5):
                    connection = self.open(server)
                    for _ in range(5):
                        if self.ask(connection)[0] != 200:
                            failures.append("status")
                    connection.close()
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=client, args=(i, )) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_the_program_curl_says_what_is_missing(self):
        if shutil.which("curl") is None:
            self.skipTest("curl is not installed")
        server = self.serve()
        curl = ["curl", "-sS", "--cacert", self.plant.ca, server.event["http_url"] + "/v2/models/m"]
        words = ["--cert", self.plant.folder / "dev1.pem", "--key", self.plant.folder / "dev1.key"]
        good = subprocess.run([*curl, *words], capture_output=True, timeout=60)
        self.assertEqual((good.returncode, json.loads(good.stdout)["name"]), (0, "m"), good.stderr)
        self.assertIn(b"certificate required", subprocess.run(curl, capture_output=True, timeout=60).stderr)


if __name__ == "__main__":
    main("__main__")
