"""Trained networks with their pictures, which the figures of smaller models start from: resnet20 and resnet56 on
CIFAR-10 of the data folder; vgg_fashion (tools/make_graphs/make_vgg_small.py) on Fashion-MNIST (Debian's
dataset-fashion-mnist), vgg_cifar on CIFAR-10; neu_steel: mcunet_320kb with six classes. Those that are not in the data
folder are trained here first, once; resnet56 is fitted to the data folder's copy of CIFAR-10, as resnet20_cifar10_ft
is."""
import gzip
import json
import math
import pathlib
import statistics
import subprocess

import defect_models
import figures

INPUTS = figures.ROOT / "tests" / "fixtures" / "inputs"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
FASHION_IMAGES = 10000  # to learn from; the whole test set is measured on
SGD = ["--optimizer", "sgd", "--schedule", "cosine", "--clip-norm", "5"]
CIFAR = ["--flip", "--shift", "4", "--batch", "64"]
WORDS = {  # what all methods are trained with; epochs are the figure's
    "resnet20": [*CIFAR, "--lr", "0.01", "--weight-decay", "0.0005"],
    "resnet56": [*CIFAR, "--lr", "0.01", "--weight-decay", "0.0005"],
    "vgg_fashion": ["--flip", "--shift", "2", "--batch", "64", "--lr", "0.02", "--weight-decay", "0.0005"],
    "vgg_cifar": [*CIFAR, "--lr", "0.01", "--weight-decay", "0.0005"],
    "neu_steel": ["--flip", "--batch", "32", "--lr", "0.01", "--weight-decay", "0.0001"],
}
BASE = {  # how the dense networks were trained
    "resnet56": [*CIFAR, "--epochs", "3", "--lr", "0.005", "--batch-statistics", "--weight-decay", "0.0005"],
    "vgg_fashion": ["--epochs", "10", "--lr", "0.05", "--batch-statistics", "--flip", "--shift", "2", "--batch", "64", "--weight-decay", "0.0005"],
    "vgg_cifar": [*CIFAR, "--epochs", "20", "--lr", "0.05", "--batch-statistics", "--weight-decay", "0.0005"],
    "neu_steel": ["--epochs", "10", "--lr", "0.01", "--classes", "6", "--flip", "--batch", "32", "--weight-decay", "0.0001"],
}
STEEL_INPUT = {
    "schema": "scissionlite.input/1", "width": 176, "height": 176, "resize": "stretch", "scale": 1.0, "mean": [127.5] * 3, "std": [127.5] * 3
}
STUDENT_T = {2: 4.303, 3: 3.182, 4: 2.776}  # 95 %, by degrees of freedom


def add_options(parser, work):
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of scissionlite and scissionlite-train")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / work)
    parser.add_argument("--bases", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "bases",
                        help="folder of the dense networks that are trained first")
    parser.add_argument("--python", type=pathlib.Path, default=figures.ROOT / "build" / "peers" / "main" / "bin" / "python",
                        help="of bench/engine/install_peers.sh")
    parser.add_argument("--threads", type=int, default=1)


def interval(values):
    """95 % of a mean."""
    if len(values) < 2:
        return None
    mean, half = statistics.mean(values), STUDENT_T.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return [mean - half, mean + half]


def run(words, **more):
    return subprocess.run([str(word) for word in words], check=True, **more)


