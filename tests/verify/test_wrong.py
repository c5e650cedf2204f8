"""Wrong packages are refused: each must end with exit code 1 to 69 and a message that names the file and what is wrong.
test_wrong.py SCISSIONLITE ASSETS

Run with the Python of .deps/venv_ort. The cases that mend every hash ask whether the answers themselves are compared."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import onnx

PROGRAM, ASSETS = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
MODEL, PHOTO = ASSETS / "light" / "squeezenet.onnx", ASSETS / "photos" / "cat.jpg"
OTHER_MODEL = ASSETS / "light" / "shufflenet.onnx"
FIRST_CUT, SECOND_CUT = "2", "9"
TAIL_KEY = "scissionlite.tail_sha256"


def run(*words):
    return subprocess.run([str(PROGRAM), *map(str, words)], capture_output=True, text=True, timeout=120)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def edit_json(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def swap_branches(tail):
    """Exchanges the first two inputs of a Concat: those of SqueezeNet's fire modules have one shape."""
    node = next(node for node in tail.graph.node if node.op_type == "Concat")
    node.input[0], node.input[1] = node.input[1], node.input[0]


def shift_bias(tail):
    """Adds something to the bias of the last convolution, which changes every class alike but one."""
    name = [node for node in tail.graph.node if node.op_type == "Conv"][-1].input[2]
    bias = next(tensor for tensor in tail.graph.initializer if tensor.name == name)
    values = onnx.numpy_helper.to_array(bias).copy()
    values[0] += 10 * abs(values).max() + 1
    bias.CopyFrom(onnx.numpy_helper.from_array(values, name))


