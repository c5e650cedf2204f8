"""The protocol over HTTP: unmodified tritonclient[http], and plain requests that it would not send."""

import gzip
import json
import shutil
import struct
import time
import zlib

from calls import main, np, peers
from http_calls import HttpCase, tensor, triton_http

X = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
GOOD = {"name": "x", "datatype": "FP32", "shape": [1, 2, 4], "data": X.ravel().tolist()}
BINARY = {"name": "x", "datatype": "FP32", "shape": [1, 2, 4], "parameters": {"binary_data_size": 32}}
CASTS = {
    "b": ("BOOL", np.bool_, [True, False, True]), "u8": ("UINT8", np.uint8, [0, 7, 255]), "i8": ("INT8", np.int8, [-128, 0, 127]),
    "u16": ("UINT16", np.uint16, [0, 300, 65535]), "i16": ("INT16", np.int16, [-32768, 5, 32767]), "i32": ("INT32", np.int32, [-70000, 0, 70000]),
    "u32": ("UINT32", np.uint32, [0, 1, 70000]), "i64": ("INT64", np.int64, [-5, 0, 1 << 20]), "f16": ("FP16", np.float16, [0.5, -2, 1024]),
    "f64": ("FP64", np.float64, [0.25, -3, 1e6])
}


def binary_body(request, *blobs):
    head = json.dumps(request).encode()
    return head + b"".join(blobs), {"Inference_Header_Content_Length": str(len(head))}


class Tritonclient(HttpCase):
    def test_binary_and_json_both_ways(self):
        rng = np.random.default_rng(7)
        for i in range(12):
            x = rng.standard_normal((rng.integers(1, 9), rng.integers(1, 7), 4)).astype(np.float32)
            outputs = None if i % 3 == 0 else [triton_http.InferRequestedOutput("y", binary_data=i % 3 == 1)]
            result = self.web.infer("m", [tensor("x", x, "FP32", binary=i % 2 == 0)], outputs=outputs, request_id=f"r{i}")
            np.testing.assert_allclose(result.as_numpy("y"), 2 * x + 1, rtol=1e-6)
            response = result.get_response()
            self.assertEqual((response["id"], response["model_name"], response["model_version"]), (f"r{i}", "m", "1"))
            self.assertEqual("data" in response["outputs"][0], i % 3 == 2)

    def test_every_type(self):
        for binary in (True, False):
            inputs = [tensor(name, np.array(values, dtype), kind, binary or kind == "FP16") for name, (kind, dtype, values) in CASTS.items()]
            result = self.web.infer("casts", inputs)
            for name, (_, dtype, values) in CASTS.items():
                np.testing.assert_array_equal(result.as_numpy(name + "_f32"), np.array(values, dtype).astype(np.float32), err_msg=name)

    def test_compressed_requests(self):
        for algorithm in ("gzip", "deflate"):
            result = self.web.infer("m", [tensor("x", X, "FP32")], request_compression_algorithm=algorithm)
            np.testing.assert_array_equal(result.as_numpy("y"), 2 * X + 1)

    def test_compressed_answers(self):
        for algorithm in ("gzip", "deflate"):
            for binary in (True, False):
                outputs = [triton_http.InferRequestedOutput("y", binary_data=binary)]
                result = self.web.infer("m", [tensor("x", X, "FP32")], outputs=outputs, response_compression_algorithm=algorithm)
                np.testing.assert_array_equal(result.as_numpy("y"), 2 * X + 1)
                self.assertEqual(result._result["outputs"][0]["shape"], [1, 2, 4])
            x = np.random.default_rng(5).standard_normal((1, 1 << 18, 4)).astype(np.float32)
            call = self.web.async_infer("m", [tensor("x", x, "FP32")], response_compression_algorithm=algorithm)
            np.testing.assert_array_equal(call.get_result().as_numpy("y"), 2 * x + 1)
        with self.assertRaisesRegex(triton_http.InferenceServerException, "unknown model: 'nope'"):
            self.web.infer("nope", [tensor("x", X, "FP32")], response_compression_algorithm="gzip")

    def test_classes(self):
        a, b = np.array([[1, 5, 3], [2, 0, 4]], np.float32), np.zeros((2, 3), np.float32)
        for binary in (True, False):
            outputs = [triton_http.InferRequestedOutput("sum", binary_data=binary, class_count=2)]
            classes = self.web.infer("pair", [tensor("a", a, "FP32"), tensor("b", b, "FP32")], outputs=outputs).as_numpy("sum")
            texts = [c.decode() if isinstance(c, bytes) else c for c in classes.ravel()]
            self.assertEqual([(float(t.split(":")[0]), int(t.split(":")[1])) for t in texts], [(5, 1), (4, 5)])

    def test_asynchronous_calls(self):
        calls = [self.web.async_infer("m", [tensor("x", X + i, "FP32")]) for i in range(20)]
        for i, call in enumerate(calls):
            np.testing.assert_array_equal(call.get_result().as_numpy("y"), 2 * (X + i) + 1)

    def test_large_tensor(self):
        x = np.random.default_rng(3).standard_normal((4, 1024, 1024)).astype(np.float32)
        self.assertEqual(self.web.infer("wide", [tensor("x", x, "FP32")]).as_numpy("y"), x.max())

    def test_descriptions_are_those_of_grpc(self):
        self.assertTrue(self.web.is_server_live() and self.web.is_server_ready() and self.web.is_model_ready("m") and
                        self.web.is_model_ready("m", "1"))
        self.assertFalse(self.web.is_model_ready("nope") or self.web.is_model_ready("m", "2"))
        self.assertEqual(self.web.get_server_metadata(), self.client.get_server_metadata(as_json=True))
        metadata = self.web.get_model_metadata("m")
        self.assertEqual(metadata["inputs"], [{"name": "x", "datatype": "FP32", "shape": [-1, -1, 4]}])
        config, reference = self.web.get_model_config("m"), self.client.get_model_config("m").config
        self.assertEqual((config["name"], config["max_batch_size"], config["backend"]), (reference.name, reference.max_batch_size, reference.backend))
        self.assertEqual(config["input"], [{"name": "x", "data_type": "TYPE_FP32", "format": "FORMAT_NONE", "dims": [-1, 4]}])
        self.assertEqual(config["dynamic_batching"]["max_queue_delay_microseconds"], 2000)
        self.assertNotIn("version_policy", config)
        self.web.infer("m", [tensor("x", X, "FP32")])
        stats, reference = self.web.get_inference_statistics("m")["model_stats"][0], self.statistics("m")
        self.assertEqual(stats["inference_count"], reference.inference_count)
        self.assertEqual(stats["inference_stats"]["queue"],
                         {"count": reference.inference_stats.queue.count, "ns": reference.inference_stats.queue.ns})
        self.assertEqual(len(self.web.get_inference_statistics()["model_stats"]), len(self.client.get_inference_statistics().model_stats))
        index = self.client.get_model_repository_index().models
        self.assertEqual([(m["name"], m["state"]) for m in self.web.get_model_repository_index()], [(m.name, m.state) for m in index])

    def test_errors_reach_the_caller(self):
        with self.assertRaisesRegex(triton_http.InferenceServerException, "unknown model: 'nope'") as caught:
            self.web.infer("nope", [tensor("x", X, "FP32")])
        self.assertIn("404", str(caught.exception.status()))
        with self.assertRaisesRegex(triton_http.InferenceServerException, "data-type is 'INT32', but model 'm' expects 'FP32'"):
            self.web.infer("m", [tensor("x", X.astype(np.int32), "INT32")])


