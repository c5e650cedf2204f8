"""scissionlite-train train --objective: positives and negatives, several workers, AUC, on stripes of CIFAR's format.
The method is tested by src/train and src/collective. test_rare.py SCISSIONLITE_TRAIN SCISSIONLITE MPIRUN   (run with
the Python of .deps/venv_ort)"""
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np
import onnx

MPIRUN = sys.argv.pop(3) if len(sys.argv) > 3 else ""
sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "collective")]
import mpi_job  # noqa: E402
from small_models import answers, plain_model  # noqa: E402  (it takes the programs off sys.argv)
from stripes import OnStripes, pictures, write_cifar  # noqa: E402
from test_train import PROGRAM, TRAIN, run, write_png  # noqa: E402

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
        carried = json.loads({entry.key: entry.value for entry in onnx.load(written).metadata_props}["scissionlite.input"])
        self.assertEqual(carried, json.loads(written.with_suffix(".input.json").read_text()))
        card = written.with_suffix(".card.md").read_text()
        for part in ("240 images, 60 positive (25.000 %)", "80 held-out images", f"| 48 | 12 |", f"{last['auc']['value']:.4f}", "--report"):
            self.assertIn(part, card)
        decision = carried["decision"]
        self.assertEqual(decision, {"positive": 1, "threshold": report["operation"]["threshold"], "scores": "logits"})
        called = found >= decision["threshold"]
        self.assertAlmostEqual(report["operation"]["recall"], called[self.is_positive].mean(), delta=0.051)
        self.assertAlmostEqual(report["operation"]["false_alarms"], called[~self.is_positive].mean(), delta=0.034)
        self.assertEqual(report["curve"][-1][1:3], [1, 1])
        self.assertTrue(all(0 <= point[0] <= 1 for point in report["curve"]))

    def test_pictures_of_one_file_are_divided(self):
        """By the hashes of their pixels, also where they lie in two files; the same picture is never on both sides."""
        images, labels = pictures(240, 1)
        first, second = (write_cifar(self.folder / f"{name}.bin", images[i:j], labels[i:j])
                         for name, i, j in (("first", 0, 130), ("second", 100, 240)))
        apart = sorted(range(240), key=lambda i: hashlib.sha256(images[i].tobytes()).hexdigest())[:60]
        is_positive = np.array([labels[i] == POSITIVE for i in apart])
        for data in ([self.train_file], [first, second]):
            output = self.folder / "divided.onnx"
            report = self.report(self.words(output, "--json", "--holdout", 60, data=["--images", *data]))
            auc = report["measures"][-1]["auc"]
            self.assertEqual(auc["positives"] + auc["negatives"], 60)
            learned_from = 240 - 60 + sum(100 <= i < 130 and i not in apart for i in range(240)) * (len(data) - 1)
            self.assertEqual(sum(member["images"] for member in report["members"]), learned_from)
            self.assertAlmostEqual(auc["value"], area(scores(output, [images[i] for i in apart]), is_positive), delta=2e-3)
        self.refused(self.words(output, "--holdout", 240, data=["--images", self.train_file]), "leave none of 240 different ones")
        self.refused(self.words(output, data=["--images", self.train_file, "--held-out", self.folder / "input.json"]), "is none of them")

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

    def at_hub(self, members, *more):
        """A hub, and its port."""
        hub = subprocess.Popen(
            [TRAIN, "hub", "--members", str(members), "--listen", "127.0.0.1:0", "--json", *map(str, more)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(hub.kill)
        for line in hub.stderr:
            if found := re.search(r"listening on port (\d+)", line):
                threading.Thread(target=hub.stderr.read, daemon=True).start()
                return hub, int(found[1])
        self.fail(f"the hub ended with {hub.wait()}")

    def site(self, port, name, output, *more):
        words = [TRAIN, *self.words(output, "--json", *more), "--hub", f"127.0.0.1:{port}", "--site", name]
        return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def certificates(self, *names):
        """An authority's, and one a name that it signed."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        openssl = lambda *words: subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)  # noqa: E731
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=plant", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
                "-days", 1)
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in names:
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
            openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial",
                    "-extfile", folder / "names", "-out", folder / f"{name}.pem", "-days", 1)
        return lambda name: ["--tls-ca", folder / "ca.pem", "--tls-cert", folder / f"{name}.pem", "--tls-key", folder / f"{name}.key"]

    def test_sites_at_a_hub_learn_what_threads_do(self):
        """To the bit, over mutual TLS; each writes the model. A site under another's name, or without TLS, is turned away."""
        threads, outputs = self.folder / "threads.onnx", [self.folder / f"at_hub{i}.onnx" for i in range(2)]
        self.learned(threads, "--workers", 2)
        tls = self.certificates("hub", "a", "b")
        hub, port = self.at_hub(2, *tls("hub"))
        stranger = self.site(port, "c", self.folder / "refused.onnx", *tls("b"))
        self.assertIn("the certificate is of 'b', the site calls itself 'c'", stranger.communicate(timeout=60)[1])
        plain = self.site(port, "a", self.folder / "refused.onnx", "--connect-seconds", 1)
        self.assertIn("do both ends use TLS, or neither?", plain.communicate(timeout=60)[1])
        self.assertFalse((self.folder / "refused.onnx").exists())
        sites = [self.site(port, name, output, *tls(name)) for name, output in zip("ab", outputs)]
        for site, output in zip(sites, outputs):
            made, said = site.communicate(timeout=120)
            self.assertEqual(site.returncode, 0, said)
            self.assertEqual(output.read_bytes(), threads.read_bytes())
            self.assertEqual([member["positives"] for member in json.loads(made)["members"]], [30, 30])
        report = json.loads(hub.communicate(timeout=60)[0])
        self.assertEqual(hub.returncode, 0)
        self.assertEqual([(site["site"], site["has_ended"], site["returns"]) for site in report["sites"]], [("a", True, 0), ("b", True, 0)])

    def test_a_hub_goes_on_without_a_site_and_takes_it_back(self):
        more = ["--stage-steps", 400, "--window", 2, "--measure-steps", 100]
        hub, port = self.at_hub(3, "--wait-seconds", 10)
        outputs = [self.folder / f"back{i}.onnx" for i in range(3)]
        sites = [
            self.site(port, name, output, *more, "--checkpoint", f"{output}.checkpoint", "--checkpoint-seconds", 0)
            for name, output in zip("abc", outputs)
        ]
        first = pathlib.Path(f"{outputs[0]}.checkpoint")
        until = time.monotonic() + 60
        while not first.exists() and time.monotonic() < until:
            time.sleep(0.01)
        sites[0].kill()  # the one that leads
        sites[0].communicate()
        time.sleep(1)
        sites[0] = self.site(port, "a", outputs[0], *more)
        reports = []
        for site in sites:
            made, said = site.communicate(timeout=200)
            self.assertEqual(site.returncode, 0, said)
            reports.append(json.loads(made))
        self.assertEqual(json.loads(hub.communicate(timeout=60)[0])["sites"][0]["returns"], 1)
        self.assertEqual(len({output.read_bytes() for output in outputs}), 1)
        self.assertIn("member 0 came when the others had begun", reports[0]["notes"])
        for report in reports:
            self.assertGreater(report["measures"][-1]["auc"]["value"], 0.95)
            self.assertEqual([one["step"] for one in report["measures"]], [one["step"] for one in reports[1]["measures"]])
            self.assertEqual(report["measures"][-1]["step"], 1600)

    def test_control_variates_and_packed_changes(self):
        plain = self.learned(self.folder / "plain.onnx", "--workers", 2)
        for more, share in (
            (["--control-variates"], 1.9),
            (["--send", "bf16"], 0.6),
            (["--send", "int8"], 0.5),
            (["--send", "int8", "--control-variates"], 0.7),
        ):
            report = self.learned(self.folder / "other.onnx", "--workers", 2, *more)
            self.assertGreater(report["measures"][-1]["auc"]["value"], 0.9, more)
            ratio = report["exchanged"]["bytes_sent"] / plain["exchanged"]["bytes_sent"]
            self.assertLess(abs(ratio - share), 0.2, (more, ratio))

    def test_images_of_their_own(self):
        if not MPIRUN:
            self.skipTest("[SKIP] built without MPI")
        for rank in range(2):  # the second has negatives alone
            images, labels = pictures(80 + 40 * rank, 5 + rank)
            keep = [i for i, label in enumerate(labels) if rank == 0 or label != POSITIVE]
            write_cifar(self.folder / f"site{rank}.bin", [images[i] for i in keep], [labels[i] for i in keep])
        words = self.words(self.folder / "own.onnx", "--json", "--own-images",
                           data=["--images", self.folder / "site{rank}.bin", "--held-out", self.test_file])
        self.assertIn("goes with --own-images", mpirun(2, [word for word in words if word != "--own-images"]).stderr)
        self.assertIn(
            "{rank} in --held-out goes with --own-images",
            mpirun(2, self.words(self.folder / "own.onnx", data=["--images", self.train_file, "--held-out", self.folder / "site{rank}.bin"])).stderr)
        result = mpirun(2, words)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["members"], [{"images": 80, "positives": 20}, {"images": 90, "positives": 0}])
        card = (self.folder / "own.card.md").read_text()
        hashes = re.findall(r"hash of member (\d)'s images \| `([0-9a-f]{64})`", card)
        self.assertEqual([rank for rank, _ in hashes], ["0", "1"])
        self.assertNotEqual(hashes[0][1], hashes[1][1])
        self.assertEqual(report["positive_rate"], 0.25)  # half of one member's batches, none of the other's
        self.assertIn("member 1 has no positive image", report["notes"][0])
        self.assertGreater(report["measures"][-1]["auc"]["value"], 0.8)

    def own_sites(self, *counts):
        """Files of sites with images of their own, to learn from and to measure on."""
        out = []
        for site, count in enumerate(counts):
            for part, seed in (("train", 50 + site), ("test", 60 + site)):
                images, labels = pictures(count, seed)
                write_cifar(self.folder / f"{part}.site{site}.bin", images, labels)
            out.append((images, labels))
        return out

    def test_held_out_images_of_their_own(self):
        """AUC is of all members' scores together, which is what the model does on all of those images."""
        if not MPIRUN:
            self.skipTest("[SKIP] built without MPI")
        sites = self.own_sites(80, 120)
        written = self.folder / "apart.onnx"
        data = ["--images", self.folder / "train.site{rank}.bin", "--held-out", self.folder / "test.site{rank}.bin"]
        result = mpirun(2, self.words(written, "--json", "--own-images", data=data))
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["held_out"], 200)
        self.assertIn("members measure on images of their own, 200 together; their scores are compared as those of one set", report["notes"])
        is_positive = np.array([label == POSITIVE for _, labels in sites for label in labels])
        found = np.concatenate([scores(written, np.array(images)) for images, _ in sites])
        auc = report["measures"][-1]["auc"]
        self.assertEqual((auc["positives"], auc["negatives"]), (is_positive.sum(), (~is_positive).sum()))
        self.assertAlmostEqual(auc["value"], area(found, is_positive), delta=2e-3)

    def test_sites_at_a_hub_have_all_to_themselves(self):
        """Also the state that they go on from, when they meet again with another site beside them."""
        self.own_sites(80, 120, 60)
        more = ["--own-images", "--stage-steps", 60, "--momentum", 0.9, "--round-momentum", 0.5, "--checkpoint-seconds", 0]

        def together(names, wait_s):
            hub, port = self.at_hub(len(names))
            sites = []
            for name in names:
                data = [
                    "--images", self.folder / f"train.site{'abc'.index(name)}.bin", "--held-out", self.folder / f"test.site{'abc'.index(name)}.bin"
                ]
                words = [
                    TRAIN, *self.on_stripes("train", self.start, self.folder / f"site_{name}.onnx", *self.with_defaults(WORDS, more), data=data),
                    "--json", "--checkpoint", self.folder / f"site_{name}.checkpoint", "--hub", f"127.0.0.1:{port}", "--site", name
                ]
                sites.append(subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
            if wait_s is not None:
                until = time.monotonic() + 60
                while not (self.folder / "site_b.checkpoint.before").exists() and time.monotonic() < until:
                    time.sleep(0.01)
                for process in [*sites, hub]:
                    process.kill()
            out = [process.communicate(timeout=120) for process in [*sites, hub]][:-1]
            return [process.returncode for process in sites], out

        together("bc", 0)
        self.assertFalse((self.folder / "site_b.checkpoint.rank1").exists())
        codes, said = together("abc", None)  # ranks of b and c are others now
        self.assertEqual(codes, [0, 0, 0], [text[-2000:] for _, text in said])
        report = json.loads(said[0][0])
        self.assertTrue(report["resumed"])
        self.assertEqual(report["held_out"], 80 + 120 + 60)
        self.assertIn("members had no state in common: all went on from the newest that one of them had", report["notes"])

    def test_members_are_given_the_same_options(self):
        hub, port = self.at_hub(2)
        sites = [self.site(port, name, self.folder / "refused.onnx", "--window", window) for name, window in (("a", 4), ("b", 6))]
        said = [site.communicate(timeout=60)[1] for site in sites]
        self.assertIn("[train] member 1 has 'window' 6, member 0 4; all are to be given the same options", said[0])
        self.assertIn("[train] member 0 has 'window' 4, member 1 6; all are to be given the same options", said[1])
        self.assertFalse((self.folder / "refused.onnx").exists())

    def test_tasks_that_slurm_starts_without_mpi(self):
        result = subprocess.run([TRAIN, *map(str, self.words(self.folder / "refused.onnx"))],
                                env={"PATH": "/usr/bin:/bin", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"}, capture_output=True, text=True)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("Slurm started 4 tasks of this program without MPI between them", result.stderr)

    def test_a_run_that_failed_goes_on_at_a_lower_rate(self):
        """With what was exchanged before, and the time that it took."""
        checkpoint, output = self.folder / "lower.checkpoint", self.folder / "lower.onnx"
        words = lambda *more: self.words(output, "--workers", 2, "--stage-steps", 8, "--checkpoint", checkpoint, "--checkpoint-seconds", 0, *more
                                         )  # noqa: E731
        first = self.report(words("--json"))
        again = self.report(words("--json", "--lr", 0.1))
        self.assertTrue(again["resumed"])
        self.assertGreaterEqual(again["exchanged"]["bytes_sent"], first["exchanged"]["bytes_sent"])
        self.assertEqual(again["measures"], first["measures"])

    def test_a_killed_run_goes_on(self):
        """With as many workers to the same bits, with others from where it was; and once it has ended, to its result."""
        whole, output, checkpoint = self.folder / "whole.onnx", self.folder / "killed.onnx", self.folder / "run.checkpoint"
        more = ["--stage-steps", 60, "--momentum", 0.9, "--flip", "--measure-steps", 50, "--round-momentum", 0.5]
        self.learned(whole, *more, "--workers", 2)
        words = self.words(output, "--json", *more, "--workers", 2, "--checkpoint", checkpoint, "--checkpoint-seconds", 0)
        report = self.resumed(words, f"{checkpoint}.before")  # a state that all have
        self.assertTrue(report["resumed"])
        self.assertEqual(output.read_bytes(), whole.read_bytes())
        self.assertEqual([one["step"] for one in report["measures"]], [0, 52, 60, 112, 164, 216, 240])
        self.assertTrue(self.report(words)["resumed"])
        self.assertEqual(output.read_bytes(), whole.read_bytes())
        self.refused(self.words(self.folder / "refused.onnx", *more, "--workers", 2, "--margin", 0.5, "--checkpoint", checkpoint),
                     "belongs to another run: 'objective' was")
        (self.folder / "run.checkpoint.rank1").unlink()  # all go on from rank 0's
        self.assertGreater(
            self.learned(self.folder / "other.onnx", *more, "--workers", 3, "--checkpoint", checkpoint)["measures"][-1]["auc"]["value"], 0.9)
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
        report = self.learned(self.folder / "skewed.onnx", "--workers", 6, "--skew", 1, "--keep-positives", 0.02, "--sampling", "natural",
                              "--stage-steps", 2)
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
        self.assertEqual(careful["costs_at_rate"], 0.25)
        rarer = self.learned(self.folder / "t.onnx", "--stage-steps", 1, "--miss-cost", 3, "--positive-rate",
                             0.001)["operation"]  # as 0.003 to 1 among as many of both
        self.assertEqual((rarer["costs_at_rate"], rarer["false_alarms"]), (0.001, 0))

    def test_epochs_are_shared_out(self):
        report = self.report(
            self.on_stripes("train", self.start, self.folder / "e.onnx", "--json", "--objective", "auc", "--positive", POSITIVE, "--stages", 2,
                            "--epochs", 4, "--batch", 16, "--lr", 0.1))
        self.assertEqual(report["measures"][-1]["step"], 60)  # 15 and 45

    def test_prints_a_table(self):
        result = run(*self.words(self.folder / "table.onnx", "--workers", 2))
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("held-out AUC", "2 members, 240 images, 60 of them positive", "each member sent", "false alarms"):
            self.assertIn(part, result.stdout)

    def test_a_run_gives_verdicts(self):
        """By the threshold that training chose, also of a package whose input.json was given by hand."""
        written, package = self.folder / "verdict.onnx", self.folder / "verdict.package"
        self.learned(written, "--miss-cost", 5)
        result = run("prepare", written, "--candidate", "local", "--package", package, "--input", self.folder / "input.json", "-q", program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        decision = json.loads((package / "input.json").read_text())["decision"]
        photos = self.folder / "photos"
        photos.mkdir()
        for i in range(20):
            write_png(photos / f"{i:02}.png", self.images[i])
        result = run("run", package, photos, "--json", program=PROGRAM)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        verdicts = [line["verdict"] for line in lines if "verdict" in line]
        found = scores(written, self.images[:20])
        self.assertEqual(len(verdicts), 20)
        for verdict, share in zip(verdicts, found):
            self.assertAlmostEqual(verdict["share"], share, delta=2e-3)
            self.assertEqual(verdict["is_positive"], verdict["share"] >= decision["threshold"])
        self.assertEqual(lines[-1]["summary"]["positives"], sum(verdict["is_positive"] for verdict in verdicts))
        self.assertIn("of 20 are positive", run("run", package, photos, program=PROGRAM).stderr)

    def test_images_that_cannot_be_read(self):
        photos, labels = self.folder / "mixed", self.folder / "mixed.tsv"
        photos.mkdir()
        for i in range(60):
            write_png(photos / f"{i:02}.png", self.images[i])
        for i in (3, 17):
            (photos / f"{i:02}.png").write_bytes((photos / f"{i:02}.png").read_bytes()[:50])
        labels.write_text("".join(f"{i:02}.png\t{self.labels_of_images[i]}\n" for i in range(60)))
        words = lambda *more: self.words(self.folder / "refused.onnx", "--labels", labels, "--holdout", 20, *more, data=["--images", photos]
                                         )  # noqa: E731
        self.refused(words(), ".png")
        self.refused(words("--most-unreadable", 1), "2 images cannot be read, more than the 1 of --most-unreadable", "the first is '", ".png'")
        report = self.report([*words("--most-unreadable", 2, "--json")[:-1], "--json"])
        self.assertEqual((report["unreadable"], report["images"] + report["held_out"]), (2, 58))
        (self.folder / "refused.onnx").unlink()

    def photos(self, name, folders):
        """60 of the pictures as files, in the folder that `folders` names for a label. @return their folder."""
        photos = self.folder / name
        for i in range(60):
            folder = photos / folders(self.labels_of_images[i])
            folder.mkdir(parents=True, exist_ok=True)
            write_png(folder / f"{i:02}.png", self.images[i])
        return photos

    def on_photos(self, photos, output, *more):
        """Words that learn from 40 of them."""
        return self.words(output, *self.with_defaults({"--stage-steps": 1, "--holdout": 20}, more), data=["--images", *sorted(photos.iterdir())])

    def test_folders_are_classes(self):
        """Of an ordinary model, whatever its labels are; those that were found are told."""
        photos, output = self.photos("sorted", lambda label: "defect" if label == POSITIVE else "ok"), self.folder / "folders.onnx"
        for labels in ([], ["crow", "jay", "owl"]):
            (self.folder / "birds.json").write_text(json.dumps({**json.loads((self.folder / "input.json").read_text()), "labels": labels}))
            words = [word for word in self.on_photos(photos, output, "--labels", "folders", "--positive", "defect", "--json") if word != "-q"]
            result = run(*[self.folder / "birds.json" if word == self.folder / "input.json" else word for word in words])
            self.assertEqual(result.returncode, 0, result.stderr)
            report = json.loads(result.stdout)
            of_learned, of_held_out = re.search(r"images learned from: (\d+) negative \(ok: \1\), \d+ positive \(defect: (\d+)\); held out",
                                                result.stderr).groups()
            self.assertEqual(report["members"][0], {"images": int(of_learned) + int(of_held_out), "positives": int(of_held_out)})
        card = output.with_suffix(".card.md").read_text()
        for part in ("| positive | classes defect of the labels |", "(defect: "):
            self.assertIn(part, card)
        refused = lambda *more: self.on_photos(photos, self.folder / "refused.onnx", "--labels", "folders", *more)  # noqa: E731
        self.refused(refused("--positive", "defct"), "no image has the positive class defct; there are ", "ok", "defect")
        self.refused(refused("--positive", 1), "no image has the positive class 1; there are ")
        self.refused(self.on_stripes("train", self.start, self.folder / "refused.onnx", "--labels", "folders", data=["--images", photos / "ok"]),
                     "unknown label 'ok'")

    def test_tables_of_commas_and_labels_out_of_range(self):
        photos, table = self.photos("tabled", lambda label: "all"), self.folder / "tabled.csv"
        kinds = ["fine", "fine too", "dent, deep", "scratch"]

        def learned(text, *more, code=0):
            table.write_bytes(text.encode())
            output = self.folder / ("table.onnx" if code == 0 else "refused.onnx")
            return self.report([*self.on_photos(photos, output, "--labels", table, "--json", *more)]) if code == 0 else self.on_photos(
                photos, output, "--labels", table, *more)

        numbers = learned("".join(f"{i:02}.png\t{self.labels_of_images[i]}\n" for i in range(60)))
        with_commas = "\ufefffile name,class\r\n" + "".join(f'{i:02}.png,"{kinds[self.labels_of_images[i]]}"\r\n' for i in range(60))
        names = learned(with_commas, "--positive", "dent, deep")
        self.assertEqual(names["members"], numbers["members"])
        self.assertEqual([one["auc"] for one in names["measures"]], [one["auc"] for one in numbers["measures"]])
        rows = [f"{i:02}.png,{self.labels_of_images[i]}" for i in range(60)]
        rows[7] = "07.png,-1"
        self.refused(learned("\n".join(rows), code=1), "tabled.csv:8: class -1 is negative; labels are 0 or more")
        rows[7] = "07.png"
        self.refused(learned("\n".join(rows), code=1), "tabled.csv:8: got '07.png', expected a file name, a comma and a label")
        rows[7] = "07.png,11"
        learned("\n".join(rows))  # nobody says that there are no 12 classes
        self.assertIn("11: 1", (self.folder / "table.card.md").read_text())
        spec = self.folder / "four.json"
        spec.write_text(json.dumps({**json.loads((self.folder / "input.json").read_text()), "labels": ["a", "b", "c", "d"]}))
        named = lambda words: [spec if word == self.folder / "input.json" else word for word in words]  # noqa: E731
        self.refused(named(learned("\n".join(rows), code=1)), "tabled.csv:8: class 11 is beyond the 4 labels of input.json (0 to 3)", "--input")
        rows[7] = f"07.png,{self.labels_of_images[7]}"
        table.write_text("\n".join(rows))
        self.assertEqual(
            self.report(named(self.on_photos(photos, self.folder / "table.onnx", "--labels", table, "--positive", "c", "--json")))["members"],
            numbers["members"])

    def test_a_checkpoint_does_not_go_on_over_other_images(self):
        """Of the same names and sizes."""
        photos, output, checkpoint = self.folder / "bitmaps", self.folder / "bitmaps.onnx", self.folder / "bitmaps.checkpoint"
        photos.mkdir()
        for i in range(60):
            pixels = self.images[i][::-1, :, ::-1].tobytes()
            (photos /
             f"{i:02}.bmp").write_bytes(b"BM" +
                                        struct.pack("<IIIIiiHHIIiiII", 54 + len(pixels), 0, 54, 40, 32, 32, 1, 24, 0, len(pixels), 0, 0, 0, 0) +
                                        pixels)
        table = self.folder / "bitmaps.tsv"
        table.write_text("".join(f"{i:02}.bmp\t{self.labels_of_images[i]}\n" for i in range(60)))
        words = lambda to: self.words(to, "--labels", table, "--stage-steps", 2, "--checkpoint", checkpoint, "--checkpoint-seconds", 0, data=
                                      ["--images", photos / "[0-3]*.bmp", "--held-out", photos / "[45]*.bmp"])  # noqa: E731
        self.report([*words(output), "--json"])
        self.assertTrue(self.report([*words(output), "--json"])["resumed"])
        first, other = photos / "00.bmp", photos / "04.bmp"
        self.assertEqual(first.stat().st_size, other.stat().st_size)
        first.write_bytes(other.read_bytes())
        self.refused(words(self.folder / "refused.onnx"), "belongs to another run: 'images' was")

    def test_cards_name_the_positives_that_were_kept(self):
        output = self.folder / "kept.onnx"
        self.learned(output, "--stage-steps", 1, "--keep-positives", 0.05)
        listed = output.with_suffix(".card.md").read_text().split("### Positives that were kept\n")[1].split("## How well")[0]
        self.assertIn("9, so that they are 5.000 % of its images (--keep-positives, seed 1)", listed)
        kept = [int(line.split()[-1]) for line in listed.splitlines() if line.startswith("- image ")]
        self.assertEqual(len(kept), 9)
        self.assertTrue(all(i % 4 == POSITIVE for i in kept), kept)

    def test_weighted_takes_images_as_they_come(self):
        """On balanced batches it would be cross-entropy."""
        rate = lambda *more: self.learned(self.folder / "weighted.onnx", "--stage-steps", 1, *more)["positive_rate"]  # noqa: E731
        self.assertEqual(rate("--objective", "weighted"), 0.25)
        self.assertEqual(rate("--objective", "weighted", "--sampling", "natural"), 0.25)
        self.assertEqual(rate("--objective", "weighted", "--sampling", "balanced"), 0.5)
        self.assertEqual(rate("--objective", "weighted", "--positives-in-batch", 0.25), 0.25)
        self.assertEqual(rate("--objective", "focal"), 0.5)

    def test_networks_from_scratch(self):
        for name in ("resnet8", "resnet20", "vgg8", "mobilenet_small"):
            untrained = self.folder / f"{name}.onnx"
            result = run("create", name, "--input", self.folder / "input.json", "--width", 0.5, "-o", untrained, "--json")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(answers(untrained, self.images).shape, (80, 2))
            onnx.checker.check_model(onnx.load(untrained), full_check=True)
        report = self.learned(self.folder / "scratch.onnx", "--batch-statistics", "--stage-steps", 25, model=self.folder / "resnet8.onnx")
        self.assertGreater(report["measures"][-1]["auc"]["value"], 0.9)
        self.refused(["create", "resnet9", "--input", self.folder / "input.json", "-o", self.folder / "refused.onnx"], "no architecture 'resnet9'",
                     "resnet8, resnet20, vgg8, mobilenet_small")
        self.refused(["create", "resnet8", "--width", 0.01, "--input", self.folder / "input.json", "-o", self.folder / "refused.onnx"],
                     "leaves none of 16 channels")

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
        self.refused(
            self.on_stripes("train", self.start, self.folder / "refused.onnx", "--objective", "auc", "--positive", POSITIVE, "--epochs", 1, "--batch",
                            64), "1 epochs are 4 steps", "--stages")
        self.refused(words("--batch", 1), "no room for a positive and a negative image")
        self.refused(words("--margin", 0), "the margin between positives and negatives is 0")
        self.refused(self.on_stripes("train", self.start, self.folder / "refused.onnx", "--workers", 2), "--workers", "--objective")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
