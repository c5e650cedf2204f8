#!/usr/bin/env python3
"""plan_seconds_zoo and plan_seconds_dag2000: model in memory and profiles to plan, with all cuts and all default transfer layers.

Example: tools/figures/plan_seconds.py --program build/release/bench/plan_speed --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402


def worst_of(words, repeats):
    """Median over repeats of each model's time; the slowest model."""
    times, facts = {}, {}
    for _ in range(repeats):
        out = subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout
        for row in map(json.loads, out.splitlines()):
            times.setdefault(row["model"], []).append(row["total_s"])
            facts[row["model"]] = row
    worst = max(times, key=lambda model: statistics.median(times[model]))
    fastest = min(statistics.median(t) for t in times.values())
    row = facts[worst]
    note = (
        f"worst: {worst}, {row['nodes']} nodes, {row['cuts']} cuts, {row['candidates']} candidates; spread over {len(times)} graphs; cuts "
        f"{row['cuts_s']:.3f} s, profiles {row['read_s']:.3f} s, search {row['plan_s']:.4f} s; reading the model file, not counted, {row['load_s']:.2f} s; median of {repeats}"
    )
    return statistics.median(times[worst]), fastest, note


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--assets", type=pathlib.Path, default=figures.ROOT / "build" / "assets")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    models = sorted(options.data.glob("models/*.onnx")) + sorted(options.assets.glob("*.onnx")) + sorted(options.assets.glob("light/*.onnx"))
    command = "tools/figures/plan_seconds.py"
    rows = []
    for name, what, words in (("plan_seconds_zoo", f"model and profiles to plan, worst of {len(models)} models", models),
                              ("plan_seconds_dag2000", "the same for random graphs of 2,000 nodes", ["--random-dag", 2000])):
        measured, fastest, note = worst_of([options.program, *words], options.repeats)
        rows.append({"id": name, "what": what, "measured": measured, "spread": [fastest, measured], "unit": "s", "command": command, "note": note})
    figures.record("main", rows)


if __name__ == "__main__":
    main()