class Control(HttpCase):
    words = ("--model-control-mode", "explicit", "--load-model", "m")

    def test_load_and_unload(self):
        self.assertFalse(self.web.is_model_ready("steady"))
        self.web.load_model("steady")
        self.assertTrue(self.web.is_model_ready("steady"))
        np.testing.assert_array_equal(self.web.infer("steady", [tensor("x", X, "FP32")]).as_numpy("y"), 2 * X + 1)
        self.web.unload_model("steady")
        self.assertFalse(self.web.is_model_ready("steady"))
        states = {m["name"]: m.get("state") for m in self.web.get_model_repository_index()}
        self.assertEqual((states["m"], states["steady"], states["pair"]), ("READY", "UNAVAILABLE", ""))
        status, _, body = self.call("POST", "/v2/repository/index", '{"ready": true}')
        self.assertEqual((status, [m["name"] for m in json.loads(body)]), (200, ["m"]))

    def test_what_cannot_be_loaded(self):
        for name in ("nope", "..%2f..%2fetc", "a%00b"):
            status, _, body = self.call("POST", f"/v2/repository/models/{name}/load", "")
            self.assertEqual(status, 500, body)  # as Triton
            self.assertIn("failed to load", json.loads(body)["error"])
        with self.assertRaisesRegex(triton_http.InferenceServerException, "not supported"):
            self.web.load_model("steady", config='{"max_batch_size": 2}')
        self.web.unload_model("nope")

    def test_pages_of_other_sites_cannot_use_their_visitors_browser(self):
        """What a browser says of where a request comes from; other clients say nothing."""
        target, own = "/v2/repository/models/m/unload", f"http://{self.http_address}"
        strange = ({"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1:1"},
                   {"Sec_Fetch_Site": "cross-site", "Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": "null"})
        for fields in strange:
            status, _, body = self.call("POST", target, "", **fields)
            self.assertEqual(status, 403, fields)
            self.assertIn("a page of another site", json.loads(body)["error"])
            status, _, body = self.call("POST", "/v2/models/m/infer", json.dumps({"inputs": []}), **fields)
            self.assertEqual(status, 403, fields)
        self.assertTrue(self.web.is_model_ready("m"))
        self.assertEqual(self.call("GET", "/v2/health/live", **strange[0])[0], 200)
        for fields in ({}, {"Origin": own}, {"Sec_Fetch_Site": "same-origin", "Origin": own}, {"Sec_Fetch_Site": "none"}):
            self.assertEqual(self.call("POST", "/v2/repository/models/m/load", "", **fields)[0], 200, fields)


