"""tools/figures/road.py from end to end on a tiny model: prune, sparsify, tune, plan on pictures of stripes, stopped and gone on with.
test_road.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of .deps/venv_ort)"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stripes import CLASSES, TRAIN, pictures  # noqa: E402  (it takes the programs off sys.argv)
from small_models import residual_model  # noqa: E402
from test_train import weights, write_png  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLOW = 8
STEPS = ("dense", "pruned", "sparse", "tuned")


class Road(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.images, cls.labels, cls.work = cls.folder / "images", cls.folder / "labels.tsv", cls.folder / "work"
        cls.images.mkdir()
        cls.pictures, lines = {}, []
        for i, (image, label) in enumerate(zip(*pictures(240, 1))):
            write_png(cls.images / f"{i:03}.png", image)
            cls.pictures[f"{i:03}.png"] = image
            lines.append(f"{i:03}.png\t{label}\n")
        cls.labels.write_text("".join(lines))
        cls.input = cls.folder / "input.json"
        cls.input.write_text(json.dumps({"schema": "scissionlite.input/1", "width": 32, "height": 32, "resize": "none", "mean": 0.5, "std": 0.25}))
        cls.model = residual_model(cls.folder / "start.onnx")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def road(self, *more, code=0):
        words = [
            sys.executable, ROOT / "tools" / "figures" / "road.py", "--programs", TRAIN.parent, "--work", self.work, "--model", self.model, "--input",
            self.input, "--images", self.images, "--labels", self.labels, "--classes", CLASSES, "--threads", 1, "--epochs", 6, "--search-epochs", 8,
            "--retrain-epochs", 6, "--sparse-epochs", 6, "--lr", 0.01, "--latency-share", 0.8, "--slow", SLOW, "--tune-budget", 2, "--tune-seconds",
            10, "--rounds", 1, "--seconds", 0.02, "--profile-seconds", 10, "--fit-images", 10, "--cuts", 2, "--min-agreement", 0.5, *more
        ]
        result = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=800)
        self.assertEqual(result.returncode, code, result.stderr[-3000:])
        return result

    def accuracy(self, model):
        """By ONNX Runtime, on the pictures that the road put aside."""
        rows = [line.split("\t") for line in (self.work / "pictures.test.tsv").read_text().splitlines()]
        x = (np.stack([self.pictures[name] for name, _ in rows]).astype(np.float32).transpose(0, 3, 1, 2) / 255 - 0.5) / 0.25
        answers = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        return 100 * float((answers.argmax(1) == np.array([int(label) for _, label in rows])).mean())

    def test_from_a_trained_model_to_a_plan(self):
        stopped = self.road("--tune-budget", 0, code=1)  # the model is pruned and sparse, tuning is refused
        self.assertIn("the same command goes on from there", stopped.stderr)
        made = {path: path.stat().st_mtime_ns for path in self.work.glob("*.onnx")}
        self.assertEqual(sorted(path.stem for path in made), ["dense", "pruned", "sparse"])
        done = self.road()
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.work.glob("*.onnx")}, made, "what was there is not made again")
        rows = {row["id"].removeprefix("road/"): row for row in json.loads(done.stdout[done.stdout.index("["):])}
        models = {step: self.work / f"{'sparse' if step == 'tuned' else step}.onnx" for step in STEPS}
        for step, model in models.items():
            self.assertAlmostEqual(rows[f"{step}/accuracy_percent"]["measured"], self.accuracy(model), delta=1.7)  # one picture of 60
            self.assertEqual(rows[f"{step}/onnx_bytes"]["measured"], model.stat().st_size)
            self.assertAlmostEqual(rows[f"{step}/latency_device_ms"]["measured"], SLOW * rows[f"{step}/latency_edge_native_ms"]["measured"])
        self.assertGreater(rows["tuned/accuracy_percent"]["measured"], 80)
        self.assertLess(rows["pruned/weight_bytes"]["measured"], rows["dense/weight_bytes"]["measured"])
        dense = sum(values.size for name, values in weights(models["dense"]).items() if name.startswith("w"))
        self.assertEqual(rows["dense/weight_bytes"]["measured"], 4 * dense)
        kept = [values for name, values in weights(models["sparse"]).items() if name.startswith("w")]
        halves = [values for values in kept if np.count_nonzero(values) * 2 <= values.size]
        self.assertEqual(rows["sparse/weight_bytes"]["measured"],
                         sum(4 * values.size for values in kept) - sum(4 * values.size // 2 - values.size // 8 for values in halves))
        for step in ("dense", "tuned"):
            plan = json.loads((self.work / f"{step}.plan.json").read_text())
            self.assertAlmostEqual(rows[f"{step}/plan_ms"]["measured"], plan["chosen"]["latency_us"] / 1e3)
            self.assertIn(plan["chosen"]["key"], rows[f"{step}/plan_ms"]["note"])
        self.assertLess(rows["pruned/predicted_latency_share"]["measured"], 1)
        again = self.road()
        self.assertEqual(again.stdout, done.stdout)
        self.assertNotIn("+ ", again.stderr, "nothing is left to do")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
