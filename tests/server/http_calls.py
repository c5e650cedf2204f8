"""HTTP to our server: tritonclient's client, plain requests for what it would not send, and raw sockets."""

import http.client
import json
import socket

from calls import ServerCase, np, peers

peers.enter_venv()
import tritonclient.http as triton_http  # noqa: E402,F401


def tensor(name, array, datatype, binary=True):
    out = triton_http.InferInput(name, array.shape, datatype)
    out.set_data_from_numpy(array, binary_data=binary)
    return out


class HttpCase(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.http_port = cls.server.event["http_port"]
        cls.http_address = f"127.0.0.1:{cls.http_port}"
        cls.web = triton_http.InferenceServerClient(cls.http_address, concurrency=4)

    @classmethod
    def tearDownClass(cls):
        cls.web.close()
        super().tearDownClass()

    def connection(self, target, port):
        return http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, method, target, body=None, port=None, **fields):
        """Status, fields and body of one request on a connection of its own."""
        connection = self.connection(target, port or self.http_port)
        try:
            connection.request(method, target, body, {name.replace("_", "-"): value for name, value in fields.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, body, model="m", **fields):
        """Status and JSON of an infer request."""
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        status, _, answer = self.call("POST", f"/v2/models/{model}/infer", data, **fields)
        return status, json.loads(answer)

    def refused(self, status, body, *texts, model="m", **fields):
        """The request must fail with this status and an error that has all of `texts`."""
        got, answer = self.post(body, model, **fields)
        self.assertEqual(got, status, answer)
        self.assertEqual(list(answer), ["error"])
        for text in texts:
            self.assertIn(text, answer["error"])

    def raw(self, data=b"", seconds=60, port=None):
        """A connection; what is sent on it is up to the test."""
        connection = socket.create_connection(("127.0.0.1", port or self.http_port), timeout=seconds)
        connection.sendall(data)
        return connection

    def all_of(self, connection):
        """What comes until the server closes."""
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        connection.close()
        return b"".join(parts)

    def http_still_serves(self):
        x = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
        status, answer = self.post({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2, 4], "data": x.ravel().tolist()}]})
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["outputs"][0]["data"], (2 * x + 1).ravel().tolist())

    def metrics(self):
        """All samples, by name and labels as they are written."""
        status, fields, body = self.call("GET", "/metrics", port=self.server.event["metrics_port"])
        self.assertEqual(status, 200)
        self.assertIn("text/plain", fields["content-type"])
        samples = {}
        for line in body.decode().splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                self.assertNotIn(key, samples, "a sample that comes twice")
                samples[key] = float(value)
        return samples
