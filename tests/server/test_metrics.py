"""Prometheus metrics: Triton's names, and the values that tritonclient's statistics show."""

import json

from calls import grpc, infer_request, main, np
from http_calls import HttpCase, tensor, triton_http

X = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
OF_MODEL = {
    "nv_inference_request_success": lambda s: s.inference_stats.success.count, "nv_inference_count": lambda s: s.inference_count,
    "nv_inference_exec_count": lambda s: s.execution_count, "nv_inference_request_duration_us": lambda s: s.inference_stats.success.ns // 1000,
    "nv_inference_queue_duration_us": lambda s: s.inference_stats.queue.ns // 1000,
    "nv_inference_compute_input_duration_us": lambda s: s.inference_stats.compute_input.ns // 1000,
    "nv_inference_compute_infer_duration_us": lambda s: s.inference_stats.compute_infer.ns // 1000,
    "nv_inference_compute_output_duration_us": lambda s: s.inference_stats.compute_output.ns // 1000,
    "nv_inference_pending_request_count": lambda s: 0
}


class Metrics(HttpCase):
    models = ("m", "steady", "pixels")

    def test_values_are_those_of_the_statistics(self):
        for i in range(5):
            self.web.infer("m", [tensor("x", np.repeat(X, i + 1, 0), "FP32")])
            self.client.infer("m", [self.grpc_tensor()])
        metrics = self.metrics()
        for model in self.models:
            counts = self.statistics(model)
            for name, value in OF_MODEL.items():
                self.assertAlmostEqual(metrics[f'{name}{{model="{model}",version="1"}}'], value(counts), delta=1e-5 * value(counts), msg=name)
        self.assertEqual(metrics['nv_inference_count{model="m",version="1"}'] - metrics['nv_inference_request_success{model="m",version="1"}'], 10)

    def grpc_tensor(self):
        import tritonclient.grpc as triton
        out = triton.InferInput("x", X.shape, "FP32")
        out.set_data_from_numpy(X)
        return out

    def test_refusals_by_reason_on_both_front_ends(self):
        before = self.metrics()
        for _ in range(3):
            with self.assertRaises(grpc.RpcError):
                self.stub.ModelInfer(infer_request("nope"))
            with self.assertRaises(triton_http.InferenceServerException):
                self.web.infer("nope", [tensor("x", X, "FP32")])
            self.refused(400, "{", "JSON")
            self.refused(400, {"inputs": []}, "expected 1 inputs")
        after = self.metrics()
        for reason, count in (("not_found", 6), ("invalid_argument", 6), ("internal", 0)):
            key = f'scissionlite_requests_refused_total{{reason="{reason}"}}'
            self.assertEqual(after[key] - before[key], count, reason)

    def test_failures_have_triton_s_reasons(self):
        head = json.dumps({"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "parameters": {"codec": "jpeg", "binary_data_size": 8}}]})
        self.refused(400, head.encode() + b"\4\0\0\0oops", "image 0", model="pixels", Inference_Header_Content_Length=str(len(head)))
        metrics = self.metrics()
        self.assertEqual(
            {
                reason: metrics[f'nv_inference_request_failure{{model="pixels",reason="{reason}",version="1"}}']
                for reason in ("REJECTED", "CANCELED", "BACKEND", "OTHER")
            }, {"REJECTED": 0, "CANCELED": 0, "BACKEND": 0, "OTHER": 1})

    def test_own_gauges(self):
        metrics = self.metrics()
        self.assertGreaterEqual(metrics['scissionlite_http_connections{port="http"}'], 0)
        self.assertEqual(metrics['scissionlite_queue_age_us{model="m",version="1"}'], 0)
        self.assertEqual(metrics['scissionlite_model_ready{model="m",version="1"}'], 1)
        self.assertGreater(metrics["process_resident_memory_bytes"], 1 << 20)
        self.assertGreater(metrics["process_open_fds"], 5)

    def test_text_is_what_prometheus_reads(self):
        _, _, body = self.call("GET", "/metrics", port=self.server.event["metrics_port"])
        helped, typed, sampled = set(), {}, set()
        for line in body.decode().splitlines():
            if line.startswith("# HELP "):
                helped.add(line.split()[2])
            elif line.startswith("# TYPE "):
                self.assertNotIn(line.split()[2], typed, "a family must not come twice")
                typed[line.split()[2]] = line.split()[3]
            else:
                self.assertRegex(line, r'^[a-z_]+(\{([a-z]+="[^"]*",?)*\})? \S+$')
                sampled.add(line.partition("{")[0].partition(" ")[0])
        self.assertLessEqual(sampled, helped & set(typed))
        self.assertEqual({typed[name] for name in OF_MODEL if name != "nv_inference_pending_request_count"}, {"counter"})

    def test_other_paths(self):
        port = self.server.event["metrics_port"]
        for method, target, status in (("GET", "/", 404), ("GET", "/v2", 404), ("POST", "/metrics", 405), ("GET", "/metrics?x=1", 200),
                                       ("GET", "/metrics/x", 404)):
            self.assertEqual(self.call(method, target, port=port)[0], status, target)
        self.assertEqual(self.call("POST", "/metrics", bytes(100), port=port)[0], 413)


if __name__ == "__main__":
    main("__main__")
