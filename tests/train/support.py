"""What tests of commands on unlabelled pictures share. Import it after the programs are on sys.argv, as test_train.py wants them."""
import pathlib
import tempfile
import unittest

import numpy as np
from test_train import write_png

PICTURES = 80


class OnPictures(unittest.TestCase):
    """A folder of its own with pictures that `picture` makes."""
    picture = None  # of a random generator: (h, w, 3) uint8

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.images = cls.folder / "images"
        cls.images.mkdir()
        rng = np.random.default_rng(1)
        for i in range(PICTURES):
            write_png(cls.images / f"{i:03}.png", cls.picture(rng))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def refused(self, result, *parts):
        self.assertGreater(result.returncode, 0, result.stdout)
        self.assertNotEqual(result.returncode, 70, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
