"""scissionlite-train retrain and train --classes: a transfer layer inside a model, retrained and split by the ordinary
commands; CIFAR's files as data. test_retrain.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of
.deps/venv_ort)"""
import json
import pathlib
import subprocess
import sys
import unittest

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

PROGRAM = pathlib.Path(sys.argv[2]).resolve()
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stripes import CLASSES, OnStripes, pictures, write_cifar  # noqa: E402  (it takes the programs off sys.argv)
from test_train import run, weights, write_png  # noqa: E402


def cifar_model(path):
    """Two convolutions of 16 x 16, a classifier: 32 x 32 images of 4 classes."""
    rng = np.random.default_rng(3)
    arrays = {
        "w1": rng.standard_normal((8, 3, 3, 3)) * 0.3, "b1": np.zeros(8), "w2": rng.standard_normal((12, 8, 3, 3)) * 0.15, "b2": np.zeros(12),
        "w3": rng.standard_normal((CLASSES, 12)) * 0.3, "b3": np.zeros(CLASSES)
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], name="conv1", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], name="conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"], name="relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["g"], name="pool"),
        helper.make_node("Flatten", ["g"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["l"], name="fc", transB=1)
    ]
    graph = helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
                              [helper.make_tensor_value_info("l", TensorProto.FLOAT, ["N", CLASSES])],
                              [numpy_helper.from_array(v.astype(np.float32), k) for k, v in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


class Retrain(OnStripes):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.photos = cls.folder / "photos"
        cls.photos.mkdir()
        for i, image in enumerate(cls.images[:12]):
            write_png(cls.photos / f"{i:02}.png", image)
        cls.labels = cls.folder / "labels.tsv"
        cls.labels.write_text("".join(f"{i:02}.png\t{label}\n" for i, label in enumerate(cls.labels_of_images[:12])))
        cls.model = cls.folder / "model.onnx"
        cls.uncut = cls.trained(cifar_model(cls.folder / "start.onnx"), cls.model, "--epochs", 8)["epochs"][-1]["metrics"]["accuracy"]

    def words(self, output, *more, cut="r1"):
        usual = {"--images": self.train_file, "--held-out": self.test_file, "--epochs": 6, "--lr": 0.005, "--optimizer": "adam"}
        return ["retrain", self.model, "--cut", cut, "--threads", 1, "-q", "-o", output, *self.with_defaults(usual, more)]

    def retrained(self, output, *more):
        return self.report(self.words(output, "--json", *more))

    def test_accuracy_comes_back(self):
        for side in ("tail", "all"):
            with self.subTest(side=side):
                report = self.retrained(self.folder / f"{side}.onnx", "--side", side)
                accuracy = report["accuracy"]
                self.assertAlmostEqual(accuracy["original"], self.uncut, delta=0.013)
                self.assertLess(accuracy["with_tl"], accuracy["original"])
                self.assertGreater(accuracy["retrained"], accuracy["with_tl"])
                self.assertEqual(report["wire_bytes"], 8 * 8 * 8 * 4)
                before, after = weights(self.model), weights(self.folder / f"{side}.onnx")
                self.assertEqual(bool((before["w1"] == after["w1"]).all()), side == "tail")
                self.assertTrue((before["w2"] != after["w2"]).any())

    def test_the_road_through_prepare_and_run(self):
        written = self.folder / "road.onnx"
        report = self.retrained(written)
        package = self.folder / "device"
        result = run("prepare", written, "--candidate", report["candidate"], "--package", package, "--repository", self.folder / "models", "--input",
                     self.folder / "input.json", program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        session = ort.InferenceSession(str(package / "head.onnx"), providers=["CPUExecutionProvider"])
        self.assertEqual(session.run(None, {"x": np.zeros((1, 3, 32, 32), np.float32)})[0].shape, (1, 8, 8, 8))
        server = subprocess.Popen([PROGRAM, "serve", "--model-repository", self.folder / "models", "--grpc-port", "0", "--json", "-q"],
                                  stdout=subprocess.PIPE, text=True)
        try:
            port = json.loads(server.stdout.readline())["port"]
            result = run("run", package, self.photos, "--edge", f"127.0.0.1:{port}", "--fallback", "none", "--json", "-q", program=PROGRAM)
        finally:
            server.terminate()
            server.communicate()
        self.assertEqual(result.returncode, 0, result.stderr)
        answers = [a for a in map(json.loads, result.stdout.splitlines()) if "latency_us" in a]
        whole = ort.InferenceSession(str(written), providers=["CPUExecutionProvider"])
        images, _ = pictures(80, 2)
        for answer in answers:
            pixels = images[int(pathlib.Path(answer["path"]).stem)].astype(np.float32).transpose(2, 0, 1)[None]
            scores = whole.run(None, {"x": (pixels / 255 - 0.5) / 0.25})[0][0]
            self.assertEqual(answer["top"][0]["index"], int(scores.argmax()))
            self.assertAlmostEqual(answer["top"][0]["score"], float(scores.max()), places=3)
            self.assertEqual(answer["origin"], "edge")

    def test_without_the_layer_inside(self):
        written, inside = self.folder / "outside.onnx", self.folder / "inside.onnx"
        report = self.retrained(written, "--without-tl", "--side", "all")
        self.retrained(inside, "--side", "all")
        before, after, other = weights(self.model), weights(written), weights(inside)
        self.assertEqual(sorted(before), sorted(after))
        for name in before:
            self.assertTrue((after[name] == other[name]).all(), name)
        self.assertEqual([n.op_type for n in onnx.load(self.model).graph.node], [n.op_type for n in onnx.load(written).graph.node])
        result = run("score", written, "--images", self.photos, "--labels", self.labels, "--input", self.folder / "input.json", "--cuts", "r1",
                     "--tls", "pool", "--codecs", "none", "--fit-images", 2, "-o", self.folder / "scores.json", program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(report["candidate"], [s["candidate"] for s in json.loads((self.folder / "scores.json").read_text())["scores"]])

    def test_other_layers(self):
        for tl, more in (("uint2", ["--without-tl"]), ("klt-s2-c8-b8", [])):
            for side in ("tail", "all"):
                with self.subTest(tl=tl, side=side):
                    report = self.retrained(self.folder / "other.onnx", "--tl", tl, "--side", side, "--epochs", 2, *more)
                    self.assertGreaterEqual(report["accuracy"]["retrained"], report["accuracy"]["with_tl"] - 0.05)

    def test_a_teacher_beside_labels(self):
        report = self.retrained(self.folder / "taught.onnx", "--distill", self.model, "--flip", "--shift", 2)
        self.assertIn("agreement", report["training"]["epochs"][-1]["metrics"])
        self.assertGreater(report["accuracy"]["retrained"], report["accuracy"]["with_tl"])

    def test_a_killed_run_goes_on(self):
        more = ["--epochs", 60, "--side", "tail"]
        whole = self.retrained(self.folder / "whole.onnx", *more)
        checkpoint, output = self.folder / "run.checkpoint", self.folder / "killed.onnx"
        report = self.resumed(self.words(output, "--json", *more, "--checkpoint", checkpoint, "--checkpoint-seconds", 0), checkpoint)
        self.assertTrue(report["training"]["resumed"])
        self.assertEqual(report["accuracy"], whole["accuracy"])
        self.assertEqual(output.read_bytes(), (self.folder / "whole.onnx").read_bytes())
        self.refused(self.words(self.folder / "refused.onnx", *more, "--checkpoint", checkpoint, "--tl", "fp16"),
                     "belongs to another run: 'tl' was \"pool\"")

    def test_prints_a_table(self):
        result = run(*self.words(self.folder / "table.onnx", "--epochs", 1))
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("pool, not retrained", "pool, retrained (tail)", "points lost", "scissionlite prepare"):
            self.assertIn(part, result.stdout)

    def test_refusals(self):
        out = self.folder / "refused.onnx"
        self.refused(self.words(out, cut="nowhere"), "nowhere")
        self.refused(self.words(out, "--tl", "puul"), "puul")
        self.refused(self.words(out, cut="f"), "takes no tensor of this cut", "needs 4 dimensions")
        self.refused(self.words(out, "--tl", "uint1", "--side", "sideways"), "sideways")
        self.refused(self.words(out, "--tl", "uint2"), "sends cut0 and cut0_range", "--without-tl")
        self.refused(self.words(out, "--labels", self.labels), "CIFAR's and IDX files hold their labels; leave --labels out")
        self.refused(self.words(out, "--images", self.photos), "nothing to learn from; give --labels")
        self.refused(self.words(out, "--held-out", self.photos), "is held out of labelled pictures", "is none of them")
        images, _ = pictures(3, 5)
        self.refused(self.words(out, "--images", write_cifar(self.folder / "wrong.bin", images, [0, 1, 9])), "wrong.bin", "class 9",
                     "beyond the 4 outputs")
        short = self.folder / "short.bin"
        short.write_bytes(b"short")
        self.refused(self.words(out, "--images", short), "short.bin", "5 bytes, expected a multiple of 3073")


class Classes(Retrain):
    """A new last layer."""
    def train(self, output, *more, model=None):
        return run("train", model or self.model, "--images", self.photos, "--labels", self.labels, "--input", self.folder / "input.json", "--threads",
                   1, "--epochs", 1, "-q", "-o", output, *more)

    def test_a_new_last_layer(self):
        written = self.folder / "classes.onnx"
        result = self.train(written, "--classes", 6, "--train", "fc", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["parameters_trained"], 2)
        session = ort.InferenceSession(str(written), providers=["CPUExecutionProvider"])
        self.assertEqual(session.run(None, {"x": np.zeros((5, 3, 32, 32), np.float32)})[0].shape, (5, 6))
        self.assertEqual(session.get_outputs()[0].shape[1], 6)
        before, after = weights(self.model), weights(written)
        self.assertTrue(all((before[name] == after[name]).all() for name in ("w1", "b1", "w2", "b2")))
        self.assertIn("scissionlite.input", {p.key for p in onnx.load(written).metadata_props})

    def test_refusals_of_classes(self):
        out = self.folder / "refused.onnx"
        self.refused(["train", self.model, "--images", self.photos, "--labels", self.labels, "--classes", 2, "-o", out], "beyond the 2 outputs")
        self.refused(["train", self.model, "--images", self.photos, "--labels", self.labels, "--classes", 1, "-o", out], "--classes")
        model = onnx.load(self.model)
        model.graph.node.append(helper.make_node("Concat", ["l", "l"], ["twice"], name="twice", axis=1))
        model.graph.output[0].name = "twice"
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2 * CLASSES
        strange = self.folder / "strange.onnx"
        onnx.save(model, strange)
        self.refused(["train", strange, "--images", self.photos, "--labels", self.labels, "--classes", 5, "-o", out], "Concat 'twice'",
                     "expected a Gemm or MatMul")


def load_tests(loader, tests, pattern):
    suite = loader.loadTestsFromTestCase(Retrain)
    suite.addTests([Classes("test_a_new_last_layer"), Classes("test_refusals_of_classes")])
    return suite


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)
