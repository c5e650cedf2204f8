"""HTTP beside gRPC: the same rules and quotas on both, and where HTTP and metrics listen in plain text."""

import gzip
import json
import signal
import urllib.error
import urllib.request

from calls import grpc, infer_request, main, pb
from test_pressure import wait_for
from test_security import LIGHT, SecurityCase, X, code_of, rules

GOOD = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": list(X.shape), "data": X.ravel().tolist()}]}).encode()
OVER_QUOTA, DENIED = 429, 403


class HttpAccessCase(SecurityCase):
    def ask(self, server, target, body=None, port="http_port", **fields):
        """Status, fields and body; a GET without a body, else a POST."""
        request = urllib.request.Request(f"http://127.0.0.1:{server.event[port]}{target}", body,
                                         {name.replace("_", "-"): value
                                          for name, value in fields.items()})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()

    def status(self, *words, **fields):
        return self.ask(*words, **fields)[0]

    def infer(self, server, body=GOOD, model="m", **fields):
        return self.ask(server, f"/v2/models/{model}/infer", body, **fields)

    def metric(self, server, key):
        return next(
            float(line.rpartition(" ")[2]) for line in self.ask(server, "/metrics", port="metrics_port")[2].decode().splitlines()
            if line.startswith(key))

    def plain(self, *list_of_rules, words=()):
        return self.serve("--access", self.access_file(rules(*list_of_rules)), *words, tls=False)


class Rules(HttpAccessCase):
    def test_models_of_others_are_not_there(self):
        server = self.plain({"identities": ["127.0.0.1"], "models": ["m"]})
        self.assertEqual(self.infer(server)[0], 200)
        for path in ("", "/config", "/stats", "/ready"):
            self.assertEqual(self.status(server, f"/v2/models/m{path}"), 200, path)
        self.assertEqual([model["name"] for model in json.loads(self.ask(server, "/v2/repository/index", b"")[2])], ["m"])
        self.assertEqual([model["name"] for model in json.loads(self.ask(server, "/v2/models/stats")[2])["model_stats"]], ["m"])
        for name in ("steady", "no_such_model"):  # the same answer, whether it exists or not, and the same as over gRPC
            with self.assertRaises(grpc.RpcError) as caught:
                self.stub(server).ModelInfer(infer_request(name))
            status, _, body = self.infer(server, model=name)
            self.assertEqual((status, json.loads(body)), (DENIED, {"error": caught.exception.details()}))
            for path in ("", "/versions/1", "/config", "/stats", "/ready"):
                self.assertEqual(self.status(server, f"/v2/models/{name}{path}"), DENIED, path)
        self.assertEqual(self.infer(server, model="%73teady")[0], DENIED)
        self.assertEqual(self.metric(server, 'scissionlite_requests_refused_total{reason="permission_denied"}'), 5)

    def test_who_is_unknown_is_refused_before_anything_is_read(self):
        server = self.plain({"identities": ["10.*"], "models": ["*"]})
        for body, fields in ((GOOD, {}), (b"{", {}), (b"no gzip", {"Content_Encoding": "gzip"}),
                             (gzip.compress(bytes(1 << 20)), {"Content_Encoding": "gzip"}), (b"x", {"Content_Encoding": "br"})):
            status, _, answer = self.infer(server, body, **fields)
            self.assertEqual((status, json.loads(answer)["error"]),
                             (DENIED, "'127.0.0.1' may not use this server; the server's file of access (--access) says who may"))
        self.assertEqual(json.loads(self.ask(server, "/v2/repository/index", b"")[2]), [])
        self.assertEqual(self.status(server, "/v2/health/ready"), 200, "as over gRPC, health is for everybody")

    def test_loading_takes_leave(self):
        words = ("--model-control-mode", "explicit", "--load-model", "m")
        server = self.plain({"identities": ["127.0.0.1"], "models": ["*"]}, words=words)
        for change in ("load", "unload"):
            for body in (b"", b"{"):
                self.assertEqual(self.status(server, f"/v2/repository/models/m/{change}", body), DENIED)
        server = self.plain({"identities": ["127.0.0.1"], "models": ["m"], "may_control": True}, words=words)
        self.assertEqual(self.status(server, "/v2/repository/models/m/load", b""), 200)
        self.assertEqual(self.status(server, "/v2/repository/models/heavy/load", b""), DENIED)
        server = self.plain({"identities": ["127.0.0.1"], "models": ["m", "mine_*"], "may_control": True}, words=words)
        status, _, body = self.ask(server, "/v2/repository/models/mine_x/load", b"")
        self.assertEqual(status, 500)
        self.assertTrue(json.loads(body)["error"].endswith("available: m"), "what it may not use is not there")
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub(server).RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="mine_x"), timeout=60)
        self.assertNotIn("heavy", caught.exception.details())

    def test_rules_are_read_again(self):
        access = self.access_file(rules({"identities": ["127.0.0.1"], "models": ["m"]}))
        server = self.serve("--access", access, tls=False)
        self.assertEqual(self.infer(server)[0], 200)
        access.write_text(rules({"identities": ["10.*"], "models": ["m"]}))
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.infer(server)[0] == DENIED, 30)

    def test_an_address_is_the_same_identity_on_both(self):
        """Also where IPv4 comes to a socket of IPv6."""
        access = self.access_file(rules({"identities": ["127.0.0.1"], "models": ["m"]}))
        server = self.serve("--access", access, "--grpc-address", "::", "--http-address", "::", "--plain-text", tls=False)
        self.assertEqual(code_of(lambda: self.stub(server).ModelInfer(LIGHT, timeout=20)), "OK")
        self.assertEqual(self.infer(server)[0], 200)


