#!/usr/bin/env python3
"""How much faster more members learn: shirts among Fashion-MNIST's clothes, 10 % positives divided alike among K members with balanced batches of four each, averages each step, otherwise as auc_windows.py learns. Iterations are
counted, as members share cores.

iteration_speedup_K: steps that one member needs for an AUC over those of K, where the AUC is what one member has behind the whole schedule of 1,040 steps (test images, mean of seeds). Stages of K members are shorter by a
factor of a few that are tried, as the first stage's length is one of CoDA's settings; the shortest schedule whose mean AUC is not below one member's counts, and one member's own may be shorter too. Each schedule has
its learning rate by one seed on parts of the training data, from the same ones.

Each run is a line of docs/benchmarks/runs/auc_windows.jsonl and is not made again.

Example: tools/figures/auc_speedup.py --programs build/release --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import auc_windows  # noqa: E402
import compress_tasks  # noqa: E402
import figures  # noqa: E402

COMMAND = "tools/figures/auc_speedup.py"
FIRST = 80                                                    # steps of one member's first stage
WINDOW = 1
SHORTER = {1: (1, 1.5), 4: (3.2, 4), 8: (4, 6), 16: (8, 10)}  # how many times, by members


class Schedule:
    """Of so many members; `first`: steps of the first stage."""

    def __init__(self, task, members, first):
        self.task, self.members, self.first, self.steps = task, members, first, auc_windows.steps_of(first)

    def auc(self, seed):
        return self.task.curve(self.members, WINDOW, self.learning_rate, seed, first=self.first)["curve"][-1][2]

    def measured(self, seeds):
        self.learning_rate = self.task.learning_rate(self.members, self.first, WINDOW)
        self.values = [self.auc(seed) for seed in seeds]
        self.mean = statistics.mean(self.values)
        return self

    def told(self):
        return f"{self.steps} steps at {self.learning_rate:g}: {self.mean:.4f}"


def shortest(schedules, goal):
    """None: none reaches it."""
    return min((one for one in schedules if one.mean >= goal), key=lambda one: one.steps, default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "auc")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--members", nargs="+", type=int, default=[members for members in SHORTER if members > 1], help="compared with one")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    task = auc_windows.Task(auc_windows.DATA, options)
    schedules = {members: [Schedule(task, members, round(FIRST / by)).measured(options.seeds) for by in SHORTER[members]] for members in [1, *options.members]}
    if not options.record:
        return
    goal = schedules[1][0].mean
    alone = shortest(schedules[1], goal)
    rows = []
    for members in options.members:
        found = shortest(schedules[members], goal)
        rows.append({"id": f"iteration_speedup_K{members}", "what": f"steps until AUC {goal:.4f}, one member over {members}", "measured": alone.steps / found.steps if found else None, "spread": compress_tasks.interval(found.values) if found else None, "unit": "times", "command": COMMAND,
                     "note": f"one member: {', '.join(one.told() for one in schedules[1])}; {members} members: {', '.join(one.told() for one in schedules[members])}; averages each step, batches of {auc_windows.BATCH} a member, means of {len(options.seeds)} seeds; "
                             "the spread is that of the AUC"})
    figures.record("auc", rows)


if __name__ == "__main__":
    main()
