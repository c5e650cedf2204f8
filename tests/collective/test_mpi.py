"""Members that are processes of an MPI job: the checks of every transport, and what is said when one stalls or dies.
test_mpi.py MPIRUN MPI_MEMBERS"""
import sys
import time
import unittest

from mpi_job import mpirun  # beside this file

MPIRUN, PROGRAM = sys.argv[1:3]


def run(members, *words):
    return mpirun(MPIRUN, members, [PROGRAM, *words], timeout_s=120)


class Mpi(unittest.TestCase):
    def test_rounds_give_the_same_bits(self):
        for members in (1, 2, 5):
            result = run(members, "rounds")
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_fault_45_one_that_stalls_is_named_in_time(self):
        started = time.monotonic()
        result = run(3, "stall", 60, 1.5)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("rank 1 did not come to a mean within 1.5 s", result.stderr)
        self.assertLess(time.monotonic() - started, 30)

    def test_fault_45_one_that_dies_ends_the_job(self):
        started = time.monotonic()
        self.assertNotEqual(run(3, "die", 0, 20).returncode, 0)
        self.assertLess(time.monotonic() - started, 60)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
