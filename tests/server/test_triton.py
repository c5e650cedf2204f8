"""The same device package against a real Triton and against our server: both hold the same bytes of the tail, `run` gets
the same answers from both, and both are refused when they hold the tail of another cut. PROGRAM ASSETS"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import peers

peers.enter_venv()
import triton  # noqa: E402

PROGRAM, ASSETS = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
PHOTOS = ASSETS / "photos"
SCORE_TOLERANCE = 1e-4


def prepare(model, candidate, folder, style, *more):
    words = [
        PROGRAM, "prepare", model, "--candidate", candidate, "--package", folder / "package", "--repository", folder / "repository", "--repo-style",
        style, "--images", PHOTOS, *more
    ]
    subprocess.run(list(map(str, words)), check=True, capture_output=True, timeout=120)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Pair:
    """A prepared model with its device package, and another cut of it under the same name."""
    ways = ([], )  # more words of `run`

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="triton-test-")
        cls.folder = pathlib.Path(cls.temporary.name)
        for name, candidate in (("right", cls.cut), ("wrong", cls.other_cut)):
            for style in ("onnx", "python"):
                prepare(cls.model, candidate, cls.folder / name / style, style)
        cls.package = cls.folder / "right" / "onnx" / "package"
        cls.tail = cls.model.stem + "_tail"
        cls.photos = sorted(PHOTOS.glob("*.jpg"))[:12]
        cls.names = [str(path) for path in cls.photos]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def repository(self, name, style):
        return self.folder / name / style / "repository"

    def run_on(self, address, *words):
        command = [PROGRAM, "run", "--json", str(self.package), *self.names, "--edge", address, "--call-timeout-ms", "20000", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def answers(self, address, *words):
        result = self.run_on(address, "--fallback", "none", *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return [line for line in lines if "ready" not in line and "summary" not in line]

    def test_same_bytes_in_both_styles(self):
        for name in ("right", "wrong"):
            ours = self.repository(name, "onnx") / self.tail / "1" / "model.onnx"
            tritons = self.repository(name, "python") / self.tail / "1" / "tail.onnx"
            self.assertEqual(sha256(ours), sha256(tritons))
        self.assertNotEqual(sha256(self.repository("right", "onnx") / self.tail / "1" / "model.onnx"),
                            sha256(self.repository("wrong", "onnx") / self.tail / "1" / "model.onnx"))

    def check_same(self, a, b):
        self.assertEqual(len(a), len(self.photos))
        self.assertEqual(len(b), len(self.photos))
        for x, y in zip(a, b):
            self.assertEqual(x["path"], y["path"])
            self.assertEqual((x["origin"], y["origin"]), ("edge", "edge"))
            self.assertEqual(x["top"][0]["index"], y["top"][0]["index"], x["path"])
            other = {c["index"]: c["score"] for c in y["top"]}
            for c in x["top"]:
                if c["index"] in other:
                    self.assertAlmostEqual(c["score"], other[c["index"]], delta=SCORE_TOLERANCE)
                else:  # a tie with the last of the five
                    self.assertAlmostEqual(c["score"], y["top"][-1]["score"], delta=SCORE_TOLERANCE)

    def test_same_answers_from_triton_and_from_us(self):
        with triton.Triton(self.repository("right", "python")) as stock, peers.Serve(PROGRAM, self.repository("right", "onnx")) as ours:
            for words in self.ways:
                with self.subTest(words=words):
                    self.check_same(self.answers(stock.address, *words), self.answers(ours.address, *words))

    def check_refused(self, address):
        for words in ([], ["--fallback", "none"]):
            result = self.run_on(address, *words)
            self.assertNotIn(result.returncode, (0, 70), result.stderr)
            self.assertGreater(result.returncode, 0)
            self.assertIn("refused", result.stderr)
            origins = [json.loads(line).get("origin") for line in result.stdout.splitlines()]
            self.assertNotIn("edge", origins, "no answer of a wrong tail may get through")

    def test_wrong_tail_on_triton_is_refused(self):
        with triton.Triton(self.repository("wrong", "python")) as stock:
            self.check_refused(stock.address)

    def test_wrong_tail_on_our_server_is_refused(self):
        with peers.Serve(PROGRAM, self.repository("wrong", "onnx")) as ours:
            self.check_refused(ours.address)


class EfficientNet(Pair, unittest.TestCase):
    model = ASSETS / "efficientnet_lite0.onnx"
    cut, other_cut = "split/48/uint8", "split/31/uint8"
    ways = ([], ["--whole-outputs"], ["--pipeline", "4"])

    def check_same(self, a, b):
        super().check_same(a, b)
        self.assertGreater(len({x["top"][0]["index"] for x in a}), 3, "photos of different things")


class SqueezeNet(Pair, unittest.TestCase):
    """An old opset, and weights made up: the answers differ little from photo to photo."""
    model = ASSETS / "light" / "squeezenet.onnx"
    cut, other_cut = "split/r26/uint8", "split/r25/uint8"

    def test_a_compiled_model_beside_the_onnx_file_does_not_disturb_triton(self):
        folder = self.folder / "compiled"
        prepare(self.model, self.cut, folder, "onnx", "--compile")
        version = folder / "repository" / self.tail / "1"
        self.assertEqual(sorted(path.name for path in version.iterdir()), ["model.compiled", "model.onnx"])
        (folder / "python").mkdir()
        triton.python_style(folder / "repository", folder / "python")
        self.assertTrue((folder / "python" / self.tail / "1" / "model.compiled" / "compiled.json").exists())
        with triton.Triton(folder / "python", log=folder / "log") as stock, peers.Serve(PROGRAM, folder / "repository", "--engine", "native") as ours:
            self.check_same(self.answers(stock.address), self.answers(ours.address))
        self.assertNotIn("ignore", (folder / "log").read_text())


if __name__ == "__main__":
    for missing in (EfficientNet.model, SqueezeNet.model, PHOTOS):
        if not missing.exists():
            peers.skip(f"no {missing}; run tools/assets/make_assets.sh build/assets test")
    if triton.why_missing():
        peers.skip(triton.why_missing())
    unittest.main()
