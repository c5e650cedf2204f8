#!/usr/bin/env python3
"""How much faster more members learn: shirts among Fashion-MNIST's clothes, 10 % positives divided alike among K
members with balanced batches of four each, averages each step, otherwise as auc_windows.py learns. Iterations are
counted, as members share cores.

iteration_speedup_K: steps that one member needs for an AUC over those of K. The AUC is what one member has behind 1,040
steps. Each number of members learns by schedules of several lengths, as the first stage's length is one of CoDA's
settings; where a parabola of AUC over the logarithm of steps (least squares over all of its runs) has that AUC are its
steps. Short schedules of many members bend it; what a straight line gives, too little for these, stands beside. The
learning rate of each number of members is the best of the same ones by three other seeds on parts of the training data,
for the schedule in the middle.

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


def least_squares(points, degree):
    """Coefficients of a polynomial through (x, y), the constant first: the normal equations, by elimination."""
    size = degree + 1
    rows = [[sum(x**(i + j) for x, _ in points) for j in range(size)] + [sum(y * x**i for x, y in points)] for i in range(size)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda row: abs(rows[row][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for other in range(size):
            if other != i:
                share = rows[other][i] / rows[i][i]
                rows[other] = [a - share * b for a, b in zip(rows[other], rows[i])]
    return [rows[i][size] / rows[i][i] for i in range(size)]


class Curve:
    """AUC over the logarithm of steps. @param aucs  a list of seeds' by steps."""
    def __init__(self, aucs, degree=2):
        self.aucs = aucs
        self.middle = statistics.mean(math.log2(steps) for steps in aucs)
        points = [(math.log2(steps) - self.middle, auc) for steps, of_seeds in aucs.items() for auc in of_seeds]
        self.offset, self.slope, self.bend = [*least_squares(points, degree), 0][:3]

    def auc_at(self, steps):
        x = math.log2(steps) - self.middle
        return self.offset + self.slope * x + self.bend * x * x

    def steps_for(self, auc):
        """On the rising side; infinite where it stays below."""
        below = auc - self.offset
        under_root = self.slope**2 + 4 * self.bend * below
        return math.inf if under_root < 0 else 2**(self.middle + 2 * below / (self.slope + math.sqrt(under_root)))

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
        self.curve = Curve(self.aucs)

    def curve_of(self, chosen):
        """With the seeds at these places."""
        return Curve({steps: [of_seeds[i] for i in chosen] for steps, of_seeds in self.aucs.items()})


def interval(alone, several, steps, seeds):
    """Of the speedup: 95 % over seeds that are drawn again, the same for both."""
    draw = random.Random(1)
    values = []
    for _ in range(2000):
        chosen = [draw.randrange(seeds) for _ in range(seeds)]
        values.append(steps / several.curve_of(chosen).steps_for(alone.curve_of(chosen).auc_at(steps)))
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
    goal, goal_of_line = alone.curve.auc_at(steps), Curve(alone.aucs, degree=1).auc_at(steps)
    rows = []
    for members in options.members:
        several = learned[members]
        needed = several.curve.steps_for(goal)
        by_lines = steps / Curve(several.aucs, degree=1).steps_for(goal_of_line)
        is_within = min(several.aucs) <= needed <= max(several.aucs)
        rows.append({
            "id": f"iteration_speedup_K{members}", "what": f"steps until AUC {goal:.4f}, one member over {members}", "measured": steps / needed,
            "spread": interval(alone, several, steps, len(options.seeds)), "unit": "times", "command": COMMAND,
            "note": f"{steps} over {needed:.0f} steps{'' if is_within else ', beyond those that were run'}; one member at {alone.rate:g} {alone.curve.told()}; {members} members at {several.rate:g} {several.curve.told()}; "
            f"averages each step, balanced batches of {auc_windows.BATCH} a member, means of {len(options.seeds)} seeds; straight lines give {by_lines:.2f}"
        })
    figures.record("auc", rows)


if __name__ == "__main__":
    main()
