"""Pictures with rare positives, which the figures of `train --objective` learn from: shirts among clothes (fashion,
Debian's dataset-fashion-mnist), five classes of CIFAR-10 against the other five (cifar), boards with any defect
(deeppcb), tiles with any defect (magtile). Training parts keep as many positives as a rate says; test parts are as they
are, and nothing is chosen by them: learning rates are by a part of the training data (auc.py)."""
import gzip
import json
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import compress_tasks  # noqa: E402
import defect_models  # noqa: E402
import figures  # noqa: E402

LEAST_POSITIVES = 20
GREY = {"mean": 0.5, "std": 0.25, "resize": "none", "channels": "GRAY"}
SETTINGS = {  # positives, input.json, words of augmentation, steps of batches of 64 in all, learning rates to choose from
    "fashion": {"positive": [6], "input": {"width": 28, "height": 28, **GREY}, "augment": {"flip": True, "shift": 2}, "steps": 1040, "rates": (0.03, 0.1, 0.3)},
    "cifar": {"positive": [5, 6, 7, 8, 9], "input": {"width": 32, "height": 32, "mean": 0.5, "std": 0.25, "resize": "none"}, "augment": {"flip": True, "shift": 4}, "steps": 1040, "rates": (0.03, 0.1, 0.3)},
    "deeppcb": {"positive": [1, 2, 3, 4, 5, 6], "input": {"width": 64, "height": 64, **GREY}, "augment": {"flip": True, "shift": 0}, "steps": 1040, "rates": (0.03, 0.1, 0.3)},
    "magtile": {"positive": [1, 2, 3, 4, 5], "input": {"width": 80, "height": 80, "resize": "stretch", "scale": 1.0, "mean": 127.5, "std": 127.5}, "augment": {"flip": True, "shift": 0}, "steps": 260, "rates": (0.01, 0.03, 0.1)},
}
RATES = (0.1, 0.01, 0.005)
BATCH = 64


def idx(path):
    """Bytes of a header's sizes, and of what follows."""
    data = gzip.decompress(path.read_bytes())
    axes = data[3]
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(axes)]
    return sizes, data[4 + 4 * axes:]


def write_idx(path, magic, sizes, data):
    path.write_bytes(gzip.compress(magic.to_bytes(4, "big") + b"".join(size.to_bytes(4, "big") for size in sizes) + data, 1))


