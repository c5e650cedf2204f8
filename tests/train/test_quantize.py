"""scissionlite-train quantize: models of few bits that answer as ONNX Runtime says, on stripes of CIFAR's format. Codes
and steps are tested by src/compress. test_quantize.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of
.deps/venv_ort)"""
import json
import pathlib
import sys
import unittest

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from small_models import OnTrainedModel, accuracy, answers, plain_model  # noqa: E402  (it takes the programs off sys.argv)
from test_train import run, write_png  # noqa: E402


UNPACKING = {  # what packed codes of weights go through
    "Cast": lambda node, x: x.astype(helper.tensor_dtype_to_np_dtype(node.attribute[0].i)),
    "Gather": lambda node, table, index: table[index],
    "Reshape": lambda node, x, shape: x.reshape(shape),
    "Slice": lambda node, x, begin, end: x[begin[0]:end[0]],
    "Add": lambda node, a, b: a + b,
}


def constants(model):
    """Initializers, and the codes that follow from them."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in UNPACKING and all(name in values for name in node.input):
            values[node.output[0]] = UNPACKING[node.op_type](node, *(values[name] for name in node.input))
    return values


def readers_of_codes(path):
    """By layer: (codes of weights, largest code of what it reads)."""
    model = onnx.load(path)
    values, makers = constants(model), {o: n for n in model.graph.node for o in n.output}
    found = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            before = makers[makers[node.input[0]].input[0]]
            found[node.name] = values[makers[node.input[1]].input[0]], int(values[before.input[2]]) if before.op_type == "Clip" else 255
    return found


def give_each_its_own(model, op_type):
    """Constants of such nodes: ONNX Runtime, which turns s8 into u8 with x64quantprecision, fails where two share one."""
    given = {t.name: t for t in model.graph.initializer}
    for number, node in enumerate(n for n in model.graph.node if n.op_type == op_type):
        for place, name in enumerate(node.input):
            if name in given:
                own = model.graph.initializer.add()
                own.CopyFrom(given[name])
                own.name = node.input[place] = f"{name}_of_{number}"
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [t for t in model.graph.initializer if t.name not in used]:
        model.graph.initializer.remove(tensor)


def codes(path, images, level):
    """What is given, every QuantizeLinear and Clip of bytes, and the answers, as ONNX Runtime computes them."""
    model = onnx.load(path)
    names = [o for n in model.graph.node if n.op_type in ("QuantizeLinear", "Clip") for o in n.output]
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.UINT8, None))
    give_each_its_own(model, "DequantizeLinear")
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.add_session_config_entry("session.x64quantprecision", "1")  # without VNNI, products of u8 and s8 are added in 16 bits, which end
    x = ((np.stack(images).astype(np.float32).transpose(0, 3, 1, 2) / 255 - 0.5) / 0.25).astype(np.float32)
    return {
        "x": x, **dict(
            zip(["answers", *names],
                ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})))
    }


class Walk:
    """What values of a written model are, from the codes nearest before them: products of integers, in float64."""
    def __init__(self, path, found):
        self.model, self.found = onnx.load(path), found
        self.constants, self.makers = constants(self.model), {o: n for n in self.model.graph.node for o in n.output}

    def number(self, name):
        return float(self.constants[name].astype(np.float64))

    def weights(self, name):
        codes_of, scales, _ = (self.constants[i].astype(np.float64) for i in self.makers[name].input)
        axis = next(a.i for a in self.makers[name].attribute if a.name == "axis")
        return codes_of * scales.reshape([-1 if d == axis else 1 for d in range(codes_of.ndim)])

    def real(self, name):
        node = self.makers.get(name)
        if node is None:
            return self.found[name].astype(np.float64)
        if node.op_type == "DequantizeLinear":
            return (self.found[node.input[0]].astype(np.float64) - self.number(node.input[2])) * self.number(node.input[1])
        x = self.real(node.input[0])
        if node.op_type == "Conv":
            stride = next((a.ints[0] for a in node.attribute if a.name == "strides"), 1)
            windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3),
                                                               axis=(2, 3))[:, :, ::stride, ::stride]
            return np.einsum("nchwij,ocij->nohw", windows, self.weights(node.input[1]), optimize=True) + self.weights(node.input[2])[:, None, None]
        if node.op_type == "Gemm":
            return x @ self.weights(node.input[1]).T + self.weights(node.input[2])
        return {
            "Relu": lambda: np.maximum(x, 0), "Add": lambda: x + self.real(node.input[1]), "GlobalAveragePool": lambda: x.mean((2, 3), keepdims=True),
            "Flatten": lambda: x.reshape(len(x), -1)
        }[node.op_type]()


class Quantize(OnTrainedModel):
    def words(self, output, *more, model=None, data=None):
        usual = {"--epochs": 4, "--lr": 0.003, "--schedule": "cosine", "--weight-bits": 1, "--activation-bits": 2}
        return self.on_stripes("quantize", model or self.residual, output, *self.with_defaults(usual, more), data=data)

    def quantized(self, output, *more, model=None, data=None):
        return self.report(self.words(output, "--json", *more, model=model, data=data))

    def test_training_answers_more_like_the_float_model_than_fitting_does(self):
        fitted, trained, saved = self.folder / "fitted.onnx", self.folder / "trained.onnx", self.folder / "report.json"
        self.quantized(fitted, "--epochs", 0)
        report = self.quantized(trained, "--report", saved)
        self.assertEqual(json.loads(saved.read_text()), report)
        epochs = report["stages"][0]["training"]["epochs"]
        self.assertLess(epochs[-1]["metrics"]["loss"], 0.6 * epochs[0]["metrics"]["loss"])
        whole = answers(self.residual, self.images)
        distance = [np.linalg.norm(answers(path, self.images) - whole) for path in (fitted, trained)]
        self.assertLess(distance[1], 0.8 * distance[0])
        self.assertAlmostEqual(report["score"]["written"], accuracy(trained, self.images, self.labels_of_images), delta=0.013)
        self.assertGreaterEqual(report["agreement"], 0.98)

    def test_the_model_is_what_the_report_says(self):
        written = self.folder / "w1a2.onnx"
        report = self.quantized(written, "--epochs", 1)
        onnx.checker.check_model(onnx.load(written))
        layers = readers_of_codes(written)
        self.assertEqual(len(layers), len(report["layers"]))
        for layer in report["layers"]:
            weights, largest = layers[layer["name"]]
            is_wide = layer["name"] in ("conv0", "fc")
            self.assertEqual((layer["weight_bits"], layer["activation_bits"], layer["encoding"]), (8, 8, "twos") if is_wide else (1, 2, "bipolar"))
            self.assertEqual(weights.dtype, np.int8)
            self.assertEqual(largest, 255 if is_wide else 3)
            if not is_wide:
                self.assertEqual(set(weights.flat), {-1, 1})
        bits = sum(layer["weights"] * layer["weight_bits"] for layer in report["layers"])
        self.assertGreater(report["size_bits"]["after"], bits)
        self.assertLess(report["size_bits"]["after"], report["size_bits"]["before"] / 10)
        noted = json.loads({p.key: p.value for p in onnx.load(written).metadata_props}["scissionlite.lowbit"])
        self.assertEqual([(layer["name"], layer["weight_bits"]) for layer in noted["layers"]],
                         [(layer["name"], layer["weight_bits"]) for layer in report["layers"]])

    def test_packed_weights_are_the_same_codes_in_fewer_bytes(self):
        sizes = {}
        for bits in (1, 2, 3, 4, 5, 6, 7):
            packed, bytes_ = self.folder / f"packed{bits}.onnx", self.folder / f"bytes{bits}.onnx"
            report = self.quantized(packed, "--epochs", 0, "--weight-bits", bits)
            self.quantized(bytes_, "--epochs", 0, "--weight-bits", bits, "--keep-bytes")
            onnx.checker.check_model(onnx.load(packed))
            self.assertEqual(report["file_bytes"], packed.stat().st_size)
            one, other = readers_of_codes(packed), readers_of_codes(bytes_)
            for name, (weights, _) in one.items():
                np.testing.assert_array_equal(weights, other[name][0], name)
                self.assertEqual(weights.dtype, other[name][0].dtype)
            np.testing.assert_array_equal(answers(packed, self.images), answers(bytes_, self.images))
            sizes[bits] = sum(numpy_helper.to_array(t).nbytes for t in onnx.load(packed).graph.initializer if t.name.endswith("_packed"))
            is_packed = any(node.op_type == "Gather" for node in onnx.load(packed).graph.node)
            self.assertTrue(is_packed or bits == 7, bits)  # an eighth of these layers is too little
        weights = sum(w.size for name, (w, _) in one.items() if name not in ("conv0", "fc"))
        for bits, size in sizes.items():
            self.assertLess(size, weights * bits / 8 + 64 * len(one), bits)

    def test_integers_are_those_of_onnx_runtime(self):
        """Each code, with ONNX Runtime's optimiser, which makes operators of integers, and without it, is the nearest
        to what follows from the codes before it: where two are equally near it may be either, as sums are scaled in
        float32 here and there."""
        for more in (["--epochs", 1], ["--epochs", 0, "--weight-bits", 3, "--activation-bits", 4, "--encoding",
                                       "unsigned"], ["--epochs", 0, "--weight-bits", 8, "--activation-bits", 8]):
            written = self.folder / "integers.onnx"
            self.quantized(written, *more)
            for level in (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
                walk = Walk(written, codes(written, self.images, level))
                for node in walk.model.graph.node:
                    if node.op_type == "QuantizeLinear":
                        wanted = np.clip(walk.real(node.input[0]) / walk.number(node.input[1]) + walk.number(node.input[2]), 0, 255)
                        self.assertLess(np.abs(wanted - walk.found[node.output[0]]).max(), 0.5 + 1e-4, node.output[0])
                    elif node.op_type == "Clip":
                        np.testing.assert_array_equal(walk.found[node.output[0]],
                                                      np.minimum(walk.found[node.input[0]], int(walk.number(node.input[2]))))
                np.testing.assert_allclose(walk.found["answers"], walk.real(walk.model.graph.output[0].name), rtol=1e-4, atol=1e-4)

    def test_stages_share_the_epochs(self):
        report = self.quantized(self.folder / "stages.onnx", "--progressive", "8,4,2", "--epochs", 5)
        self.assertEqual([(stage["bits"], len(stage["training"]["epochs"]) - 1) for stage in report["stages"]], [(8, 1), (4, 1), (2, 1), (0, 2)])
        self.assertEqual({layer["weight_bits"] for layer in report["layers"]}, {1, 8})
        self.assertIn("post_training", report["score"])
        ends = [stage["training"]["epochs"][-1]["metrics"]["loss"] for stage in report["stages"]]
        starts = [stage["training"]["epochs"][0]["metrics"]["loss"] for stage in report["stages"]]
        for end, start in zip(ends, starts[1:]):
            self.assertLess(start, 10 * end + 10)  # a stage starts from what the one before learned
        self.refused(self.words(self.folder / "refused.onnx", "--progressive", "4,8"), "stages are to have fewer bits each")
        self.refused(self.words(self.folder / "refused.onnx", "--progressive", "8,4,2", "--epochs", 2), "2 epochs are fewer than the 4 stages")

    def test_bits_by_hand(self):
        report = self.quantized(self.folder / "mixed.onnx", "--epochs", 0, "--bits", "conv*=w4a4", "--bits", "conv1?=w2:bipolar")
        bits = {layer["name"]: (layer["weight_bits"], layer["activation_bits"], layer["encoding"]) for layer in report["layers"]}
        self.assertEqual(bits["conv3"], (4, 4, "twos"))
        self.assertEqual(bits["conv10"], (2, 4, "bipolar"))
        plan = {
            "version": 1, "residual_bits": 6,
            "layers": [{"name": name, "weight_bits": w, "activation_bits": 5} for name, w in (("conv3", 2), ("conv6", 1))]
        }
        (self.folder / "plan.json").write_text(json.dumps(plan))
        report = self.quantized(self.folder / "planned.onnx", "--epochs", 0, "--layers", self.folder / "plan.json")
        self.assertEqual([(layer["name"], layer["weight_bits"], layer["encoding"]) for layer in report["layers"]], [
            ("conv3", 2, "twos"),
            ("conv6", 1, "bipolar"),
        ])
        self.assertEqual(sum("stays float32: the plan does not name it" in note for note in report["notes"]), 6)
        answers(self.folder / "planned.onnx", self.images)
        self.refused(self.words(self.folder / "refused.onnx", "--bits", "conw*=w2"), "no layer has a name like 'conw*'")
        self.refused(self.words(self.folder / "refused.onnx", "--bits", "conv*=w9"), "gives no bits from 1 to 8")

    def test_bits_are_searched_within_a_budget(self):
        """What is chosen keeps to the budget, and loses no more by its own measurements than any other bits all alike that do."""
        words = ["--epochs", 0, "--search", "w1a2,w2a2,w4a4,w8a8", "--bits", "conv10=w4a4"]
        report = self.quantized(self.folder / "small.onnx", *words, "--size-kib", 4)
        search, fixed = report["search"], {"conv0", "conv10", "fc"}
        self.assertEqual({layer["name"] for layer in report["layers"]} - {layer["name"] for layer in search["layers"]}, fixed)
        self.assertLessEqual(search["predicted_bytes"], 4 * 1024)
        self.assertEqual(search["predicted_bytes"], sum(-(-layer["weights"] * layer["weight_bits"] // 8) for layer in report["layers"]))
        chosen = {layer["name"]: f"w{layer['weight_bits']}a{layer['activation_bits']}" for layer in report["layers"]}
        self.assertEqual({layer["name"]: layer["chosen"]
                          for layer in search["layers"]}, {name: bits
                                                           for name, bits in chosen.items() if name not in fixed})
        rest = search["predicted_bytes"] - sum(option["bytes"] for layer in search["layers"]
                                               for option in layer["options"] if option["bits"] == layer["chosen"])
        loss = sum(option["divergence"] for layer in search["layers"] for option in layer["options"] if option["bits"] == layer["chosen"])
        for bits in ("w1a2", "w2a2", "w4a4", "w8a8"):
            alike = [option for layer in search["layers"] for option in layer["options"] if option["bits"] == bits]
            if rest + sum(option["bytes"] for option in alike) <= 4 * 1024:
                self.assertLessEqual(loss, sum(option["divergence"] for option in alike) + 1e-9)
        self.assertGreater(len({layer["chosen"] for layer in search["layers"]}), 1)
        more = self.quantized(self.folder / "large.onnx", *words, "--size-kib", 100)
        self.assertGreater(more["score"]["written"], report["score"]["written"] - 0.02)
        timed = self.quantized(self.folder / "timed.onnx", *words, "--latency-ms", 100)["search"]
        self.assertLess(timed["predicted_us"], 100e3)
        self.assertGreater(timed["measured_us"], 0)
        self.assertTrue(all(option["us"] > 0 for layer in timed["layers"] for option in layer["options"]))

    def test_a_run_that_goes_on_keeps_the_bits_that_were_chosen(self):
        words = ["--epochs", 2, "--search", "w2a2,w4a4", "--size-kib", 5, "--checkpoint", self.folder / "search.checkpoint"]
        first = self.quantized(self.folder / "first.onnx", *words)
        again = self.quantized(self.folder / "again.onnx", *words)
        self.assertIn("search", first)
        self.assertNotIn("search", again)
        self.assertEqual(first["layers"], again["layers"])
        self.assertEqual((self.folder / "first.onnx").read_bytes(), (self.folder / "again.onnx").read_bytes())

    def test_budgets_that_cannot_be(self):
        words = lambda *more: self.words(self.folder / "refused.onnx", "--epochs", 0, *more)  # noqa: E731
        self.refused(words("--search", "w1a2,w2a2"), "give --latency-ms or --size-kib")
        self.refused(words("--size-kib", 4), "--size-kib", "--search")
        self.refused(words("--search", "w2a2", "--size-kib", 0.05), "KiB, more than the 0.05 KiB", "give more, or fewer bits")
        self.refused(words("--search", "w2a2", "--latency-ms", 1e-6), "ms of --latency-ms")
        self.refused(words("--search", "w2", "--size-kib", 4), "'w2' are no bits to choose from", "w2a4")
        self.refused(words("--search", "w2a2", "--size-kib", 4, "--bits", "*=w4"), "no layer is left to search bits for")

    def test_without_labels_or_batch_normalization(self):
        """Agreement takes the place of accuracy, biases that of statistics; and one step a layer."""
        plain = self.folder / "plain.onnx"
        self.trained(plain_model(self.folder / "plain_start.onnx"), plain, "--epochs", 6)
        folder = self.folder / "pictures"
        folder.mkdir(exist_ok=True)
        for i, image in enumerate(self.images):
            write_png(folder / f"{i:02}.png", image)
        report = self.quantized(self.folder / "plain_low.onnx", "--epochs", 0, "--weight-bits", 4, "--activation-bits", 4, "--weight-steps", "layer",
                                model=plain, data=["--images", folder, "--holdout", 0.3])
        self.assertNotIn("before", report["score"])
        self.assertGreater(report["score"]["written"], 0.9)

    def test_a_killed_run_goes_on(self):
        """Killed in its first stage; and, once all stages are done, from the last one's checkpoint."""
        more = ["--epochs", 12, "--progressive", "4"]
        self.quantized(self.folder / "whole.onnx", *more)
        checkpoint, output = self.folder / "run.checkpoint", self.folder / "killed.onnx"
        words = self.words(output, "--json", *more, "--checkpoint", checkpoint, "--checkpoint-seconds", 0)
        self.assertEqual([stage["training"]["resumed"] for stage in self.resumed(words, self.folder / "run.checkpoint.stage1")["stages"]],
                         [True, False])
        self.assertEqual(output.read_bytes(), (self.folder / "whole.onnx").read_bytes())
        self.assertEqual([stage["training"]["resumed"] for stage in self.report(words)["stages"]], [True, True])
        self.assertEqual(output.read_bytes(), (self.folder / "whole.onnx").read_bytes())
        self.refused(self.words(self.folder / "refused.onnx", *more, "--activation-bits", 3, "--checkpoint", checkpoint),
                     "belongs to another run: 'quantize' was")

    def test_older_opsets(self):
        old = onnx.load(self.residual)  # whose operators say the same in opset 11
        old.opset_import[0].version = 11
        onnx.save(old, self.folder / "old.onnx")
        self.quantized(self.folder / "old_low.onnx", "--epochs", 0, model=self.folder / "old.onnx")
        self.quantized(self.folder / "new_low.onnx", "--epochs", 0)
        np.testing.assert_array_equal(answers(self.folder / "old_low.onnx", self.images), answers(self.folder / "new_low.onnx", self.images))

    def test_refusals(self):
        out = self.folder / "refused.onnx"
        self.refused(self.words(out, "--weight-bits", 9), "--weight-bits")
        self.refused(self.words(out, "--weight-bits", 8, "--encoding", "bipolar"), "int8 does not hold")
        self.quantized(self.folder / "once.onnx", "--epochs", 0)
        self.refused(self.words(out, model=self.folder / "once.onnx"), "quantised already")
        model = onnx.load(self.residual)
        for tensor in model.graph.initializer:
            if tensor.name == "w3":
                values = numpy_helper.to_array(tensor).copy()
                values.flat[0] = np.nan
                tensor.CopyFrom(numpy_helper.from_array(values, "w3"))
        onnx.save(model, self.folder / "nan.onnx")
        self.refused(self.words(out, model=self.folder / "nan.onnx"), "constant 'w3'", "not finite")
        model = onnx.load(self.residual)
        flat = helper.make_graph([
            helper.make_node("GlobalAveragePool", ["x"], ["p"]),
            helper.make_node("Concat", ["p", "p"], ["d"], axis=1),
            helper.make_node("Flatten", ["d"], ["l"], name="flat")
        ], "none", model.graph.input, [helper.make_tensor_value_info("l", TensorProto.FLOAT, ["N", 6])])
        onnx.save(helper.make_model(flat, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), self.folder / "none.onnx")
        self.refused(self.words(out, model=self.folder / "none.onnx"), "has no layer to quantise")
        model = onnx.load(self.residual)
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
        model.graph.node.insert(0, helper.make_node("Cast", ["x"], ["x_float"], to=TensorProto.FLOAT))
        model.graph.node[1].input[0] = "x_float"
        onnx.save(model, self.folder / "half.onnx")
        self.refused(self.words(out, model=self.folder / "half.onnx"), "float16")

    def test_channels_that_are_constant(self):
        model = onnx.load(self.residual)
        for tensor in model.graph.initializer:
            if tensor.name in ("w3", "scale6"):
                values = numpy_helper.to_array(tensor).copy()
                values[2] = 0
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        onnx.save(model, self.folder / "constant.onnx")
        report = self.quantized(self.folder / "constant_low.onnx", "--epochs", 0, model=self.folder / "constant.onnx")
        self.assertEqual(sum(layer["constant_outputs"] for layer in report["layers"]), 2)
        self.assertTrue(np.isfinite(answers(self.folder / "constant_low.onnx", self.images)).all())

    def test_prints_a_table(self):
        result = run(*self.words(self.folder / "table.onnx", "--epochs", 0))
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("bipolar", "as written (native)", "post-training", "in these bits"):
            self.assertIn(part, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
