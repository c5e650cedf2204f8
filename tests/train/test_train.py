"""scissionlite-train through its command line: a real fine-tuning, a kill, a cut, a teacher, and what it refuses.
test_train.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of .deps/venv_ort)"""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TRAIN, PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve(), pathlib.Path(sys.argv.pop(1)).resolve()
DATA = os.environ.get("SCISSIONLITE_TEST_DATA", "")


def run(*words, program=TRAIN, timeout=400, **more):
    return subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, timeout=timeout, **more)


def write_png(path, pixels):
    """`pixels` (h, w, 3) uint8."""
    h, w, _ = pixels.shape
    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(h))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def small_model(path, last="Softmax"):
    """Two convolutions and a classifier for 3 classes of 12 x 12 images."""
    rng = np.random.default_rng(3)
    arrays = {
        "w1": rng.standard_normal((8, 3, 3, 3)) * 0.3, "b1": np.zeros(8), "w2": rng.standard_normal((8, 8, 3, 3)) * 0.2, "b2": np.zeros(8),
        "w3": rng.standard_normal((3, 8)) * 0.3, "b3": np.zeros(3)
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], name="conv2", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"], name="relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["g"], name="pool"),
        helper.make_node("Flatten", ["g"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["l"], name="fc", transB=1),
        helper.make_node(last, ["l"], ["p"], name="last")
    ]
    graph = helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 12, 12])],
                              [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", 3])],
                              [numpy_helper.from_array(v.astype(np.float32), k) for k, v in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def weights(path):
    return {i.name: numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}


class Small(unittest.TestCase):
    """Made-up images: the class is the colour that is brightest."""
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.images, cls.labels = cls.folder / "images", cls.folder / "labels.tsv"
        cls.images.mkdir()
        rng, lines = np.random.default_rng(1), []
        for i in range(120):
            pixels = rng.integers(0, 120, (12, 12, 3), dtype=np.uint8)
            pixels[:, :, i % 3] += 60
            write_png(cls.images / f"{i:03}.png", pixels)
            lines.append(f"{i:03}.png\t{i % 3}\n")
        cls.labels.write_text("".join(lines))
        cls.model = small_model(cls.folder / "small.onnx")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def words(self, output, *more, labels=True):
        usual = {"--epochs": 4, "--lr": 0.1, "--batch": 16, **({"--labels": self.labels} if labels else {})}
        given = [word for option, value in usual.items() if option not in more for word in (option, value)]
        return ["train", self.model, "--images", self.images, *given, "-q", "-o", output, *more]

    def trained(self, output, *more, **options):
        result = run(*self.words(output, "--json", *more), **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def refused(self, words, *parts, code=None, program=TRAIN, **more):
        result = run(*words, program=program, **more)
        self.assertGreater(result.returncode, 0, result.stdout)
        self.assertNotEqual(result.returncode, 70, result.stderr)
        if code is not None:
            self.assertEqual(result.returncode, code, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
        self.assertFalse((self.folder / "refused.onnx").exists())

    def test_learns_and_reports(self):
        report = self.trained(self.folder / "learned.onnx", "--optimizer", "adam", "--lr", 0.02, "--flip", "--crop", 0.8, "--jitter", 0.05)
        self.assertEqual(report["schema"], "scissionlite.training/1")
        self.assertEqual([e["epoch"] for e in report["epochs"]], [0, 1, 2, 3, 4])
        self.assertLess(report["epochs"][-1]["metrics"]["loss"], 0.7 * report["epochs"][0]["metrics"]["loss"])
        self.assertEqual(report["images"] + report["held_out"], 120)
        self.assertEqual(report["parameters_trained"], 6)

    def test_mixtures_of_two_images(self):
        usual = ("--optimizer", "adam", "--lr", 0.02, "--epochs", 6)
        plain, mixed, again = (self.trained(self.folder / f"{name}.onnx", *usual, *more)
                               for name, more in (("plain", ()), ("mixed", ("--mixup", 0.5)), ("again", ("--mixup", 0.5))))
        self.assertLess(mixed["epochs"][-1]["metrics"]["loss"], 0.8 * mixed["epochs"][0]["metrics"]["loss"])
        self.assertGreater(mixed["epochs"][-1]["loss"], plain["epochs"][-1]["loss"], "mixtures are harder than images")
        self.assertEqual((self.folder / "mixed.onnx").read_bytes(), (self.folder / "again.onnx").read_bytes())
        taught = run(*self.words(self.folder / "taught.onnx", "--json", *usual, "--mixup", 1, "--distill", self.folder / "plain.onnx", labels=False))
        self.assertEqual(taught.returncode, 0, taught.stderr)
        self.assertGreater(json.loads(taught.stdout)["epochs"][-1]["metrics"]["agreement"], 0.8)
        self.refused(self.words(self.folder / "refused.onnx", "--mixup", 2), "mixup")

    def test_prints_a_table(self):
        result = run(*self.words(self.folder / "table.onnx"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("held-out loss", result.stdout)
        self.assertIn("trained 6 of 6 parameters", result.stdout)

    def test_same_seed_same_file(self):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            self.trained(self.folder / f"{name}.onnx", "--seed", seed, "--flip", "--crop", 0.7)
        contents = [(self.folder / f"{name}.onnx").read_bytes() for name in "abc"]
        self.assertEqual(contents[0], contents[1])
        self.assertNotEqual(contents[0], contents[2])

    def test_the_head_of_a_cut_stays_as_it_is(self):
        self.trained(self.folder / "tail.onnx", "--cut", "r1", "--side", "tail")
        before, after = weights(self.model), weights(self.folder / "tail.onnx")
        for name in before:
            self.assertEqual((before[name] == after[name]).all(), name in ("w1", "b1"), name)

    def test_patterns(self):
        self.trained(self.folder / "patterns.onnx", "--train", "w*", "fc", "--freeze", "w2")
        before, after = weights(self.model), weights(self.folder / "patterns.onnx")
        self.assertEqual({name for name in before if (before[name] != after[name]).any()}, {"w1", "w3", "b3"})

    def test_a_teacher_needs_no_labels(self):
        teacher = self.folder / "teacher.onnx"
        self.trained(teacher, "--optimizer", "adam", "--lr", 0.02)
        result = run(
            *self.words(self.folder /
                        "student.onnx", "--json", "--distill", teacher, "--feature", "r2", "--optimizer", "adam", "--lr", 0.02, labels=False))
        self.assertEqual(result.returncode, 0, result.stderr)
        epochs = json.loads(result.stdout)["epochs"]
        self.assertLess(epochs[-1]["metrics"]["loss"], 0.7 * epochs[0]["metrics"]["loss"])
        self.assertIn("agreement", epochs[-1]["metrics"])

    def test_a_killed_run_goes_on_with_the_same_result(self):
        more = ["--flip", "--crop", 0.7, "--epochs", 30, "--optimizer", "adam", "--lr", 0.01, "--schedule", "cosine", "--keep", "best"]
        whole = self.trained(self.folder / "whole.onnx", *more)
        checkpoint, output = self.folder / "run.checkpoint", self.folder / "killed.onnx"
        words = [str(TRAIN), *map(str, self.words(output, "--json", *more, "--checkpoint", checkpoint, "--checkpoint-seconds", 0))]
        kills = 0
        for delay in (0.02, 0.15, 0.3):
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
            end = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < end and (checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0) == before:
                time.sleep(0.002)
            time.sleep(delay)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.wait()
        self.assertGreater(kills, 0, "the run was over before it could be killed")
        resumed = run(*words[1:])
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        report = json.loads(resumed.stdout)
        self.assertTrue(report["resumed"])
        self.assertEqual([e["loss"] for e in report["epochs"]], [e["loss"] for e in whole["epochs"]])
        self.assertEqual(output.read_bytes(), (self.folder / "whole.onnx").read_bytes())
        self.refused(self.words(self.folder / "refused.onnx", *more, "--checkpoint", checkpoint, "--seed", 9),
                     "belongs to another run: 'seed' was 1, now it is 9", code=2)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.startswith("run.checkpoint")], ["run.checkpoint"],
                         "a half-written checkpoint is left")

    def test_refusals(self):
        out = self.folder / "refused.onnx"
        self.refused(self.words(out, labels=False), "nothing to learn from; give --labels, or a teacher with --distill", code=2)
        self.refused(self.words(out, "--train", "w9"), "pattern 'w9' matches no parameter", code=2)
        self.refused(self.words(out, "--cut", "r1"), "go together", code=2)
        self.refused(self.words(out, "--cut", "r9", "--side", "tail"), "r9", code=2)
        self.refused(self.words(out, "--optimizer", "adan"), "unknown optimiser 'adan'", code=2)
        self.refused(self.words(out, "--schedule", "sine"), "unknown schedule 'sine'", code=2)
        self.refused(self.words(out, "--lr", 1e30), "is not finite in epoch 1", code=2)
        self.refused(self.words(out, "--feature", "r2"), "--feature compares with a teacher", code=2)
        self.refused(self.words(out, "--crop", 0), "expected a share above 0", code=2)
        self.refused(self.words(out, "--distill", self.folder / "no.onnx"), "no.onnx", code=6)
        self.refused(self.words(self.images / "000.png" / "refused.onnx"), "000.png", code=6)
        self.refused(self.words(out, "--checkpoint", self.images / "000.png" / "c"), "000.png", code=6)
        self.refused(["train", self.model, "--images", self.folder / "none*.png", "--labels", self.labels, "-o", out], "none*.png", code=2)
        wrong = self.folder / "wrong.tsv"
        wrong.write_text("000.png\t7\n")
        self.refused(["train", self.model, "--images", self.images, "--labels", wrong, "-o", out], "class 7 is beyond the 3 outputs", code=2)
        broken = self.folder / "broken"
        shutil.copytree(self.images, broken)
        (broken / "005.png").write_bytes((broken / "005.png").read_bytes()[:60])
        self.refused(["train", self.model, "--images", broken, "--labels", self.labels, "-q", "-o", out], "005.png", code=2)
        self.refused(
            ["train", small_model(self.folder / "strange.onnx", last="Det"), "--images", self.images, "--labels", self.labels, "-o", out],
            "operator 'Det' of domain 'ai.onnx' (opset 13) has no gradient code; see docs/training.md", "last", code=4)

    def test_the_main_program_finds_it(self):
        result = run(*self.words(self.folder / "found.onnx"), program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.folder / "found.onnx").exists())

    def test_the_main_program_says_what_is_missing(self):
        alone = self.folder / "bin"
        alone.mkdir()
        shutil.copy(PROGRAM, alone / "scissionlite")
        self.refused(["train", "--help"], "'scissionlite-train' is neither beside this one nor on PATH", "libtorch-dev", "docs/training.md",
                     program=alone / "scissionlite", env={"PATH": "/usr/bin:/bin"}, code=4)


class Libraries(unittest.TestCase):
    def needs(self, program):
        return subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout

    def test_each_program_links_its_own(self):
        self.assertNotIn("libtorch", self.needs(PROGRAM))
        self.assertIn("libtorch", self.needs(TRAIN))
        self.assertIn("libgrpc", self.needs(TRAIN))  # sites meet at a hub
        self.assertNotIn("libmpi", self.needs(PROGRAM))


class FineTuning(unittest.TestCase):
    """ResNet-20 for CIFAR-10 on the JPEG copies of its images, which cost it 12 points."""
    def test_gains_accuracy_on_held_out_images(self):
        if not DATA:
            self.skipTest("SCISSIONLITE_TEST_DATA does not name the folder of real models")
        data = pathlib.Path(DATA)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for part, file, count in (("train", "train_8000.bin", 800), ("test", "test_2000.bin", 600)):
                records = np.fromfile(data / "cifar10" / file, np.uint8, count * 3073).reshape(count, 3073)
                for i, record in enumerate(records):
                    target = folder / part / str(record[0])
                    target.mkdir(parents=True, exist_ok=True)
                    write_png(target / f"{i:04}.png", np.ascontiguousarray(record[1:].reshape(3, 32, 32).transpose(1, 2, 0)))
            images = [str(folder / part / "*" / "*.png") for part in ("train", "test")]
            spec = folder / "input.json"
            spec.write_text(
                json.dumps({
                    "schema": "scissionlite.input/1", "width": 32, "height": 32, "resize": "none", "mean": [0.485, 0.456, 0.406],
                    "std": [0.229, 0.224, 0.225]
                }))
            result = run("train", data / "models/resnet20_cifar10.onnx", "--images", images[0], "--held-out", images[1], "--labels", "folders",
                         "--input", spec, "--epochs", 2, "--lr", 0.001, "--schedule", "cosine", "--batch", 32, "--flip", "--json", "-o",
                         folder / "tuned.onnx")
            self.assertEqual(result.returncode, 0, result.stderr)
            report = json.loads(result.stdout)
            first, last = report["epochs"][0]["metrics"], report["epochs"][-1]["metrics"]
            print(
                f"held-out accuracy {first['accuracy']:.4f} -> {last['accuracy']:.4f}, loss {first['loss']:.4f} -> {last['loss']:.4f}, {report['seconds']:.1f} s"
            )
            self.assertLess(last["loss"], first["loss"])
            self.assertGreater(last["accuracy"], first["accuracy"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