class Data:
    """A task's files: `images` to learn from and `held_out`, or for tuning parts of the first alone."""
    def __init__(self, name, options):
        self.name, self.options, self.settings = name, options, SETTINGS[name]
        self.folder = options.work / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.input = self.folder / "input.json"
        self.input.write_text(json.dumps({"schema": "scissionlite.input/1", **self.settings["input"]}))
        self.table = None
        getattr(self, f"prepare_{name}")()

    def prepare_fashion(self):
        source = {"train": compress_tasks.FASHION / "train", "test": compress_tasks.FASHION / "t10k"}
        for part, most in (("train", 10000), ("test", 10000)):
            (count, *shape), pictures = idx(pathlib.Path(f"{source[part]}-images-idx3-ubyte.gz"))
            labels = idx(pathlib.Path(f"{source[part]}-labels-idx1-ubyte.gz"))[1]
            self.write_part(part, range(min(most, count)), shape, pictures, labels)

    def prepare_deeppcb(self):
        source = self.options.data / "industrial" / "deeppcb"
        (count, *shape), pictures = idx(source / "train-images.idx3-ubyte.gz")
        labels = idx(source / "train-labels.idx1-ubyte.gz")[1]
        order = list(range(count))
        random.Random("deeppcb").shuffle(order)
        self.write_part("test", sorted(order[:count // 4]), shape, pictures, labels)
        self.write_part("train", sorted(order[count // 4:]), shape, pictures, labels)

    def prepare_cifar(self):
        self.files = {part: self.options.data / "cifar10" / name for part, name in (("train", "train_8000.bin"), ("test", "test_2000.bin"))}
        data = self.files["train"].read_bytes()
        record = 1 + 3 * 32 * 32
        records = [data[i:i + record] for i in range(0, len(data), record)]
        random.Random("cifar").shuffle(records)
        for part, chosen in (("tune_test", records[:len(records) // 4]), ("tune_train", records[len(records) // 4:])):
            self.files[part] = self.folder / f"{part}.bin"
            self.files[part].write_bytes(b"".join(chosen))

    def prepare_magtile(self):
        source = self.options.data / "industrial" / "magtile"
        self.table, self.files = source / "train.tsv", {}
        train, test = defect_models.split(self.table, 1)
        random.Random("magtile").shuffle(train)
        for part, rows in (("train", train), ("test", test), ("tune_test", train[:len(train) // 4]), ("tune_train", train[len(train) // 4:])):
            self.files[part] = defect_models.write_part(self.folder, "magtile", part, rows, source / "train")

    def write_pair(self, name, which, shape, pictures, labels):
        """Some pictures, as IDX."""
        size, path = shape[0] * shape[1], self.folder / f"{name}-images-idx3-ubyte.gz"
        write_idx(path, 2051, [len(which), *shape], b"".join(pictures[i * size:(i + 1) * size] for i in which))
        write_idx(self.folder / f"{name}-labels-idx1-ubyte.gz", 2049, [len(which)], bytes(labels[i] for i in which))
        return path

    def write_part(self, part, which, shape, pictures, labels):
        """Of what is learned from also the parts for tuning."""
        self.files = getattr(self, "files", {})
        which = list(which)
        self.files[part] = self.write_pair(part, which, shape, pictures, labels)
        if part == "train":
            random.Random(self.name).shuffle(which)
            self.files["tune_test"] = self.write_pair("tune_test", sorted(which[:len(which) // 4]), shape, pictures, labels)
            self.files["tune_train"] = self.write_pair("tune_train", sorted(which[len(which) // 4:]), shape, pictures, labels)

    def labels(self, part):
        if self.table:
            rows = dict(line.split("\t")[:2] for line in self.table.read_text().splitlines())
            return [int(rows[path.name]) for path in sorted(self.files[part].iterdir())]
        if self.name == "cifar":
            return list(self.files[part].read_bytes()[::1 + 3 * 32 * 32])
        return list(idx(pathlib.Path(str(self.files[part]).replace("images-idx3", "labels-idx1")))[1])

    def is_positive(self, part):
        return [label in self.settings["positive"] for label in self.labels(part)]

    def kept_positives(self, rate, part="train"):
        """How many are left at that rate."""
        of_part = self.is_positive(part)
        return round(rate / (1 - rate) * (len(of_part) - sum(of_part)))

    def rates(self):
        """Those that leave enough positives."""
        return [rate for rate in RATES if LEAST_POSITIVES <= self.kept_positives(rate) <= sum(self.is_positive("train"))]

    def rare(self, rate, seed, tuning):
        """What to learn from: all negatives, and so few positives, the same for all methods."""
        part = "tune_train" if tuning else "train"
        of_part = self.is_positive(part)
        positives = [i for i, is_positive in enumerate(of_part) if is_positive]
        random.Random(f"{self.name}/{seed}").shuffle(positives)
        left = set(positives[self.kept_positives(rate, part):])
        which = [i for i in range(len(of_part)) if i not in left]
        name = f"{part}.{rate}.{seed}"
        if self.table:
            names = sorted(self.files[part].iterdir())
            return defect_models.write_part(self.folder, "magtile", name, [(names[i].name, self.labels(part)[i]) for i in which],
                                            self.files[part].resolve())
        if self.name == "cifar":
            record, data, path = 1 + 3 * 32 * 32, self.files[part].read_bytes(), self.folder / f"{name}.bin"
            path.write_bytes(b"".join(data[i * record:(i + 1) * record] for i in which))
            return path
        (_, *shape), pictures = idx(self.files[part])
        return self.write_pair(name, which, shape, pictures, self.labels(part))

    def start(self, seed):
        """Untrained; of magtile, for which there are too few pictures to begin with, a network that knows ImageNet, on smaller pictures."""
        path = self.folder / f"start.{seed}.onnx"
        if path.exists():
            return path
        if self.name == "magtile":
            code = "import onnx, sys\nm = onnx.load(sys.argv[1])\nfor d in m.graph.input[0].type.tensor_type.shape.dim[2:]: d.dim_value = int(sys.argv[3])\ndel m.graph.value_info[:]\nonnx.save(m, sys.argv[2])"
            subprocess.run(
                [self.options.python, "-c", code, self.options.data / "models" / "mcunet_320kb.onnx", path,
                 str(self.settings["input"]["width"])], check=True)
        else:
            subprocess.run([
                self.options.programs / "scissionlite-train", "create", "resnet8", "--width", "0.5", "--seed",
                str(seed), "--input", self.input, "-o", path, "-q"
            ], check=True, stdout=subprocess.DEVNULL)
        return path

    def words(self, rate, seed, tuning=False, batch=BATCH):
        augment = self.settings["augment"]
        return [
            "--images",
            self.rare(rate, seed, tuning), "--held-out", self.files["tune_test" if tuning else "test"], "--input", self.input,
            *(["--labels", self.table] if self.table else []), "--positive", *self.settings["positive"], "--batch", batch, "--batch-statistics",
            *(["--flip"] if augment["flip"] else []), "--shift", augment["shift"]
        ]


def learn(options, start, words, output):
    """The report of a run of ours."""
    words = [options.programs / "scissionlite-train", "train", start, *words, "--threads", options.threads, "-q", "--json", "-o", output]
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"[auc] {' '.join(map(str, words))} ended with {done.returncode}")
    return json.loads(done.stdout)
