"""`scissionlite tune` through the real program on a small inverted residual: its convolutions with their ends, its
chains, and the whole network as tuned in turns with the usual choices; and on a quantised model, which has convolutions
of bytes only. `explain` then says that the choices are measured ones."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = sys.argv.pop(1)


def run(*words):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=200)


def inverted_residual():
    """1x1, depthwise 3x3, 1x1, the sum with what came in, elementwise steps, and a pooling."""
    rng = np.random.default_rng(1)
    shapes = {"w0": (16, 3, 3, 3), "w1": (32, 16, 1, 1), "w2": (32, 1, 3, 3), "w3": (16, 32, 1, 1)}
    weights = [numpy_helper.from_array(rng.normal(0, 0.2, shape).astype(np.float32), name) for name, shape in shapes.items()]
    weights += [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in (("slope", 0.5), ("offset", 0.25))]
    pads = [1, 1, 1, 1]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], name="stem", pads=pads),
        helper.make_node("Conv", ["a", "w1"], ["b"], name="expand"),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Conv", ["c", "w2"], ["d"], name="filter", pads=pads, group=32),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("Conv", ["e", "w3"], ["f"], name="project"),
        helper.make_node("Add", ["f", "a"], ["s"]),
        helper.make_node("Mul", ["s", "slope"], ["m"]),
        helper.make_node("Sub", ["m", "offset"], ["o"]),
        helper.make_node("Max", ["o", "s"], ["t"], name="bend"),
        helper.make_node("MaxPool", ["t"], ["y"], kernel_shape=[3, 3], strides=[2, 2], pads=pads)
    ]
    graph = helper.make_graph(nodes, "inverted", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 34, 34])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 17, 17])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def quantised():
    """Bytes from the first layer to the last: 8-bit weights, then weights of +-1 and activations of two bits, as quantisers write them."""
    rng = np.random.default_rng(1)
    weights = {"w0": rng.integers(-127, 128, (16, 3, 3, 3)), "w1": rng.choice([-1, 1], (32, 16, 3, 3)), "w2": rng.choice([-1, 1], (32, 32, 3, 3))}
    constants = [numpy_helper.from_array(value.astype(np.int8), name) for name, value in weights.items()]
    constants += [
        numpy_helper.from_array(np.array(value, kind), name)
        for name, value, kind in (("z", 0, np.uint8), ("most", 3, np.uint8), ("zw", 0, np.int8), ("sx", 0.02, np.float32), ("s0", 0.01, np.float32),
                                  ("s1", 0.1, np.float32), ("sy", 0.8, np.float32))
    ]
    pads = [1, 1, 1, 1]
    nodes = [helper.make_node("QuantizeLinear", ["x", "sx", "z"], ["q0"]), helper.make_node("DequantizeLinear", ["q0", "sx", "z"], ["d0"])]
    for i, scale in enumerate(("s0", "s1", "s1")):
        nodes += [
            helper.make_node("DequantizeLinear", [f"w{i}", scale, "zw"], [f"f{i}"]),
            helper.make_node("Conv", [f"d{i}", f"f{i}"], [f"c{i}"], name=f"conv{i}", pads=pads),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"]),
            helper.make_node("QuantizeLinear", [f"r{i}", "sy", "z"], [f"u{i}"]),
            helper.make_node("Clip", [f"u{i}", "", "most"], [f"q{i + 1}"]),
            helper.make_node("DequantizeLinear", [f"q{i + 1}", "sy", "z"], [f"d{i + 1}"])
        ]
    graph = helper.make_graph(nodes, "quantised", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 20, 21])],
                              [helper.make_tensor_value_info("d3", TensorProto.FLOAT, [1, 32, 20, 21])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


class Tune(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.model, self.tuning = (pathlib.Path(self.folder.name) / name for name in ("model.onnx", "tuning.json"))
        onnx.save(inverted_residual(), self.model)

    def tearDown(self):
        self.folder.cleanup()

    def tuned(self, *more, budget=4):
        done = run("tune", self.model, "-o", self.tuning, "--budget", budget, "--json", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def explained(self):
        done = run("explain", self.model, "--tuning", self.tuning, "--repeats", 2, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["steps"]

    def test_measures_layers_chains_and_the_whole(self):
        answer = self.tuned("--rounds", 6)
        problems = [layer["problem"] for layer in answer["layers"]]
        self.assertEqual(sum(problem.startswith("chain ") for problem in problems), 3)
        self.assertTrue(any(problem.endswith("g1 residual") for problem in problems), problems)
        self.assertTrue(any(problem.endswith("g32 Relu") for problem in problems), problems)
        self.assertIn(answer["network"]["verdict"], ("faster", "slower", "undecided"))
        self.assertLess(answer["network"]["error"], 1e-5)
        kinds = {entry["problem"].split()[0] for entry in json.loads(self.tuning.read_text())["entries"]}
        self.assertEqual(kinds, {"conv", "chain", "rate", "network"})
        if answer["network"]["verdict"] != "slower":
            chosen = [step for step in self.explained() if step["predicted_us"] > 0]
            self.assertTrue(all(step["is_measured"] for step in chosen if step["macs"] > 0), chosen)

    def test_kernels_are_generated_for_convolutions_chains_poolings_and_strips(self):
        if not pathlib.Path(PROGRAM).with_name("scissionlite-generate").exists():
            self.skipTest("scissionlite-generate was not built: Halide is missing")
        answer = self.tuned("--rounds", 4, "--generate", "--seconds", 0, budget=2)
        self.assertLess(answer["network"]["error"], 1e-5)
        self.assertTrue(all(layer["failed"] == 0 for layer in answer["layers"] if layer["problem"].split()[0] in ("chain", "pool", "strip")),
                        answer["layers"])
        lines = [json.loads(line) for line in (self.tuning.parent / "tuning.json.log").read_text().splitlines()[1:]]
        made = [line["problem"].split()[0] for line in lines if line["implementation"] == "generated" and "median_us" in line]
        self.assertEqual((made.count("chain"), made.count("pool"), made.count("strip")),
                         (2, 2, 2))  # of the three chains one is a depthwise and a 1x1 convolution
        if answer["network"]["verdict"] != "slower":
            won = {
                layer["problem"].split()[0]
                for layer in answer["layers"] if layer["choice"].startswith("generated") and layer["problem"].startswith(("pool", "strip"))
            }
            named = {
                step["implementation"].split()[1]
                for step in self.explained() if step["implementation"].startswith(("generated pool", "generated strip"))
            }
            self.assertEqual(named, won)

    def test_is_recalled(self):
        self.tuned("--rounds", 0)
        log = (self.tuning.parent / "tuning.json.log").read_text()
        self.assertNotIn("network", self.tuned("--rounds", 0))
        self.assertEqual((self.tuning.parent / "tuning.json.log").read_text(), log)

    def test_convolutions_of_bytes_are_measured(self):
        onnx.save(quantised(), self.model)
        answer = self.tuned("--rounds", 6)
        self.assertEqual([layer["problem"].split("pr1g1 ")[1] for layer in answer["layers"]],
                         ["w8 a8 sum19 large4", "w1from-1by2 a2 sum9", "w1from-1by2 a2 sum10"])
        self.assertTrue(all(layer["failed"] == 0 and layer["finished"] and layer["best_us"] > 0 for layer in answer["layers"]), answer["layers"])
        self.assertEqual(answer["network"]["error"], 0)
        content = json.loads(self.tuning.read_text())
        self.assertEqual({entry["dtype"] for entry in content["entries"] if entry["problem"].startswith("bytes ")}, {"int8"})
        log = (self.tuning.parent / "tuning.json.log").read_text()
        self.tuned("--rounds", 0)
        self.assertEqual((self.tuning.parent / "tuning.json.log").read_text(), log)
        merged = self.tuning.with_name("merged.json")
        done = run("tune", "--merge", self.tuning, "-o", merged, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        entries = json.loads(self.tuning.read_text())["entries"]
        self.assertEqual(json.loads(merged.read_text())["entries"], entries)
        self.assertEqual(json.loads(done.stdout),
                         {"schema": "scissionlite.tuning_merged/1", "output": str(merged), "merged": [str(self.tuning)], "entries": len(entries)})
        self.assertIn(f"has {len(entries)} choices now", run("tune", "--merge", self.tuning, "-o", merged).stdout)
        if answer["network"]["verdict"] != "slower":
            chosen = {layer["choice"] for layer in answer["layers"]}
            steps = [step for step in self.explained() if step["macs"] > 0]
            self.assertEqual((len(steps), {step["implementation"].removeprefix("int8 ") for step in steps}), (3, chosen))
            self.assertTrue(all(step["is_measured"] for step in steps), steps)

    def test_a_way_of_bytes_is_as_the_file_says(self):
        onnx.save(quantised(), self.model)
        self.tuned("--rounds", 0)
        usual = [step["implementation"] for step in self.explained() if step["macs"] > 0]
        content = json.loads(self.tuning.read_text())
        for way in ("direct", "butterflies"):
            for entry in content["entries"]:
                if " w8 " in entry["problem"]:
                    entry["implementation"] = way
            self.tuning.write_text(json.dumps(content))
            done = run("explain", self.model, "--tuning", self.tuning, "--repeats", 2, "--json")
            steps = [step for step in json.loads(done.stdout)["steps"] if step["macs"] > 0]
            self.assertEqual(steps[0]["is_measured"], way == "direct")
            self.assertEqual([step["implementation"] for step in steps[1:]], usual[1:])
            if way == "direct":
                self.assertEqual(steps[0]["implementation"], "int8 direct")
            else:
                self.assertIn("'butterflies' for bytes mb1ic3ih20iw21oc16kh3kw3", done.stderr)

    def test_a_chain_is_made_where_it_was_measured_to_be_faster(self):
        self.tuned("--rounds", 0)
        for factor, expected in ((0.1, True), (10, False)):
            content = json.loads(self.tuning.read_text())
            for entry in content["entries"]:
                if entry["problem"].startswith("chain "):
                    entry["median_us"] = entry["usual_us"] * (factor if entry["problem"].count("conv") == 3 else 10)
            self.tuning.write_text(json.dumps(content))
            steps = self.explained()
            self.assertEqual(any(step["implementation"].startswith("chain of 3") for step in steps), expected)
            self.assertTrue(all(step["instead"] for step in steps if step["macs"] > 0), steps)


if __name__ == "__main__":
    unittest.main()
