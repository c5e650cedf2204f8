#!/usr/bin/env python3
"""Points of accuracy that few bits cost after training (`scissionlite-train quantize`, learned steps, the float network
as teacher), against the float network fine-tuned with the same data, epochs, schedule and augmentation; paired seeds,
means over networks and seeds with their 95 % interval: w1a2_points_lost_cifar, w2a2_points_lost_cifar,
w1a2_points_lost_industrial, w4a4_points_lost. Networks and pictures are those of compress_tasks.py. Each run leaves a
line in docs/benchmarks/runs/lowbit_points.jsonl and is not made again, so that three seeds may come from more than one
day; a run that was stopped goes on.

Example: tools/figures/lowbit_points.py --programs build/release --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import compress_tasks  # noqa: E402
import figures  # noqa: E402
from compress_tasks import WORDS, interval  # noqa: E402

COMMAND = "tools/figures/lowbit_points.py"
CIFAR, INDUSTRIAL = ["resnet20", "vgg_cifar"], ["neu_steel", "vgg_fashion"]
FIGURES = {  # id: bits and networks
    "w1a2_points_lost_cifar": ((1, 2), CIFAR), "w2a2_points_lost_cifar": ((2, 2), CIFAR), "w1a2_points_lost_industrial": ((1, 2), INDUSTRIAL),
    "w4a4_points_lost": ((4, 4), CIFAR + INDUSTRIAL)
}
EPOCHS = {(1, 2): 24, (2, 2): 14, (4, 4): 14}
# Codes do not shrink with their weights: less decay than float networks are given. The fewer bits, the more has to be learned anew: rates by bits,
# found with
# seed 1 of ResNet-20; with four bits the float network's own. No stages of more bits: they take epochs from the last one.
EPOCHS_OF, RATES_OF = {("vgg_fashion", (4, 4)): 5}, {("vgg_fashion", (4, 4)): "0.002"}
RATES = {(1, 2): "0.01", (2, 2): "0.005"}


class Quantising(compress_tasks.Task):
    def epochs(self, bits):
        return self.options.epochs or EPOCHS_OF.get((self.name, bits), EPOCHS[bits])

    def rate(self, bits):
        own = WORDS[self.name][WORDS[self.name].index("--lr") + 1]
        return self.options.lr or RATES_OF.get((self.name, bits), RATES.get(bits, own))

    def words(self, bits):
        """Of the network, with the decay and the rate that these bits need."""
        return [*without(without(WORDS[self.name], "--weight-decay"), "--lr"), "--weight-decay", "0.0001", "--lr", self.rate(bits)]

    def low(self, bits, seed):
        output = self.folder / f"w{bits[0]}a{bits[1]}.{self.epochs(bits)}.{self.rate(bits)}.{seed}.onnx"

        def make():
            report = self.scissionlite("quantize", self.model, output, seed, self.words(bits), "--weight-bits", bits[0], "--activation-bits", bits[1],
                                       "--epochs", self.epochs(bits))
            return {
                "accuracy": report["score"]["written"], **{key: report["score"].get(key)
                                                           for key in ("before", "post_training", "after")}, "agreement": report["agreement"],
                "file_bytes": report["file_bytes"]
            }

        return figures.kept(output.with_suffix(".json"), make)

    def key(self, bits, seed):
        return f"{self.name} w{bits[0]}a{bits[1]} {self.epochs(bits)} epochs lr {self.rate(bits)} seed {seed}"

    def pair(self, bits, seed):
        """Both of one seed, from one base and one machine."""
        return figures.run_once("lowbit_points", self.key(bits, seed),
                                lambda: {"float": self.dense(seed, self.epochs(bits))["accuracy"], "low": self.low(bits, seed)})

    def points_lost(self, bits, seed):
        pair = self.pair(bits, seed)
        return 100 * (pair["float"] - pair["low"]["accuracy"])


def without(words, option):
    """Less the option and its value."""
    at = words.index(option)
    return words[:at] + words[at + 2:]


def row(figure, bits, task, seeds):
    told = lambda values: ", ".join(f"{value:.4f}" for value in values)  # noqa: E731
    lost = [task.points_lost(bits, seed) for seed in seeds]
    pairs = [task.pair(bits, seed) for seed in seeds]
    dense, low = [pair["float"] for pair in pairs], [pair["low"]["accuracy"] for pair in pairs]
    return {
        "id": f"{figure}/{task.name}", "what": f"accuracy of the float network less that of w{bits[0]}a{bits[1]} as written, both fine-tuned alike",
        "measured": statistics.mean(lost), "spread": interval(lost), "unit": "points", "command": COMMAND,
        "note": f"{task.epochs(bits)} epochs, {len(seeds)} seeds: float {told(dense)}, few bits {told(low)}"
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "lowbit_points")
    parser.add_argument("--device", default="cpu", help="as of scissionlite-train")
    parser.add_argument("--only", nargs="+", choices=CIFAR + INDUSTRIAL, default=CIFAR + INDUSTRIAL)
    parser.add_argument("--figures", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="to try another number than the figure's")
    parser.add_argument("--lr", help="likewise, the learning rate of few bits")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    tasks = {name: Quantising(name, options) for name in options.only}
    for seed in options.seeds:
        for figure in options.figures:
            bits, names = FIGURES[figure]
            for name in (name for name in names if name in tasks):
                print(f"[lowbit] {name}, w{bits[0]}a{bits[1]}, seed {seed}: {tasks[name].points_lost(bits, seed):.2f} points lost", flush=True)
    if not options.record:
        return
    for figure in options.figures:
        bits, names = FIGURES[figure]
        there = [tasks[name] for name in names if name in tasks]
        rows = [row(figure, bits, task, options.seeds) for task in there]
        if len(there) == len(names):
            by_seed = [statistics.mean(task.points_lost(bits, seed) for task in there) for seed in options.seeds]
            rows.append({
                "id": figure, "what": "mean over networks and seeds", "measured": statistics.mean(by_seed), "spread": interval(by_seed),
                "unit": "points", "command": COMMAND, "note": ", ".join(names)
            })
        figures.record("lowbit", rows, on=figures.machine_of_runs("lowbit_points", {task.key(bits, seed)
                                                                                    for task in there for seed in options.seeds}))


if __name__ == "__main__":
    main()
