#!/usr/bin/env python3
"""split_auc_lost: AUC that the trained detector of rare positives loses when it gets 8-bit weights and activations and
is split behind a transfer layer of at most 1/32 of its cut's float32 tensor: tools/figures/auc.py's models (which has
to run first) at 1 % positives, quantised on their training images without labels, layers calibrated on the same, the
mildest whose bytes (95 % of the images) are within the limit there, prepared and run through a real edge on all test
images. Beside them the float model on this machine alone. The interval is of a paired bootstrap over the test images,
each class by itself, all seeds together.

Run with the Python of bench/engine/install_peers.sh (NumPy, Pillow).

Example: build/peers/main/bin/python tools/figures/split_auc.py --programs build/release --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import time

import numpy
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import auc  # noqa: E402
import auc_tasks  # noqa: E402
import compress_tasks  # noqa: E402
import figures  # noqa: E402

COMMAND = "tools/figures/split_auc.py"
CUT, LARGEST_SHARE, RATE = "stage2.block1.relu2", 1 / 32, 0.01
STEPS = "35,50,60,70,85,100,120,140,170,200,240"
FIT_IMAGES, BOOTSTRAPS = 600, 2000


def run(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def write_images(source, folder, most):
    """IDX as PNG files; their labels."""
    (count, height, width), pixels = auc_tasks.idx(source)
    labels = auc_tasks.idx(pathlib.Path(str(source).replace("-images-idx3", "-labels-idx1")))[1]
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for i in range(min(most, count)):
            Image.frombytes("L", (width, height), pixels[i * height * width:(i + 1) * height * width]).save(partial / f"{i:06d}.png")
        partial.rename(folder)
    return labels


def area(scores, is_positive):
    """Mann and Whitney's, ties counted half."""
    _, at, counts = numpy.unique(scores, return_inverse=True, return_counts=True)
    ranks = (numpy.cumsum(counts) - (counts - 1) / 2)[at]
    positives = is_positive.sum()
    return (ranks[is_positive].sum() - positives * (positives + 1) / 2) / (positives * (len(scores) - positives))


def answers(options, package, images, *more):
    """Scores of the positive class by file name, and bytes sent for each image."""
    lines = [
        json.loads(line)
        for line in run(options.programs /
                        "scissionlite", "run", package, images, "--threads", options.threads, "--whole-outputs", "--json", "-q", *more).splitlines()
    ]
    found = sorted((pathlib.Path(line["path"]).name, line) for line in lines if "path" in line)
    wrong = [name for name, line in found if "error" in line]
    if wrong:
        raise SystemExit(f"[split_auc] {package}: no answer for {len(wrong)} images, {wrong[0]} first")
    values = numpy.array([line["outputs"][0]["values"] for _, line in found])
    return values[:, 1] - values[:, 0], numpy.array([line["payload_bytes"] for _, line in found]), {line["origin"] for _, line in found}


