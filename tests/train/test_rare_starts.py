"""scissionlite-train train --objective: which models it begins with, what it makes of their ends, and what it does with
images that are not what they should be. test_rare_starts.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of
.deps/venv_ort)"""
import json
import pathlib
import sys
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from small_models import answers, residual_model  # noqa: E402  (it takes the programs off sys.argv)
from stripes import OnStripes, pictures, write_cifar  # noqa: E402
from test_train import run, write_png  # noqa: E402

POSITIVE = 2
WORDS = {"--objective": "auc", "--positive": POSITIVE, "--stages": 2, "--stage-steps": 12, "--window": 4, "--batch": 16, "--lr": 0.2}


def small_model(path, ends=(), outputs=2, seed=3):
    """Two convolutions and a Gemm, and behind it the operators of `ends`; with "also logits" the Gemm's values are the second output."""
    rng = np.random.default_rng(seed)
    arrays = {
        "w1": rng.standard_normal((8, 3, 3, 3)) * 0.3, "w2": rng.standard_normal((16, 8, 3, 3)) * 0.2, "w": rng.standard_normal((outputs, 16)) * 0.3,
        "b": np.zeros(outputs)
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1] * 4),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["l"], transB=1)
    ]
    last = "l"
    for end in ends:
        if end != "also logits":
            nodes.append(helper.make_node(end, [last], [end.lower()], **({"axis": 1} if "oftmax" in end else {})))
            last = end.lower()
    names = [last, "l"] if "also logits" in ends else [last]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", outputs]) for name in names],
                              [numpy_helper.from_array(values.astype(np.float32), key) for key, values in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


class Starts(OnStripes):
    def words(self, output, *more, model=None, data=None):
        return self.on_stripes("train", model or self.start, output, *self.with_defaults(WORDS, more), data=data)

    def learned(self, output, *more, **others):
        return self.report(self.words(output, "--json", *more, **others))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start = small_model(cls.folder / "start.onnx")
        cls.is_positive = np.array(cls.labels_of_images) == POSITIVE

    def input_of(self, model):
        return json.loads(model.with_suffix(".input.json").read_text())

    def write_input(self, name, **more):
        path = self.folder / name
        path.write_text(json.dumps({**json.loads((self.folder / "input.json").read_text()), **more}))
        return path

    def with_input(self, words, path):
        return [path if word == self.folder / "input.json" else word for word in words]

    def photos(self):
        photos = self.folder / "photos"
        for i in range(60):
            folder = photos / ("defect" if self.is_positive[i] else "ok")
            folder.mkdir(parents=True, exist_ok=True)
            write_png(folder / f"{i:02}.png", self.images[i])
        return photos

    def test_output_1_is_the_positive_class_whichever_it_was(self):
        good, swapped, output = self.folder / "good.onnx", self.folder / "swapped.onnx", self.folder / "again.onnx"
        self.learned(good, "--stage-steps", 60)
        model = onnx.load(good)
        del model.metadata_props[:]
        for tensor in model.graph.initializer:
            if tensor.name in ("w", "b"):
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[::-1].copy(), tensor.name))
        onnx.save(model, swapped)
        photos = self.photos()
        for start, labels in ((good, ["ok", "defect"]), (swapped, ["defect", "ok"])):
            data = ["--images", photos / "defect", photos / "ok", "--holdout", 20]
            words = self.words(output, "--json", "--labels", "folders", "--positive", "defect", "--stage-steps", 1, "--lr", 1e-6, model=start,
                               data=data)
            report = self.report(self.with_input(words, self.write_input("labels.json", labels=labels)))
            self.assertGreater(report["measures"][0]["auc"]["value"], 0.9, labels)
            self.assertEqual(self.input_of(output)["labels"], ["ok", "defect"])
            found = answers(output, self.images)
            self.assertGreater(np.mean((found[:, 1] > found[:, 0])[self.is_positive]), 0.5)
        words = self.with_input(self.words(output, "--json", "--positive", 2, 3, model=swapped),
                                self.write_input("labels.json", labels=["a", "b", "c", "d"]))
        self.report(words)
        self.assertEqual(self.input_of(output)["labels"], ["negative", "positive"], "neither of the model's own classes")

    def test_decisions_fit_the_first_output(self):
        for ends, scores in (((), "logits"), (("LogSoftmax", ), "logits"), (("LogSoftmax", "Identity"), "logits"), (("Softmax", ), "shares"),
                             (("Softmax", "also logits"), "shares")):
            output = self.folder / "ended.onnx"
            report = self.learned(output, "--stage-steps", 30, model=small_model(self.folder / "ends.onnx", ends))
            decision = self.input_of(output)["decision"]
            self.assertEqual(decision["scores"], scores, ends)
            found = answers(output, self.images).astype(np.float64)
            share = found[:, 1] if scores == "shares" else 1 / (1 + np.exp(found[:, 0] - found[:, 1]))
            called = share >= decision["threshold"]
            self.assertAlmostEqual(called[self.is_positive].mean(), report["operation"]["recall"], delta=0.051, msg=ends)
            self.assertGreater(report["operation"]["recall"], 0.3)

    def test_a_new_head_is_not_bounded_by_what_stood_behind_the_old_one(self):
        plain = self.learned(self.folder / "bounded.onnx", "--stage-steps", 40, model=small_model(self.folder / "bounds.onnx", (), outputs=4))
        for end in ("Sigmoid", "Relu", "Clip"):
            report = self.learned(self.folder / "bounded.onnx", "--stage-steps", 40, model=small_model(self.folder / "bounds.onnx", (end, ),
                                                                                                       outputs=4))
            self.assertAlmostEqual(report["measures"][-1]["auc"]["value"], plain["measures"][-1]["auc"]["value"], delta=1e-6, msg=end)
            self.assertEqual(self.input_of(self.folder / "bounded.onnx")["decision"]["scores"], "logits")

    def test_running_statistics_stay_what_they_are_where_changes_are_packed(self):
        start = residual_model(self.folder / "residual.onnx")
        model = onnx.load(start)
        for tensor in model.graph.initializer:  # a channel that is five orders of magnitude larger than its neighbours
            if tensor.name.startswith("var"):
                values = numpy_helper.to_array(tensor).copy()
                values[0] = 1e5
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        onnx.save(model, start)
        output = self.folder / "packed.onnx"
        for packing in ("int8", "bf16"):
            report = self.learned(output, "--batch-statistics", "--workers", 2, "--send", packing, "--lr", 0.1, "--stage-steps", 40, model=start)
            self.assertGreater(report["measures"][-1]["auc"]["value"], 0.95, packing)
            variances = [numpy_helper.to_array(tensor) for tensor in onnx.load(output).graph.initializer if tensor.name.startswith("var")]
            self.assertGreater(len(variances), 3)
            self.assertTrue(all((values > 0).all() for values in variances), packing)

    def test_what_is_measured_on_is_not_learned_from(self):
        self.refused(self.words(self.folder / "refused.onnx", data=["--images", self.train_file, "--held-out", self.train_file]), "is held out too")
        photos = self.photos()
        table = self.folder / "photos.tsv"
        table.write_text("".join(f"{i:02}.png\t{self.labels_of_images[i]}\n" for i in range(60)))
        words = [
            word for word in self.words(self.folder / "overlap.onnx", "--json", "--labels", table, "--stage-steps", 1,
                                        data=["--images", photos / "*" / "*.png", "--held-out", photos / "*" / "[45]*.png"]) if word != "-q"
        ]
        result = run(*words)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("20 of 60 images to learn from are held out too", result.stderr)
        self.assertEqual(json.loads(result.stdout)["members"][0]["images"], 40)
        self.refused(
            self.words(self.folder / "refused.onnx", "--labels", table,
                       data=["--images", photos / "*" / "4*.png", "--held-out", photos / "*" / "4*.png"]),
            "all images to learn from are held out too")

    def test_numbers_count_behind_the_background_class(self):
        words = self.words(self.folder / "offset.onnx", "--json", "--stage-steps", 1, "--positive", "dent",
                           model=small_model(self.folder / "five.onnx", outputs=5))
        words = [word for word in words if word != "-q"]
        result = run(
            *self.with_input(words, self.write_input("offset.json", labels=["background", "ok", "scratch", "dent", "crack"], label_offset=1)))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("positive (2 (dent): 60)", result.stderr)

    def test_a_checkpoint_that_was_removed_begins_anew_whatever_other_members_have(self):
        checkpoint = self.folder / "run.checkpoint"
        words = self.words(self.folder / "anew.onnx", "--json", "--workers", 3, "--checkpoint", checkpoint, "--checkpoint-seconds", 0)
        self.assertFalse(self.report(words)["resumed"])
        self.assertTrue(self.report(words)["resumed"])
        checkpoint.unlink()
        words = self.words(self.folder / "anew.onnx", "--json", "--workers", 2, "--margin", 0.7, "--checkpoint", checkpoint, "--checkpoint-seconds",
                           0)
        self.assertFalse(self.report(words)["resumed"])
        self.assertFalse(pathlib.Path(f"{checkpoint}.rank2").exists())

    def test_a_member_does_not_go_on_over_other_images_of_its_own(self):
        checkpoint, output = self.folder / "own.checkpoint", self.folder / "own.onnx"
        other = write_cifar(self.folder / "other.bin", *pictures(160, 9))
        words = lambda to, images: self.words(to, "--own-images", "--checkpoint", checkpoint, "--json", data=
                                              ["--images", images, "--held-out", self.test_file])  # noqa: E731
        self.report(words(output, self.train_file))
        self.assertTrue(self.report(words(output, self.train_file))["resumed"])
        self.refused(words(self.folder / "refused.onnx", other), "was saved by a run on other images than this member now has")

    def test_numbers_that_are_none(self):
        for option in ("--lr", "--momentum", "--margin", "--growth", "--positive-rate"):
            for value in ("nan", "inf"):
                result = run(*self.words(self.folder / "refused.onnx", option, value))
                self.assertNotEqual(result.returncode, 0, (option, value))
                self.assertNotIn("member 0 has", result.stderr)
        self.refused(
            self.words(self.folder / "refused.onnx", "--skew", 1, "--workers", 6, "--positive", 0, 1, 2,
                       data=["--images", write_cifar(self.folder / "few.bin", *pictures(8, 4)), "--held-out", self.test_file]), "without an image")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
