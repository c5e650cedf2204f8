"""What tests of commands on labelled pictures share: stripes in CIFAR's format. Import it after the programs are on
sys.argv, as test_train.py wants them."""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

TRAIN = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from test_train import run  # noqa: E402  (it takes the programs off sys.argv)

CLASSES = 4


def pictures(count, seed):
    """Stripes, their direction and width the class: what pooling blurs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:32, 0:32]
    images, labels = [], []
    for i in range(count):
        label = i % CLASSES
        along, period = (x if label < 2 else y) + rng.integers(0, 8), (4, 8)[label % 2]
        stripes = np.where((along // (period // 2)) % 2, 170, 80)[..., None] + rng.normal(0, 20, (32, 32, 3)) + rng.uniform(-30, 30, 3)
        images.append(np.clip(stripes, 0, 255).astype(np.uint8))
        labels.append(label)
    return images, labels


def write_cifar(path, images, labels):
    path.write_bytes(b"".join(bytes([label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(images, labels)))
    return path


class OnStripes(unittest.TestCase):
    """A folder of its own with a file to learn from, one to measure on, and their input.json."""
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.train_file = write_cifar(cls.folder / "train.bin", *pictures(240, 1))
        cls.images, cls.labels_of_images = pictures(80, 2)
        cls.test_file = write_cifar(cls.folder / "test.bin", cls.images, cls.labels_of_images)
        (cls.folder / "input.json").write_text(
            json.dumps({"schema": "scissionlite.input/1", "width": 32, "height": 32, "resize": "none", "mean": 0.5, "std": 0.25}))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def trained(cls, start, output, *more):
        """The model at `start`, trained with Adam on the stripes. @return the run's report."""
        result = run("train", start, "--images", cls.train_file, "--held-out", cls.test_file, "--optimizer", "adam", "--lr", 0.01, "--threads", 1,
                     "-q", "--json", "-o", output, *more)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    @staticmethod
    def with_defaults(usual, more):
        """`more`, and of the usual options those that it does not give."""
        return [*(word for option, value in usual.items() if option not in more for word in (option, value)), *more]

    def on_stripes(self, command, model, output, *more, data=None):
        """Words of a command that trains on one thread."""
        data = data or ["--images", self.train_file, "--held-out", self.test_file]
        return [command, model, *data, "--input", self.folder / "input.json", "--threads", 1, "-q", "-o", output, *more]

    def report(self, words, code=0):
        result = run(*words)
        self.assertEqual(result.returncode, code, result.stderr)
        return json.loads(result.stdout)

    def refused(self, words, *parts):
        result = run(*words)
        self.assertGreater(result.returncode, 0, result.stdout)
        self.assertNotEqual(result.returncode, 70, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
        self.assertFalse((self.folder / "refused.onnx").exists())

    def resumed(self, words, checkpoint):
        """The report of a run that was killed when its checkpoint was there, and started again."""
        words = [str(word) for word in words]
        process = subprocess.Popen([str(TRAIN), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end and not pathlib.Path(checkpoint).exists():
            time.sleep(0.002)
        self.assertIsNone(process.poll(), "the run was over before it could be killed")
        process.send_signal(signal.SIGKILL)
        process.wait()
        return self.report(words)
