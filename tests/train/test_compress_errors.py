"""What scissionlite-train prune and sparsify do with input that is bad or unusual, and with a disk that is: refused
with a message, nothing half-written, an output that was there as it was; or a smaller model that answers as ONNX
Runtime says. test_compress_errors.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of .deps/venv_ort)"""
import json
import pathlib
import resource
import signal
import sys
import unittest

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from small_models import WIDTH, Builder, OnTrainedModel, accuracy, parameters, plain_model  # noqa: E402  (it takes the programs off sys.argv)
from stripes import CLASSES, pictures, write_cifar  # noqa: E402
from test_train import run, weights, write_png  # noqa: E402

COMMANDS = ("prune", "sparsify")
OLD = b"what was there before"


def shared_model(path):
    """The first convolutions of two residual blocks have the same weights, each its own BatchNormalization."""
    b = Builder()
    x, shared = b.op("Relu", [b.conv("x", 3, WIDTH, stride=2)]), None
    for _ in range(2):
        inner = b.conv(x, WIDTH, WIDTH)
        conv = b.nodes[-2]
        shared = shared or conv.input[1]
        if conv.input[1] != shared:
            del b.arrays[conv.input[1]]
            conv.input[1] = shared
        x = b.op("Relu", [b.op("Add", [b.conv(b.op("Relu", [inner]), WIDTH, WIDTH), x])])
    return b.save(x, path)


def reshaping_model(path, batch):
    """The pooled channels go through a Reshape to a fixed shape; with a batch of 1, all of it and the model's input are."""
    b = Builder()
    x = b.op("Relu", [b.conv(b.op("Relu", [b.conv("x", 3, WIDTH, stride=2)]), WIDTH, WIDTH)])
    b.save(x, path)
    model = onnx.load(path)
    if batch == 1:
        for value in (model.graph.input[0], model.graph.output[0]):
            value.type.tensor_type.shape.dim[0].Clear()
            value.type.tensor_type.shape.dim[0].dim_value = 1
    flatten = next(node for node in model.graph.node if node.op_type == "Flatten")
    flatten.CopyFrom(helper.make_node("Reshape", [flatten.input[0], "sizes"], [flatten.output[0]], name="reshape"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([batch, WIDTH], np.int64), "sizes"))
    onnx.save(model, path)
    return path


def narrow_model(path, width=3):
    """Three channels throughout."""
    b = Builder()
    x = b.op("Relu", [b.conv(b.op("Relu", [b.conv("x", 3, width, stride=2)]), width, width)])
    b.save(x, path)
    model = onnx.load(path)
    for t in model.graph.initializer:
        if t.name == "w_fc":
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t)[:, :width].copy(), "w_fc"))
    onnx.save(model, path)
    return path


def with_value(model, name, value, path):
    """The model with one value of a constant replaced."""
    model = onnx.load(model)
    for t in model.graph.initializer:
        if t.name == name:
            values = numpy_helper.to_array(t).copy()
            values.flat[5] = value
            t.CopyFrom(numpy_helper.from_array(values, name))
    onnx.save(model, path)
    return path


