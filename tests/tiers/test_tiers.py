"""An edge that forwards: device, edge and cloud as three processes over two emulated links.
  test_tiers.py SCISSIONLITE"""

import contextlib
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
import peers  # noqa: E402

peers.enter_venv()
import certificates  # noqa: E402

PROGRAM = sys.argv.pop(1)
PATIENCE = 180  # seconds, on a machine with other work
SMALL_MODEL = pathlib.Path(__file__).resolve().parents[1] / "packaging" / "small_model.py"
CHAIN = "split/1/fp32|split/3/fp32"
DEVICE_LINK, CLOUD_LINK = "58.8M,10ms", "200M,10ms"


def numbers(answer):
    """Values of the model's only output."""
    return answer["outputs"][0]["values"]


class Tiers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        python = peers.DEPS / "venv_ort" / "bin" / "python"
        if not python.exists():
            peers.skip(f"no {python}; run tools/install_deps.sh test")
        folder = tempfile.TemporaryDirectory(prefix="tiers-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.made = pathlib.Path(folder.name)
        subprocess.run([python, SMALL_MODEL, cls.made], check=True)
        cls.pictures = sorted(cls.made.glob("picture*.png"))
        cls.prepare("chain", CHAIN)
        cls.run_words(["prepare", cls.made / "small.onnx", "--candidate", "local", "--package", cls.made / "whole"])
        done = cls.run_words(["run", "--json", "--whole-outputs", "--threads", 1, cls.made / "whole", *cls.pictures])
        cls.expected = [numbers(answer) for answer in cls.answers_of(done.stdout)]

    @classmethod
    def run_words(cls, words, code=0):
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != code:
            raise AssertionError(f"{words} ended with code {done.returncode}, expected {code}:\n{done.stderr}")
        return done

    @classmethod
    def prepare(cls, name, candidate, *words):
        cls.run_words([
            "prepare", cls.made / "small.onnx", "--candidate", candidate, "--images", cls.made / "picture0.png", "--package",
            cls.made / name / "device", "--repository", cls.made / name / "edge", "--cloud-repository", cls.made / name / "cloud", *words
        ])

    @staticmethod
    def answers_of(text):
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if "path" in line]

    def serve(self, repository, *words):
        return peers.Serve(PROGRAM, repository, "--no-http", "--threads", "1", *words)

    @contextlib.contextmanager
    def link(self, port, link):
        process = subprocess.Popen([PROGRAM, "emulate", f"127.0.0.1:{port}", "--link", link, "--json"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        try:
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()

    @contextlib.contextmanager
    def restarted(self, cloud):
        """Another one on the same port."""
        process = subprocess.Popen([
            PROGRAM, "serve", "--model-repository",
            str(self.made / "chain" / "cloud"), "--grpc-port",
            str(cloud.port), "--no-http", "--no-metrics", "--threads", "1"
        ], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    @contextlib.contextmanager
    def tiers(self, name="chain", cloud="chain", edge_words=()):
        """(port for the device, edge, cloud)"""
        with self.serve(self.made / cloud / "cloud") as up, self.link(up.port, CLOUD_LINK) as cloud_port, \
                self.serve(self.made / name / "edge", "--forward-to", f"127.0.0.1:{cloud_port}", *edge_words) as edge, self.link(edge.port, DEVICE_LINK) as port:
            yield port, edge, up

    def run_device(self, port, *words, name="chain", code=0):
        """Answers and summary."""
        done = self.run_words(
            ["run", "--json", "--whole-outputs", "--threads", 1, self.made / name / "device", "--edge", f"127.0.0.1:{port}", *words, *self.pictures],
            code)
        return self.answers_of(done.stdout), json.loads(done.stdout.splitlines()[-1]).get("summary", {}), done.stderr

    def assert_right(self, answers, tolerance=1e-4):
        for i, answer in enumerate(answers):
            self.assertNotIn("error", answer)
            expected = self.expected[i % len(self.expected)]
            self.assertLess(max(abs(a - b) for a, b in zip(numbers(answer), expected)), tolerance * max(map(abs, expected)),
                            f"answer {i} by {answer['origin']}")

    def metric(self, edge, name, **labels):
        text = urllib.request.urlopen(f"http://127.0.0.1:{edge.event['metrics_port']}/metrics").read().decode()
        for line in text.splitlines():
            if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
                return float(line.split()[-1])
        self.fail(f"no {name} {labels} in\n{text}")

    def test_answers_are_the_uncut_models(self):
        with self.tiers() as (port, edge, _):
            answers, summary, _ = self.run_device(port, "--repeat", 5)
            self.assert_right(answers)
            self.assertEqual({answer["origin"] for answer in answers}, {"cloud"})
            self.assertEqual((summary["cloud"], summary["edge"], summary["local"]), (10, 0, 0))
            self.assertEqual(summary["candidate"], CHAIN)
            for answer in answers:  # stage times of all three, and the links' delays in the right places
                parts = answer["parts"]
                self.assertGreater(min(parts["head_us"], parts["edge_compute_us"], parts["cloud_compute_us"]), 0)
                self.assertGreater(min(parts["wire_us"], parts["cloud_wire_us"]), 9e3)
                self.assertAlmostEqual(sum(parts.values()), answer["latency_us"], delta=5)
            self.assertEqual(self.metric(edge, "scissionlite_forward_answers_total", by="cloud"), 11, "ten images and the device's probe")
            self.assertEqual(self.metric(edge, "scissionlite_forward_ready"), 1)
            self.assertGreater(self.metric(edge, "scissionlite_forward_duration_us"), 11 * 9e3)

    @staticmethod
    def spans(file):
        resources = [resource for line in file.read_text().splitlines() for resource in json.loads(line)["resourceSpans"]]
        return [span for resource in resources for scope in resource["scopeSpans"] for span in scope["spans"]]

    def test_one_trace_over_all_three(self):
        files = {who: self.made / f"trace_{who}.jsonl" for who in ("device", "edge", "cloud")}
        with self.serve(self.made / "chain" / "cloud", "--trace-file",
                        files["cloud"]) as up, self.serve(self.made / "chain" / "edge", "--forward-to", f"127.0.0.1:{up.port}", "--trace-file",
                                                          files["edge"]) as edge:
            answers, _, _ = self.run_device(edge.port, "--trace-file", files["device"], "--name", "camera 1")
            up.process.send_signal(signal.SIGSTOP)
            copied, _, _ = self.run_device(edge.port, "--trace-file", files["device"])
            up.process.send_signal(signal.SIGCONT)
            edge.stop()
            up.stop()
        spans = {who: self.spans(file) for who, file in files.items()}
        for answer in answers:
            of = {
                who: {span["name"] if span["kind"] != 2 else "server": span
                      for span in spans[who] if span["traceId"] == answer["trace_id"]}
                for who in files
            }
            self.assertEqual(set(of["edge"]), {"server", "queue", "middle", "ModelInfer", "encode answer"})
            self.assertEqual(set(of["cloud"]), {"server", "queue", "tail", "encode answer"})
            self.assertEqual(of["edge"]["server"]["parentSpanId"], of["device"]["ModelInfer"]["spanId"])
            call = of["edge"]["ModelInfer"]
            self.assertEqual((call["kind"], call["parentSpanId"]), (3, of["edge"]["server"]["spanId"]))
            self.assertEqual(of["cloud"]["server"]["parentSpanId"], call["spanId"])
            self.assertIn({"key": "scissionlite.device", "value": {"stringValue": "camera 1"}}, of["cloud"]["server"]["attributes"])
            for inner, outer in ((of["edge"]["middle"], of["edge"]["server"]), (call, of["edge"]["server"])):
                self.assertLessEqual(int(outer["startTimeUnixNano"]), int(inner["startTimeUnixNano"]))
                self.assertLessEqual(int(inner["endTimeUnixNano"]), int(outer["endTimeUnixNano"]))
            self.assertLessEqual(int(of["edge"]["middle"]["endTimeUnixNano"]), int(call["startTimeUnixNano"]) + 1000)
        by_copy = [answer["trace_id"] for answer in copied if answer["origin"] == "edge"]
        self.assertTrue(by_copy)
        names = [span["name"] for span in spans["edge"] if span["traceId"] in by_copy]
        self.assertEqual(names.count("copy"), len(by_copy))
        self.assertEqual(names.count("queue"), 2 * len(by_copy))

    def test_other_chains(self):
        """An image crosses first; codes in both places; classes instead of all scores; several images in flight."""
        for name, candidate, tolerance in (("image", "edge/png|split/3/fp32", 1e-4), ("codes", "split/1/uint8|split/3/uint8", 0.1)):
            with self.subTest(candidate):
                self.prepare(name, candidate)
                with self.tiers(name, name) as (port, _, _):
                    answers, summary, errors = self.run_device(port, "--repeat", 8, "--pipeline", 4, name=name)
                    self.assertEqual(summary["cloud"], 16, errors)
                    self.assert_right(answers, tolerance)
                answers, _, _ = self.run_device(1, "--call-timeout-ms", 100, name=name,
                                                code=5)  # nobody listens there: the device's copy holds middle and tail
                self.assert_right(answers, tolerance)
                self.run_words(["verify", "--package", self.made / name / "device", "--repository", self.made / name / "edge"])

    def test_cloud_killed_while_images_come(self):
        """No image is lost; from then on the edge answers from its copy; the cloud's return is noticed."""
        with self.tiers() as (port, edge, cloud):
            device = subprocess.Popen([
                PROGRAM, "run", "--json", "--whole-outputs", "--threads", "1",
                str(self.made / "chain" / "device"), "--edge", f"127.0.0.1:{port}", "--stdin", "paths"
            ], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(device.stderr.close), self.addCleanup(device.stdout.close)
            device.stdout.readline()
            answers = []

            def answer():
                device.stdin.write(f"{self.pictures[len(answers) % 2]}\n")
                device.stdin.flush()
                answers.append(json.loads(device.stdout.readline()))
                return answers[-1]

            for _ in range(4):
                self.assertEqual(answer()["origin"], "cloud")
            cloud.process.send_signal(signal.SIGKILL)
            cloud.process.wait()
            for _ in range(20):
                self.assertEqual(answer()["origin"], "edge")
            with self.restarted(cloud):
                end = time.time() + PATIENCE
                while answer()["origin"] != "cloud":
                    self.assertLess(time.time(), end, "the edge has not found the cloud again")
                    time.sleep(0.1)
            device.stdin.close()
            rest = device.stdout.read()
            self.assertEqual(device.wait(PATIENCE), 0)
            self.assert_right(answers)
            summary = json.loads(rest.splitlines()[-1])["summary"]
            self.assertEqual((summary["images"], summary["errors"], summary["local"]), (len(answers), 0, 0))
            self.assertGreaterEqual(self.metric(edge, "scissionlite_forward_answers_total", by="copy"), 20)

    def test_a_silent_cloud_is_given_up_in_time(self):
        """The edge starts its copy early enough for the device's deadline."""
        with self.tiers() as (port, edge, cloud):
            cloud.process.send_signal(signal.SIGSTOP)
            try:
                answers, summary, _ = self.run_device(port, "--deadline-ms", 3000, "--repeat", 3)
            finally:
                cloud.process.send_signal(signal.SIGCONT)
            self.assert_right(answers)
            self.assertEqual(summary["late"], 0)
            self.assertGreaterEqual(summary["edge"], 1)
            self.assertGreaterEqual(self.metric(edge, "scissionlite_forward_answers_total", by="copy"), summary["edge"])

    def test_a_cloud_with_another_tail_is_refused(self):
        other = self.made / "other"
        if not other.exists():
            self.prepare("other", "split/1/fp32|split/3/uint8")
        with self.tiers(cloud="other") as (port, edge, _):
            answers, summary, _ = self.run_device(port)
            self.assert_right(answers)
            self.assertEqual({answer["origin"] for answer in answers}, {"edge"})
            self.assertEqual(self.metric(edge, "scissionlite_forward_ready"), 0)
            self.assertEqual(self.metric(edge, "scissionlite_forward_asked_total"), 0)
            self.assertIn("the cloud is NOT USED", edge.stderr())

    def test_without_a_copy_the_device_answers(self):
        self.prepare("bare", CHAIN, "--no-cloud-copy")
        with self.tiers("bare", "bare") as (port, edge, cloud):
            self.assertEqual(self.run_device(port, name="bare")[1]["cloud"], 2)
            cloud.process.kill()
            cloud.process.wait()
            answers, summary, _ = self.run_device(port, name="bare", code=5)
            self.assert_right(answers)
            self.assertEqual(summary["local"], 2)
            self.assertIn("the cloud did not answer, and this edge has no copy", answers[0]["note"])
            self.assertGreaterEqual(self.metric(edge, "scissionlite_forward_answers_total", by="nobody"), 1)
            self.assertEqual(self.metric(edge, "scissionlite_model_ready"), 0, "nobody could answer now")
        with self.assertRaisesRegex(RuntimeError, "say where it is served with --forward-to"), self.serve(self.made / "bare" / "edge"):
            pass

    def test_without_a_cloud_the_copy_answers(self):
        with self.serve(self.made / "chain" / "edge") as edge:
            answers, summary, _ = self.run_device(edge.port)
            self.assert_right(answers)
            self.assertEqual(summary["edge"], 2)
            self.assertIn("no --forward-to", edge.stderr())

    def test_the_edge_shows_its_certificate(self):
        plant = certificates.Authority(self.made / "plant")
        (edge_certificate, edge_key), (cloud_certificate, cloud_key) = plant.issue("edge"), plant.issue("cloud")
        words = lambda certificate, key, prefix="--": (f"{prefix}tls-ca", plant.ca, f"{prefix}tls-cert", certificate, f"{prefix}tls-key", key
                                                       )  # noqa: E731
        with self.serve(self.made / "chain" / "cloud", *words(cloud_certificate, cloud_key)) as cloud:
            address = f"localhost:{cloud.port}"
            with self.serve(self.made / "chain" / "edge", "--forward-to", address, *words(edge_certificate, edge_key, "--forward-")) as edge:
                self.assertEqual(self.run_device(edge.port)[1]["cloud"], 2)
            with self.serve(self.made / "chain" / "edge", "--forward-to", address) as edge:
                self.assertEqual(self.run_device(edge.port)[1]["edge"], 2, "without a certificate it is not served")
            with self.serve(self.made / "chain" / "edge", "--forward-to", address, *words(edge_certificate, edge_key)) as edge:
                self.assertEqual(self.metric(edge, "scissionlite_forward_ready"), 1, "the edge's own certificate is shown to the cloud too")

    def test_mixed_files_are_refused(self):
        """The middle's hash stands for the chain: neither part of it can be replaced alone."""
        if not (self.made / "other").exists():
            self.prepare("other", "split/1/fp32|split/3/uint8")
        for what, why in (("cloud", "is of tail"), ("cloud/local.onnx", "the file was changed or replaced"),
                          ("1/model.onnx", "the folder mixes files of two models")):
            with self.subTest(what), tempfile.TemporaryDirectory(prefix="tiers-test-") as folder:
                shutil.copytree(self.made / "chain" / "edge", folder, dirs_exist_ok=True)
                source, target = self.made / "other" / "edge" / "small_middle" / what, pathlib.Path(folder) / "small_middle" / what
                if target.is_dir():
                    shutil.rmtree(target)
                (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
                with self.assertRaisesRegex(RuntimeError, why), self.serve(folder):
                    pass

    def test_prepare_says_what_is_no_chain(self):
        for candidate, words, why in (
            (CHAIN, [], "--cloud-repository"),
            ("split/1/fp32", ["--cloud-repository", self.made / "x"], "of two machines"),
            ("split/1/fp32|split/1/fp32", ["--cloud-repository", self.made / "x"], "only passes on"),
            ("edge/png|edge/raw", ["--cloud-repository", self.made / "x"], "would send an image on"),
            ("local|split/1/fp32", ["--cloud-repository", self.made / "x"], "crosses no link"),
            ("split/3/fp32|split/1/fp32", ["--cloud-repository", self.made / "x"], "does not lie behind"),
            ("split/1/fp32|split/3/fp32|split/3/fp32", ["--cloud-repository", self.made / "x"], "two at most"),
        ):
            with self.subTest(candidate):
                done = subprocess.run([
                    PROGRAM, "prepare",
                    str(self.made / "small.onnx"), "--candidate", candidate, "--repository",
                    str(self.made / "y"), *map(str, words)
                ], capture_output=True, text=True, timeout=PATIENCE)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, re.escape(why))
                self.assertFalse(list((self.made / "y").glob("*")) if (self.made / "y").exists() else [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[1:])