class Task:
    """A trained network with its pictures."""
    def __init__(self, name, options):
        self.name, self.options, self.folder, self.base = name, options, options.work / name, options.bases / name
        for folder in (self.folder, self.base):
            folder.mkdir(parents=True, exist_ok=True)
        self.table = None
        getattr(self, f"prepare_{name.split('_')[0].rstrip('0123456789')}")()

    def prepare_resnet(self):
        cifar, stem = self.options.data / "cifar10", {"resnet20": "resnet20_cifar10_ft", "resnet56": "resnet56_cifar10"}[self.name]
        self.images, self.held_out = cifar / "train_8000.bin", cifar / "test_2000.bin"
        start, spec = self.options.data / "models" / f"{stem}.onnx", INPUTS / f"{stem}.input.json"
        if self.name in BASE:
            return self.train_base(start, json.loads(spec.read_text()))
        self.model, self.input = start, spec

    def prepare_vgg(self):
        is_cifar = self.name == "vgg_cifar"
        if is_cifar:
            self.images, self.held_out = self.options.data / "cifar10" / "train_8000.bin", self.options.data / "cifar10" / "test_2000.bin"
        else:
            self.prepare_fashion()
        untrained = self.base / "untrained.onnx"
        if not untrained.with_suffix(".input.json").exists():
            run([self.options.python, figures.ROOT / "tools" / "make_graphs" / "make_vgg_small.py", untrained, *(["--cifar"] if is_cifar else [])])
        self.train_base(untrained, json.loads(untrained.with_suffix(".input.json").read_text()))

    def prepare_fashion(self):
        self.images, self.held_out = self.base / "train-images-idx3-ubyte.gz", FASHION / "t10k-images-idx3-ubyte.gz"
        if not self.images.exists():
            for part, header in (("labels-idx1", 8), ("images-idx3", 16)):
                data = gzip.decompress((FASHION / f"train-{part}-ubyte.gz").read_bytes())
                size = (len(data) - header) // int.from_bytes(data[4:8], "big")
                shorter = data[:4] + FASHION_IMAGES.to_bytes(4, "big") + data[8:header + size * FASHION_IMAGES]
                (self.base / f"train-{part}-ubyte.gz").write_bytes(gzip.compress(shorter, 1))

    def prepare_neu(self):
        source = self.options.data / "industrial" / "neu_steel"
        self.table = source / "train.tsv"
        parts = dict(zip(("train", "test"), defect_models.split(self.table, 1)))
        self.images, self.held_out = (self.base / f"neu_steel.{part}" for part in parts)
        for part, rows in parts.items():
            if not (self.base / f"neu_steel.{part}.tsv").exists():
                defect_models.write_part(self.base, "neu_steel", part, rows, source / "train")
        self.train_base(self.options.data / "models" / "mcunet_320kb.onnx", STEEL_INPUT)

    def train_base(self, start, spec):
        self.model, self.input = self.base / "base.onnx", self.base / "input.json"
        self.input.write_text(json.dumps(spec))
        if not self.model.exists():
            self.scissionlite("train", start, self.model, 1, BASE[self.name])

    def data_words(self):
        return ["--images", self.images, "--held-out", self.held_out, "--input", self.input, *(["--labels", self.table] if self.table else [])]

    def scissionlite(self, command, start, output, seed, words, *more):
        """The command's report."""
        checkpoint = output.with_suffix(".checkpoint")
        words = [
            self.options.programs / "scissionlite-train", command, start, *self.data_words(), *SGD, *words, *more, "--seed", seed, "--threads",
            self.options.threads, *(["--device", self.options.device] if getattr(self.options, "device", "cpu") != "cpu" else []), "--checkpoint",
            checkpoint, "-q", "--json", "-o", output
        ]
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1) or not done.stdout:  # 1: a budget was not met, and the report says so
            raise SystemExit(f"[{self.name}] {command} ended with {done.returncode}: {' '.join(map(str, words))}")
        for used in checkpoint.parent.glob(f"{checkpoint.name}*"):  # stages have their own
            used.unlink()
        return json.loads(done.stdout)

    def dense(self, seed, epochs):
        """Accuracy of the dense network before and after fine-tuning, shared by the figures."""
        output = self.base / f"dense.{epochs}.{seed}.onnx"

        def make():
            report = self.scissionlite("train", self.model, output, seed, WORDS[self.name], "--epochs", epochs, "--batch-statistics")
            return {"accuracy": report["epochs"][-1]["metrics"]["accuracy"], "before": report["epochs"][0]["metrics"]["accuracy"]}

        return figures.kept(output.with_suffix(".json"), make)
