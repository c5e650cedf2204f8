"""test_traces.py SCISSIONLITE: request ids and OpenTelemetry spans over both halves. What is written is read with
OpenTelemetry's own protobuf messages."""
import base64
import json
import socket
import subprocess
import threading

from pair import Collector, Pair, enter_venv, main, peers

enter_venv("venv_opentelemetry")
from google.protobuf import json_format  # noqa: E402
from opentelemetry.proto.trace.v1 import trace_pb2  # noqa: E402

DEVICE_STAGES = {"decode", "preprocess", "head", "ModelInfer", "postprocess"}
EDGE_STAGES = {"queue", "tail", "encode answer"}


def read(text):
    """A TracesData message as protobuf: ids, which OTLP writes as hexadecimal, become protobuf's base64 first. Unknown fields are refused."""
    message = json.loads(text)
    for resource in message["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key, size in (("traceId", 16), ("spanId", 8), ("parentSpanId", 8)):
                    if key in span:
                        raw = bytes.fromhex(span[key])
                        assert len(raw) == size and any(raw), span
                        span[key] = base64.b64encode(raw).decode()
    return json_format.ParseDict(message, trace_pb2.TracesData(), ignore_unknown_fields=False)


def value_of(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


class Spans(list):
    """Spans of several messages, each with its attributes as `at` and its service."""
    def __init__(self, texts):
        super().__init__()
        for text in texts:
            for resource in read(text).resource_spans:
                service = {a.key: value_of(a.value) for a in resource.resource.attributes}["service.name"]
                for scope in resource.scope_spans:
                    self.extend((service, span, {a.key: value_of(a.value) for a in span.attributes}) for span in scope.spans)

    def by_trace(self):
        traces = {}
        for service, span, at in self:
            traces.setdefault(span.trace_id.hex(), []).append((service, span, at))
        return traces


def spans_of(*files):
    return Spans([line for file in files if file.exists() for line in file.read_text().splitlines()])


class Traces(Pair):
    plans = {"uint8": "split/3/uint8", "local": "local", "file": "edge/file"}

    def traced(self, edge_words=(), device_words=(), plan="uint8"):
        """Answers, and the spans and log lines of both."""
        device_file, edge_file = self.folder / f"device-{self.id()}.jsonl", self.folder / f"edge-{self.id()}.jsonl"
        with self.serve("--trace-file", edge_file, "--log-format", "json", "--log-requests", *edge_words) as edge:
            answers, _, log = self.run_device("--edge", edge.address, *self.pictures(), "--trace-file", device_file, "--log-format", "json",
                                              "--log-requests", *device_words, plan=plan)
            self.assertEqual(edge.stop(), 0)
            edge_log = edge.stderr().splitlines()
        return answers, spans_of(device_file, edge_file), [json.loads(line) for line in log], [json.loads(line) for line in edge_log]

    def test_one_trace_over_both_halves(self):
        answers, spans, _, _ = self.traced()
        traces = spans.by_trace()
        for answer in answers:
            self.assertEqual(answer["origin"], "edge")
            trace = traces[answer["trace_id"]]
            device, edge = ([(span, at) for service, span, at in trace if service == name] for name in ("scissionlite-device", "scissionlite-edge"))
            root, about = next((span, at) for span, at in device if not span.parent_span_id)
            self.assertEqual(root.name, "image")
            stages = {span.name: span for span, _ in device if span is not root}
            self.assertEqual(set(stages), DEVICE_STAGES)
            for span in stages.values():
                self.assertEqual(span.parent_span_id, root.span_id)
                self.assertLessEqual(root.start_time_unix_nano, span.start_time_unix_nano)
                self.assertLessEqual(span.start_time_unix_nano, span.end_time_unix_nano)
                self.assertLessEqual(span.end_time_unix_nano, root.end_time_unix_nano)
            server, at_edge = next((span, at) for span, at in edge if span.kind == trace_pb2.Span.SPAN_KIND_SERVER)
            self.assertEqual(server.parent_span_id, stages["ModelInfer"].span_id)
            self.assertEqual(stages["ModelInfer"].kind, trace_pb2.Span.SPAN_KIND_CLIENT)
            self.assertLess(server.end_time_unix_nano, stages["ModelInfer"].end_time_unix_nano + 1_000_000, "what follows the answer is not of it")
            below = {span.name: (span, at) for span, at in edge if span is not server}
            self.assertEqual(set(below), EDGE_STAGES)
            for span, _ in below.values():
                self.assertEqual(span.parent_span_id, server.span_id)
                self.assertLessEqual(server.start_time_unix_nano, span.start_time_unix_nano)
                self.assertLessEqual(span.end_time_unix_nano, server.end_time_unix_nano)
            self.assertEqual(below["tail"][1]["scissionlite.batch_items"], 1)
            self.assertEqual(about["scissionlite.request_id"], answer["request_id"])
            self.assertEqual(at_edge["scissionlite.request_id"], answer["request_id"])
            self.assertEqual((about["scissionlite.plan"], at_edge["scissionlite.plan"]), ("split/3/uint8", "split/3/uint8"))
            self.assertEqual(about["scissionlite.tail_sha256"], at_edge["scissionlite.tail_sha256"])
            self.assertEqual((about["scissionlite.origin"], at_edge["scissionlite.model"]), ("edge", "small_uint8"))
            self.assertEqual(about["scissionlite.bytes_up"], answer["message_bytes"])
            self.assertEqual(at_edge["scissionlite.bytes_up"], answer["message_bytes"])
            self.assertGreater(at_edge["scissionlite.deadline_left_us"], 0)
        self.assertEqual(len(traces), len(answers) + 1, "the probe of the identity is a trace of the edge alone")

    def test_an_image_that_cannot_be_read_has_a_line_of_the_log(self):
        command = [self.program, "run", "--json", self.folder / "local", "--engine", "native", "--stdin", "paths", "--log-format", "json"]
        done = subprocess.run([*command, "--log-requests"], input=f"{self.folder / 'missing.png'}\n", capture_output=True, text=True, timeout=240)
        answer = json.loads(done.stdout.splitlines()[1])
        lines = [json.loads(line) for line in done.stderr.splitlines() if answer["request_id"] in line]
        self.assertEqual([(line["level"], line["image"], line["error"], "plan" in line) for line in lines],
                         [("error", str(self.folder / "missing.png"), answer["error"], False)])

    def test_request_ids_join_the_logs(self):
        answers, _, device_log, edge_log = self.traced()
        self.assertEqual(len({answer["request_id"] for answer in answers}), len(answers))
        for answer in answers:
            for log, message in ((device_log, "answered"), (edge_log, "answered")):
                line = [line for line in log if line.get("request_id") == answer["request_id"]]
                self.assertEqual([one["message"] for one in line], [message], log)
                self.assertEqual(line[0]["trace_id"], answer["trace_id"])
                self.assertEqual(line[0]["level"], "info")
        line = next(line for line in edge_log if line.get("request_id") == answers[0]["request_id"])
        self.assertEqual((line["component"], line["model"], line["code"], line["batch"], line["identity"]),
                         ("server", "small_uint8", "ok", 1, "127.0.0.1"))

    def test_the_device_decides_what_is_traced(self):
        answers, spans, _, _ = self.traced(device_words=("--trace-sample", "0"))
        self.assertTrue(all("trace_id" not in answer and "request_id" in answer for answer in answers))
        self.assertEqual([at["scissionlite.request_id"] for _, span, at in spans if not span.parent_span_id], ["probe"])
        answers, spans, _, _ = self.traced(edge_words=("--trace-sample", "0"))
        self.assertEqual({service for service, _, _ in spans}, {"scissionlite-device", "scissionlite-edge"})

    def test_an_edge_that_decodes_says_how_long(self):
        _, spans, _, _ = self.traced(plan="file")
        self.assertIn("decode", {span.name for service, span, _ in spans if service == "scissionlite-edge"})
        self.assertEqual({span.name for service, span, _ in spans if service == "scissionlite-device"}, {"image", "ModelInfer", "postprocess"})

    def test_without_an_edge_the_fallback_is_seen(self):
        file = self.folder / "alone.jsonl"
        answers, _, _ = self.run_device("--edge", f"127.0.0.1:{peers.free_port()}", *self.pictures(), "--trace-file", file, code=5)
        spans = spans_of(file)
        self.assertEqual(sum(span.name == "fallback" for _, span, _ in spans), len(answers))
        about = next(at for _, span, at in spans if span.name == "image")
        self.assertEqual(about["scissionlite.origin"], "local")
        self.assertIn("no connection", about["scissionlite.note"])

    def test_an_image_without_an_answer_is_an_error(self):
        file = self.folder / "error.jsonl"
        self.run_device("--edge", f"127.0.0.1:{peers.free_port()}", "--fallback", "none", self.pictures()[0], "--trace-file", file, code=2)
        status = next(span.status for _, span, _ in spans_of(file) if span.name == "image")
        self.assertEqual(status.code, trace_pb2.Status.STATUS_CODE_ERROR)
        self.assertIn("no connection", status.message)

    def test_a_collector_over_http(self):
        with Collector(statuses=[503, 429]) as collector:
            answers, _, _ = self.run_device(*self.pictures(), "--trace-endpoint", collector.endpoint, "--repeat", 300, plan="local")
        self.assertEqual({(path, kind) for path, kind, _ in collector.seen}, {("/v1/traces", "application/json")})
        self.assertLessEqual(len({answer["trace_id"] for answer in answers}), len(answers))
        if collector.bodies:  # a short run may end before a collector that refuses twice takes anything
            self.assertLessEqual(set(Spans(collector.bodies).by_trace()), {answer["trace_id"] for answer in answers})

    def test_a_collector_gets_every_span_of_a_short_run(self):
        with Collector() as collector:
            answers, _, _ = self.run_device(*self.pictures(), "--trace-endpoint", collector.endpoint + "/custom", plan="local")
        self.assertEqual({path for path, _, _ in collector.seen}, {"/custom"})
        traces = Spans(collector.bodies).by_trace()
        self.assertEqual(set(traces), {answer["trace_id"] for answer in answers})
        self.assertEqual({span.name for _, span, _ in next(iter(traces.values()))}, {"image", "decode", "preprocess", "local", "postprocess"})

    def test_a_collector_that_is_not_there_is_told_of_once_and_holds_up_nobody(self):
        answers, summary, log = self.run_device(*self.pictures(), "--repeat", 200, "--trace-endpoint", f"http://127.0.0.1:{peers.free_port()}",
                                                plan="local")
        self.assertEqual((len(answers), summary["errors"]), (400, 0))
        self.assertEqual(sum("does not take traces" in line for line in log), 1, log)
        self.assertEqual(sum("were dropped" in line for line in log), 1, log)

    def test_a_collector_that_hangs_does_not_hold_up_the_end(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            taken = []
            threading.Thread(target=lambda: taken.append(silent.accept()), daemon=True).start()
            answers, _, log = self.run_device(self.pictures()[0], "--trace-endpoint", f"http://127.0.0.1:{silent.getsockname()[1]}", plan="local")
        self.assertEqual(len(answers), 1)
        self.assertTrue(any("does not take traces" in line for line in log), log)

    def test_errors_say_what_to_do(self):
        for words, texts in (
            (("--trace-endpoint", "https://127.0.0.1:4318"), ("TLS", "http://127.0.0.1:4318")),
            (("--trace-endpoint", "localhost:4318"), ("http://host:port", )),
            (("--trace-endpoint", "http://192.0.2.1:4318"), ("another machine", "--plain-text")),
            (("--name", "caf\u00e9"), ("printable ASCII", )),
            (("--trace-sample", "2"), ("--trace-sample", )),
            (("--metrics", "0.0.0.0:0"), ("--plain-text", )),
            (("--metrics", "8002"), ("HOST:PORT", )),
            (("--metrics", "127.0.0.1:http"), ("0 to 65535", )),
            (("--log-format", "xml"), ("--log-format", )),
        ):
            _, _, log = self.run_device(self.pictures()[0], *words, plan="local", code=2)
            for text in texts:
                self.assertIn(text, "\n".join(log))
        _, _, log = self.run_device(self.pictures()[0], "--trace-file", "/nowhere/x.jsonl", "--log-format", "json", plan="local", code=6)
        self.assertEqual(json.loads(log[-1])["level"], "error")
        self.assertIn("No such file", json.loads(log[-1])["message"])


if __name__ == "__main__":
    main()
