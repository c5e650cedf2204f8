#!/usr/bin/env python3
"""How few averages suffice: four members that average behind each step against four that do so behind each 64 and go on
by a share of how far the round before went (`--round-momentum`), otherwise as auc_windows.py learns.

Both have as many settings to choose from, by seeds of their own on parts of the training data: learning rates where
averages are frequent, shares at the rate of windows of 8 where they are seldom.

auc_difference_I64: AUC in the end, frequent averages less seldom ones, mean of pairs. rounds_ratio_I64: rounds until the
mean AUC of seldom averages is that of frequent ones in the end, over the rounds in which those first have it.

Each run is a line of docs/benchmarks/runs/auc_windows.jsonl and is not made again.

Example: tools/figures/auc_rounds.py --programs build/release --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import auc_windows  # noqa: E402
import compress_tasks  # noqa: E402
import figures  # noqa: E402

COMMAND = "tools/figures/auc_rounds.py"
MEMBERS, OFTEN, SELDOM = 4, 1, 64
SHARES = (0, 0.5, 0.8, 0.9)
MEASURES = 13  # on the way


def words_of(share):
    return ("--round-momentum", float(share)) if share else ()


def best_share(task, rate):
    found = {
        share:
        statistics.mean(task.curve(MEMBERS, SELDOM, rate, seed, True, words=words_of(share))["curve"][-1][2] for seed in auc_windows.TUNING_SEEDS)
        for share in SHARES
    }
    return max(found, key=found.get)


def mean_curve(curves):
    """(step, rounds, mean AUC) where all were measured."""
    return [(points[0][0], points[0][1], statistics.mean(point[2] for point in points)) for points in zip(*curves)]


def rounds_until(curve, auc):
    return next((rounds for step, rounds, value in curve if value >= auc and step > 0), None)


def differences(often, seldom):
    return [a[-1][2] - b[-1][2] for a, b in zip(often, seldom)]


def told(values):
    return ", ".join(f"{value:+.4f}" for value in values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "auc")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    task = auc_windows.Task(auc_windows.DATA, options)
    rate_often, rate = task.learning_rate(MEMBERS, window=OFTEN), task.learning_rate(MEMBERS)
    share = best_share(task, rate)

    def learn(window, rate, share):
        return [task.curve(MEMBERS, window, rate, seed, measures=MEASURES, words=words_of(share))["curve"] for seed in options.seeds]

    often, seldom, without = learn(OFTEN, rate_often, 0), learn(SELDOM, rate, share), learn(SELDOM, rate, 0)
    if not options.record:
        return
    lost, lost_without = differences(often, seldom), differences(often, without)
    goal = mean_curve(often)[-1][2]
    reached, first = rounds_until(mean_curve(seldom), goal), rounds_until(mean_curve(often), goal)
    settings = f"rates {rate_often:g} and {rate:g}, --round-momentum {share:g}"
    ends = f"{mean_curve(seldom)[-1][2]:.4f} in {seldom[0][-1][1]} rounds, without --round-momentum {mean_curve(without)[-1][2]:.4f}"
    figures.record("auc", [{
        "id": "auc_difference_I64", "what": "AUC in the end, windows of 1 less windows of 64, four members, mean of pairs",
        "measured": statistics.mean(lost), "spread": [min(lost), max(lost)], "unit": "AUC", "command": COMMAND,
        "note": f"pairs {told(lost)}; without --round-momentum {statistics.mean(lost_without):+.4f} ({told(lost_without)}); {settings}"
    }, {
        "id": "rounds_ratio_I64",
        "what": "rounds of windows of 64 until the mean AUC that windows of 1 have in the end, over the rounds in which those first have it",
        "measured": reached / first if reached else None, "spread": None, "unit": "ratio", "command": COMMAND,
        "note": f"AUC {goal:.4f} behind {first} of {often[0][-1][1]} rounds; {f'reached in {reached}' if reached else 'not reached'}, {ends}; {settings}"
    }])


if __name__ == "__main__":
    main()
