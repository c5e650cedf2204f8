#!/usr/bin/env python3
"""conv_geomean_vs_onednn_default: time of oneDNN's convolutions over ours, geometric mean over all distinct convolutions of the nine
networks of tools/make_graphs; one thread, f32, both in the layouts they choose themselves, alternating in one process.

Example: tools/figures/conv_speed.py --program build/release/bench/conv_speed
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

GROUPS = {"3x3": lambda r: "kh3kw3" in r["problem"] and r["problem"].endswith("g1"), "1x1": lambda r: "kh1kw1" in r["problem"], "depthwise and grouped": lambda r: not r["problem"].endswith("g1"),
          "larger": lambda r: r["problem"].endswith("g1") and "kh3kw3" not in r["problem"] and "kh1kw1" not in r["problem"]}


def geomean(rows):
    return math.exp(sum(math.log(row["onednn_us"] / row["ours_us"]) for row in rows) / len(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--problems", type=pathlib.Path, default=figures.ROOT / "bench" / "shapes" / "convolutions.txt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    out = subprocess.run([options.program, options.problems, "--threads", str(options.threads), "--rounds", str(options.rounds)], check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    ratios = sorted(((row["onednn_us"] / row["ours_us"], row["problem"].split()[1], row["ours"]) for row in rows), reverse=True)
    best = ", ".join(f"{ratio:.2f} {problem} ({by})" for ratio, problem, by in ratios[:3])
    shared = {"unit": "ratio", "command": "tools/figures/conv_speed.py"}
    rows_out = [{"id": "conv_geomean_vs_onednn_default", "what": f"oneDNN 2.6.3 over ours, geometric mean of {len(rows)} convolutions, {options.threads} thread, f32, without tuning", "measured": geomean(rows),
                 "spread": [ratios[-1][0], ratios[0][0]], "note": f"spread: least and most; largest: {best}; least: {ratios[-1][0]:.2f} {ratios[-1][1]} ({ratios[-1][2]})", **shared}]
    for name, belongs in GROUPS.items():
        group = [row for row in rows if belongs(row)]
        if group:
            rows_out.append({"id": f"conv_geomean_vs_onednn_default/{name}", "what": f"the same, {len(group)} of them", "measured": geomean(group), "spread": None, "note": "", **shared})
    for row in rows_out:
        print(row["id"], round(row["measured"], 3), row["note"])
    if options.threads == 1:
        figures.record("engine", rows_out)


if __name__ == "__main__":
    main()
