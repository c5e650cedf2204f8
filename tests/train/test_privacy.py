"""scissionlite-train privacy: pictures rebuilt from what leaves the device, and what plan and report make of it.
test_privacy.py SCISSIONLITE_TRAIN SCISSIONLITE   (run with the Python of .deps/venv_ort)
With SCISSIONLITE_TEST_DATA a trained ResNet-8 on CIFAR-10 is measured too."""
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import numpy as np

TRAIN, PROGRAM = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from test_train import run, write_png  # noqa: E402  (it takes the programs off sys.argv)
from support import OnPictures  # noqa: E402

SIDE = 24


def model(path, seed=3):
    """Three strided convolutions and a classifier: each halves the picture, so each cut says less of it."""
    rng = np.random.default_rng(seed)

    def weight(name, *shape):
        fan_in = np.prod(shape[1:])
        return numpy_helper.from_array(rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32), name)

    nodes, constants, before, channels = [], [], "x", 3
    for i, out in enumerate((8, 12, 12)):
        constants.append(weight(f"w{i}", out, channels, 3, 3))
        nodes += [
            helper.make_node("Conv", [before, f"w{i}"], [f"c{i}"], name=f"conv{i}", strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"], name=f"relu{i}")
        ]
        before, channels = f"r{i}", out
    constants.append(weight("fc", 5, 12 * 3 * 3))
    nodes += [helper.make_node("Flatten", [before], ["flat"]), helper.make_node("Gemm", ["flat", "fc"], ["y"], transB=1)]
    graph = helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    path.with_suffix(".input.json").write_text(
        json.dumps(
            {"schema": "scissionlite.input/1", "width": SIDE, "height": SIDE, "resize": "none", "crop": "none", "mean": [0.5] * 3,
             "std": [0.25] * 3}))
    return path


def picture(rng, side=SIDE):
    """A gradient and two coloured spots anywhere."""
    y, x = np.mgrid[0:side, 0:side] / (side - 1.0)
    a, b = rng.uniform(-100, 100, 2)
    out = np.stack([128 + a * (x - 0.5) + b * (y - 0.5)] * 3, -1)
    for _ in range(2):
        spot = np.exp(-((x - rng.uniform())**2 + (y - rng.uniform())**2) * 25)
        out += spot[..., None] * rng.uniform(-70, 70, 3)
    return np.clip(out + rng.normal(0, 2, out.shape), 0, 255).astype(np.uint8)


run = functools.partial(run, timeout=600)


class Privacy(OnPictures):
    picture = staticmethod(picture)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = model(cls.folder / "small.onnx")
        cls.whole = cls.folder / "privacy.json"
        cls.first = cls.privacy(cls.whole, "--cuts", "r0,r2,flat")

    @classmethod
    def words(cls, output, *more, images=None, epochs=6):
        return [
            "privacy", cls.model, "--images", images or cls.images, "--views", 2, "--epochs", epochs, "--lr", 0.004, "--threads", 1, "-o", output,
            "-q", *more
        ]

    @classmethod
    def privacy(cls, output, *more, **options):
        return run(*cls.words(output, *more, **options))

    def measured(self, file=None):
        self.assertEqual(self.first.returncode, 0, self.first.stderr)
        data = json.loads((file or self.whole).read_text())
        return data, {row["candidate"]: row for row in data["candidates"]}, {row["name"]: row for row in data["baselines"]}

    def test_early_cuts_show_more_than_late_ones(self):
        data, rows, baselines = self.measured()
        early, late, flat = (next(row for key, row in rows.items() if key == f"split/{cut}/uint8")
                             for cut in sorted((key.split("/")[1] for key in rows), key=int))
        mean, sent = baselines["mean picture"], baselines["edge/jpeg-q75-420"]
        self.assertGreater(early["psnr_db"], late["psnr_db"] + 1)
        self.assertGreater(early["ssim"], late["ssim"])
        self.assertGreater(late["psnr_db"], mean["psnr_db"] + 1)
        self.assertGreater(flat["psnr_db"], mean["psnr_db"] + 1)
        self.assertGreater(sent["psnr_db"], early["psnr_db"])
        for row in (*rows.values(), *baselines.values()):
            self.assertEqual(row["n"], data["held_out"])
            self.assertLess(row["psnr_interval"][0], row["psnr_db"])
            self.assertGreater(row["psnr_interval"][1], row["psnr_db"])
            self.assertEqual(len(row["pictures"]), len(data["originals"]))
        self.assertEqual((data["images"], data["held_out"], data["width"]), (64, 16, SIDE))
        self.assertIn("lower bound", self.first.stdout)

    def test_the_same_command_gives_the_same_numbers_and_keeps_what_is_there(self):
        again, before = self.folder / "again.json", self.measured()
        self.assertEqual(self.privacy(again, "--cuts", "r2").returncode, 0)
        _, rows, baselines = self.measured(again)
        self.assertEqual(baselines, before[2])
        for key, row in rows.items():
            self.assertEqual(row, before[1][key])
        # A further layer is added, and what was there is not touched.
        result = self.privacy(again, "--cuts", "r2", "--tl", "uint8,uint2", "-v")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("is there already", result.stderr)
        _, more, _ = self.measured(again)
        self.assertEqual([key.rsplit("/", 1)[1] for key in more], ["uint8", "uint2"])
        self.assertEqual({key: more[key] for key in rows}, rows)

    def test_a_killed_run_goes_on_with_the_next_candidate(self):
        out = self.folder / "killed.json"
        process = subprocess.Popen([str(TRAIN), *map(str, self.words(out, "--cuts", "r0,r1,r2"))], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        kept = []
        for _ in range(2400):
            kept = json.loads(out.read_text())["candidates"] if out.exists() else []
            if kept or process.poll() is not None:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertTrue(kept)
        self.assertEqual(self.privacy(out, "--cuts", "r0,r1,r2").returncode, 0)
        done = json.loads(out.read_text())["candidates"]
        self.assertEqual(len(done), 3)
        self.assertEqual(done[:len(kept)], kept)
        reference = self.measured()[1]
        for row in done:
            self.assertEqual(row, reference.get(row["candidate"], row))

    def test_another_job_is_refused(self):
        out, text = self.folder / "other.json", self.whole.read_text()
        out.write_text(text)
        self.refused(self.privacy(out, "--cuts", "r0", epochs=7), "'epochs' was 6, now it is 7", "another file")
        self.refused(run(*self.words(out, "--cuts", "r0"), "--holdout", "0.5"), "belongs to another run")
        other = model(self.folder / "other.onnx", seed=4)
        self.refused(run("privacy", other, *self.words(out, "--cuts", "r0")[2:]), "'model_sha256' was")
        self.assertEqual(out.read_text(), text)
        out.write_text(text[:-40])
        self.refused(self.privacy(out, "--cuts", "r0"), "other.json", "is not valid JSON")

    def test_bad_input(self):
        empty, one = self.folder / "empty", self.folder / "one"
        for folder in (empty, one):
            folder.mkdir(exist_ok=True)
        write_png(one / "a.png", picture(np.random.default_rng(7)))
        out = self.folder / "refused.json"
        self.refused(self.privacy(out, "--cuts", "r0", images=empty), "no image")
        self.refused(self.privacy(out, "--cuts", "r0", images=one), "at least two")
        self.refused(self.privacy(out, "--cuts", "nowhere"), "nowhere")
        self.refused(self.privacy(out, "--cuts", "r0", "--tl", "zip"), "zip")
        self.refused(self.privacy(out, "--cuts", "r0", "--size", 8), "--size")
        self.refused(self.privacy(self.images / "000.png" / "x.json", "--cuts", "r0"), "000.png")
        self.assertFalse(out.exists())

    def test_plan_and_report(self):
        files = self.profiles()
        _, rows, _ = self.measured()
        early, late = (next(iter(key for key in rows if key.startswith(f"split/{cut}/"))) for cut in sorted({key.split("/")[1]
                                                                                                             for key in rows}, key=int)[:2])
        limit = (rows[early]["psnr_db"] + rows[late]["psnr_db"]) / 2
        words = [
            "plan", "--device", files[0], "--edge", files[1], "--bandwidth", "100M", "--rtt", "1ms", "--require", "machine edge", "--forbid",
            "images leaving"
        ]
        free = json.loads(run(*words, "--privacy", self.whole, "--json", program=PROGRAM).stdout)
        self.assertEqual(free["chosen"]["key"], early)
        self.assertEqual(free["chosen"]["rebuilt"]["psnr_db"], rows[early]["psnr_db"])
        plan = self.folder / "plan.json"
        result = run(*words, "--privacy", self.whole, "--max-psnr-db", f"{limit:.3f}", "-o", plan, program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(plan.read_text())["chosen"]["key"], late)
        self.assertIn("rebuilt    PSNR", result.stdout)
        explained = run(*words, "--privacy", self.whole, "--max-psnr-db", f"{limit:.3f}", "--explain", early, "--explain",
                        early.replace("uint8", "fp32"), program=PROGRAM).stdout
        self.assertIn(f"over 'require psnr <= {limit:.3f}'", explained)
        self.assertIn("was not measured by `scissionlite privacy`", explained)
        self.refused(run(*words, "--max-ssim", "0.5", program=PROGRAM), "give its file with --privacy")
        self.refused(run(*words, "--privacy", self.whole, "--max-psnr-db", "1", program=PROGRAM), "the nearest is")
        page = self.folder / "page.html"
        self.assertEqual(run("report", "--plan", plan, "--privacy", self.whole, "-o", page, program=PROGRAM).returncode, 0)
        self.assertEqual(page.read_text().count("<img src=\"data:image/jpeg;base64,"), 4 * (1 + 2 + len(rows)))

    def profiles(self):
        """A device and an edge on which the early cut is the faster one."""
        data, rows, _ = self.measured()
        files = []
        for name, speed in (("device", 1000), ("edge", 10)):
            cuts = [{
                "id": key.split("/")[1], "tensors": [key.split("/")[1]], "bytes": 4000, "head": speed * (i + 1), "tail": speed * (5 - i),
                "tls": {tl: {"wire_bytes": size, "encode": 1, "decode": 1}
                        for tl, size in (("uint8", 1000), ("fp32", 4000))}
            } for i, key in enumerate(sorted(rows, key=lambda k: int(k.split("/")[1])))]
            profile = {
                "schema": "scissionlite.profile/1", "machine_name": name, "model_sha256": data["model_sha256"], "whole": speed * 6, "cuts": cuts
            }
            files.append(self.folder / f"{name}.json")
            files[-1].write_text(json.dumps(profile))
        return files

    def test_a_trained_network(self):
        root = pathlib.Path(os.environ.get("SCISSIONLITE_TEST_DATA", "/nowhere"))
        network, cifar = root / "models" / "resnet8_cifar10.onnx", root / "cifar10" / "test_2000.bin"
        if not network.exists() or not cifar.exists():
            self.skipTest("SCISSIONLITE_TEST_DATA does not name a folder with models/resnet8_cifar10.onnx and cifar10/test_2000.bin")
        records = np.frombuffer(cifar.read_bytes(), np.uint8).reshape(-1, 3073)[:150, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        photos, out = self.folder / "cifar", self.folder / "cifar.json"
        photos.mkdir()
        for i, record in enumerate(records):
            write_png(photos / f"{i:03}.png", record)
        result = run("privacy", network, "--input", HERE.parent / "fixtures" / "inputs" / "resnet8_cifar10.input.json", "--images", photos, "--cuts",
                     "0,18", "--views", 2, "--epochs", 3, "--threads", 1, "-o", out, "-q")
        self.assertEqual(result.returncode, 0, result.stderr)
        _, rows, baselines = self.measured(out)
        self.assertGreater(rows["split/0/uint8"]["psnr_db"], rows["split/18/uint8"]["psnr_db"] + 1)
        self.assertGreater(rows["split/0/uint8"]["ssim"], rows["split/18/uint8"]["ssim"])
        self.assertGreater(rows["split/18/uint8"]["psnr_db"], baselines["mean picture"]["psnr_db"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
