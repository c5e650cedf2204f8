"""scissionlite-train train --objective: positives and negatives, several workers, AUC, on stripes of CIFAR's format. The method is tested by src/train and src/collective.
test_rare.py SCISSIONLITE_TRAIN SCISSIONLITE MPIRUN   (run with the Python of .deps/venv_ort)"""
import json
import pathlib
import sys
import unittest

import numpy as np
import onnx

MPIRUN = sys.argv.pop(3) if len(sys.argv) > 3 else ""
sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "collective")]
import mpi_job  # noqa: E402
from small_models import answers, plain_model  # noqa: E402  (it takes the programs off sys.argv)
from stripes import OnStripes, pictures, write_cifar  # noqa: E402
from test_train import PROGRAM, run  # noqa: E402

POSITIVE = 2
WORDS = {"--objective": "auc", "--positive": POSITIVE, "--stages": 2, "--stage-steps": 12, "--window": 4, "--batch": 16, "--lr": 0.2}


def scores(model, images):
    logits = answers(model, images).astype(np.float64)
    return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


def mpirun(members, words):
    return mpi_job.mpirun(MPIRUN, members, [PROGRAM, *words])


def area(values, is_positive):
    """Pair by pair."""
    above = values[is_positive][:, None] - values[~is_positive][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


class Rare(OnStripes):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start = plain_model(cls.folder / "start.onnx")
        cls.is_positive = np.array(cls.labels_of_images) == POSITIVE

    def words(self, output, *more, model=None, data=None):
        return self.on_stripes("train", model or self.start, output, *self.with_defaults(WORDS, more), data=data)

    def learned(self, output, *more, model=None):
        return self.report(self.words(output, "--json", *more, model=model))

    def test_the_report_is_what_the_model_does(self):
        written, saved = self.folder / "rare.onnx", self.folder / "rare.json"
        report = self.learned(written, "--report", saved)
        self.assertEqual(json.loads(saved.read_text()), report)
        found = scores(written, self.images)
        last = report["measures"][-1]
        self.assertAlmostEqual(last["auc"]["value"], area(found, self.is_positive), delta=2e-3)
        self.assertGreater(last["auc"]["value"], 0.9)
        self.assertLess(report["measures"][0]["auc"]["value"], 0.8)
        self.assertLessEqual(last["auc"]["interval"][0], last["auc"]["value"])
        self.assertEqual((last["auc"]["positives"], last["auc"]["negatives"]), (20, 60))
        self.assertEqual((report["positive_rate"], last["step"], last["rounds"]), (0.5, 48, 12))
        decision = json.loads({entry.key: entry.value for entry in onnx.load(written).metadata_props}["scissionlite.decision"])
        self.assertEqual(decision, {"positive": 1, "threshold": report["operation"]["threshold"]})
        called = found >= decision["threshold"]
        self.assertAlmostEqual(report["operation"]["recall"], called[self.is_positive].mean(), delta=0.051)
        self.assertAlmostEqual(report["operation"]["false_alarms"], called[~self.is_positive].mean(), delta=0.034)
        self.assertEqual(report["curve"][-1][1:3], [1, 1])
        self.assertTrue(all(0 <= point[0] <= 1 for point in report["curve"]))

    def test_objectives_and_workers(self):
        for objective in ("auc", "cross-entropy", "weighted", "focal"):
            for workers in (1, 3):
                report = self.learned(self.folder / "o.onnx", "--objective", objective, "--workers", workers, "--margin", 0.8, "--focus", 1)
                self.assertGreater(report["measures"][-1]["auc"]["value"], 0.85, (objective, workers))
                self.assertEqual([member["positives"] for member in report["members"]], [60 // workers] * workers)
                self.assertEqual(sum(member["images"] for member in report["members"]), 240)

    def test_same_seed_same_model(self):
        one, two, other = (self.folder / f"{name}.onnx" for name in ("one", "two", "other"))
        for output, seed in ((one, 1), (two, 1), (other, 2)):
            self.learned(output, "--workers", 2, "--seed", seed, "--flip")
        self.assertEqual(one.read_bytes(), two.read_bytes())
        self.assertNotEqual(one.read_bytes(), other.read_bytes())

    def test_processes_learn_what_threads_do(self):
        """To the bit; and what goes wrong in one ends all of them, with a message."""
        if not MPIRUN:
            self.skipTest("[SKIP] built without MPI")
        threads, processes = self.folder / "threads.onnx", self.folder / "processes.onnx"
        report = self.learned(threads, "--workers", 3)
        result = mpirun(3, self.words(processes, "--json"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(threads.read_bytes(), processes.read_bytes())
        made = json.loads(result.stdout)
        self.assertEqual([m["auc"] for m in made["measures"]], [m["auc"] for m in report["measures"]])
        self.assertEqual(made["members"], report["members"])
        result = mpirun(2, self.words(self.folder / "refused.onnx", "--lr", 1e30))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("not finite in stage 1, step", result.stderr)
        self.assertFalse((self.folder / "refused.onnx").exists())

    def test_images_of_their_own(self):
        if not MPIRUN:
            self.skipTest("[SKIP] built without MPI")
        for rank in range(2):  # the second has negatives alone
            images, labels = pictures(80 + 40 * rank, 5 + rank)
            keep = [i for i, label in enumerate(labels) if rank == 0 or label != POSITIVE]
            write_cifar(self.folder / f"site{rank}.bin", [images[i] for i in keep], [labels[i] for i in keep])
        words = self.words(self.folder / "own.onnx", "--json", "--own-images", data=["--images", self.folder / "site{rank}.bin", "--held-out", self.test_file])
        self.assertIn("goes with --own-images", mpirun(2, [word for word in words if word != "--own-images"]).stderr)
        other = mpirun(2, [self.folder / "site{rank}.bin" if word == self.test_file else word for word in words])
        self.assertNotEqual(other.returncode, 0)
        result = mpirun(2, words)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["members"], [{"images": 80, "positives": 20}, {"images": 90, "positives": 0}])
        self.assertEqual(report["positive_rate"], 0.25)  # half of one member's batches, none of the other's
        self.assertIn("member 1 has no positive image", report["notes"][0])
        self.assertGreater(report["measures"][-1]["auc"]["value"], 0.8)

    def test_a_killed_run_goes_on(self):
        """With as many workers to the same bits, with others from where it was; and once it has ended, to its result."""
        whole, output, checkpoint = self.folder / "whole.onnx", self.folder / "killed.onnx", self.folder / "run.checkpoint"
        more = ["--stage-steps", 60, "--momentum", 0.9, "--flip", "--measure-steps", 50]
        self.learned(whole, *more, "--workers", 2)
        words = self.words(output, "--json", *more, "--workers", 2, "--checkpoint", checkpoint, "--checkpoint-seconds", 0)
        report = self.resumed(words, f"{checkpoint}.before")  # a state that all have
        self.assertTrue(report["resumed"])
        self.assertEqual(output.read_bytes(), whole.read_bytes())
        self.assertEqual([one["step"] for one in report["measures"]], [0, 52, 60, 112, 164, 216, 240])
        self.assertTrue(self.report(words)["resumed"])
        self.assertEqual(output.read_bytes(), whole.read_bytes())
        self.refused(self.words(self.folder / "refused.onnx", *more, "--workers", 2, "--margin", 0.5, "--checkpoint", checkpoint), "belongs to another run: 'objective' was")
        (self.folder / "run.checkpoint.rank1").unlink()  # all go on from rank 0's
        self.assertGreater(self.learned(self.folder / "other.onnx", *more, "--workers", 3, "--checkpoint", checkpoint)["measures"][-1]["auc"]["value"], 0.9)
        checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
        self.refused(self.words(self.folder / "refused.onnx", *more, "--workers", 3, "--checkpoint", checkpoint), "run.checkpoint")

    def test_a_state_that_one_member_lacks_is_not_gone_on_from(self):
        whole, output, checkpoint = self.folder / "whole.onnx", self.folder / "lacks.onnx", self.folder / "lacks.checkpoint"
        more = ["--workers", 2, "--stage-steps", 8]
        self.learned(whole, *more)
        self.learned(output, *more, "--checkpoint", checkpoint, "--checkpoint-seconds", 0)
        pathlib.Path(f"{checkpoint}.rank1.before").replace(f"{checkpoint}.rank1")  # as if stopped before the last one
        self.learned(output, *more, "--checkpoint", checkpoint)
        self.assertEqual(output.read_bytes(), whole.read_bytes())

    def test_wider_windows_send_less(self):
        sent = {}
        for window in (1, 8):
            report = self.learned(self.folder / "w.onnx", "--workers", 2, "--window", window)
            sent[window] = report["exchanged"]["bytes_sent"]
            self.assertEqual(report["measures"][-1]["rounds"], {1: 48, 8: 2 + 5}[window])
        self.assertLess(sent[8], 0.25 * sent[1])

    def test_rare_positives_and_skewed_members(self):
        report = self.learned(self.folder / "skewed.onnx", "--workers", 6, "--skew", 1, "--keep-positives", 0.02, "--sampling", "natural", "--stage-steps", 2)
        self.assertEqual(sum(member["positives"] for member in report["members"]), 4)
        self.assertIn("member 5 has no positive image among its", report["notes"][-1])
        self.assertAlmostEqual(report["positive_rate"], np.mean([member["positives"] / member["images"] for member in report["members"]]))

    def test_auc_is_measured_on_the_way(self):
        report = self.learned(self.folder / "way.onnx", "--measure-steps", 8)
        self.assertEqual([one["step"] for one in report["measures"]], [0, 8, 12, 20, 28, 36, 44, 48])

    def test_thresholds_by_cost_and_by_limit(self):
        cheap = self.learned(self.folder / "t.onnx", "--stage-steps", 1, "--most-false-alarms", 0.05)["operation"]
        self.assertLessEqual(cheap["false_alarms"], 0.05)
        careful = self.learned(self.folder / "t.onnx", "--stage-steps", 1, "--miss-cost", 1000)["operation"]
        self.assertEqual(careful["recall"], 1)

    def test_epochs_are_shared_out(self):
        report = self.report(self.on_stripes("train", self.start, self.folder / "e.onnx", "--json", "--objective", "auc", "--positive", POSITIVE, "--stages", 2, "--epochs", 4, "--batch", 16, "--lr", 0.1))
        self.assertEqual(report["measures"][-1]["step"], 60)  # 15 and 45

    def test_prints_a_table(self):
        result = run(*self.words(self.folder / "table.onnx", "--workers", 2))
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("held-out AUC", "2 members, 240 images, 60 of them positive", "each member sent", "false alarms"):
            self.assertIn(part, result.stdout)

    def test_refusals(self):
        words = lambda *more: self.words(self.folder / "refused.onnx", *more)  # noqa: E731
        self.refused(words("--positive", 9), "no image has the positive class 9; there are 0, 1, 2, 3")
        self.refused(words("--positive", "0", "1", "2", "3"), "80 of 80 held-out images are positive")
        self.refused(words("--objective", "acu"), "unknown objective 'acu'", "auc")
        self.refused(words("--workers", 1000), "1000 members cannot share 240 images")
        self.refused(words("--keep-positives", 0.5), "% of positives beside 180 negative images are 180; there are 60")
        self.refused(words("--window", 0), "every 0 steps")
        self.refused(words("--lr", 1e30), "not finite in stage 1, step")
        self.refused(words("--schedule", "cosine"), "--schedule does not go with --objective")
        self.refused(words("--own-images", "--workers", 2), "--own-images are a process' own")
        self.refused(self.on_stripes("train", self.start, self.folder / "refused.onnx", "--objective", "auc", "--positive", POSITIVE, "--epochs", 1, "--batch", 64), "1 epochs are 4 steps", "--stages")
        self.refused(words("--batch", 1), "no room for a positive and a negative image")
        self.refused(words("--margin", 0), "the margin between positives and negatives is 0")
        self.refused(self.on_stripes("train", self.start, self.folder / "refused.onnx", "--workers", 2), "--workers", "--objective")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
