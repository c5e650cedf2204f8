"""The training engine's forward pass against ONNX Runtime: each operator at old and new opsets (the cases of ops_oracle), every
real model, and the models that it exports.
test_forward.py PROBE SOURCE_ROOT ASSETS   (run with the Python of .deps/venv_ort)"""
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime as ort

PROBE, ROOT, ASSETS = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
DATA = os.environ.get("SCISSIONLITE_TEST_DATA", "")
RNG = np.random.default_rng(11)


def operator_cases():
    path = ROOT / "tests/ops_oracle/test_ops.py"
    spec = importlib.util.spec_from_file_location("test_ops", path)
    module = importlib.util.module_from_spec(spec)
    sys.argv = [str(path), str(PROBE), str(ROOT / "src/ops")]
    spec.loader.exec_module(module)
    return module


OPS = operator_cases()


def session(path):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def probe_forward(folder, lines):
    (folder / "list").write_text("\n".join(" ".join(map(str, line)) for line in lines) + "\n")
    subprocess.run([str(PROBE), "forward", str(folder / "list")], check=True, timeout=600)


def relative_error(got, want):
    return np.abs(got.astype(np.float64) - want.astype(np.float64)).max() / max(1e-30, np.abs(want.astype(np.float64)).max())


# In graphs that are trained only, with no counterpart in ONNX Runtime: src/train/quantise/fake_quantised_test.cc tests them.
ONLY_IN_TRAINING = {("scissionlite", "FakeQuantize"), ("scissionlite", "RoundOffset")}


class Operators(unittest.TestCase):
    def test_every_operator_of_the_table_has_a_case(self):
        table = set(re.findall(r'^SCISSIONLITE_TRAIN_OP\("([\w.]*)", (\w+),', (ROOT / "src/train/op/ops.inc").read_text(), re.M))
        self.assertGreater(len(table), 90)
        self.assertEqual(sorted(table - {(c[4], c[0]) for c in OPS.CASES}), sorted(ONLY_IN_TRAINING))

    def test_operators_with_reference_code_have_gradient_code(self):
        table = set(re.findall(r'^SCISSIONLITE_TRAIN_OP\("([\w.]*)", (\w+),', (ROOT / "src/train/op/ops.inc").read_text(), re.M))
        self.assertEqual(sorted({(c[4], c[0]) for c in OPS.CASES} - table), [])

    def test_against_onnxruntime(self):
        with tempfile.TemporaryDirectory() as name:
            folder, lines = pathlib.Path(name), []
            for n, (op, inputs, opset, outputs, domain, _, attributes) in enumerate(OPS.CASES):
                model = folder / f"{n}.onnx"
                onnx.save(OPS.build(op, inputs, opset, outputs, domain, attributes), model)
                files = []
                for i, value in enumerate(inputs):
                    if not isinstance(value, OPS.Const):
                        files.append(folder / f"{n}_in{i}.npy")
                        np.save(files[-1], value)
                lines.append([model, *files, "|", folder / f"{n}_out"])
            probe_forward(folder, lines)
            for n, (op, _, opset, outputs, _, tolerance, attributes) in enumerate(OPS.CASES):
                with self.subTest(op=op, opset=opset, attributes={k: v for k, v in attributes.items() if k != "value"}, case=n):
                    runtime = session(folder / f"{n}.onnx")
                    expected = runtime.run(None, {i.name: np.load(folder / f"{n}_in{i.name[1:]}.npy") for i in runtime.get_inputs()})
                    error = folder / f"{n}_outerror.txt"
                    self.assertFalse(error.exists(), error.read_text() if error.exists() else "")
                    for i, want in enumerate(expected):
                        self.compare(np.load(folder / f"{n}_out{i}.npy"), want, tolerance)

    def compare(self, got, want, tolerance):
        self.assertEqual(got.shape, want.shape)
        integral = np.issubdtype(want.dtype, np.integer) or want.dtype == np.bool_
        self.assertEqual(np.issubdtype(got.dtype, np.integer) or got.dtype == np.bool_, integral, f"{got.dtype} for {want.dtype}")
        if want.dtype in (np.uint8, np.int8, np.int64, np.bool_):  # wider unsigned types are held in signed ones
            self.assertEqual(got.dtype, want.dtype)
        difference, largest = OPS.difference_of(got, want)
        wide = want.dtype == np.float16  # computed and kept in float32
        limit = tolerance if integral else max(tolerance, 2e-3 if wide else 1e-5) * max(1.0, largest)
        self.assertLessEqual(difference, limit)


def models():
    found = sorted(ASSETS.glob("*.onnx")) + sorted(ASSETS.glob("light/*.onnx"))
    return found + (sorted(pathlib.Path(DATA).glob("models/*.onnx")) if DATA else [])


