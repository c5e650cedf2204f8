#!/usr/bin/env python3
"""Training on rare positives: AUC on test images at their natural rate, by `train --objective auc`, with cross-entropy
beside it for all steps or alone behind four fifths of the steps with cross-entropy on balanced batches, and by what
else one would take for as many steps: cross-entropy as images come, on balanced batches, weighted, focal loss, and
LibAUC 2.0's PESG from such a start. Each method has its learning rate by one seed on parts of the training data, from
three. The two that maximise AUC have 12 settings each: ours the weight of cross-entropy beside it, or behind a start
whether the last layer is a new one; PESG whether the last layer is a new one, and whether half or four fifths of the
steps are the start's. auc_vs_best_other_min: the worst data set and rate, ours less the best other, mean of seeds;
auc_vs_cross_entropy_1pct_mean: Fashion-MNIST and deeppcb.

Each run is a line of docs/benchmarks/runs/auc.jsonl and is not made again.

Example: tools/figures/auc.py --programs build/release --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import auc_tasks  # noqa: E402
import compress_tasks  # noqa: E402
import figures  # noqa: E402

COMMAND = "tools/figures/auc.py"
ENTROPIES = (0.3, 1)  # beside ours for all steps, with one stage; behind a start there is none, with three stages
STARTS = {"auc": (0.8, ), "pesg": (0.5, 0.8)}  # shares of the steps that train the network which is begun with
STAGES, GROWTH = 3, 3
IN_ALL = sum(GROWTH**stage for stage in range(STAGES))
OTHERS = {
    "cross-entropy": ["--objective", "cross-entropy", "--sampling", "natural"], "balanced": ["--objective", "cross-entropy"],
    "weighted": ["--objective", "weighted", "--sampling", "natural"], "focal": ["--objective", "focal", "--sampling", "natural"]
}
METHODS = [*OTHERS, "pesg", "auc"]
FROM_TRAINED = ("pesg", "auc")
TUNING_SEED, TUNING_RATE = 100, 0.01


def share_of(setting):
    return setting[2] if len(setting) > 2 else 0.5


def settings_of(method, rates):
    """Learning rate, whether the last layer is a new one, the share of the steps that are the start's where that is not
    a half, and cross-entropy's weight where there is one."""
    if method not in FROM_TRAINED:
        return [(rate, False) for rate in rates]
    behind_start = [(rate, is_new, *((share, ) if share != 0.5 else ())) for share in STARTS[method] for rate in rates for is_new in (False, True)]
    return behind_start + [(rate, False, 0, entropy) for entropy in ENTROPIES for rate in rates if method == "auc"]


class Task(auc_tasks.Data):
    def learned(self, method, start, rate, setting, seed, steps, tuning):
        """A model by ours, and its AUC."""
        output = self.folder / f"{method}.{rate}.{setting}.{seed}{'.tuning' if tuning else ''}.onnx"
        learning_rate, has_new_layer = setting[:2]
        entropy = setting[3] if len(setting) > 3 else 0
        stages = ["--stages", 1, "--stage-steps", round(steps)] if entropy else [
            "--stages", STAGES, "--growth", GROWTH, "--stage-steps", round(steps / IN_ALL)
        ]
        words = [
            *self.words(rate, seed, tuning), *OTHERS.get(method, ["--objective", "auc", "--entropy", entropy]), "--momentum", 0.9, "--weight-decay",
            0.0001, *stages, "--lr", learning_rate, "--seed", seed,
            *(["--classes", 2] if has_new_layer or (self.name == "magtile" and (method in OTHERS or share_of(setting) == 0)) else [])
        ]
        report = auc_tasks.learn(self.options, start, words, output)
        return output, report["measures"][-1]["auc"]["value"]

    def pretrained(self, rate, seed, share, tuning):
        """What both methods that maximise AUC begin with."""
        setting = self.setting("balanced")
        output = self.folder / f"pretrained.{share}.{rate}.{setting}.{seed}{'.tuning' if tuning else ''}.onnx"
        if not output.exists():
            self.learned("balanced", self.start(seed), rate, setting, seed, self.settings["steps"] * share, tuning)[0].rename(output)
        return output

    def peer(self, start, rate, setting, seed, tuning):
        """LibAUC's AUC of its own training from `start`, in a program of its own."""
        words = [
            self.options.libauc,
            pathlib.Path(__file__).parent / "auc_peer.py", start, "--train",
            self.rare(rate, seed, tuning), "--test", self.files["tune_test" if tuning else "test"], "--input", self.input, "--steps",
            round(self.settings["steps"] * (1 - share_of(setting))), "--batch", auc_tasks.BATCH, "--lr", setting[0], "--seed", seed, "--shift",
            self.settings["augment"]["shift"], *(["--labels", self.table] if self.table else []), *(["--new-last-layer"] if setting[1] else []),
            "--threads", self.options.threads, "--positive", *self.settings["positive"]
        ]
        return json.loads(subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True).stdout)["auc"]

    def make(self, method, rate, setting, seed, tuning=False):
        if method == "pesg":
            return self.peer(self.pretrained(rate, seed, share_of(setting), tuning), rate, setting, seed, tuning)
        share = share_of(setting)
        start, steps = (self.pretrained(rate, seed, share, tuning),
                        self.settings["steps"] * (1 - share)) if method == "auc" and share > 0 else (self.start(seed), self.settings["steps"])
        return self.learned(method, start, rate, setting, seed, steps, tuning)[1]

    def setting(self, method):
        """The best one of those on parts of the training data."""
        rate = TUNING_RATE if TUNING_RATE in self.rates() else self.rates()[-1]
        settings = settings_of(method, self.settings["rates"])
        found = {
            setting:
            figures.run_once("auc", f"{self.name} tune {method} rate {rate} setting {setting} steps {self.settings['steps']} seed {TUNING_SEED}",
                             lambda setting=setting: self.tuned(method, rate, setting))
            for setting in settings
        }
        return max(found, key=found.get)

    def tuned(self, method, rate, setting):
        value = self.make(method, rate, setting, TUNING_SEED, tuning=True)
        print(
            f"[auc] {self.name}, tuning {method}, learning rate {setting[0]}{', new last layer' if setting[1] else ''}{f', {share_of(setting):g} of the steps before' if method in FROM_TRAINED else ''}{f', cross-entropy {setting[3]:g} beside' if len(setting) > 3 else ''}: {value:.4f}",
            flush=True)
        return value

    def auc(self, method, rate, seed):
        setting = self.setting(method)

        def make():
            value = self.make(method, rate, setting, seed)
            print(f"[auc] {self.name}, {100 * rate:g} % positives, {method}, seed {seed}: {value:.4f}", flush=True)
            return value

        return figures.run_once("auc", f"{self.name} compare {method} rate {rate} setting {setting} steps {self.settings['steps']} seed {seed}", make)


