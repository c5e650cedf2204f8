"""The networks of tools/make_graphs: the same bytes each time, as many parameters as published, and sensible answers in ONNX Runtime.
test_graphs.py [--all]     two small networks, or all nine

Run with the Python of .deps/venv_ort."""
import collections
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tools" / "make_graphs"
sys.path.insert(0, str(SCRIPTS))
import list_convolutions  # noqa: E402

# Published by torchvision for each of its models of the same name.
PARAMETERS = {
    "resnet18": 11_689_512, "resnet50": 25_557_032, "mobilenet_v2": 3_504_872, "squeezenet1_1": 1_235_496, "densenet121": 7_978_856,
    "vgg16": 138_357_544, "shufflenet_v2_x1_0": 2_278_604, "mobilenet_v3_large": 5_483_032, "efficientnet_b0": 5_288_548
}
SMALL = ("squeezenet1_1", "shufflenet_v2_x1_0")
NAMES = PARAMETERS if "--all" in sys.argv else SMALL
NOT_LEARNED = re.compile("_running_(mean|var)$|_(min|max|shape|sizes)$")


def make(folder):
    subprocess.run([sys.executable, SCRIPTS / "make_graphs.py", folder, "--only", *NAMES], check=True, stdout=subprocess.DEVNULL)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def learned_numbers(path):
    return sum(int(np.prod(i.dims)) for i in onnx.load(str(path)).graph.initializer if not NOT_LEARNED.search(i.name))


def listed_convolutions():
    """{network: {problem: times}} of bench/shapes/convolutions.txt."""
    listed = collections.defaultdict(dict)
    for line in (ROOT / "bench" / "shapes" / "convolutions.txt").read_text().splitlines():
        kind, problem, *counts = line.split()
        for count in counts if kind == "conv" else ():
            network, _, times = count.partition("=")
            listed[network][f"{kind} {problem}"] = int(times)
    return listed


class Graphs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.made = pathlib.Path(cls.folder.name) / "first"
        make(cls.made)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def for_each(self, check):
        for name in NAMES:
            with self.subTest(name):
                check(name, self.made / f"{name}.onnx")

    def test_same_bytes_again(self):
        again = pathlib.Path(self.folder.name) / "second"
        make(again)
        self.for_each(lambda name, path: self.assertEqual(sha256(path), sha256(again / path.name)))

    def test_published_parameters(self):
        self.for_each(lambda name, path: self.assertEqual(learned_numbers(path), PARAMETERS[name]))

    def test_interface(self):
        def check(_, path):
            graph = onnx.load(str(path)).graph
            shapes = [[d.dim_value for d in value.type.tensor_type.shape.dim] for value in [*graph.input, *graph.output]]
            self.assertEqual(shapes, [[1, 3, 224, 224], [1, 1000]])

        self.for_each(check)

    def test_answers(self):
        def check(_, path):
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            y, other = (session.run(None, {"input": np.random.RandomState(seed).standard_normal((1, 3, 224, 224)).astype(np.float32)})[0]
                        for seed in (5, 6))
            self.assertTrue(np.isfinite(y).all())
            self.assertGreater(len(np.unique(y)), 990)
            self.assertTrue(0.02 < y.std() < 50, y.std())
            self.assertGreater(np.abs(y - other).max(), 1e-3 * np.abs(y).max(), "answers must depend on the input")

        self.for_each(check)

    def test_convolutions_are_listed(self):
        listed = listed_convolutions()
        self.for_each(lambda name, path: self.assertEqual(listed[name], list_convolutions.convolutions(path)))

    def test_unknown_network_is_refused(self):
        refused = subprocess.run([sys.executable, SCRIPTS / "make_graphs.py", self.made, "--only", "resnet19"], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("resnet18", refused.stderr)


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--all"], verbosity=2)