def images_for(value, batch):
    """Smooth noise in the range that the model was made for does not matter here: both sides see the same numbers."""
    shape = [batch] + [d if isinstance(d, int) else 1 for d in value.shape[1:]]
    low = RNG.standard_normal([batch, shape[1], 8, 8])
    smooth = np.kron(low, np.ones((1, 1, -(-shape[2] // 8), -(-shape[3] // 8))))[:, :, :shape[2], :shape[3]]
    return (smooth + 0.3 * RNG.standard_normal(shape)).astype(np.float16 if "float16" in value.type else np.float32)


def step_of_output(path):
    """The step of the quantised value behind the output of a quantised model; None where the output is not quantised."""
    graph = onnx.load(path).graph
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:
        if graph.output[0].name in node.output and node.op_type == "DequantizeLinear":
            return float(constants[node.input[1]])
    return None


class Models(unittest.TestCase):
    def setUp(self):
        if not models():
            self.skipTest("no models: run tools/assets/make_assets.sh, or set SCISSIONLITE_TEST_DATA")
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def check_outputs(self, path, got, want):
        step = step_of_output(path) if "int8" in path.stem else None
        if step:
            self.assertLessEqual(np.abs(got - want).max(), 1.001 * step, "more than one output step")
            return
        half = want.dtype == np.float16
        self.assertLessEqual(relative_error(got, want), 2e-3 if half else 1e-4)
        self.assertTrue((got.reshape(len(got), -1).argmax(1) == want.reshape(len(want), -1).argmax(1)).all() or not half, "another top-1")

    def test_forward(self):
        lines, wanted = [], {}
        for path in models():
            runtime = session(path)
            value = runtime.get_inputs()[0]
            x = images_for(value, 1 if isinstance(value.shape[0], int) else 2)
            np.save(self.folder / f"{path.stem}_in.npy", x)
            wanted[path] = runtime.run(None, {value.name: x})
            lines.append([path, self.folder / f"{path.stem}_in.npy", "|", self.folder / f"{path.stem}_out"])
        probe_forward(self.folder, lines)
        for path, expected in wanted.items():
            with self.subTest(model=path.stem):
                error = self.folder / f"{path.stem}_outerror.txt"
                self.assertFalse(error.exists(), error.read_text() if error.exists() else "")
                for i, want in enumerate(expected):
                    self.check_outputs(path, np.load(self.folder / f"{path.stem}_out{i}.npy"), want)

    def test_a_batch_is_its_images(self):
        """Models whose batch is fixed to 1, too: the engine trains them with any."""
        chosen = [
            p for p in models()
            if p.stem in ("shufflenet", "inception_v1", "squeezenet1.1_fp16", "mcunet_320kb", "mobilenetv2_1.0_int8", "resnet8_cifar10")
        ]
        lines = []
        for path in chosen:
            x = images_for(session(path).get_inputs()[0], 3)
            for name, part in (("all", x), ("0", x[:1]), ("1", x[1:2]), ("2", x[2:])):
                np.save(self.folder / f"{path.stem}_{name}.npy", part)
                lines.append([path, self.folder / f"{path.stem}_{name}.npy", "|", self.folder / f"{path.stem}_{name}_out"])
        probe_forward(self.folder, lines)
        for path in chosen:
            with self.subTest(model=path.stem):
                together = np.load(self.folder / f"{path.stem}_all_out0.npy")
                alone = np.concatenate([np.load(self.folder / f"{path.stem}_{i}_out0.npy") for i in range(3)])
                self.assertLessEqual(relative_error(together, alone), 1e-4)

    def test_exported_models_in_onnxruntime(self):
        chosen = ("squeezenet1.1_fp16", "resnet20_cifar10", "resnet8_cifar10", "mcunet_320kb", "resnet50_pruned_q8w", "shufflenet", "densenet121",
                  "mobilenetv2_1.0")
        for path in (p for p in models() if p.stem in chosen):
            with self.subTest(model=path.stem):
                value = session(path).get_inputs()[0]
                x, prefix, changed = self.folder / "x.npy", self.folder / "y", self.folder / "changed.onnx"
                np.save(x, images_for(value, 1))
                subprocess.run([str(PROBE), "perturb", str(path), str(x), str(changed), str(prefix)], check=True, timeout=300)
                want = session(changed).run(None, {value.name: np.load(x)})[0]
                self.check_outputs(path, np.load(f"{prefix}0.npy"), want)
                original = session(path).run(None, {value.name: np.load(x)})[0]
                self.assertGreater(relative_error(want, original), 1e-3, "the weights did not change")
                self.same_graph(onnx.load(path), onnx.load(changed))

    def same_graph(self, before, after):
        self.assertEqual([(o.domain, o.version) for o in before.opset_import], [(o.domain, o.version) for o in after.opset_import])
        kept = [n for n in before.graph.node if n.op_type != "DequantizeLinear"]
        self.assertEqual([(n.op_type, n.name, list(n.input), list(n.output)) for n in kept],
                         [(n.op_type, n.name, list(n.input), list(n.output)) for n in after.graph.node])
        types = {i.name: (i.data_type, list(i.dims)) for i in before.graph.initializer}
        for initializer in after.graph.initializer:
            if initializer.name in types:
                self.assertEqual((initializer.data_type, list(initializer.dims)), types[initializer.name])


if __name__ == "__main__":
    unittest.main(argv=["test_forward.py"], verbosity=2)
