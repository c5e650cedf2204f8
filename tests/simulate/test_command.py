"""`scissionlite simulate` as users meet it.
  test_command.py SCISSIONLITE"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
TRACE = {"schema": "scissionlite.trace/1", "duration_s": 10, "link": [{"at_s": 0, "link": "5M,20ms"}]}


def run(*words):
    return subprocess.run([PROGRAM, "simulate", *map(str, words)], capture_output=True, text=True, timeout=60)


class Simulate(unittest.TestCase):
    def refused(self, *words, code=2):
        done = run(*words)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_the_same_seed_gives_the_same_run(self):
        first, again, other = (json.loads(run("--random-faults", 2, "--seed", seed, "--json", "-q").stdout) for seed in (5, 5, 6))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        self.assertEqual(first["violations"], [])
        self.assertGreaterEqual(first["simulated_us"], 2 * 3600e6)
        self.assertGreaterEqual(first["images"], 0.9 * first["simulated_us"] / 1e6)

    def test_links_end_with_a_verdict(self):
        self.assertEqual(run("--random-links", 20, "--most-regret", 1.5).returncode, 0)
        failed = run("--random-links", 20, "--most-regret", 0.1)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("more than 0.1", failed.stderr)

    def test_what_is_missing_is_said(self):
        self.assertIn("give plan.json with --trace or --link", self.refused())
        self.assertIn("no_such_plan.json", self.refused("no_such_plan.json", "--link", "5M,20ms", code=6))
        self.assertIn("--devices", run("--random-links", 2, "--devices", 0).stderr)

    def test_time_is_said_as_people_do(self):
        for hours in (0.1, 0.25, 1, 1.3):
            said = run("--random-faults", hours, "-q").stdout
            self.assertRegex(said, r"^(1 hour|[\d.]+ hours|[\d.]+ s), ")
            self.assertNotRegex(said, r"^(0|1) hours")
        self.assertTrue(run("--random-links", 1, "-q").stdout.startswith("1 trace: "))

    def test_a_plan_that_is_none_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = pathlib.Path(folder) / "trace.json"
            trace.write_text(json.dumps(TRACE))
            self.assertIn("scissionlite.plan", self.refused(trace, "--link", "5M,20ms"))


if __name__ == "__main__":
    unittest.main()
