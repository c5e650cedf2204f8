"""scissionlite-train prune: smaller models that answer as well, on stripes of CIFAR's format. The graph work is tested by src/compress.
test_prune.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of .deps/venv_ort)"""
import hashlib
import json
import pathlib
import sys
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from small_models import BASE, WIDTH, OnTrainedModel, accuracy, parameters, plain_model  # noqa: E402  (it takes the programs off sys.argv)
from stripes import CLASSES  # noqa: E402
from test_train import PROGRAM, run  # noqa: E402


class Prune(OnTrainedModel):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.models = {"residual": cls.residual, "plain": cls.folder / "plain.onnx"}
        cls.trained(plain_model(cls.folder / "start.onnx"), cls.models["plain"], *BASE)

    def words(self, output, *more, model="residual"):
        usual = {"--search-epochs": 8, "--epochs": 4, "--lr": 0.02, "--schedule": "cosine"}
        return self.on_stripes("prune", self.models[model], output, *self.with_defaults(usual, more))

    def pruned(self, output, *more, model="residual", code=0):
        return self.report(self.words(output, "--json", *more, model=model), code)

    def check(self, report, model, written):
        """What the report says is what ONNX Runtime and the file say."""
        self.assertEqual(report["parameters"]["after"], parameters(written))
        self.assertAlmostEqual(report["score"]["after"], accuracy(written, self.images, self.labels_of_images), delta=0.013)
        self.assertLess(report["parameters"]["after"], report["parameters"]["before"])
        self.assertLess(report["macs"]["after"], report["macs"]["before"])
        self.assertGreaterEqual(report["score"]["after"], accuracy(self.models[model], self.images, self.labels_of_images) - 0.03)
        self.assertLessEqual(report["largest_error"], 1e-4)

    def test_a_residual_network_gets_smaller(self):
        written, saved = self.folder / "small.onnx", self.folder / "report.json"
        report = self.pruned(written, "--search-epochs", 12, "--report", saved)
        self.check(report, "residual", written)
        self.assertLess(report["parameters"]["after"], 0.6 * report["parameters"]["before"])
        self.assertEqual(len(report["blocks"]), 3)
        self.assertEqual(json.loads(saved.read_text()), report)

    def test_a_network_without_normalisation_gets_smaller(self):
        written = self.folder / "small_plain.onnx"
        report = self.pruned(written, "--strength", 2, "--search-epochs", 20, "--lr", 0.01, model="plain")
        self.check(report, "plain", written)
        self.assertEqual({n.op_type for n in onnx.load(written).graph.node}, {n.op_type for n in onnx.load(self.models["plain"]).graph.node})

    def test_a_budget_is_met_or_missed(self):
        weak = ["--strength", 0.02, "--no-blocks"]
        free = self.pruned(self.folder / "free.onnx", *weak)
        held = self.pruned(self.folder / "held.onnx", *weak, "--params", 0.8, "--search-epochs", 40)
        self.assertLessEqual(held["parameters"]["after"], 0.8 * held["parameters"]["before"])
        self.assertTrue(held["is_within_budget"])
        self.assertLess(held["parameters"]["after"], free["parameters"]["after"])
        missed = self.pruned(self.folder / "missed.onnx", *weak, "--params", 20, "--search-epochs", 1, code=1)  # fewer than one channel everywhere
        self.assertFalse(missed["is_within_budget"])

    def profile(self, name, **more):
        """A profile by hand, without pieces unless given, of the residual model."""
        path = self.folder / name
        sha256 = hashlib.sha256(self.models["residual"].read_bytes()).hexdigest()
        path.write_text(
            json.dumps({"schema": "scissionlite.profile/1", "machine_name": "phone", "model_sha256": sha256, "whole": 4000, "cuts": []} | more))
        return path

    def test_a_budget_of_latency(self):
        weak = ["--strength", 0.02, "--no-blocks", "--profile", self.profile("phone.json")]
        held = self.pruned(self.folder / "fast.onnx", *weak, "--latency-ms", 3, "--search-epochs", 40)
        predicted = held["predicted_latency_us"]
        self.assertEqual((predicted["machine"], predicted["before"], held["budget"]), ("phone", 4000, {"latency_us": 3000}))
        self.assertLessEqual(predicted["after"], 3000)
        self.assertAlmostEqual(predicted["after"], 4000 * held["macs"]["after"] / held["macs"]["before"], delta=1)  # one piece
        self.assertTrue(held["is_within_budget"])
        missed = self.pruned(self.folder / "slow.onnx", *weak, "--latency-ms", 0.01, "--search-epochs", 1, code=1)
        self.assertFalse(missed["is_within_budget"])
        self.assertGreater(missed["predicted_latency_us"]["after"], 10)

    def test_pieces_of_a_real_profile(self):
        path = self.folder / "here.json"
        result = run("profile", self.models["residual"], "--name", "here", "--engine", "native", "--threads", 1, "--input",
                     self.folder / "input.json", "--cuts", "single", "--tls", "fp32", "--max-seconds", 0.2, "-o", path, program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        profile = json.loads(path.read_text())
        self.assertGreater(len(profile["blocks"]), 4)
        report = self.pruned(self.folder / "here.onnx", "--no-channels", "--strength", 3, "--profile", path)
        self.assertTrue(any(block["gate"] == 0 for block in report["blocks"]))
        predicted, whole = report["predicted_latency_us"], profile["whole"]["median_us"]
        self.assertAlmostEqual(predicted["before"], whole)
        # what a block takes that is gone: its pieces between the cuts, on the scale of the whole; the activation behind it stays
        cuts = [cut["tensors"][0] for cut in profile["cuts"]]
        scale, gone = whole / sum(block["median_us"] for block in profile["blocks"]), 0
        nodes = {node.name: node for node in onnx.load(self.models["residual"]).graph.node}
        for block in report["blocks"]:
            if block["gate"] == 0:
                gone += scale * profile["blocks"][cuts.index(nodes[block["name"]].output[0])]["median_us"]
        self.assertLess(predicted["after"], whole)
        self.assertAlmostEqual(predicted["after"], whole - gone, delta=0.01 * whole)

    def test_profiles_that_are_refused(self):
        out = self.folder / "refused.onnx"
        self.refused(self.words(out, "--latency-ms", 3), "--latency-ms", "--profile")
        self.refused(self.words(out, "--latency-ms", 3, "--profile", self.folder / "no.json"), "no.json")
        self.refused(self.words(out, "--latency-ms", 3, "--profile", self.profile("other.json"), model="plain"), "other.json", "is of a model",
                     "scissionlite profile")
        self.refused(self.words(out, "--latency-ms", 3, "--profile", self.profile("empty.json", whole=None)), "empty.json",
                     "no time of the whole model")
        self.refused(
            self.words(out, "--latency-ms", 3, "--profile", self.profile("cuts.json", cuts=[{"id": "1", "tensors": ["nowhere"], "head": 100}])),
            "cuts.json", "'nowhere'")
        self.refused(self.words(out, "--latency-ms", 3, "--profile", self.profile("schema.json", schema="scissionlite.plan/1")), "schema.json",
                     "profile")
        checkpoint = self.folder / "latency.checkpoint"
        more = ["--checkpoint", checkpoint, "--search-epochs", 1, "--epochs", 1, "--latency-ms", 5]
        self.pruned(self.folder / "latency.onnx", *more, "--profile", self.profile("phone.json"))
        self.refused(self.words(out, *more, "--profile", self.profile("faster.json", whole=2000)), "belongs to another run: 'latency' was")

    def test_widths_are_multiples(self):
        report = self.pruned(self.folder / "eights.onnx", "--search-epochs", 12, "--strength", 3, "--no-blocks", "--width-multiple", 8)
        self.assertTrue({layer["kept"] for layer in report["layers"]} <= {8, 16}, report["layers"])
        self.assertIn(8, {layer["kept"] for layer in report["layers"]})
        self.refused(self.words(self.folder / "refused.onnx", "--width-multiple", 0), "--width-multiple")

    def test_no_penalty_keeps_all(self):
        report = self.pruned(self.folder / "all.onnx", "--strength", 0, "--search-epochs", 1, "--epochs", 0, "--threshold-share", 0)
        self.assertEqual(report["parameters"]["after"], report["parameters"]["before"])

    def test_only_blocks(self):
        report = self.pruned(self.folder / "blocks.onnx", "--no-channels", "--strength", 3)
        self.assertTrue(any(block["gate"] == 0 for block in report["blocks"]))
        shapes = {numpy_helper.to_array(t).shape for t in onnx.load(self.folder / "blocks.onnx").graph.initializer if t.name.startswith("w")}
        self.assertLessEqual(shapes, {(WIDTH, 3, 3, 3), (WIDTH, WIDTH, 3, 3), (CLASSES, WIDTH)})

    def test_a_killed_run_goes_on(self):
        more = ["--search-epochs", 12, "--epochs", 2]
        whole = self.pruned(self.folder / "whole.onnx", *more)
        checkpoint, output = self.folder / "run.checkpoint", self.folder / "killed.onnx"
        words = self.words(output, "--json", *more, "--checkpoint", checkpoint, "--checkpoint-seconds", 0)
        self.assertTrue(self.resumed(words, f"{checkpoint}.search")["search"]["resumed"])
        self.assertEqual(output.read_bytes(), (self.folder / "whole.onnx").read_bytes())
        again = self.report(words)  # both parts are there: only what is written is made again
        self.assertEqual(output.read_bytes(), (self.folder / "whole.onnx").read_bytes())
        self.assertEqual(again["layers"], whole["layers"])
        self.refused(self.words(self.folder / "refused.onnx", *more, "--checkpoint", checkpoint, "--strength", 2), "belongs to another run: 'prune'")

    def test_refusals(self):
        out = self.folder / "refused.onnx"
        self.refused(self.words(out, "--threshold-share", 1), "threshold")
        broken = onnx.load(self.models["residual"])
        for t in broken.graph.initializer:
            if t.name == "w0":
                values = numpy_helper.to_array(t).copy()
                values.flat[5] = np.nan
                t.CopyFrom(numpy_helper.from_array(values, "w0"))
        onnx.save(broken, self.folder / "broken.onnx")
        self.models["broken"] = self.folder / "broken.onnx"
        self.refused(self.words(out, model="broken"), "'w0'", "not finite")
        fixed = helper.make_graph(
            [helper.make_node("Flatten", ["x"], ["f"], name="flat"),
             helper.make_node("Gemm", ["f", "w", "b"], ["l"], name="fc")], "linear",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
            [helper.make_tensor_value_info("l", TensorProto.FLOAT, ["N", CLASSES])],
            [numpy_helper.from_array(np.zeros((3072, CLASSES), np.float32), "w"),
             numpy_helper.from_array(np.zeros(CLASSES, np.float32), "b")])
        onnx.save(helper.make_model(fixed, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), self.folder / "linear.onnx")
        self.models["linear"] = self.folder / "linear.onnx"
        self.refused(self.words(out, model="linear"), "nothing of", "output 'l'")

    def test_prints_tables(self):
        result = run(*self.words(self.folder / "table.onnx", "--search-epochs", 1, "--epochs", 1))
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("layer", "kept", "block", "parameters", "multiply-accumulates", "latency", "wrote"):
            self.assertIn(part, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
