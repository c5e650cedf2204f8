"""score --labels: accuracy and AUC, against ONNX Runtime and a count over all pairs.
test_labels.py SCISSIONLITE     (run with the Python of .deps/venv_ort)"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
SIDE, IMAGES = 8, 40


def save_model(path, outputs):
    rng = np.random.default_rng(5)
    arrays = {"w": rng.standard_normal((4, 3, 3, 3)), "v": rng.standard_normal((outputs, 4)), "b": np.zeros(outputs)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "v", "b"], ["y"], transB=1)
    ]
    graph = helper.make_graph(nodes, "defects", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", outputs])],
                              [numpy_helper.from_array(v.astype(np.float32), k) for k, v in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


class Labels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        (cls.folder / "images").mkdir()
        rng = np.random.default_rng(2)
        cls.pixels = rng.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
        cls.labels = rng.integers(0, 2, IMAGES)
        for i, picture in enumerate(cls.pixels):
            (cls.folder / "images" / f"{i:02}.ppm").write_bytes(b"P6 %d %d 255\n" % (SIDE, SIDE) + picture.tobytes())
        (cls.folder / "labels.tsv").write_text("".join(f"{i:02}.ppm\t{label}\n" for i, label in enumerate(cls.labels)))
        (cls.folder / "input.json").write_text(
            json.dumps({"schema": "scissionlite.input/1", "width": SIDE, "height": SIDE, "resize": "stretch", "crop": "none"}))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def score(self, outputs, *more):
        model = self.folder / f"{outputs}.onnx"
        save_model(model, outputs)
        return model, subprocess.run([
            str(PROGRAM), *map(str, [
                "score", model, "--images", self.folder / "images", "--labels", self.folder / "labels.tsv", "--fit-images", 0, "--input",
                self.folder / "input.json", "--cuts", "all", "--tls", "uint2", "--codecs", "none", *more
            ])
        ], capture_output=True, text=True)

    def check(self, outputs):
        out = self.folder / f"{outputs}.json"
        model, result = self.score(outputs, "-o", out)
        self.assertEqual(result.returncode, 0, result.stderr)
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        answers = session.run(None, {"x": (self.pixels.transpose(0, 3, 1, 2) / 255).astype(np.float32)})[0].astype(np.float64)
        shares = np.exp(answers) / np.exp(answers).sum(1, keepdims=True)
        areas = []
        for c in set(self.labels):
            pairs = np.sign(shares[self.labels == c, c][:, None] - shares[self.labels != c, c][None, :])
            areas.append((pairs + 1).mean() / 2)
        rows = json.loads(out.read_text())["scores"]
        local = rows[0]
        self.assertAlmostEqual(local["label_auc"], float(np.mean(areas)), places=6)
        self.assertAlmostEqual(local["label_accuracy"], float((answers.argmax(1) == self.labels).mean()), places=6)
        self.assertTrue(0 < local["label_auc"] < 1)
        coarse = [row["label_auc"] for row in rows if row["candidate"].endswith("/uint2")]
        self.assertTrue(any(auc != local["label_auc"] for auc in coarse), coarse)  # not the uncut model's, copied
        self.assertIn("AUC", result.stdout)

    def test_two_classes(self):
        self.check(2)

    def test_a_class_without_images(self):
        self.check(5)

    def test_many_classes_have_none(self):
        out = self.folder / "many.json"
        _, result = self.score(40, "-o", out)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("AUC", result.stdout)
        self.assertFalse(any("label_auc" in row for row in json.loads(out.read_text())["scores"]))

    def test_one_number_is_said_to_agree_always(self):
        model = self.folder / "1.onnx"
        save_model(model, 1)
        result = subprocess.run([
            str(PROGRAM), "score",
            str(model), "--images",
            str(self.folder / "images"), "--fit-images", "0", "--input",
            str(self.folder / "input.json"), "--cuts", "none", "--codecs", "jpeg-q50-420"
        ], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("top1 cannot tell answers apart", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