class CompressErrors(OnTrainedModel):
    def words(self, command, output, *more, model=None, data=None):
        usual = {"--lr": 0.01, "--schedule": "cosine"
                 } | ({"--search-epochs": 4, "--epochs": 4} if command == "prune" else {"--epochs": 2, "--escapes": 10})
        return self.on_stripes(command, model or self.residual, output, *self.with_defaults(usual, more), data=data)

    def refused_by_both(self, *parts, model=None, data=None, more=(), code=2, **options):
        """The output and the report that were there stay, and nothing lies beside them."""
        for command in COMMANDS:
            with self.subTest(command=command):
                folder = self.folder / f"refused.{command}"
                folder.mkdir(exist_ok=True)
                output, report = folder / "out.onnx", folder / "report.json"
                output.write_bytes(OLD), report.write_bytes(OLD)
                result = run(*self.words(command, output, "--report", report, *more, model=model, data=data), **options)
                self.assertEqual(result.returncode, code, result.stderr)
                for part in parts:
                    self.assertIn(part, result.stderr)
                self.assertEqual((output.read_bytes(), report.read_bytes()), (OLD, OLD))
                self.assertEqual(sorted(p.name for p in folder.iterdir()), ["out.onnx", "report.json"], "nothing half-written")

    def gets_smaller(self, model, *more, commands=COMMANDS):
        """By these commands; the file holds what the report says. @return the reports."""
        out = {}
        for command in commands:
            with self.subTest(command=command):
                written = self.folder / f"smaller.{command}.onnx"
                report = self.report(self.words(command, written, "--json", *(more if command == "prune" else ()), model=model))
                self.assertAlmostEqual(report["score"]["after"], accuracy(written, self.images, self.labels_of_images), delta=0.013)
                self.assertGreaterEqual(report["score"]["after"], accuracy(model, self.images, self.labels_of_images) - 0.05)
                if command == "prune":
                    self.assertEqual(report["parameters"]["after"], parameters(written))
                    self.assertLess(report["parameters"]["after"], report["parameters"]["before"])
                else:
                    self.assertEqual(report["zeros"],
                                     sum(int((values == 0).sum()) for name, values in weights(written).items() if name.startswith("w")))
                    self.assertGreater(report["zeros"], 0)
                out[command] = report
        return out

    # models

    def trained_from(self, name, make, *more):
        self.trained(make(self.folder / f"{name}.start.onnx"), self.folder / f"{name}.onnx", "--epochs", 6, *more)
        return self.folder / f"{name}.onnx"

    def test_two_of_four_without_normalisation(self):  # test_prune.py prunes it
        self.gets_smaller(self.trained_from("plain", plain_model), commands=["sparsify"])

    def test_weights_that_two_layers_share(self):
        model = self.trained_from("shared", shared_model, "--batch-statistics")
        layers = self.gets_smaller(model, "--search-epochs", 12)["sparsify"]["layers"]
        self.assertTrue(all(layer["kept"] < 1 for layer in layers if layer["sparse"]), "both layers say what their mask took")
        shared = [node.input[1] for node in onnx.load(model).graph.node if node.op_type == "Conv"]
        self.assertLess(len(set(shared)), len(shared))
        sparse = [node.input[1] for node in onnx.load(self.folder / "smaller.sparsify.onnx").graph.node if node.op_type == "Conv"]
        self.assertEqual(len(set(sparse)), len(set(shared)), "they share them still")

    def test_a_reshape_to_a_fixed_shape(self):
        self.gets_smaller(self.trained_from("reshaping", lambda path: reshaping_model(path, -1), "--batch-statistics"), "--search-epochs", 12)

    def test_a_reshape_that_fixes_the_batch(self):
        self.gets_smaller(self.trained_from("fixed", lambda path: reshaping_model(path, 1), "--batch-statistics"), "--search-epochs", 12)

    def test_fewer_channels_than_four(self):
        model = self.trained_from("narrow", narrow_model, "--batch-statistics")
        report = self.report(
            self.words("prune", self.folder / "narrow.pruned.onnx", "--json", "--strength", 4, "--search-epochs", 12, "--lr", 0.02, model=model))
        self.assertTrue(all(layer["kept"] >= 1 for layer in report["layers"]))
        self.assertAlmostEqual(report["score"]["after"], accuracy(self.folder / "narrow.pruned.onnx", self.images, self.labels_of_images),
                               delta=0.013)
        result = run(*self.words("sparsify", self.folder / "refused.onnx", model=model))
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("2:4 takes no layer", result.stderr)
        self.assertIn("3 outputs are no multiple of 8", result.stderr)
        self.assertFalse((self.folder / "refused.onnx").exists())

    def test_weights_that_are_not_finite(self):
        for name, value in (("w0", np.nan), ("w3", np.inf), ("mean0", -np.inf), ("b_fc", np.nan)):
            if name == "b_fc":
                broken = onnx.load(self.residual)
                for t in broken.graph.initializer:
                    if t.name == name:
                        t.CopyFrom(numpy_helper.from_array(np.full(CLASSES, value, np.float32), name))
                onnx.save(broken, self.folder / "broken.onnx")
            else:
                with_value(self.residual, name, value, self.folder / "broken.onnx")
            with self.subTest(name=name, value=value):
                self.refused_by_both(f"constant '{name}'", "broken.onnx", "not finite", model=self.folder / "broken.onnx")

    # data

    def test_a_label_beyond_the_classes(self):
        images, labels = pictures(8, 5)
        wrong = write_cifar(self.folder / "wrong.bin", images, labels[:-1] + [CLASSES])
        expected = f"has class {CLASSES}, which is beyond the {CLASSES} outputs"
        self.refused_by_both("wrong.bin", expected, data=["--images", wrong, "--held-out", self.test_file])
        self.refused_by_both("wrong.bin", expected, data=["--images", self.train_file, "--held-out", wrong])

    def png_folder(self):
        folder = self.folder / "pictures"
        folder.mkdir(exist_ok=True)
        for i, image in enumerate(pictures(12, 6)[0]):
            write_png(folder / f"{i:02}.png", image)
        return folder

    def test_labels_in_a_table(self):
        folder, table = self.png_folder(), self.folder / "labels.tsv"
        table.write_text("".join(f"{i:02}.png\t{i}\n" for i in range(12)))
        self.refused_by_both(f"is beyond the {CLASSES} outputs", "labels.tsv", data=["--images", folder, "--labels", table])
        self.refused_by_both("no.tsv", data=["--images", folder, "--labels", self.folder / "no.tsv"], code=6)
        table.write_text("other.png\t1\n")
        self.refused_by_both("labels.tsv", "first column", data=["--images", folder, "--labels", table])

    def test_nothing_to_measure_on(self):
        empty, nothing = self.folder / "empty", self.folder / "nothing.bin"
        empty.mkdir(), nothing.write_bytes(b"")
        self.refused_by_both("empty", data=["--images", self.train_file, "--held-out", empty])
        self.refused_by_both("nothing.bin", data=["--images", self.train_file, "--held-out", nothing])
        self.refused_by_both("nothing.bin", data=["--images", nothing, "--held-out", self.test_file])
        self.refused_by_both("holding out '0'", data=["--images", self.train_file, "--holdout", 0])
        table = self.folder / "held.tsv"
        table.write_text("".join(f"{i:02}.png\t{i % CLASSES}\n" for i in range(12)))
        self.refused_by_both("holding out '0'", data=["--images", self.png_folder(), "--labels", table, "--holdout", 0])

    # files

    def test_a_place_that_cannot_be_written(self):
        for command in COMMANDS:
            for option in ("-o", "--report", "--checkpoint"):
                with self.subTest(command=command, option=option):
                    place = self.residual / "below_a_file"
                    more = [] if option == "-o" else [option, place]
                    result = run(*self.words(command, place if option == "-o" else self.folder / "refused.onnx", *more))
                    self.assertEqual(result.returncode, 6, result.stderr)
                    self.assertIn("'" + str(self.residual) + "': Not a directory", result.stderr)
                    self.assertFalse((self.folder / "refused.onnx").exists())

    def test_a_full_disk(self):
        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

        more = ["--epochs", 0]
        self.refused_by_both("out.onnx", more=more, code=6, preexec_fn=no_room)

    # budgets and checkpoints

    def test_a_budget_that_cannot_be_met(self):
        written, saved = self.folder / "missed.onnx", self.folder / "missed.json"
        written.write_bytes(OLD)
        result = run(*self.words("prune", written, "--params", 10, "--search-epochs", 1, "--report", saved))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("the budget was not met", result.stdout)
        report = json.loads(saved.read_text())
        self.assertFalse(report["is_within_budget"])
        self.assertEqual(report["budget"], {"parameters": 10})
        self.assertEqual(report["parameters"]["after"], parameters(written))

    def test_a_checkpoint_of_another_budget(self):
        checkpoint = self.folder / "budget.checkpoint"
        more = ["--checkpoint", checkpoint, "--search-epochs", 1, "--epochs", 1]
        self.assertIn(run(*self.words("prune", self.folder / "budget.onnx", *more, "--params", 0.99)).returncode, (0, 1))
        for other in (["--params", 0.5], ["--params", 0.99, "--flops", 0.5], []):
            self.refused(self.words("prune", self.folder / "refused.onnx", *more, *other), "budget.checkpoint", "belongs to another run: 'prune' was")
        checkpoint.write_bytes(checkpoint.read_bytes()[:-20])
        self.refused(self.words("prune", self.folder / "refused.onnx", *more, "--params", 0.99), "budget.checkpoint", "damaged")

    def test_a_checkpoint_of_another_order_of_channels(self):
        checkpoint = self.folder / "order.checkpoint"
        more = ["--checkpoint", checkpoint, "--epochs", 1]
        self.report(self.words("sparsify", self.folder / "order.onnx", "--json", *more))
        self.refused(self.words("sparsify", self.folder / "refused.onnx", *more, "--no-permutation"), "order.checkpoint",
                     "belongs to another run: 'sparsify' was")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