class Replaced(HttpCase):
    models = ("steady", "pair")
    words = ("--model-control-mode", "explicit", "--load-model", "steady")

    def test_json_for_a_version_that_was_replaced(self):
        """Its inputs are no longer those of the name's model."""
        steady = {"inputs": [GOOD], "parameters": {"a": [], "model_sha256": 1}}
        self.refused(400, steady, "parameters.a", model="steady")
        steady["parameters"] = {"model_sha256": self.post({"inputs": [GOOD]}, "steady")[1]["parameters"]["model_sha256"]}
        folder = self.repository / "steady"
        shutil.copy(self.repository / "pair" / "1" / "model.onnx", folder / "1" / "model.onnx")
        (folder / "config.pbtxt").unlink()
        self.web.load_model("steady")
        self.assertEqual([i["name"] for i in self.web.get_model_metadata("steady")["inputs"]], ["a", "b"])
        for keys in (("inputs", "parameters"), ("parameters", "inputs")):
            status, answer = self.post({key: steady[key] for key in keys}, "steady")
            self.assertEqual(status, 200, answer)
            self.assertEqual(answer["outputs"][0]["data"], (2 * X + 1).ravel().tolist())
        steady["parameters"] = {"model_sha256": "0" * 64}
        self.refused(400, steady, "the request is meant for model_sha256 000", model="steady")
        self.refused(400, {"inputs": [GOOD]}, "expected 2 inputs but got 1 inputs", model="steady")
        for text in ('["model_sha256", "parameters", {"model_sha256": "a"}]', '{"parameters": ["model_sha256"]}', '"model_sha256"',
                     '{"x": {"model_sha256": "a"}, "parameters": "a"}', '{"parameters": {"model_sha256": {"model_sha256": "a"}}}'):
            self.refused(400, text, "[json] the request", model="steady")
        many = ",".join(f'"k{i}": "model_sha256"' for i in range(20_000))
        self.refused(400, '{"parameters": {%s, "model_sha256": "a"}}' % many, "more than 2000 values", model="steady")


