"""Runs the program on bad input: each case must end with a clear message that names what was given, an exit code that is
neither 0 nor a crash, and no file under the name that was asked for."""
import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = sys.argv.pop(1)


def run(*words, timeout=120, **more):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=timeout, **more)


def conv_model(weights=(4, 3, 3, 3), op="Conv", domain="", opset=13):
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node(op, ["x", "w"], ["c"], name="conv", domain=domain),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["y"])
    ]
    weight = numpy_helper.from_array(rng.standard_normal(weights).astype(np.float32), "w")
    graph = helper.make_graph(nodes, "bad", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])], [weight])
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def control_flow_model():
    branch = helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "branch", [],
                               [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)])
    node = helper.make_node("If", ["flag"], ["y"], name="choice", then_branch=branch, else_branch=branch)
    graph = helper.make_graph(
        [node], "flow", [helper.make_tensor_value_info("flag", TensorProto.BOOL, []),
                         helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.good = cls.path / "good.onnx"
        onnx.save(conv_model(), cls.good)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def refused(self, words, *parts, code=None):
        result = run(*words)
        text = result.stderr
        self.assertGreater(result.returncode, 0, f"{words}: exit code {result.returncode}\n{text}")
        self.assertNotEqual(result.returncode, 70, f"{words}: counted as a bug\n{text}")
        if code is not None:
            self.assertEqual(result.returncode, code, text)
        self.assertIn("error:", text)
        for part in parts:
            self.assertIn(part, text)
        return text

    def write(self, name, data):
        path = self.path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    # --- models ---
    def test_missing_file(self):
        self.refused(["inspect", self.path / "none.onnx"], "none.onnx", "No such file")

    def test_folder_instead_of_file(self):
        self.refused(["inspect", self.path], "is a folder")

    def test_empty(self):
        self.refused(["inspect", self.write("empty.onnx", b"")], "empty.onnx is empty", code=3)

    def test_not_onnx(self):
        self.refused(["inspect", self.write("text.onnx", b"hello, this is no model" * 50)], "is not an ONNX model", code=3)
        self.refused(["inspect", self.write("noise.onnx", bytes(np.random.default_rng(2).integers(0, 256, 5000, dtype=np.uint8)))], "noise.onnx",
                     code=3)

    def test_fault_13_truncated(self):
        data = self.good.read_bytes()
        for size in (1, len(data) // 3, len(data) // 2, len(data) - 5):
            self.refused(["inspect", self.write("cut.onnx", data[:size])], "cut.onnx", code=3)

    def test_fault_28_huge_claim(self):
        model = conv_model()
        model.graph.initializer[0].dims[0] = 1 << 40
        self.refused(["inspect", self.write("huge.onnx", model.SerializeToString())], "'w'", "bytes", code=3)
        model.graph.initializer[0].dims[:] = [1 << 62, 1 << 62]
        self.refused(["inspect", self.write("huge.onnx", model.SerializeToString())], "2^56", code=3)
        model.graph.initializer[0].dims[:] = [-1, 3]
        self.refused(["inspect", self.write("huge.onnx", model.SerializeToString())], "negative", code=3)

    def test_control_flow(self):
        self.refused(["inspect", self.write("flow.onnx", control_flow_model().SerializeToString())], "If 'choice'", "control flow", code=4)

    def test_old_opset(self):
        self.refused(["inspect", self.write("old.onnx", conv_model(opset=6).SerializeToString())], "opset 6", code=4)

    def test_missing_external_file(self):
        model = conv_model()
        onnx.save(model, self.path / "ext.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
        self.assertEqual(run("inspect", self.path / "ext.onnx").returncode, 0)
        (self.path / "weights.bin").write_bytes(b"123")
        self.refused(["inspect", self.path / "ext.onnx"], "'weights.bin', which has 3", code=3)
        (self.path / "weights.bin").unlink()
        self.refused(["inspect", self.path / "ext.onnx"], "weights.bin", "no such file beside the model", code=3)

    def test_external_file_outside_the_folder(self):
        model = conv_model()
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for location in ("/etc/passwd", "../../etc/passwd"):
            del tensor.external_data[:]
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", location
            self.refused(["inspect", self.write("escape.onnx", model.SerializeToString())], "outside the model's folder", code=3)

    def test_shape_mismatch(self):
        model = self.write("mismatch.onnx", conv_model(weights=(4, 5, 3, 3)).SerializeToString())
        self.refused(["inspect", model], "conv", "channels", code=3)

    def test_unknown_operator_is_inspected_but_not_run(self):
        model = self.write("unknown.onnx", conv_model(op="FancyConv", domain="com.example").SerializeToString())
        self.assertEqual(run("inspect", model).returncode, 0)
        self.refused(["verify", model, "--engine", "reference"], "FancyConv", "com.example", code=4)

    def test_a_name_that_stands_twice_is_no_cycle(self):
        model = conv_model()
        model.graph.node[1].output[0] = model.graph.node[2].input[0] = "w"
        self.refused(["inspect", self.write("twice.onnx", model.SerializeToString())], "'w' is defined twice", code=3)

    def test_a_fixed_batch(self):
        model = conv_model()
        for value in (model.graph.input[0], model.graph.output[0]):
            value.type.tensor_type.shape.dim[0].dim_value = 4
        path = self.write("four.onnx", model.SerializeToString())
        self.refused(["prepare", path, "--candidate", "local", "--package", self.path / "four"], "4 images at once", code=2)
        self.assertFalse((self.path / "four").exists())

    def test_open_sizes_need_an_input_json(self):
        model = conv_model()
        for i in (2, 3):
            model.graph.input[0].type.tensor_type.shape.dim[i].dim_param = "side"
        path = self.write("open.onnx", model.SerializeToString())
        self.refused(["prepare", path, "--candidate", "local", "--package", self.path / "open"], "does not tell the size", code=2)
        spec = self.write("open8.json", json.dumps({"schema": "scissionlite.input/1", "width": 8, "height": 8}))
        shown = run("inspect", path, "--input", spec, "--json")
        self.assertEqual([cut["bytes"] for cut in json.loads(shown.stdout)["cuts"]], [4 * 36 * 4, 4 * 36 * 4, 16], shown.stderr)
        done = run("prepare", path, "--candidate", "split/1/uint8", "--input", spec, "--package", self.path / "open")
        self.assertEqual(done.returncode, 0, done.stderr)

    # --- commands and options ---
    def test_unknown_command_and_option(self):
        self.refused(["inspct", self.good], "did you mean 'inspect'")
        self.refused(["inspect", self.good, "--cutz"], "--cutz")
        self.refused(["inspect"], "model")

    def test_a_number_that_is_none(self):
        for words in (
            ["run", self.path, self.good, "--deadline-ms", "nan"],
            ["run", self.path, self.good, "--slow", "NaN"],
            ["probe", "127.0.0.1:1", "--time-limit-s", "-nan"],
            ["serve", self.path, "--keep-secs", "nan"],
        ):
            self.refused(words, words[-1], "is not a number", code=2)

    def test_a_bound_is_said_in_words(self):
        for words, said in (
            (["profile", self.good, "--name", "x", "--budget-s", "0"], "--budget-s: got 0, expected a number above 0"),
            (["bench", self.good, "--images", self.good, "--limit", "-1"], "--limit: got -1, expected a number of 0 or more"),
        ):
            self.assertNotRegex(self.refused(words, said, code=2), r"\d{20}")

    def test_fewer_than_none(self):
        for words in (
                self.prepare("--repository", self.path / "fewer", "--threads", "-5"),
            ["verify", self.good, "--threads", "-5"],
            ["verify", self.good, "--seed", "-5"],
            ["tune", self.good, "-o", self.path / "fewer", "--seed", "-5"],
            ["simulate", self.path / "plan.json", "--seed", "-5"],
        ):
            self.refused(words, words[-2], "-5", code=2)
        self.assertFalse((self.path / "fewer").exists())

    def test_why_of_what_is_not_there(self):
        self.refused(["inspect", self.good, "--why", "rr"], "'rr' is neither a value", "did you mean 'r'?", code=2)
        self.refused(["inspect", self.good, "--why", "nonsense", "--json"], "'nonsense' is neither a value", code=2)
        self.refused(["inspect", self.good, "--why", ""], "'' is neither a value", code=2)
        by_id = json.loads(run("inspect", self.good, "--why", "1", "--json").stdout)
        self.assertEqual((by_id["is_cut"], by_id["tensors"]), (True, ["r"]))
        self.assertIn("'1' is a cut: every path crosses r", run("inspect", self.good, "--why", "1").stdout)

    def test_addresses_without_a_port(self):
        package = self.path / "addressed"
        self.assertEqual(run(*self.prepare("--package", package)).returncode, 0)
        image = self.write("addressed.png", b"")
        for words in (["run", package, image, "--edge", "nonsense"], ["run", "--from", "nonsense",
                                                                      image], ["probe", "nonsense"], ["profile", self.good, "--via", "nonsense"]):
            self.assertNotIn("--tls-ca", self.refused(words, "'nonsense'", "expected HOST:PORT", code=2))

    def test_a_profile_without_a_name(self):
        self.refused(["profile", self.good, "--name", ""], "--name is empty", code=2)

    def test_a_cut_that_is_named_twice_is_timed_once(self):
        done = run("profile", self.good, "--cuts", "1,r,1", "--tls", "fp16", "--input", self.spec8(), "--budget-s", 1, "--max-seconds", 0.1, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([cut["id"] for cut in json.loads(done.stdout)["cuts"]], ["1"])

    def test_a_table_and_json_on_one_stdout(self):
        self.refused(["report", "--table", "--json", "--plan", self.path / "plan.json"], "--table and --json", "expected one of them", code=2)

    def test_unknown_engine(self):
        self.refused(["verify", self.good, "--engine", "opnvino"], "did you mean 'openvino'")
        self.refused(["verify", self.good, "--engine", "slow:0:openvino"], "slowdown")

    # --- JSON ---
    def test_bad_json(self):
        for name, text, part in (("bad.json", "{\"schema\": ", "not valid JSON"), ("empty.json", "", "not valid JSON"), ("list.json", "[]", "schema"),
                                 ("old.json", json.dumps({"schema": "scissionlite.profile/0"}),
                                  "scissionlite.profile/1"), ("other.json", json.dumps({"schema": "scissionlite.scores/1"}), "profile")):
            path = self.write(name, text)
            self.refused(["plan", "--device", path, "--edge", path, "--bandwidth", "5M", "--rtt", "10ms"], name, part)

    # --- output ---
    def test_output_that_cannot_be_written_is_refused_before_the_work(self):
        for command in (["profile", self.good, "--name", "x", "-o", "/proc/nowhere/out.json"], ):
            self.refused(command, "/proc/nowhere")

    def test_fault_14_full_disk(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "inspect", str(self.good)], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertGreater(result.returncode, 0, result.stderr)

    # --- what would be lost ---
    def prepare(self, *words, candidate="split/1/uint8"):
        return ["prepare", self.good, "--candidate", candidate, "--input", self.spec8(), *words]

    def spec8(self):
        return self.write("good8.json", json.dumps({"schema": "scissionlite.input/1", "width": 8, "height": 8}))

    def test_prepare_replaces_no_package_but_its_own(self):
        photo = self.path / "photos" / "a.jpg"
        photo.parent.mkdir()
        photo.write_bytes(b"mine")
        self.refused(self.prepare("--package", photo.parent, candidate="local"), "photos' exists and is no device package", "choose another", code=2)
        self.assertEqual(photo.read_bytes(), b"mine")
        package = self.path / "twice"
        for _ in range(2):
            done = run(*self.prepare("--package", package, "--also", "local"))
            self.assertEqual(done.returncode, 0, done.stderr)
        (package / "notes.txt").write_text("mine")
        self.refused(self.prepare("--package", package), "holds 'notes.txt'", code=2)
        self.assertEqual((package / "notes.txt").read_text(), "mine")

    def test_prepare_replaces_no_model_but_its_own(self):
        repository = self.path / "repository"
        words = self.prepare("--repository", repository, "--name", "net")
        for _ in range(2):
            done = run(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
        (repository / "net" / "2").mkdir()
        (repository / "net" / "2" / "model.onnx").write_bytes(b"mine")
        self.refused(words, "net' holds '2'", code=2)
        own = repository / "own" / "1" / "model.onnx"
        own.parent.mkdir(parents=True)
        own.write_bytes(b"mine")
        self.refused(self.prepare("--repository", repository, "--name", "own"), "own' exists and is no model that `prepare` wrote", code=2)
        self.assertEqual(own.read_bytes(), b"mine")

    def test_prepare_writes_into_folders_that_lie_apart(self):
        both = self.path / "both"
        for package, repository in ((both, both), (both / "device", both), (both, both / "models")):
            self.refused(self.prepare("--package", package, "--repository", repository), "give each a folder of its own", code=2)
        chain = "split/1/uint8|split/2/uint8"
        self.refused(self.prepare("--repository", both, "--cloud-repository", both, candidate=chain), "the cloud's repository", "of its own", code=2)
        self.assertFalse(both.exists())

    def test_prepare_takes_names_that_servers_take(self):
        repository = self.path / "named"
        for name in ("../x", str(self.path / "absolute"), "a b", ".x", "a" * 256):
            self.refused(self.prepare("--repository", repository, "--name", name), name, "letters, digits, '.', '_' and '-' only", code=2)
        chain = self.prepare("--repository", repository, "--cloud-repository", self.path / "cloud", candidate="split/1/uint8|split/2/uint8")
        self.refused([*chain, "--cloud-name", "../x"], "'../x' cannot name a model", code=2)
        self.assertEqual([name for name in ("x", "absolute", "named", "cloud") if (self.path / name).exists()], [])

    def test_a_refused_prepare_leaves_no_folders(self):
        outer = self.path / "outer"
        words = ["--package", outer / "a" / "device", "--repository", outer / "b" / "models"]
        self.refused(self.prepare(*words, candidate="split/99/uint8"), "no cut '99'", code=2)
        self.refused(self.prepare(*words, "--also", "split/1/fit-x"), "fit-x", code=2)
        self.refused(self.prepare(*words, "--kserve", outer / "c" / "k.yaml", candidate="split/99/uint8"), "no cut '99'", code=2)
        self.assertFalse(outer.exists())

    # --- images ---
    def test_fault_27_unreadable_images(self):
        image = self.write("photo.jpg", b"\xff\xd8\xff\xe0 this is not a photo")
        other = self.write("photo.png", b"\x89PNG\r\n\x1a\n and nothing more")
        self.refused(["score", self.good, "--images", image, other, "-o", self.path / "scores.json"], "photo.")
        self.assertFalse((self.path / "scores.json").exists())
        self.refused(["score", self.good, "--images", self.path / "nothing*.jpg", "-o", self.path / "scores.json"], "nothing*.jpg")

    def test_watching_a_file(self):
        self.assertEqual(run("prepare", self.good, "--candidate", "local", "--package", self.path / "local").returncode, 0)
        self.refused(["run", self.path / "local", "--watch", self.good], "is a file", code=2)

    # --- what is served ---
    @contextlib.contextmanager
    def served(self, *words):
        """The lines on stderr up to the one that it is ready."""
        ready = self.path / "ready.json"
        with subprocess.Popen([PROGRAM, "serve", "--grpc-port", "0", "--engine", "reference", "--ready-file",
                               str(ready), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            process.terminate()
            yield process.communicate()[1]

    def test_a_repository_without_models(self):
        empty = self.path / "no_models"
        (empty / "lost+found").mkdir(parents=True)
        (empty / "notes.txt").write_text("mine")
        said = f"warning [serve] there is no model in --model-repository '{empty}'; expected <model>/1/model.onnx"
        for words, how in (((), "after SIGHUP"), (("--model-control-mode", "poll"), "when they are found")):
            with self.served("--model-repository", empty, *words) as told:
                self.assertIn(said, told)
                self.assertIn(how, told)
        with self.served("--model-repository", empty, "--model-control-mode", "explicit") as told:
            self.assertNotIn("no model", told)
        done = run(*self.prepare("--repository", self.path / "full"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with self.served("--model-repository", empty, "--model-repository", self.path / "full") as told:
            self.assertNotIn("no model", told)

    def test_what_is_no_repository(self):
        package, models, middle = self.path / "of_device", self.path / "of_edge", self.path / "of_middle"
        done = run(*self.prepare("--package", package, "--also", "split/2/uint8", "--repository", models, "--name", "net"))
        self.assertEqual(done.returncode, 0, done.stderr)
        chain = self.prepare("--repository", middle, "--cloud-repository", self.path / "of_cloud", "--name", "net",
                             candidate="split/1/uint8|split/2/uint8")
        self.assertEqual(run(*chain).returncode, 0)
        for mode in ("none", "poll", "explicit"):
            words = ["serve", "--grpc-port", "0", "--model-control-mode", mode, "--model-repository"]
            self.refused([*words, package], f"'{package}' is a device package, which `run` takes", "prepare --repository", code=2)
            self.refused([*words, f"{models}/net"], f"'{models}/net' is the folder of one model; give the folder above, '{models}'", code=2)
            self.refused([*words, f"{models}/net/"], f"give the folder above, '{models}'", code=2)
            self.refused([*words, f"{models}/net/1"], "the folder of one version of a model", code=2)
            self.refused([*words, models, "--model-repository", middle / "net"], f"give the folder above, '{middle}'", code=2)
        (models / "net" / "config.pbtxt").unlink()
        (models / "net" / "manifest.json").unlink()
        self.refused(["serve", "--grpc-port", "0", "--model-repository", models / "net"], f"give the folder above, '{models}'", code=2)

    def test_a_repository_with_other_files_is_served(self):
        models = self.path / "of_all"
        done = run(*self.prepare("--repository", models, "--name", "7"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("manifest.json", "config.pbtxt", "model.onnx", "local.onnx"):
            (models / name).write_text("mine")
        with self.served("--model-repository", models) as told:
            self.assertIn("loaded '7'", told)

    # --- network ---
    def test_busy_port(self):
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen()
            port = busy.getsockname()[1]
            (self.path / "models").mkdir(exist_ok=True)
            self.refused(["serve", "--model-repository", self.path / "models", "--grpc-port", port], str(port))

    def test_dead_edge(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.refused(["probe", f"127.0.0.1:{port}", "-o", self.path / "network.json"], f"127.0.0.1:{port}", code=5)
        self.assertFalse((self.path / "network.json").exists())

    def test_nothing_is_left_behind(self):
        partial = [p.name for p in self.path.rglob("*") if "partial" in p.name]
        self.assertEqual(partial, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
