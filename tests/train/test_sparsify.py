"""scissionlite-train sparsify: 2:4 models that answer as well, on stripes of CIFAR's format. Masks and orders of channels are tested by src/compress.
test_sparsify.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of .deps/venv_ort)"""
import json
import pathlib
import sys
import unittest

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from small_models import OnTrainedModel, accuracy, answers  # noqa: E402  (it takes the programs off sys.argv)
from test_train import run, weights  # noqa: E402


def groups_of_four(values):
    """Weights as (groups, 4) along input channels: those of a convolution by output and place of the kernel."""
    return np.moveaxis(values, 1, -1).reshape(-1, 4)


class Sparsify(OnTrainedModel):
    def words(self, output, *more, model=None):
        usual = {"--epochs": 4, "--lr": 0.01, "--schedule": "cosine", "--escapes": 10}
        return self.on_stripes("sparsify", model or self.residual, output, *self.with_defaults(usual, more))

    def sparsified(self, output, *more):
        return self.report(self.words(output, "--json", *more))

    def test_two_of_four_are_zero_and_it_answers_as_well(self):
        for optimizer in ("sgd", "adam"):
            with self.subTest(optimizer=optimizer):
                written, saved = self.folder / "sparse.onnx", self.folder / "report.json"
                report = self.sparsified(written, "--report", saved, "--optimizer", optimizer, "--weight-decay", 1e-4, "--lr",
                                         0.01 if optimizer == "sgd" else 0.002)
                sparse = {layer["name"] for layer in report["layers"] if layer["sparse"]}
                self.assertEqual(len(sparse), 6)  # not the first convolution, of 3 inputs, nor the classifier, of 4 outputs
                for name, values in weights(written).items():
                    if name.startswith("w") and values.ndim == 4 and values.shape[1] == 16:
                        self.assertTrue((np.count_nonzero(groups_of_four(values), axis=1) == 2).all(), name)
                self.assertEqual(report["zeros"], 6 * 16 * 16 * 9 // 2)
                self.assertAlmostEqual(report["score"]["after"], accuracy(written, self.images, self.labels_of_images), delta=0.013)
                self.assertGreaterEqual(report["score"]["after"], report["score"]["before"] - 0.03)
                self.assertEqual(json.loads(saved.read_text()), report)

    def test_masks_are_of_the_largest(self):
        self.sparsified(self.folder / "masked.onnx", "--epochs", 0, "--no-permutation")
        before, after = weights(self.residual), weights(self.folder / "masked.onnx")
        for name, values in before.items():
            if values.ndim == 4 and values.shape[1] == 16:
                rows, kept = groups_of_four(values), groups_of_four(after[name])
                self.assertTrue(((kept == rows) | (kept == 0)).all())
                np.testing.assert_allclose(np.abs(kept).sum(1), np.sort(np.abs(rows), axis=1)[:, 2:].sum(1), rtol=1e-6)
            else:
                np.testing.assert_array_equal(values, after[name])

    def test_weights_that_are_left_are_fitted_without_labels_or_training(self):
        """On top of equal masks, and closer to the dense model's answers than they are."""
        found = {}
        for images in (0, 100):
            written = self.folder / f"fitted{images}.onnx"
            report = self.sparsified(written, "--epochs", 0, "--no-permutation", "--reconstruct", images)
            self.assertEqual("reconstructed" in report["score"], images > 0)
            self.assertEqual(report["zeros"], 6 * 16 * 16 * 9 // 2)
            found[images] = {name: values == 0 for name, values in weights(written).items() if values.ndim == 4}, answers(written, self.images)
        for name, zeros in found[0][0].items():
            np.testing.assert_array_equal(zeros, found[100][0][name])
        dense = answers(self.residual, self.images)
        masked, fitted = (np.linalg.norm(found[images][1] - dense) for images in (0, 100))
        self.assertLess(fitted, 0.5 * masked)

    def test_an_order_of_channels_keeps_more(self):
        with_order, without = self.sparsified(self.folder / "a.onnx", "--epochs", 0), self.sparsified(self.folder / "b.onnx", "--epochs", 0,
                                                                                                      "--no-permutation"),
        self.assertGreater(with_order["permutation_efficacy"], 0.1)
        self.assertEqual(without["permutation_efficacy"], 0)
        kept = [sum(layer["kept"] for layer in report["layers"]) for report in (with_order, without)]
        self.assertGreater(kept[0], kept[1])
        self.assertAlmostEqual(with_order["score"]["before"], without["score"]["before"], places=6)

    def test_a_killed_run_goes_on(self):
        more = ["--epochs", 60]
        self.sparsified(self.folder / "whole.onnx", *more)
        checkpoint, output = self.folder / "run.checkpoint", self.folder / "killed.onnx"
        words = self.words(output, "--json", *more, "--checkpoint", checkpoint, "--checkpoint-seconds", 0)
        self.assertTrue(self.resumed(words, checkpoint)["training"]["resumed"])
        self.assertEqual(output.read_bytes(), (self.folder / "whole.onnx").read_bytes())

    def test_refusals(self):
        out = self.folder / "refused.onnx"
        narrow = onnx.load(self.residual)
        graph = helper.make_graph(
            [helper.make_node("Flatten", ["x"], ["f"], name="flat"),
             helper.make_node("Gemm", ["f", "w", "b"], ["l"], name="fc")], "linear", narrow.graph.input, narrow.graph.output,
            [numpy_helper.from_array(np.zeros((3072, 4), np.float32), "w"),
             numpy_helper.from_array(np.zeros(4, np.float32), "b")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), self.folder / "linear.onnx")
        self.refused(self.words(out, model=self.folder / "linear.onnx"), "2:4 takes no layer", "4 outputs are no multiple of 8")
        self.refused(self.words(out, "--permutation", "stripe"), "stripe")

    def test_prints_a_table(self):
        result = run(*self.words(self.folder / "table.onnx", "--epochs", 1))
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("magnitude kept", "3 inputs are no multiple of 16", "weights are zero", "retrained"):
            self.assertIn(part, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