class Plain(HttpCase):
    def tearDown(self):
        self.http_still_serves()

    def test_json_nested_flat_and_in_any_order(self):
        for data in (X.tolist(), X.ravel().tolist(), X.reshape(2, 4).tolist()):
            for order in (("name", "shape", "datatype", "data"), ("data", "datatype", "shape", "name")):
                request = {"inputs": [{key: dict(GOOD, data=data)[key] for key in order}], "id": "7", "unknown": {"a": [1]}}
                status, answer = self.post(request)
                self.assertEqual((status, answer["id"], answer["outputs"][0]["shape"]), (200, "7", [1, 2, 4]))
                self.assertEqual(answer["outputs"][0]["data"], (2 * X + 1).ravel().tolist())

    def test_binary_in_and_json_out(self):
        body, fields = binary_body({"inputs": [BINARY]}, X.tobytes())
        status, answer = self.post(body, **fields)
        self.assertEqual((status, answer["outputs"][0]["data"]), (200, (2 * X + 1).ravel().tolist()))

    def test_binary_and_json_inputs_mixed(self):
        a, b = np.arange(6, dtype=np.float32), np.full(6, 3, np.float32)
        for binary_first in (True, False):
            parts = [{"name": "a", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": 24}},
                     {"name": "b", "shape": [2, 3], "datatype": "FP32", "data": b.tolist()}]
            body, fields = binary_body({"inputs": parts if binary_first else parts[::-1], "outputs": [{"name": "product"}]}, a.tobytes())
            status, answer = self.post(body, "pair", **fields)
            self.assertEqual((status, [o["name"] for o in answer["outputs"]], answer["outputs"][0]["data"]), (200, ["product"], (a * b).tolist()))

    def test_a_body_without_json(self):
        status, fields, body = self.call("POST", "/v2/models/m/infer", X.tobytes(), Inference_Header_Content_Length="0")
        self.assertEqual(status, 200, body)
        size = int(fields["inference-header-content-length"])
        self.assertEqual(json.loads(body[:size])["outputs"][0]["parameters"], {"binary_data_size": 32})
        self.assertEqual(body[size:], (2 * X + 1).tobytes())
        self.refused(400, X.tobytes()[:31], "input byte size mismatch", Inference_Header_Content_Length="0")
        self.refused(400, X.tobytes(), "models with one input", model="pair", Inference_Header_Content_Length="0")

    def test_encoded_images(self):
        pixels = np.random.default_rng(1).integers(0, 256, (2, 6, 5, 3), dtype=np.uint8)
        expected = ((pixels / 255 - np.array([0.5, 0.4, 0.3])) / np.array([0.2, 0.3, 0.4])).transpose(0, 3, 1, 2)
        raw = b"".join(struct.pack("<I", 90) + image.tobytes() for image in pixels)
        request = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [2], "parameters": {"codec": "raw", "binary_data_size": len(raw)}}]}
        body, fields = binary_body(request, raw)
        status, answer = self.post(body, "pixels", **fields)
        self.assertEqual(status, 200, answer)
        np.testing.assert_allclose(np.array(answer["outputs"][0]["data"]).reshape(2, 3, 6, 5), expected, atol=1e-5)
        for raw, text in (
            (b"\xff\xff\xff\xff" + bytes(90), "expecting string of length 4294967295 but only 90 bytes"),
            (b"\x03\0", "incomplete string data"),
        ):
            request["inputs"][0]["parameters"]["binary_data_size"] = len(raw)
            body, fields = binary_body(request, raw)
            self.refused(400, body, text, model="pixels", **fields)  # fault 18

    def test_one_connection_serves_many_requests(self):
        connection = self.raw()
        body = json.dumps({"inputs": [GOOD]}).encode()
        request = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        connection.sendall(request * 3)  # the next before the first is answered
        connection.sendall(request.replace(b"Host: a", b"Host: a\r\nConnection: close"))
        self.assertEqual(self.all_of(connection).count(b"HTTP/1.1 200 OK"), 4)

    def test_continue_is_sent_where_it_is_asked_for(self):
        body = json.dumps({"inputs": [GOOD]}).encode()
        connection = self.raw(
            b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        self.assertEqual(connection.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(body)
        self.assertTrue(self.all_of(connection).startswith(b"HTTP/1.1 200 OK"))

    def test_timeout_parameter_and_parameters_of_perf_analyzer(self):
        parameters = {"triton_enable_empty_final_response": True, "priority": 3, "timeout": 60_000_000}
        self.assertEqual(self.post({"inputs": [GOOD], "parameters": parameters})[0], 200)
        self.refused(400, {"inputs": [GOOD], "parameters": {"triton_foo": 1}}, "reserved")
        self.refused(400, {"inputs": [GOOD], "parameters": {"x": [1]}}, "parameters.x", "expected a string")
        for timeout, text in ((1000.0, "expected int64_param"), ("1", "expected int64_param"), (True, "expected int64_param"),
                              (-1, "expected microseconds")):
            self.refused(400, {"inputs": [GOOD], "parameters": {"timeout": timeout}}, "'timeout'", text)

    def test_parameters_that_have_a_type(self):
        for parameters in ({"priority": 0}, {"priority": 2**63}, {"sequence_id": "a"}, {"sequence_id": 2**64 - 1},
                           {"sequence_start": True, "sequence_end": False}, {"prio": "3", "x": 1.5, "y": "z"}):
            self.assertEqual(self.post({"inputs": [GOOD], "parameters": parameters})[0], 200, parameters)
        for key, values, expected in (("priority", ("3", 3.0, -1, True), "an integer of at least 0"), ("sequence_id", (1.5, -1, False),
                                                                                                       "a string or an integer of at least 0"),
                                      ("sequence_start", ("yes", 1, 0.0), "true or false"), ("sequence_end", ("no", 0), "true or false")):
            for given in values:
                self.refused(400, {"inputs": [GOOD], "parameters": {key: given}}, f"parameter '{key}' must be {expected}")

    def test_model_sha256(self):
        sha256 = self.post({"inputs": [GOOD]})[1]["parameters"]["model_sha256"]
        self.assertEqual(self.post({"inputs": [GOOD], "parameters": {"model_sha256": sha256}})[0], 200)
        self.refused(400, {"inputs": [GOOD], "parameters": {"model_sha256": "0" * 64}}, sha256)

    def test_values_that_json_has_no_form_for(self):
        x = np.array([[[np.nan, np.inf, 1, 2]]], np.float32)
        request = {"inputs": [dict(BINARY, shape=[1, 1, 4], parameters={"binary_data_size": 16})]}
        body, fields = binary_body(request, x.tobytes())
        key = 'scissionlite_requests_refused_total{reason="invalid_argument"}'
        before = self.metrics()[key]
        self.refused(400, body, "output 'y'", "binary_data", **fields)
        self.assertEqual(self.metrics()[key], before + 1, "what is refused counts as such")
        body, fields = binary_body(dict(request, outputs=[{"name": "y", "parameters": {"binary_data": True}}]), x.tobytes())
        status, answer, body = self.call("POST", "/v2/models/m/infer", body, **fields)
        np.testing.assert_array_equal(np.frombuffer(body[int(answer["inference-header-content-length"]):], np.float32), (2 * x + 1).ravel())

    def test_types_that_json_has_no_form_for_are_refused_before_they_are_computed(self):
        before = self.statistics("halves")
        x = np.ones((1, 4), np.float16)
        inputs = [{"name": "x", "datatype": "FP16", "shape": [1, 4], "parameters": {"binary_data_size": 8}}]
        for outputs in ([], [{"name": "y"}], [{"name": "y", "parameters": {"binary_data": False}}]):
            body, fields = binary_body({"inputs": inputs, "outputs": outputs}, x.tobytes())
            self.refused(400, body, "output 'y' has datatype FP16", "binary_data", model="halves", **fields)
        self.assertEqual(self.statistics("halves").execution_count, before.execution_count)
        for outputs in ([{"name": "y", "parameters": {"binary_data": True}}], [{"name": "y", "parameters": {"classification": 2}}]):
            body, fields = binary_body({"inputs": inputs, "outputs": outputs}, x.tobytes())
            self.assertEqual(self.call("POST", "/v2/models/halves/infer", body, **fields)[0], 200)

    def test_empty_batches_count_as_answers(self):
        before = self.statistics("m")
        self.assertEqual(self.post({"inputs": [dict(GOOD, shape=[0, 2, 4], data=[])]})[0], 200)
        after = self.statistics("m")
        self.assertEqual((after.inference_stats.success.count - before.inference_stats.success.count, after.inference_count - before.inference_count),
                         (1, 0))

    def test_data_that_does_not_fit_its_type(self):
        def casts(name, values):
            inputs = [{"name": n, "datatype": kind, "shape": [3], "data": values if n == name else []} for n, (kind, _, _) in CASTS.items()]
            return {"inputs": inputs}

        for name, value, text in (("u8", 256, "0..255"), ("u8", -1, "0..255"), ("i8", 128, "-128..127"), ("u64", 0, ""), ("i32", 1.5, "an integer"),
                                  ("i64", 2**63, "9223372036854775807"), ("i16", "1", "an integer"), ("b", 2, "true, false, 0 or 1"),
                                  ("f64", True, "a number"), ("f16", 1, "no form in JSON")):
            if name in CASTS:
                self.refused(400, casts(name, [0, value, 0]), text, model="casts")
        self.refused(400, {"inputs": [dict(GOOD, data=[1e39] * 8)]}, "element 0 of the data of inputs[0]", "range")
        self.refused(400, {"inputs": [dict(GOOD, data=[1, 2, 3, None, 5, 6, 7, 8])]}, "element 3", "null")

    def test_fault_16_shapes(self):
        for shape in (
            [1, 1 << 62, 4],
            [1, 1 << 60, 4],
            [8, (1 << 63) - 1, 4],
            [1, 2**64 - 1, 4],
            [-1, 2, 4],
            [1, -2**63, 4],
            [],
            [1] * 33,
            [1] * 9000,
            [9, 1, 4],
        ):
            self.refused(400, {"inputs": [dict(GOOD, shape=shape)]}, "")
            body, fields = binary_body({"inputs": [dict(BINARY, shape=shape, parameters={"binary_data_size": 0})]})
            self.refused(400, body, "", **fields)
        for shape in ("1", [1.5, 2, 4], [[1]], {"a": 1}, None, [2**70]):
            self.refused(400, {"inputs": [dict(GOOD, shape=shape)]}, "shape")
        status, answer = self.post({"inputs": [dict(GOOD, shape=[0, 2, 4], data=[])]})
        self.assertEqual((status, answer["outputs"][0]["shape"], answer["outputs"][0]["data"]), (200, [0, 2, 4], []))

    def test_fault_17_sizes(self):
        for size in (0, 12, 31, 33):
            body, fields = binary_body({"inputs": [dict(BINARY, parameters={"binary_data_size": size})], "id": "7"}, bytes(size))
            self.refused(400, body, f"[request id: 7] input byte size mismatch for input 'x' for model 'm'. Expected 32, got {size}", **fields)
        for count in (0, 7, 9):
            self.refused(400, {"inputs": [dict(GOOD, data=[1.0] * count)]}, "Expected 32, got")
        for size, text in ((33, "only 32 bytes are left"), (-1, "at least 0"), (2**63, "at least 0"), (1.5, "at least 0"), ("32", "at least 0")):
            body, fields = binary_body({"inputs": [dict(BINARY, parameters={"binary_data_size": size})]}, X.tobytes())
            self.refused(400, body, text, **fields)
        body, fields = binary_body({"inputs": [BINARY]}, X.tobytes() + b"abc")
        self.refused(400, body, "unexpected additional input data for model 'm'", **fields)
        body, fields = binary_body({"inputs": [dict(GOOD, parameters={"binary_data_size": 32})]}, X.tobytes())
        self.refused(400, body, "both 'data' and 'binary_data_size'", **fields)
        self.refused(400, {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2, 4]}]}, "unable to find data for input tensor 'x'")
        good = json.dumps({"inputs": [GOOD]})
        for length in ("99999", "-1", "x", "", "1e2", "18446744073709551616"):
            self.refused(400, good, f"inference header size should be in range (0, {len(good)}), got: {length}",
                         Inference_Header_Content_Length=length)

    def test_names_and_outputs(self):
        self.refused(400, {"inputs": [GOOD, GOOD]}, "already exists")
        self.refused(400, {"inputs": [dict(GOOD, name="q")]}, "'q'")
        self.refused(400, {"inputs": [GOOD], "outputs": [{"name": "zz"}]}, "unexpected inference output 'zz'")
        self.refused(400, {"inputs": [GOOD], "outputs": [{"name": "y", "parameters": {"binary_data": 1}}]}, "binary_data")
        self.refused(400, {"inputs": [GOOD], "outputs": [{"name": "y", "parameters": {"shared_memory_region": "a"}}]}, "shared memory")
        self.refused(400, {"inputs": []}, "missing required input(s) ['x']")
        for body in ({}, [], 1, "text", {"inputs": 1}, {"inputs": [1]}, {"inputs": {"data": [[[1]]]}}, {"inputs": [[{"data": [1]}]]},
                     {"inputs": [GOOD], "outputs": {}}, {"inputs": [dict(GOOD, data=1)]}, {"inputs": [dict(GOOD, data={"a": 1})]},
                     {"inputs": [dict(GOOD, data=[{"a": 1}])]}, {"inputs": [{"name": "x", "shape": [1], "data": [1]}]}):
            self.refused(400, body, "")

    def test_paths_and_methods(self):
        for method, target, status in (("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v2/", 200), ("GET", "/v2/models", 404),
                                       ("GET", "/v2/models/m/infer", 405), ("PUT", "/v2", 405), ("POST", "/v2/health/live", 405),
                                       ("GET", "/v2/repository/index", 405), ("DELETE", "/v2/models/m", 405), ("GET", "/v2/models/m/versions/9", 404),
                                       ("GET", "/v2/models/m/versions/abc", 400), ("GET", "/v2/models/%zz", 400), ("GET", "/v2/models/m?x=1", 200),
                                       ("GET", "*", 400), ("HEAD", "/v2", 200), ("HEAD", "/v2/nope", 404), ("HEAD", "/v2/models/m/infer", 405)):
            got, fields, body = self.call(method, target)
            self.assertEqual(got, status, f"{method} {target}: {body}")
            if status == 405:
                self.assertIn("allow", fields)
        status, fields, body = self.call("POST", "/v2/repository/models/m/unload", "{}")
        self.assertEqual(status, 503)
        self.assertIn("--model-control-mode explicit", json.loads(body)["error"])
        self.assertFalse({"retry-after", "retry-after-ms"} & set(fields), "what is not allowed now is not allowed later")

    def test_paths_without_a_name(self):
        good = json.dumps({"inputs": [GOOD]})
        for method, target in (("POST", "/v2/models/m/versions//infer"), ("POST", "/v2/models//infer"), ("GET", "/v2/models//stats"),
                               ("GET", "/v2/models//versions/1/stats"), ("GET", "/v2/models/m/versions//stats"), ("GET", "/v2/models/m/versions//"),
                               ("GET", "/v2/models//config"), ("POST", "/v2/repository/models//load"), ("GET", "//v2"), ("GET", "/v2//health/live")):
            status, _, body = self.call(method, target, good if method == "POST" else None)
            self.assertEqual(status, 404, f"{method} {target}: {body}")

    def test_fault_23_bad_json(self):
        good = json.dumps({"inputs": [GOOD]})
        data = good.index("[0.0")
        for text in (good[:-1], good + "x", good + good, "{'a': 1}", "[" * 100_000, '{"inputs":' + "[" * 101 + "]" * 101 + "}",
                     '{"a":' * 5000 + "1" + "}" * 5000, "\xff", good.replace('"name"', '"name": "x", "name"'), good[:-1] + ', "inputs": []}',
                     good[:-1] + ', "a": {"b": 1, "b": 2}}', good[:data] + "[NaN, 1, 2, 3, 4, 5, 6, 7]}]}", good[:data] + "[Infinity]}]}",
                     good[:data] + "[-Infinity]}]}", good[:data] + "[1e999]}]}", good[:data] + "[+1]}]}", good[:data] + "[01]}]}",
                     good.replace('"x"', r'"\ud800"'), good.replace('"x"', r'"\udc00x"'), good.replace('"x"', r'"\ud800\ud800"'),
                     good.replace('"x"', '"\x01"'), "", " ", "null"):
            self.refused(400, text.encode("latin-1", "xmlcharrefreplace") if text == "\xff" else text.encode(), "")
        self.refused(400, b'{"inputs": [{"name": "\xc3\x28"}]}', "not valid JSON")
        self.refused(400, b'{"a": "' + b"b" * 100_000 + b"\xff" + b'"}', "not valid JSON")

    def test_fault_23_trees_that_would_be_large(self):
        for text in (
                "[" + "[]," * 200_000 + "[]]",
                "[" + "{}," * 200_000 + "{}]",
                json.dumps({f"k{i}": i
                            for i in range(20_000)}),
                json.dumps({"inputs": [GOOD], "a": list(range(20_000))}),
        ):
            self.refused(400, text, "more than 2000 values")
        self.refused(400, {"inputs": [dict(GOOD, data=[[]] * 100_000)]}, "Expected 32, got 0")

    def test_fault_24_names(self):
        for name in ("../../etc", "..%2f..%2fetc%2fpasswd", "%2e%2e", "..", ".", "a%00b", "%00", "x" * 8000, "é".encode().hex(), "%c3%a9", "%ff%fe",
                     "%e2%80%ae", "m%0a", "m%20", "con", "%2fetc"):
            for suffix in ("", "/config", "/ready", "/stats", "/versions/1", "/versions/..%2f..%2f1"):
                status, _, body = self.call("GET", f"/v2/models/{name}{suffix}")
                self.assertIn(status, (400, 404), f"{name}{suffix}: {body}")
                json.loads(body)
            self.refused(404, {"inputs": [GOOD]}, "", model=name)
        status, _, body = self.call("GET", "/v2/models/" + "x" * 65536)
        self.assertEqual(status, 431, body)