class Wrong(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory()
        for cut in (FIRST_CUT, SECOND_CUT):
            folder = pathlib.Path(cls.made.name) / cut
            made = run("prepare", MODEL, "--candidate", f"split/{cut}/fp32", "--package", folder / "device", "--repository", folder / "models",
                       "--images", PHOTO, "-q")
            assert made.returncode == 0, made.stderr

    @classmethod
    def tearDownClass(cls):
        cls.made.cleanup()

    def setUp(self):
        copy = tempfile.TemporaryDirectory()
        self.addCleanup(copy.cleanup)
        self.folder = pathlib.Path(copy.name) / "copy"
        shutil.copytree(pathlib.Path(self.made.name) / FIRST_CUT, self.folder)
        self.device, self.repository = self.folder / "device", self.folder / "models"
        self.edge = self.repository / "squeezenet_tail"
        self.other = pathlib.Path(self.made.name) / SECOND_CUT

    def verify(self, *more):
        return run("verify", "--package", self.device, "--repository", self.repository, *more)

    def refused(self, *parts, more=()):
        result = self.verify(*more)
        text = result.stdout + result.stderr
        self.assertIn(result.returncode, range(1, 70), text)
        for part in parts:
            self.assertIn(str(part), text)
        return text

    def refused_by_run(self, *parts):
        """The device half refuses before it answers anything, edge or not."""
        result = run("run", self.device, PHOTO)
        self.assertIn(result.returncode, range(1, 70), result.stdout + result.stderr)
        for part in parts:
            self.assertIn(str(part), result.stderr)

    def mend_hashes(self):
        """What somebody does who changes a tail and makes every hash right again."""
        tail_hash = sha256(self.edge / "1" / "model.onnx")
        old = json.loads((self.device / "manifest.json").read_text())["tail_sha256"]
        shutil.copy(self.edge / "1" / "model.onnx", self.device / "local.onnx")
        head = onnx.load(self.device / "head.onnx")
        for entry in head.metadata_props:
            if entry.key == TAIL_KEY:
                entry.value = tail_hash
        onnx.save(head, self.device / "head.onnx")
        edit_json(self.device / "manifest.json", tail_sha256=tail_hash, head_sha256=sha256(self.device / "head.onnx"))
        edit_json(self.edge / "manifest.json", tail_sha256=tail_hash, head_sha256=sha256(self.device / "head.onnx"))
        config = self.edge / "config.pbtxt"
        config.write_text(config.read_text().replace(old, tail_hash))

    def change_tail(self, change):
        path = self.edge / "1" / "model.onnx"
        tail = onnx.load(path)
        change(tail)
        onnx.save(tail, path)
        self.mend_hashes()

    def test_right_one_is_accepted(self):
        result = self.verify(MODEL)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotIn("WRONG", result.stdout)

    def test_mending_alone_changes_nothing(self):
        self.change_tail(lambda tail: None)
        result = self.verify(MODEL)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_swapped_branches_with_mended_hashes(self):
        self.change_tail(swap_branches)
        text = self.refused("WRONG  probe", "answers the probe differently in output", more=[MODEL])
        self.assertIn("head and tail differ from the model", text)

    def test_one_shifted_bias_with_mended_hashes(self):
        self.change_tail(shift_bias)
        self.refused("WRONG  probe", "answers the probe differently in output")

    def test_tail_of_another_cut_in_the_repository(self):
        shutil.copy(self.other / "models/squeezenet_tail/1/model.onnx", self.edge / "1" / "model.onnx")
        self.refused("WRONG  repository: the package's model", self.edge / "1" / "model.onnx",
                     sha256(self.other / "models/squeezenet_tail/1/model.onnx"))

    def test_repository_of_another_cut(self):
        shutil.rmtree(self.repository)
        shutil.copytree(self.other / "models", self.repository)
        self.refused("WRONG  repository: manifest and config", "prepare both together")

    def test_repository_without_the_model(self):
        shutil.rmtree(self.edge)
        self.refused("has no model 'squeezenet_tail'")

    def test_tail_of_another_cut_in_the_package(self):
        shutil.copy(self.other / "device/local.onnx", self.device / "local.onnx")
        self.refused(self.device / "local.onnx", "the manifest expects")
        self.refused_by_run("local.onnx", "the manifest expects")

    def test_head_of_another_cut(self):
        shutil.copy(self.other / "device/head.onnx", self.device / "head.onnx")
        self.refused(self.device / "head.onnx", "the manifest expects")
        self.refused_by_run("head.onnx", "the manifest expects")

    def test_head_of_another_cut_with_its_hash(self):
        shutil.copy(self.other / "device/head.onnx", self.device / "head.onnx")
        edit_json(self.device / "manifest.json", head_sha256=sha256(self.device / "head.onnx"))
        self.refused("WRONG  head: names its tail", "the files of two packages were mixed")
        self.refused_by_run("head.onnx", "the files of two packages were mixed")

    def test_truncated_head(self):
        path = self.device / "head.onnx"
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
        self.refused(path, "the manifest expects")

    def test_truncated_head_with_its_hash(self):
        path = self.device / "head.onnx"
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
        edit_json(self.device / "manifest.json", head_sha256=sha256(path))
        self.refused("WRONG  head", path)
        self.refused_by_run("head.onnx")

    def test_edited_hash_of_the_tail(self):
        edit_json(self.device / "manifest.json", tail_sha256="0" * 64)
        self.refused(self.device / "local.onnx", "0" * 64)
        self.refused_by_run("local.onnx", "0" * 64)

    def test_edited_hash_of_the_model(self):
        edit_json(self.device / "manifest.json", model_sha256="0" * 64)
        self.refused("WRONG  repository: manifest and config", "WRONG  model: the one that was cut", "0" * 64, sha256(MODEL), more=[MODEL])

    def test_another_model(self):
        self.refused("WRONG  model: the one that was cut", OTHER_MODEL, more=[OTHER_MODEL])

    def test_config_without_the_hash(self):
        path = self.edge / "config.pbtxt"
        path.write_text(path.read_text().replace(sha256(self.edge / "1" / "model.onnx"), "1" * 64))
        self.refused("WRONG  repository: manifest and config", path)

    def test_probe_of_another_cut(self):
        shutil.copy(self.other / "device/probe.bin", self.device / "probe.bin")
        self.refused("WRONG  probe", "input 'cut0'", "expected float32")

    def test_truncated_probe(self):
        path = self.device / "probe.bin"
        path.write_bytes(path.read_bytes()[:-5])
        self.refused("probe.bin")
        self.refused_by_run("probe.bin")

    def test_manifest_missing_broken_or_of_the_edge(self):
        path = self.device / "manifest.json"
        for content, part in ((None, "has no manifest.json"), ('{"schema": ', "manifest.json"), ("[]", "manifest.json"),
                              (json.dumps({"schema": "other/1"}), "schema"), ((self.edge / "manifest.json").read_text(), "expected 'device'")):
            with self.subTest(part):
                path.unlink(missing_ok=True) if content is None else path.write_text(content)
                self.refused(part)
                self.refused_by_run(part)

    def test_compiled_forms_of_the_tail_before_it_was_changed(self):
        """Every hash of ONNX files is right again, but the forms answer as before."""
        made = run("prepare", MODEL, "--candidate", f"split/{FIRST_CUT}/fp32", "--package", self.device, "--repository", self.repository, "--images",
                   PHOTO, "-q", "--compile")
        self.assertEqual(made.returncode, 0, made.stderr)
        right = self.verify(MODEL)
        self.assertEqual(right.returncode, 0, right.stdout + right.stderr)
        for form in ("head.compiled", "local.compiled", "1/model.compiled"):
            self.assertIn(f"ok     compiled: {form} answers as its ONNX file", right.stdout)
        self.change_tail(shift_bias)
        for form in ("head.compiled", "local.compiled"):  # the head names the changed tail, so that it is another file too
            self.refused("WRONG  package", self.device / form, "was compiled from a model with sha256")
            self.refused_by_run(form, "was compiled from a model with sha256")
            manifest = json.loads((self.device / "manifest.json").read_text())
            del manifest["compiled"][form]
            (self.device / "manifest.json").write_text(json.dumps(manifest))
        self.refused("WRONG  repository: 1/model.compiled", "was compiled from a model with sha256")

    def test_files_of_two_cuts(self):
        result = run("verify", MODEL, "--head", self.device / "head.onnx", "--tail", self.other / "models/squeezenet_tail/1/model.onnx")
        self.assertIn(result.returncode, range(1, 70))
        self.assertIn("input 'cut0': got", result.stdout + result.stderr)


if __name__ == "__main__":
    needed = [path for path in (MODEL, OTHER_MODEL, PHOTO) if not path.exists()]
    if needed:
        print(f"[SKIP] no {needed[0]}; run tools/assets/make_assets.sh build/assets test")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
