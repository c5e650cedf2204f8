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


def stage(machine, compute_us, size):
    return {"machine": machine, "decode_us": 0, "compute_us": compute_us, "encode_us": 0, "wire_us": 0, "bytes": size, "first": "", "last": ""}


def candidate():
    """That only the edge answers."""
    return {
        "key": "edge/file", "family": "edge file", "cut_ids": [""], "tls": ["file"], "tensors": [[]], "latency_us": 75e3, "throughput_ips": 19,
        "bytes": 30000, "agreement": 1, "agreement_interval": [0.6, 1], "agreement_n": 8,
        "stages": [stage("device", 0, 30000), stage("edge", 3e3, 0)], "answer_us": 1e4, "overhead_us": 0, "feasible": True
    }


PLAN = {
    "schema": "scissionlite.plan/1", "model_name": "m", "model_sha256": "0" * 64, "objective": "latency", "machines": ["device", "edge"],
    "link_rtt_us": [2e4], "link_up_bps": [5e6], "link_down_bps": [5e6], "constraints": [], "chosen": candidate(), "top": [],
    "families": [candidate()], "pareto": [], "break_evens": [], "candidates_considered": 1, "planning_us": 1, "command": "-"
}


def run(*words):
    return subprocess.run([PROGRAM, "simulate", *map(str, words)], capture_output=True, text=True, timeout=60)


class Simulate(unittest.TestCase):
    def refused(self, *words, code=2):
        done = run(*words)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def of_plan(self, *words):
        with tempfile.TemporaryDirectory() as folder:
            plan = pathlib.Path(folder) / "plan.json"
            plan.write_text(json.dumps(PLAN))
            return run(plan, *words)

    def refused_plan(self, *words):
        done = self.of_plan(*words)
        self.assertEqual(done.returncode, 2, done.stderr)
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

    def test_the_worst_link_is_replayed_by_its_command(self):
        for seed in (1, 2, 51):
            all_of_them = json.loads(run("--random-links", 20, "--seed", seed, "--json", "-q").stdout)
            command = all_of_them["replay"].split()
            self.assertEqual(command[:2], ["scissionlite", "simulate"])
            self.assertEqual(json.loads(run(*command[2:], "--json", "-q").stdout)["worst"], all_of_them["worst"])
            self.assertEqual(all_of_them["violations"], [])
        self.assertIn(all_of_them["replay"], run("--random-links", 20, "--seed", 51, "-q").stdout)

    def test_what_would_be_left_out_or_never_end_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = pathlib.Path(folder) / "trace.json"
            trace.write_text(json.dumps(TRACE))
            self.assertIn("--duration-s", self.refused_plan("--trace", trace, "--duration-s", 3))
            trace.write_text(json.dumps(TRACE | {"duration_s": 1e300}))
            self.assertIn("a year", self.refused_plan("--trace", trace))
        for words, expected in (("--duration-s 1e300", "--duration-s"), ("--images-per-second 1e18", "--images-per-second"),
                                ("--images-per-second 1e6 --duration-s 1e6", "at most 100000000"), ("--most-regret 2", "--random-links")):
            self.assertIn(expected, self.refused_plan("--link", "5M,20ms", *words.split()))
        for option in ("--deadline-ms", "--dwell-ms", "--devices", "--duration-s", "--images-per-second"):
            for random in ("--random-faults", "--random-links"):
                said = self.refused(random, 1, option, 3)
                self.assertIn(option, said)
                self.assertIn(random, said)
        self.assertIn("--random-faults", self.refused("--random-faults", 1e300))

    def test_a_plan_that_never_answers_has_no_latency(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = pathlib.Path(folder) / "trace.json"
            trace.write_text(json.dumps(TRACE | {"events": [{"at_s": 0, "event": "edge_killed"}]}))
            said = self.of_plan("--trace", trace).stdout
            self.assertIn("no plan answers", said)
            self.assertIn("always edge/file: no answer", said)
            self.assertNotIn("inf", said)
            told = json.loads(self.of_plan("--trace", trace, "--json").stdout)
            self.assertIsNone(told["fixed_us"]["edge/file"])
            self.assertGreater(told["fixed_errors"]["edge/file"], 30)
            self.assertIsNone(told["vs_oracle"])
            self.assertIsNone(told["summary"]["mean_latency_us"])

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