class Quotas(HttpAccessCase):
    def test_requests_a_second_count_together_on_both(self):
        """A burst of four over both, then each is refused in its own way with a hint, before what it sends is read."""
        server = self.plain({"identities": ["*"], "models": ["*"], "requests_per_second": 0.002, "burst": 4})
        stub = self.stub(server)
        for _ in range(2):
            self.assertEqual(self.infer(server)[0], 200)
            stub.ModelInfer(LIGHT)
        with self.assertRaises(grpc.RpcError) as caught:
            stub.ModelInfer(LIGHT)
        self.assertEqual(caught.exception.code().name, "RESOURCE_EXHAUSTED")
        for body, fields in ((GOOD, {}), (b"{", {}), (b"no gzip", {"Content_Encoding": "gzip"})):
            status, hints, answer = self.infer(server, body, **fields)
            self.assertEqual((status, json.loads(answer)["error"]), (OVER_QUOTA, caught.exception.details()))
            self.assertIn("asks for more than its quota", caught.exception.details())
            self.assertEqual((hints["retry-after"], hints["retry-after-ms"]), ("60", "60000"), "the longest hint: the next is in 500 s")
        self.assertEqual(self.metric(server, 'scissionlite_requests_refused_total{reason="resource_exhausted"}'), 4)

    def test_places_in_flight_are_given_back(self):
        server = self.plain({"identities": ["*"], "models": ["m"], "in_flight": 1})
        bad = json.dumps({"inputs": []}).encode()
        for _ in range(5):
            for body, model, fields, status in ((GOOD, "m", {}, 200), (b"{", "m", {}, 400), (bad, "m", {}, 400), (GOOD, "other", {}, DENIED),
                                                (b"x", "m", {"Content_Encoding": "gzip"}, 400)):
                self.assertEqual(self.infer(server, body, model, **fields)[0], status)
        self.assertEqual(code_of(lambda: self.stub(server).ModelInfer(LIGHT)), "OK")


class PlainText(HttpAccessCase):
    def test_it_leaves_this_machine_only_when_asked_for(self):
        text = self.refused("--http-address", "0.0.0.0", "--http-port", "0")
        self.assertIn("'0.0.0.0' of --http-address is an address that others reach, and HTTP is plain text without certificates", text)
        self.assertIn("--plain-text", text)
        self.assertIn("metrics are plain text without certificates", self.refused("--metrics-address", "::"))
        for words in ({"tls": False}, {"tls": True}):
            server = self.serve("--http-address", "0.0.0.0", "--http-port", "0", "--metrics-address", "0.0.0.0", "--plain-text", **words)
            self.assertEqual((self.infer(server)[0], self.status(server, "/metrics", port="metrics_port")), (200, 200))

    def test_beside_certificates_http_is_off_unless_asked_for(self):
        server = self.serve("--plain-text")
        self.assertNotIn("http_port", server.event)
        self.assertIn("HTTP is off: --plain-text leaves it without the certificates that gRPC asks for; --http-port 8000", server.stderr())
        self.assertEqual(self.status(server, "/metrics", port="metrics_port"), 200, "metrics ask no model anything")
        self.assertNotIn("HTTP is off", self.serve("--plain-text", "--no-http").stderr())
        access = self.access_file(rules({"identities": ["dev1"], "models": ["m"]}))
        server = self.serve("--plain-text", "--http-port", "0", "--access", access)
        self.assertNotIn("HTTP is off", server.stderr())
        self.assertEqual(code_of(lambda: self.stub(server, "dev1").ModelInfer(LIGHT, timeout=20)), "OK")
        self.assertEqual(self.infer(server)[0], DENIED, "who comes in plain text is its address, and no rule has that")
        self.assertEqual(self.stub(server, "dev1").RepositoryIndex(pb.RepositoryIndexRequest()).models[0].name, "m")


if __name__ == "__main__":
    main("__main__")
