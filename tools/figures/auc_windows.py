#!/usr/bin/env python3
"""How seldom members may average: shirts among Fashion-MNIST's clothes, 10 % positives divided alike among K members
with balanced batches of four each, `train --objective auc --entropy` from an untrained network, AUC on test images
behind averages. Iterations and rounds are counted, as members share cores.

curve/K_I rows: AUC in the end, two seeds, and what is sent takes over a link of 10 Mbit/s. skewed/ rows: four members of
whom the first have most positives, without and with control variates.

Each run is a line of docs/benchmarks/runs/auc_windows.jsonl and is not made again.

Example: tools/figures/auc_windows.py --programs build/release --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import auc_tasks  # noqa: E402
import compress_tasks  # noqa: E402
import figures  # noqa: E402

COMMAND = "tools/figures/auc_windows.py"
DATA, RATE = "fashion", 0.1
WINDOWS, MEMBERS = (1, 8, 64, 512), (1, 2, 4, 8, 16)
BATCH = 4  # of a member: so few that more members' gradients are better ones
ENTROPY, MOMENTUM = 1, 0.9
STAGES, GROWTH, FIRST = 3, 3, 128
TUNING_WINDOW = 8
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3)
CURVE_SEEDS = 2
SKEW = 0.9
TUNING_SEEDS = (100, 101, 102)
LINK_BITS = 10e6


def steps_of(first):
    """Of all stages."""
    return first * sum(GROWTH**stage for stage in range(STAGES))


STEPS = steps_of(FIRST)


class Task(auc_tasks.Data):
    def curve(self, members, window, learning_rate, seed, tuning=False, first=FIRST, measures=1, words=()):
        """[step, rounds, AUC] on the way, and bytes that a member sends in an average; `first`: steps of the first
        stage; `words`: further ones of the command."""
        steps = steps_of(first)
        further = "".join(f" {word}" for word in words)

        def make():
            report = auc_tasks.learn(self.options, self.start(seed), [
                *self.words(RATE, seed, tuning, BATCH), "--seed", seed, "--objective", "auc", "--entropy", ENTROPY, "--momentum", MOMENTUM,
                "--workers", members, "--window", window, *words, "--stages", STAGES, "--growth", GROWTH, "--stage-steps", first, "--lr",
                learning_rate, "--measure-steps",
                max(1, steps // measures)
            ], self.folder / f"windows.{os.getpid()}.onnx")
            curve = [[one["step"], one["rounds"], one["auc"]["value"]] for one in report["measures"]]
            print(
                f"[auc] {members} members, window {window}, {steps} steps, learning rate {learning_rate}, seed {seed}{', tuning' if tuning else ''}{further}: {curve[-1][2]:.4f} in {curve[-1][1]} averages",
                flush=True)
            return {"curve": curve, "bytes": report["exchanged"]["bytes_sent"] / max(1, report["exchanged"]["rounds"])}

        return figures.run_once(
            "auc_windows",
            f"{DATA} rate {RATE} members {members} window {window} lr {learning_rate} batch {BATCH} entropy {ENTROPY} momentum {MOMENTUM} steps {steps} measures {measures} seed {seed}{' tuning' if tuning else ''}{further}",
            make)

    def learning_rate(self, members, first=FIRST, window=TUNING_WINDOW):
        """That with which so many members have the highest AUC in the end, on parts of the training data and by seeds of their own."""
        found = {
            rate: statistics.mean(self.curve(members, window, rate, seed, True, first)["curve"][-1][2] for seed in TUNING_SEEDS)
            for rate in LEARNING_RATES
        }
        return max(found, key=found.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "auc")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--members", nargs="+", type=int, default=list(MEMBERS))
    parser.add_argument("--windows", nargs="+", type=int, default=list(WINDOWS))
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    task = Task(DATA, options)
    rates = {members: task.learning_rate(members) for members in options.members}
    curves = {(members, window): [task.curve(members, window, rates[members], seed) for seed in options.seeds[:CURVE_SEEDS]]
              for members in options.members for window in options.windows}
    skewed = {
        method: [task.curve(4, 64, rates[4], seed, words=("--skew", SKEW, *more)) for seed in options.seeds]
        for method, more in (("coda", ()), ("codasca", ("--control-variates", )))
    } if 4 in rates else {}
    if not options.record:
        return
    rows = []
    for (members, window), of in curves.items():
        ends = [one["curve"][-1] for one in of]
        seconds = ends[0][1] * of[0]["bytes"] * 8 * 2 / LINK_BITS
        rows.append({
            "id": f"curve/K{members}_I{window}", "what": f"AUC on test images, {members} members, averages each {window} steps",
            "measured": statistics.mean(end[2] for end in ends), "spread": compress_tasks.interval([end[2] for end in ends]), "unit": "AUC",
            "command": COMMAND,
            "note": f"{STEPS} steps of {BATCH} images a member at {rates[members]}, {ends[0][1]} averages, {seconds:.1f} s of a member's link of {LINK_BITS / 1e6:g} Mbit/s both ways"
        })
    for method, of in skewed.items():
        values = [one["curve"][-1][2] for one in of]
        rows.append({
            "id": f"skewed/K4_I64_{method}",
            "what": f"AUC on test images, 4 members of whom the first have most positives (--skew {SKEW}), averages each 64 steps{', control variates' if method == 'codasca' else ''}",
            "measured": statistics.mean(values), "spread": compress_tasks.interval(values), "unit": "AUC", "command": COMMAND,
            "note": "seeds " + ", ".join(f"{value:.4f}" for value in values)
        })
    figures.record("auc", rows)


if __name__ == "__main__":
    main()
