#!/usr/bin/env python3
"""How much faster more members learn: shirts among Fashion-MNIST's clothes, 10 % positives divided alike among K
members with balanced batches of four each, averages each step, otherwise as auc_windows.py learns. Iterations are
counted, as members share cores.

iteration_speedup_K: steps that one member needs for an AUC over those of K. The AUC is what one member has behind 1,040
steps. Each number of members learns by schedules of several lengths, as the first stage's length is one of CoDA's
settings; AUC on test images rises by so much with each doubling of the steps (least squares over all of its runs), and
where that line has the AUC are its steps. The learning rate of each number of members is the best of the same ones by
three other seeds on parts of the training data, for the schedule in the middle.

Each run is a line of docs/benchmarks/runs/auc_windows.jsonl and is not made again.

Example: tools/figures/auc_speedup.py --programs build/release --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import math
import pathlib
import random
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import auc_windows  # noqa: E402
import compress_tasks  # noqa: E402
import figures  # noqa: E402

COMMAND = "tools/figures/auc_speedup.py"
GOAL_FIRST = 80  # steps of the first stage where one member has the AUC
WINDOW = 1
FIRSTS = {1: (40, 80, 160, 320), 4: (10, 20, 40, 80), 8: (5, 10, 20, 40), 16: (5, 10, 20)}  # by members; learning rates are by the second


class Line:
    """AUC over the logarithm of steps. @param aucs  a list of seeds' by steps."""
    def __init__(self, aucs):
        self.aucs = aucs
        self.slope, self.offset = statistics.linear_regression(*zip(*((math.log2(steps), auc) for steps, of_seeds in aucs.items()
                                                                      for auc in of_seeds)))

    def auc_at(self, steps):
        return self.offset + self.slope * math.log2(steps)

    def steps_for(self, auc):
        return 2**((auc - self.offset) / self.slope)

    def told(self):
        return ", ".join(f"{statistics.mean(of_seeds):.4f} behind {steps}" for steps, of_seeds in self.aucs.items())


class Learned:
    """By so many members."""
    def __init__(self, task, members, seeds):
        self.rate = task.learning_rate(members, FIRSTS[members][1], WINDOW)
        self.aucs = {
            auc_windows.steps_of(first): [task.curve(members, WINDOW, self.rate, seed, first=first)["curve"][-1][2] for seed in seeds]
            for first in FIRSTS[members]
        }
        self.line = Line(self.aucs)

    def line_of(self, chosen):
        """With the seeds at these places."""
        return Line({steps: [of_seeds[i] for i in chosen] for steps, of_seeds in self.aucs.items()})


def interval(alone, several, steps, seeds):
    """Of the speedup: 95 % over seeds that are drawn again, the same for both."""
    draw = random.Random(1)
    values = []
    for _ in range(2000):
        chosen = [draw.randrange(seeds) for _ in range(seeds)]
        values.append(steps / several.line_of(chosen).steps_for(alone.line_of(chosen).auc_at(steps)))
    values.sort()
    return [values[50], values[-51]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "auc")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--members", nargs="+", type=int, default=[members for members in FIRSTS if members > 1], help="compared with one")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    task = auc_windows.Task(auc_windows.DATA, options)
    learned = {members: Learned(task, members, options.seeds) for members in [1, *options.members]}
    if not options.record:
        return
    steps, alone = auc_windows.steps_of(GOAL_FIRST), learned[1]
    goal = alone.line.auc_at(steps)
    rows = []
    for members in options.members:
        several = learned[members]
        needed = several.line.steps_for(goal)
        is_within = min(several.aucs) <= needed <= max(several.aucs)
        rows.append({
            "id": f"iteration_speedup_K{members}", "what": f"steps until AUC {goal:.4f}, one member over {members}", "measured": steps / needed,
            "spread": interval(alone, several, steps, len(options.seeds)), "unit": "times", "command": COMMAND,
            "note": f"{steps} over {needed:.0f} steps{'' if is_within else ', beyond those that were run'}; one member at {alone.rate:g} {alone.line.told()}; {members} members at {several.rate:g} {several.line.told()}; "
            f"averages each step, balanced batches of {auc_windows.BATCH} a member, means of {len(options.seeds)} seeds"
        })
    figures.record("auc", rows)


if __name__ == "__main__":
    main()