class Bodies(HttpCase):
    models = ("m", "wide")
    words = ("--max-message-mb", "1")

    def tearDown(self):
        self.http_still_serves()

    def test_fault_19_body_over_the_limit(self):
        self.refused(413, bytes(2 << 20), "--max-message-mb")
        chunked = self.raw(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(40):
                chunked.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertIn(b"413", self.all_of(chunked).split(b"\r\n")[0])
        for length in (1 << 40, (1 << 64) - 1, 1 << 62):
            connection = self.raw(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
            self.assertIn(b"413", self.all_of(connection).split(b"\r\n")[0])

    def test_fault_20_bombs(self):
        for coding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", lambda data: zlib.compress(data)[2:-4])):
            self.assertEqual(self.post(compress(json.dumps({"inputs": [GOOD]}).encode()), Content_Encoding=coding)[0], 200)
            self.refused(413, compress(bytes(20 << 20)), "becomes larger than 1048576 bytes", Content_Encoding=coding)

    def test_fault_20_damaged_compression(self):
        good = gzip.compress(json.dumps({"inputs": [GOOD]}).encode())
        for body in (good[:-9], good[:5], b"", good + b"x", b"no gzip", good[:20] + bytes(4) + good[24:], gzip.compress(b"")):
            self.refused(400, body, "", Content_Encoding="gzip")
        self.refused(400, b"\x78\xbb" + bytes(20), "", Content_Encoding="deflate")
        for coding in ("zstd", "br", "gzip, gzip", "x" * 500):
            self.refused(415, good, "expected gzip, deflate or identity", Content_Encoding=coding)

    def test_answers_are_compressed_where_that_is_asked_for(self):
        body, fields = binary_body({"inputs": [BINARY], "outputs": [{"name": "y", "parameters": {"binary_data": True}}]}, X.tobytes())
        for accepted, coding in (("gzip", "gzip"), ("deflate", "deflate"), ("br, deflate;q=0.5, gzip;q=0.4", "deflate"), ("gzip;q=0", None),
                                 ("identity", None), ("gzip;q=0.5, identity", None), ("*", None), ("", None)):
            status, got, answer = self.call("POST", "/v2/models/m/infer", body, Accept_Encoding=accepted, **fields)
            self.assertEqual((status, got.get("content-encoding")), (200, coding), accepted)
            data = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding](answer)
            size = int(got["inference-header-content-length"])  # of what is inflated
            self.assertEqual(json.loads(data[:size])["outputs"][0]["parameters"], {"binary_data_size": 32})
            self.assertEqual(data[size:], (2 * X + 1).tobytes())
        for method, target, data in (("GET", "/v2/models/m", None), ("POST", "/v2/models/m/infer", "{}")):
            _, got, answer = self.call(method, target, data, Accept_Encoding="gzip")
            self.assertNotIn("content-encoding", got)
            json.loads(answer)

    def test_trailers_are_no_fields_of_the_request(self):
        body = json.dumps({"inputs": [GOOD]}).encode()
        live = b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

        def answer(trailer, fields=b""):
            return self.all_of(
                self.raw(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + fields + b"\r\n%x\r\n" % len(body) +
                         body + b"\r\n0\r\n" + trailer + b"\r\n\r\n" + live))

        for trailer in (b"X: y", b"Content-Encoding: br", b"Inference-Header-Content-Length: 5", b"Connection: close", b"Accept-Encoding: gzip"):
            got = answer(trailer)
            self.assertEqual(got.count(b"HTTP/1.1 200 OK"), 2, (trailer, got))
            self.assertNotIn(b"Content-Encoding", got)
        got = answer(b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: cross-site\r\nOrigin: http://evil\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 403"), got)
        self.assertEqual(answer(b"X: y", b"Connection: close\r\n").count(b"HTTP/1.1 200 OK"), 1)

    def test_no_two_lines_of_a_field_that_says_what_a_body_is(self):
        body = json.dumps({"inputs": [GOOD]}).encode()
        length = b"Content-Length: %d\r\n" % len(body)
        size = b"Inference-Header-Content-Length: %d\r\n" % len(body)
        listed = b"Content-Length: %d, %d\r\n" % (len(body), len(body))
        for fields in (listed, length + length, length + b"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n", length + size + size,
                       length + b"Inference-Header-Content-Length: 5\r\ninference-header-content-length: %d\r\n" % len(body)):
            got = self.all_of(self.raw(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n" + body))
            self.assertTrue(got.startswith(b"HTTP/1.1 400"), (fields, got))
            self.assertIn(b"expected one", got)
        got = self.all_of(
            self.raw(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + length +
                     b"Accept-Encoding: br\r\nAccept-Encoding: gzip\r\nX: a\r\nX: b\r\n\r\n" + body))
        self.assertTrue(got.startswith(b"HTTP/1.1 200"), got)
        self.assertIn(b"Content-Encoding: gzip", got)

    def test_no_other_coding_of_chunks_and_no_two_lengths(self):
        body = json.dumps({"inputs": [GOOD]}).encode()
        for fields in (b"Content-Length: 5\r\nContent-Length: %d" % len(body), b"Content-Length: -1", b"Content-Length: x",
                       b"Content-Length: %d\r\nTransfer-Encoding: chunked" % len(body)):
            answer = self.all_of(self.raw(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n" + body))
            self.assertTrue(answer.startswith(b"HTTP/1.1 400"), answer)

    def test_no_body_that_another_reader_would_take_for_a_request(self):
        hidden = b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n"
        for status, fields in ((501, b"Transfer-Encoding: xchunked"), (400, b"Transfer-Encoding: identity"),
                               (501, b"Transfer-Encoding: chunked, chunked"), (501, b"Transfer-Encoding: gzip, chunked"),
                               (400, b"Transfer-Encoding: chunked, gzip"), (400, b"Transfer-Encoding: gzip"),
                               (400, b"Transfer-Encoding: gzip\r\nContent-Length: 3"), (400,
                                                                                        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")):
            answer = self.all_of(self.raw(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n" + hidden))
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d" % status), (fields, answer))
            self.assertEqual(answer.count(b"\r\nDate: "), 1, (fields, answer))
        answer = self.all_of(self.raw(b"POST /v2/models/m/infer HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
        self.assertTrue(answer.startswith(b"HTTP/1.0 400"), answer)

    def test_hosts_targets_and_empty_lines(self):
        live = b"GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n"
        for hosts in (b"", b"Host: a\r\nHost: b\r\n"):
            self.assertTrue(self.all_of(self.raw(live % (b"/v2/health/live", hosts))).startswith(b"HTTP/1.1 400"), hosts)
        for target in (b"http://edge:8000/v2/health/live", b"HTTPS://edge/v2/health/live?a=b"):
            self.assertTrue(self.all_of(self.raw(live % (target, b"Host: a\r\n"))).startswith(b"HTTP/1.1 200"), target)
        self.assertTrue(self.all_of(self.raw(live % (b"http://edge", b"Host: a\r\n"))).startswith(b"HTTP/1.1 404"))
        answer = self.all_of(self.raw(b"\r\n\r\n" + live % (b"/v2/health/live", b"Host: a\r\n")))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
        self.assertRegex(answer, rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n")

    def test_head_is_get_without_its_body(self):
        connection = self.raw(
            b"HEAD /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\nHEAD /v2/nope HTTP/1.1\r\nHost: a\r\n\r\nGET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        answers = self.all_of(connection).split(b"\r\n\r\n")
        self.assertEqual([answer.split(b"\r\n")[0] for answer in answers[:3]], [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found", b"HTTP/1.1 200 OK"])
        self.assertEqual(json.loads(answers[3])["name"], "scissionlite")

    def test_http_1_0(self):
        connection = self.raw(b"GET /v2/health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /v2/health/live HTTP/1.0\r\n\r\n")
        first, second = self.all_of(connection).split(b'{"live":true}')[:2]
        self.assertTrue(first.startswith(b"HTTP/1.0 200"), first)
        self.assertIn(b"keep-alive", first)
        self.assertTrue(second.startswith(b"HTTP/1.0 200"), second)
        self.assertNotIn(b"keep-alive", second)

    def test_the_largest_float_in_its_shortest_spelling(self):
        for text in ("3.4028235e38", "-3.4028235e+38", "3.4028234663852886e38"):
            body = '{"parameters": {"binary_data_output": true}, "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1, 4], "data": [0, 0, 0, %s]}]}' % text
            status, _, answer = self.call("POST", "/v2/models/m/infer", body)
            self.assertEqual(status, 200, answer)
            np.testing.assert_array_equal(np.frombuffer(answer[-16:], np.float32), [1, 1, 1, np.copysign(np.inf, float(text))])
        for text in ("3.4028236e38", "1e39"):
            self.refused(400, '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1, 4], "data": [0, 0, 0, %s]}]}' % text,
                         "a number within its range for FP32")

    def test_gzip_of_several_members(self):
        body = json.dumps({"inputs": [GOOD]}).encode()
        status, answer = self.post(gzip.compress(body[:40]) + gzip.compress(b"") + gzip.compress(body[40:]), Content_Encoding="gzip")
        self.assertEqual(status, 200, answer)
        self.refused(400, gzip.compress(body) + b"\x1f\x8b", "", Content_Encoding="gzip")

    def test_fault_20_a_bomb_of_many_members(self):
        """Each of which costs what it holds, not what was there before it."""
        body = json.dumps({"inputs": [GOOD]}).encode().ljust(900_000)
        start = time.time()
        status, answer = self.post(gzip.compress(body) + 40_000 * gzip.compress(b""), Content_Encoding="gzip")
        self.assertEqual(status, 200, answer)
        self.assertLess(time.time() - start, 20, "with all copied for each member it would take minutes")

    def test_small_paths_take_small_bodies(self):
        keys = "{" + ",".join(f'"k{i}": 0' for i in range(20_000)) + "}"
        for path in ("/v2/repository/index", "/v2/repository/models/m/load"):
            for body, fields in ((keys, {}), (gzip.compress(keys.encode()), {"Content-Encoding": "gzip"})):
                status, _, answer = self.call("POST", path, body, **fields)
                self.assertIn(status, (413, 503), answer)  # loading is not allowed at all

    def test_codings_in_any_case(self):
        for coding in ("GZIP", "x-gzip"):
            status, body = self.post(gzip.compress(json.dumps({"inputs": [GOOD]}).encode()), Content_Encoding=coding)
            self.assertEqual(status, 200, body)


class Off(HttpCase):
    models = ("m", )

    def test_ports_are_announced_and_may_be_off(self):
        self.assertEqual(len({self.server.port, self.http_port, self.server.event["metrics_port"]}), 3)
        with peers.Serve(self.program, self.repository, "--no-http", "--metrics-port", "-1") as server:
            self.assertNotIn("http_port", server.event)
            self.assertNotIn("metrics_port", server.event)

    def test_fault_36_port_taken(self):
        for option in ("--http-port", "--metrics-port"):
            with self.assertRaisesRegex(RuntimeError, f"cannot listen on 127.0.0.1:{self.http_port}.*choose another {option}"):
                peers.Serve(self.program, self.repository, option, self.http_port).__enter__()
        with self.assertRaisesRegex(RuntimeError, "cannot listen on 203.0.113.1:0"):
            peers.Serve(self.program, self.repository, "--http-address", "203.0.113.1", "--plain-text").__enter__()


if __name__ == "__main__":
    main("__main__")
