"""Many requests and callers leave nothing behind, neither in the edge nor in a device; tools/figures/soak.py does the
same a million times. test_soak.py SCISSIONLITE"""

import pathlib
import sys
import tempfile
import unittest

import peers

peers.enter_venv()
import soak_device  # noqa: E402
import soak_load  # noqa: E402

PROGRAM = sys.argv.pop(1)
PARTS = 4


class Soak(unittest.TestCase):
    def kept_nothing(self, looks, most_mb):
        """From the first part on: before, caches and threads come to be."""
        self.assertLess(looks[-1]["anonymous_mb"] - looks[1]["anonymous_mb"], most_mb, looks)
        self.assertLessEqual(looks[-1]["descriptors"], looks[1]["descriptors"], looks)

    def test_fault_40_edge_keeps_nothing_of_requests_and_callers(self):
        with tempfile.TemporaryDirectory(prefix="soak-") as name:
            folder = pathlib.Path(name)
            soak_load.make_models(folder)
            with soak_load.serve(PROGRAM, folder) as server:
                looks, done = soak_load.soak(server, 16000, 400, PARTS)
        self.assertEqual(done["reconnects"], 400)
        self.assertGreaterEqual(done["requests"], 16000)
        self.kept_nothing(looks, 1.5)
        self.assertEqual(looks[-1]["descriptors"], looks[0]["descriptors"], looks)

    def test_fault_40_device_keeps_nothing_of_images_and_edges_that_went(self):
        looks, origins = soak_device.soak(PROGRAM, 4000, PARTS)
        self.assertGreater(origins["edge"], 2000, origins)
        self.assertGreater(origins["local"], 0, origins)
        self.kept_nothing(looks, 1.5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
