#!/usr/bin/env python3
"""sparse24_points_lost: points of accuracy that 2:4 sparsity costs after retraining (`scissionlite-train sparsify`),
against the dense network fine-tuned with the same data, epochs, schedule and augmentation; paired seeds, the mean over
networks and seeds with its 95 % interval. Networks and pictures are those of compress_tasks.py. Each run leaves a JSON
file in --work and is not made again.

Example: tools/figures/sparse24_points.py --programs build/release --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import compress_tasks  # noqa: E402
import figures  # noqa: E402
from compress_tasks import WORDS, interval  # noqa: E402

COMMAND = "tools/figures/sparse24_points.py"
EPOCHS = {"resnet20": 8, "neu_steel": 8}


class Sparsifying(compress_tasks.Task):
    def sparse(self, seed):
        output = self.folder / f"sparse.{seed}.onnx"

        def make():
            report = self.scissionlite("sparsify", self.model, output, seed, WORDS[self.name], "--epochs", EPOCHS[self.name])
            return {"accuracy": report["score"]["after"], **{key: report["score"].get(key) for key in ("before", "masked")}}

        return figures.kept(output.with_suffix(".json"), make)

    def points_lost(self, seed):
        return 100 * (self.dense(seed, EPOCHS[self.name])["accuracy"] - self.sparse(seed)["accuracy"])


def row(task, seeds):
    told = lambda values: ", ".join(f"{value:.4f}" for value in values)  # noqa: E731
    lost = [task.points_lost(seed) for seed in seeds]
    dense, sparse = [task.dense(seed, EPOCHS[task.name])["accuracy"] for seed in seeds], [task.sparse(seed)["accuracy"] for seed in seeds]
    return {
        "id": f"sparse24_points_lost/{task.name}", "what": "accuracy of the dense network less that of the 2:4 sparse one, both fine-tuned alike",
        "measured": statistics.mean(lost), "spread": interval(lost), "unit": "points", "command": COMMAND,
        "note": f"{EPOCHS[task.name]} epochs, {len(seeds)} seeds: dense {told(dense)}, sparse {told(sparse)}"
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "sparse24_points")
    parser.add_argument("--only", nargs="+", choices=sorted(EPOCHS), default=list(EPOCHS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    tasks = [Sparsifying(name, options) for name in options.only]
    for seed in options.seeds:
        for task in tasks:
            print(f"[sparse24] {task.name}, seed {seed}: {task.points_lost(seed):.2f} points lost", flush=True)
    if options.record:
        by_seed = [statistics.mean(task.points_lost(seed) for task in tasks) for seed in options.seeds]
        total = {
            "id": "sparse24_points_lost", "what": "mean over networks and seeds", "measured": statistics.mean(by_seed), "spread": interval(by_seed),
            "unit": "points", "command": COMMAND, "note": ", ".join(task.name for task in tasks)
        }
        figures.record("compress", [row(task, options.seeds) for task in tasks] + ([total] if len(tasks) == len(EPOCHS) else []))


if __name__ == "__main__":
    main()
