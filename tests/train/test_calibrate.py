"""scissionlite-train calibrate: transfer layers from unlabelled images, used by score, profile, prepare, serve and run.
test_calibrate.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of .deps/venv_ort)"""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

import numpy as np
import onnx
from onnx import numpy_helper

TRAIN, PROGRAM = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from test_train import run, small_model, write_png  # noqa: E402  (it takes the programs off sys.argv)
from support import OnPictures  # noqa: E402


def picture(rng):
    """Smooth, as photos are: a gradient, a spot, a little noise."""
    y, x = np.mgrid[0:12, 0:12] / 11.0
    a, b, c = rng.uniform(-1, 1, 3)
    spot = np.exp(-((x - rng.uniform())**2 + (y - rng.uniform())**2) * 12)
    channels = [120 + 60 * (a * x + b * y) + 90 * c * spot * rng.uniform(0.2, 1) + rng.normal(0, 4, x.shape) for _ in range(3)]
    return np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)


class Calibrate(OnPictures):
    picture = staticmethod(picture)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = small_model(cls.folder / "small.onnx")

    def calibrate(self, output, *more, images=None, **options):
        return run("calibrate", self.model, "--cut", "r1", "--images", images or self.images, "--views", 2, "-o", output, "-q", *more, **options)

    def test_rates_are_written_and_bytes_fall(self):
        out = self.folder / "rates"
        result = self.calibrate(out, "--steps", "20,60,150", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        sizes = [rate["bytes_mean"] for rate in report["rates"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertEqual(report["held_out"] + report["images"], 80)
        for rate in report["rates"]:
            self.assertEqual({p.name for p in pathlib.Path(rate["folder"]).iterdir()}, {"tl.json", "0.encoder.onnx", "0.decoder.onnx", "0.coder"})
        self.assertGreaterEqual(report["rates"][0]["agreement"], 0.8)

    def test_the_road_through_the_other_commands(self):
        layers, scores = self.folder / "road", self.folder / "scores.json"
        self.assertEqual(self.calibrate(layers, "--steps", "40").returncode, 0)
        result = run("score", self.model, "--images", self.images, "--cuts", "r1", "--tls", "uint8", "--codecs", "none", "--fitted", layers, "-o",
                     scores, program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        scored = {s["candidate"]: s for s in json.loads(scores.read_text())["scores"]}
        key = next(k for k in scored if k.endswith("/fit-cal-q40"))
        self.assertLess(scored[key]["bytes_mean"], scored[key.replace("fit-cal-q40", "uint8")]["bytes_mean"])
        package, repository = self.folder / "device", self.folder / "models"
        result = run("prepare", self.model, "--candidate", key, "--fitted", layers, "--package", package, "--repository", repository, program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("entropy-coded", result.stdout)
        self.refused(run("prepare", self.model, "--candidate", key, "--package", self.folder / "none", program=PROGRAM), "--fitted")
        server = subprocess.Popen([PROGRAM, "serve", "--model-repository", repository, "--grpc-port", "0", "--json", "-q"], stdout=subprocess.PIPE,
                                  text=True)
        try:
            port = json.loads(server.stdout.readline())["port"]
            one = self.images / "000.png"
            coded = run("run", package, one, "--edge", f"127.0.0.1:{port}", "--fallback", "none", "--json", "-q", program=PROGRAM)
            self.assertEqual(coded.returncode, 0, coded.stderr)
            answer = next(a for a in map(json.loads, coded.stdout.splitlines()) if "latency_us" in a)
            # A server that has lost its coder gets the tensor and gives the same answer.
            (repository / "small_tail" / "cut0.coder").unlink()
        finally:
            server.terminate()
            server.communicate()
        server = subprocess.Popen([PROGRAM, "serve", "--model-repository", repository, "--grpc-port", "0", "--json", "-q"], stdout=subprocess.PIPE,
                                  text=True)
        try:
            port = json.loads(server.stdout.readline())["port"]
            plain = run("run", package, one, "--edge", f"127.0.0.1:{port}", "--fallback", "none", "--json", "-q", program=PROGRAM)
            self.assertEqual(plain.returncode, 0, plain.stderr)
            other = next(a for a in map(json.loads, plain.stdout.splitlines()) if "latency_us" in a)
        finally:
            server.terminate()
            server.communicate()
        self.assertEqual(answer["top"], other["top"])
        self.assertEqual(answer["origin"], "edge")
        self.assertLess(answer["payload_bytes"], other["payload_bytes"])
        (package / "cut0.coder").write_bytes(b"damaged")
        self.refused(run("run", package, one, "--json", program=PROGRAM), "cut0.coder")

    def test_distillation_keeps_the_best_epoch(self):
        result = self.calibrate(self.folder / "distilled", "--steps", "150", "--epochs", 3, "--lr", 0.003, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        rate = json.loads(result.stdout)["rates"][0]
        self.assertGreaterEqual(rate["agreement"], rate["agreement_closed"])

    def test_conv_learns_at_the_bytes_of_klt(self):
        layers, scores = self.folder / "conv", self.folder / "conv.json"
        result = self.calibrate(layers, "--family", "conv", "--hidden", 8, "--steps", "100", "--epochs", 4, "--name", "conv", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        rate = json.loads(result.stdout)["rates"][0]
        self.assertGreaterEqual(rate["agreement"], rate["agreement_closed"])
        self.assertLess(rate["bytes_mean"], 1.15 * rate["bytes_closed"])
        result = run("score", self.model, "--images", self.images, "--cuts", "r1", "--tls", "uint8", "--codecs", "none", "--fitted", layers, "-o",
                     scores, program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        scored = next(s for s in json.loads(scores.read_text())["scores"] if s["candidate"].endswith("/fit-conv-q100"))
        self.assertAlmostEqual(scored["bytes_mean"], rate["bytes_mean"], delta=0.2 * rate["bytes_mean"])
        self.refused(self.calibrate(self.folder / "none", "--family", "conv"), "conv starts as klt and learns from there; give --epochs")
        self.refused(self.calibrate(self.folder / "none", "--family", "cnov"), "cnov")

    def test_a_killed_calibration_goes_on(self):
        out = self.folder / "killed"
        words = [
            TRAIN, "calibrate", self.model, "--cut", "r1", "--images", self.images, "--views", 2, "--steps", "20,40,60,80,100,120", "-o", out, "-q"
        ]
        process = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if (out / "cal-q20" / "tl.json").exists():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = (out / "cal-q20" / "tl.json").stat().st_mtime_ns
        self.assertEqual(subprocess.run([str(w) for w in words], capture_output=True, timeout=400).returncode, 0)
        self.assertEqual((out / "cal-q20" / "tl.json").stat().st_mtime_ns, kept)
        self.assertTrue(all((out / f"cal-q{q}" / "tl.json").exists() for q in (20, 40, 60, 80, 100, 120)))
        self.assertEqual([p.name for p in out.iterdir() if not p.name.startswith("cal-q")], [])

    def test_bad_input(self):
        empty, one, same = self.folder / "empty", self.folder / "one", self.folder / "same"
        for folder in (empty, one, same):
            folder.mkdir(exist_ok=True)
        shutil.copy(self.images / "000.png", one)
        for i in range(6):
            shutil.copy(self.images / "000.png", same / f"{i}.png")
        out = self.folder / "refused"
        self.refused(self.calibrate(out, images=empty), "no image")
        self.refused(self.calibrate(out, images=one), "at least two")
        self.refused(self.calibrate(out, images=same), "different image")
        self.refused(self.calibrate(out, "--steps", "0"), "1 .. 1000")
        self.refused(run("calibrate", self.model, "--cut", "nowhere", "--images", self.images, "-o", out), "nowhere")
        mine = self.folder / "mine"
        (mine / "cal-q60").mkdir(parents=True)
        (mine / "cal-q60" / "notes.txt").write_text("mine")
        self.refused(self.calibrate(mine, "--steps", "20,60"), "is no fitted transfer layer")
        self.assertEqual([p.name for p in mine.iterdir()], ["cal-q60"], "said before the first rate is fitted")
        layers = self.folder / "other"
        self.assertEqual(self.calibrate(layers, "--steps", "60").returncode, 0)
        other = small_model(self.folder / "other.onnx", last="LogSoftmax")
        self.refused(run("score", other, "--images", self.images, "--fitted", layers, "-o", self.folder / "s.json", program=PROGRAM),
                     "was fitted for a model with sha256")
        if os.geteuid() != 0:
            locked = self.folder / "locked"
            locked.mkdir(mode=0o500)
            self.refused(self.calibrate(locked / "x"), "locked")
        self.assertFalse(out.exists() and any(out.iterdir()))

    def with_weights(self, name, change):
        """The small model, its weights changed by `change` (name to array)."""
        model = onnx.load(self.model)
        for initializer in model.graph.initializer:
            array = numpy_helper.to_array(initializer).copy()
            change(initializer.name, array)
            initializer.CopyFrom(numpy_helper.from_array(array, initializer.name))
        onnx.save(model, self.folder / name)
        return self.folder / name

    def test_activations_that_are_not_finite(self):
        def spoil(name, array):
            if name == "b1":
                array[3] = np.nan

        spoilt, out = self.with_weights("nan.onnx", spoil), self.folder / "nan"
        self.refused(run("calibrate", spoilt, "--cut", "r1", "--images", self.images, "-o", out, "-q"), "'r1'", "not finite")
        self.assertFalse(out.exists() and any(out.iterdir()))

    def with_node(self, name, node, *constants):
        """The small model with a node of input "r1" and output "more" before its second convolution."""
        model = onnx.load(self.model)
        i = next(i for i, n in enumerate(model.graph.node) if n.name == "conv2")
        model.graph.node[i].input[0] = "more"
        model.graph.node.insert(i, node)
        model.graph.initializer.extend(constants)
        onnx.save(model, self.folder / name)
        return self.folder / name

    def test_a_layer_that_takes_no_negative_values(self):
        power = numpy_helper.from_array(np.array(1.5, np.float32), "exponent")
        model = self.with_node("pow.onnx", onnx.helper.make_node("Pow", ["r1", "exponent"], ["more"], name="pow"), power)
        result = run("calibrate", model, "--cut", "r1", "--images", self.images, "--steps", "150", "-o", self.folder / "pow", "-q")
        self.assertEqual(result.returncode, 0, result.stderr)
        decoder = onnx.load(self.folder / "pow" / "cal-q150" / "0.decoder.onnx")
        self.assertIn(decoder.graph.node[-1].op_type, ("Relu", "Clip"), "what is restored is brought back into the range")

    def test_gradients_that_are_not_finite(self):
        model = self.with_node("sqrt.onnx", onnx.helper.make_node("Sqrt", ["r1"], ["more"], name="root"))
        self.refused(run("calibrate", model, "--cut", "r1", "--images", self.images, "-o", self.folder / "sqrt", "-q"), "gradients at 'r1'",
                     "--sensitivity none")

    def test_a_channel_that_never_changes(self):
        def still(name, array):
            if name == "w1":
                array[2] = 0

        model, out, scores = self.with_weights("still.onnx", still), self.folder / "still", self.folder / "still.json"
        result = run("calibrate", model, "--cut", "r1", "--images", self.images, "--views", 2, "--steps", "40", "-o", out, "--json", "-q")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertGreaterEqual(json.loads(result.stdout)["rates"][0]["agreement"], 0.8)
        result = run("score", model, "--images", self.images, "--cuts", "r1", "--tls", "uint8", "--codecs", "none", "--fitted", out, "-o", scores,
                     program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_images_of_another_size(self):
        tiny, spec, out = self.folder / "tiny", self.folder / "as_they_are.json", self.folder / "sizes"
        tiny.mkdir()
        rng = np.random.default_rng(5)
        for i in range(12):
            write_png(tiny / f"{i}.png", rng.integers(0, 255, (5 + i, 7, 3), dtype=np.uint8))
        self.assertEqual(self.calibrate(out, "--steps", "60", images=tiny).returncode, 0, "by default, images are resized to what the model takes")
        spec.write_text(
            json.dumps({
                "schema": "scissionlite.input/1", "width": 12, "height": 12, "resize": "none", "crop": "none", "mean": [0, 0, 0],
                "std": [255, 255, 255]
            }))
        self.refused(self.calibrate(self.folder / "none", "--input", spec, images=tiny), "12", "resize")

    def test_a_full_disk(self):
        out = self.folder / "full"

        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

        result = self.calibrate(out, "--steps", "60", preexec_fn=no_room)
        self.refused(result, str(out))
        self.assertEqual([p.name for p in out.iterdir()] if out.exists() else [], [], "nothing half-written")
        self.assertEqual(self.calibrate(out, "--steps", "60").returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
