#!/usr/bin/env python3
"""ga_measurements_vs_random and rl_measurements_vs_random: how many measurements the genetic and the policy-gradient search need to reach 95 % of
the best known speed, against random search, on whole spaces of real layers measured beforehand (`scissionlite tune --all-of`). Median of 20 seeds
a layer; the figure is the ratio of geometric means over layers, its spread the smallest and largest ratio of a layer. The searchers'
constants were set on other layers (bench/tuning/other_layers.json). No search is told the usual choice beforehand.

Example: tools/figures/search.py --program build/release/scissionlite --table bench/tuning/layers.json
"""
import argparse
import json
import math
import statistics
import subprocess
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

CONTROL = "random"
METHODS = {"ga": ("genetic", "genetic algorithm"), "rl": ("reinforcement", "policy gradient")}
COMMAND = "tools/figures/search.py"


def replay(options):
    words = [str(options.program), "tune", "--replay", str(options.table), "--seeds", str(options.seeds)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)["layers"]


def geomean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def row(short, layers, options):
    method, words = METHODS[short]
    own = [statistics.median(layer["needed"][method]) for layer in layers]
    control = [statistics.median(layer["needed"][CONTROL]) for layer in layers]
    ratios = [a / b for a, b in zip(own, control)]
    sizes = [layer["configurations"] for layer in layers]
    return {
        "id": f"{short}_measurements_vs_random", "what": f"measurements until 95 % of the best known speed: {words} against random",
        "measured": round(geomean(ratios), 3), "spread": [round(min(ratios), 3), round(max(ratios), 3)], "unit": "ratio", "command": COMMAND,
        "note": f"{len(layers)} layers, {min(sizes)} to {max(sizes)} configurations each, medians of {options.seeds} seeds; geometric means {geomean(own):.1f} and {geomean(control):.1f} measurements"
    }


def show(layers):
    for layer in layers:
        medians = {method: statistics.median(needed) for method, needed in layer["needed"].items()}
        print(f"{layer['problem']}: {layer['configurations']} configurations, " + ", ".join(f"{method} {value:g}"
                                                                                            for method, value in medians.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=figures.ROOT / "build/release/scissionlite")
    parser.add_argument("--table", type=pathlib.Path, default=figures.ROOT / "bench/tuning/layers.json")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    layers = replay(options)
    show(layers)
    rows = [row(short, layers, options) for short in METHODS]
    if options.dry:
        print(json.dumps(rows, indent=1))
    else:
        figures.record("engine", rows)


if __name__ == "__main__":
    main()