class Edge:
    """A server of a repository, as long as it is needed."""
    def __init__(self, options, repository):
        self.ready = repository.with_suffix(".ready")
        self.ready.unlink(missing_ok=True)
        self.process = subprocess.Popen([
            str(word) for word in (options.programs / "scissionlite", "serve", "--model-repository", repository, "--grpc-port", 0, "--ready-file",
                                   self.ready, "--threads", options.threads, "-q")
        ])

    def __enter__(self):
        for _ in range(600):
            if self.ready.exists():
                told = json.loads(self.ready.read_text())
                return told["address"]
            time.sleep(0.1)
        raise SystemExit("[split_auc] the edge did not begin to serve in a minute")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Split:
    def __init__(self, options, name):
        self.options, self.task, self.folder = options, auc.Task(name, options), options.work / name / "split"
        self.folder.mkdir(parents=True, exist_ok=True)
        labels = write_images(self.task.files["test"], self.folder / "test", 1 << 30)
        self.is_positive = numpy.array([label in self.task.settings["positive"] for label in labels])
        self.setting = self.task.setting("auc")

    def seed(self, seed):
        """Scores of the float model alone, of the split one and of the 8-bit model alone; bytes sent over those of the
        tensor, and the layer's step."""
        program, train, here = self.options.programs / "scissionlite", self.options.programs / "scissionlite-train", self.folder / str(seed)
        here.mkdir(exist_ok=True)
        model, spec = self.task.folder / f"auc.{RATE}.{self.setting}.{seed}.onnx", here / "input.json"
        shutil.copy(model.with_suffix(".input.json"), spec)
        fit = self.folder / f"fit{seed}"
        write_images(self.task.rare(RATE, seed, False), fit, FIT_IMAGES)
        small, layers, device, repository, alone, small_alone = (here / part
                                                                 for part in ("w8a8.onnx", "layers", "device", "edge", "alone", "small_alone"))
        common = ["--images", fit, "--input", spec, "-q"]
        run(train, "quantize", model, *common, "--weight-bits", 8, "--activation-bits", 8, "--epochs", 0, "--threads", self.options.threads, "-o",
            small)
        fitted = json.loads(
            run(train, "calibrate", small, *common, "--cut", CUT, "--steps", STEPS, "--views", 2, "--seed", seed, "--threads", self.options.threads,
                "--json", "-o", layers))
        tensor = next(cut for cut in json.loads(run(program, "inspect", small, "--json", "-q"))["cuts"] if cut["tensors"] == [CUT])
        limit = tensor["bytes"] * LARGEST_SHARE
        within = [rate for rate in fitted["rates"] if rate["bytes_p95"] <= limit]
        if not within:
            raise SystemExit(f"[split_auc] {self.task.name}: no layer is within {limit:.0f} bytes; coarser steps are needed")
        layer = min(within, key=lambda rate: rate["step"])
        for old in (device, repository, alone, small_alone):
            shutil.rmtree(old, ignore_errors=True)
        for file, package in ((model, alone), (small, small_alone)):
            run(program, "prepare", file, *common, "--candidate", "local", "--package", package, "--repository", here / "none")
        run(program, "prepare", small, *common, "--candidate", f"split/{tensor['id']}/{layer['spec']}", "--fitted", layers, "--package", device,
            "--repository", repository)
        (whole, _, _), (eight_bits, _, _) = (answers(self.options, package, self.folder / "test") for package in (alone, small_alone))
        with Edge(self.options, repository) as address:
            halves, sent, origins = answers(self.options, device, self.folder / "test", "--edge", address, "--fallback", "none")
        if origins != {"edge"}:
            raise SystemExit(f"[split_auc] answers came from {origins}")
        share = sent.mean() / (limit / LARGEST_SHARE)
        print(
            f"[split_auc] {self.task.name}, seed {seed}: AUC {area(whole, self.is_positive):.4f}, in 8 bits {area(eight_bits, self.is_positive):.4f}, split {area(halves, self.is_positive):.4f}, step {layer['step']}, {sent.mean():.0f} bytes, 1/{1 / share:.0f} of the tensor",
            flush=True)
        return whole, halves, eight_bits, share, layer["step"]

    def row(self, seeds):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            made = list(pool.map(self.seed, seeds))
        lost = lambda at: numpy.mean([area(whole[at], self.is_positive[at]) - area(halves[at], self.is_positive[at])
                                      for whole, halves, *_ in made])  # noqa: E731
        rng, classes = numpy.random.default_rng(1), [numpy.flatnonzero(self.is_positive == one) for one in (False, True)]
        drawn = [lost(numpy.concatenate([rng.choice(of, len(of)) for of in classes])) for _ in range(BOOTSTRAPS)]
        shares = [one[3] for one in made]
        aucs = [numpy.mean([area(one[which], self.is_positive) for one in made]) for which in (0, 1, 2)]
        return {
            "id": f"split_auc_lost/{self.task.name}",
            "what": f"AUC of the float model alone less that of its 8-bit form split at {CUT}, {len(seeds)} seeds",
            "measured": float(lost(numpy.arange(len(self.is_positive)))), "spread": [float(bound) for bound in numpy.quantile(drawn, [0.025, 0.975])],
            "unit": "AUC", "command": COMMAND,
            "note": f"{aucs[0]:.4f} to {aucs[1]:.4f} (8 bits alone {aucs[2]:.4f}); {len(self.is_positive)} test images, {int(self.is_positive.sum())} positive; bytes sent are 1/{1 / numpy.mean(shares):.0f} of the tensor's, steps {', '.join(str(one[4]) for one in made)} %"
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "auc")
    parser.add_argument("--only", nargs="+", choices=["deeppcb", "fashion"], default=["deeppcb", "fashion"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--jobs", type=int, default=1, help="seeds at the same time")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    rows = [Split(options, name).row(options.seeds) for name in options.only]
    worst = max(rows, key=lambda one: one["measured"])
    rows.append({**worst, "id": "split_auc_lost", "note": f"the worse of {' and '.join(options.only)}: {worst['id'].split('/')[1]}; {worst['note']}"})
    for row in rows:
        print(f"[split_auc] {row['id']}: {row['measured']:+.4f} ({row['spread'][0]:+.4f} to {row['spread'][1]:+.4f}); {row['note']}")
    if options.record:
        figures.record("auc", rows)


if __name__ == "__main__":
    main()
