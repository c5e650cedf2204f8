"""bench_engine_worker speaks the protocol of bench/engine/worker.py: loads, runs, gives right answers, and says what is wrong.
test_worker.py BENCH_ENGINE_WORKER     with the Python of .deps/venv_ort"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
SHAPE = (1, 3, 8, 8)


def small_model(path):
    """y = Relu(x) * 2"""
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Mul", ["r", "two"], ["y"])]
    graph = helper.make_graph(nodes, "small", [value("x", TensorProto.FLOAT, SHAPE)], [value("y", TensorProto.FLOAT, SHAPE)],
                              [numpy_helper.from_array(np.float32(2), "two")])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), str(path))


class Worker(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.folder.name)
        small_model(self.at / "small.onnx")
        self.x = np.random.RandomState(1).standard_normal(SHAPE).astype(np.float32)
        np.save(self.at / "x.npy", self.x)

    def tearDown(self):
        self.folder.cleanup()

    def talk(self, *lines, words=("--engine", "reference")):
        done = subprocess.run([PROGRAM, self.at / "small.onnx", *words], input="".join(line + "\n" for line in lines), capture_output=True, text=True,
                              timeout=60)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def test_load_run_output(self):
        code, replies = self.talk(f"input {self.at}/x.npy", "run 3", f"output {self.at}/y.npy", "memory", "quit", "run 1")
        self.assertEqual(code, 0)
        self.assertEqual(len(replies), 5, "nothing is answered after quit")
        loaded, given, ran, written, memory = replies
        self.assertGreater(loaded["load_ms"], 0)
        self.assertIn("reference", loaded["version"])
        self.assertEqual((given, written), ({}, {}))
        self.assertEqual(len(ran["us"]), 3)
        self.assertTrue(all(us > 0 for us in ran["us"]))
        self.assertGreater(memory["peak_mib"], 1)
        np.testing.assert_array_equal(np.load(self.at / "y.npy"), 2 * np.maximum(self.x, 0))

    def test_end_of_input_ends(self):
        self.assertEqual(self.talk()[0], 0)

    def test_errors_are_answers(self):
        np.save(self.at / "wide.npy", np.zeros((1, 3, 8, 9), np.float32))
        code, replies = self.talk("run 1", "output y.npy", f"input {self.at}/none.npy", f"input {self.at}/wide.npy", "sing", f"input {self.at}/x.npy",
                                  "run 1")
        self.assertEqual(code, 0)
        for reply, words in zip(replies[1:], ("no input yet", "no run yet", "none.npy", "(1, 3, 8, 8)", "unknown command 'sing'")):
            self.assertIn(words, reply["error"])
        self.assertEqual(len(replies[-1]["us"]), 1, "the next commands work")

    def test_compiled_model(self):
        compiled = self.at / "compiled"
        subprocess.run([PROGRAM, self.at / "small.onnx", "--compile", compiled], check=True, timeout=60)
        done = subprocess.run([PROGRAM, compiled, "--engine", "native"], input=f"input {self.at}/x.npy\nrun 1\noutput {self.at}/y.npy\n",
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(json.loads(done.stdout.splitlines()[0])["from"], "compiled", done.stdout)
        np.testing.assert_array_equal(np.load(self.at / "y.npy"), 2 * np.maximum(self.x, 0))

    def test_bad_model(self):
        (self.at / "small.onnx").write_bytes(b"not a model")
        code, replies = self.talk()
        self.assertEqual(code, 1)
        self.assertIn("small.onnx", replies[0]["error"])

    def test_bad_words(self):
        for words, said in ((("--engine", "opnvino"), "opnvino"), (("--threads", "0"), "--threads"), (("--fast", ), "--fast")):
            code, replies = self.talk(words=words)
            self.assertEqual(code, 1)
            self.assertIn(said, replies[0]["error"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