def row(task, rate, seeds, methods):
    values = {method: [task.auc(method, rate, seed) for seed in seeds] for method in methods}
    best = max((method for method in methods if method != "auc"), key=lambda method: statistics.mean(values[method]))
    differences = [ours - other for ours, other in zip(values["auc"], values[best])]
    told = ", ".join(f"{method} {statistics.mean(of):.4f} (sd {statistics.stdev(of) if len(of) > 1 else 0:.4f}, lr {task.setting(method)[0]:g})"
                     for method, of in values.items())
    return values, {
        "id": f"auc_vs_best_other_min/{task.name}_{100 * rate:g}pct",
        "what": f"AUC on test images, ours less {best}, the best other one; mean of {len(seeds)} seeds", "measured": statistics.mean(differences),
        "spread": compress_tasks.interval(differences), "unit": "AUC", "command": COMMAND, "note": told
    }


def wanted(task, options):
    return [rate for rate in task.rates() if rate in options.rates]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "auc")
    parser.add_argument("--libauc", type=pathlib.Path, default=figures.ROOT / "build" / "peers" / "libauc" / "bin" / "python",
                        help="of bench/engine/install_peers.sh")
    parser.add_argument("--only", nargs="+", choices=list(auc_tasks.SETTINGS), default=list(auc_tasks.SETTINGS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--rates", nargs="+", type=float, default=list(auc_tasks.RATES), help="shares of positives in training")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    tasks = [Task(name, options) for name in options.only]
    for seed in options.seeds:
        for task in tasks:
            for rate in wanted(task, options):
                for method in options.methods:
                    task.auc(method, rate, seed)
    if not options.record:
        return
    rows, gains = [], []
    for task in tasks:
        for rate in wanted(task, options):
            values, made = row(task, rate, options.seeds, options.methods)
            if set(options.methods) == set(METHODS):  # else the best of them may be missing
                rows.append(made)
            if rate == 0.01 and task.name in ("fashion", "deeppcb"):
                gains.append([ours - theirs for ours, theirs in zip(values["auc"], values["cross-entropy"])])
    if rows and set(options.only) == set(auc_tasks.SETTINGS) and set(options.rates) == set(auc_tasks.RATES):
        worst = min(rows, key=lambda one: one["measured"])
        rows.append({**worst, "id": "auc_vs_best_other_min", "note": f"{worst['id'].split('/')[1]}: {worst['note']}"})
    if len(gains) == 2:
        by_seed = [statistics.mean(of) for of in zip(*gains)]
        rows.append({
            "id": "auc_vs_cross_entropy_1pct_mean",
            "what": "AUC on test images, ours less cross-entropy as positives come, 1 % positives, mean of Fashion-MNIST and deeppcb",
            "measured": statistics.mean(by_seed), "spread": compress_tasks.interval(by_seed), "unit": "AUC", "command": COMMAND,
            "note": f"{len(options.seeds)} seeds; fashion {statistics.mean(gains[0]):+.4f}, deeppcb {statistics.mean(gains[1]):+.4f}"
        })
    figures.record("auc", rows)


if __name__ == "__main__":
    main()
