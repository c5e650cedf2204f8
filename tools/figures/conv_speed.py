#!/usr/bin/env python3
"""conv_geomean_vs_onednn_default: time of oneDNN's convolutions over ours, geometric mean over all distinct convolutions of the nine
networks of tools/make_graphs; one thread, f32, both in the layouts they choose themselves, alternating in one process. With --tuning ours are
as `scissionlite tune` chose them, and the rows end with "/tuned"; --tune makes that file first, network by network.

Example: tools/figures/conv_speed.py --program build/release/bench/conv_speed
         tools/figures/conv_speed.py --program build/release/bench/conv_speed --tuning build/figures/conv_tuning.json --tune build/release/scissionlite --seconds 120
"""
import argparse
import json
import math
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

GROUPS = {
    "3x3": lambda r: "kh3kw3" in r["problem"] and r["problem"].endswith("g1"), "1x1": lambda r: "kh1kw1" in r["problem"],
    "depthwise and grouped": lambda r: not r["problem"].endswith("g1"),
    "larger": lambda r: r["problem"].endswith("g1") and "kh3kw3" not in r["problem"] and "kh1kw1" not in r["problem"]
}


def geomean(rows):
    return math.exp(sum(math.log(row["onednn_us"] / row["ours_us"]) for row in rows) / len(rows))


def tune(options):
    """All networks' convolutions into one file; those that are there already cost nothing again."""
    for graph in sorted(options.graphs.glob("*.onnx")):
        words = [
            options.tune, "tune", graph, "-o", options.tuning, "--threads", options.threads, "--seconds", options.seconds, "--budget", options.budget,
            "--rounds", 0, "-q"
        ]
        subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def full_text(problem):
    """As tuning files have it: dilations and the pads of all four sides."""
    return "conv " + re.sub(r"ph(\d+)pw(\d+)g", r"dh1dw1pt\1pl\2pb\1pr\2g", problem)


def chosen_lines(tuning, threads):
    """{problem: line of a list for conv_speed --chosen} of a tuning file. A convolution that was only tuned with an activation or a residual
    behind it stands for the bare one."""
    lines = {}
    for entry in sorted(json.loads(tuning.read_text())["entries"], key=lambda entry: len(entry["problem"].split())):
        problem = " ".join(entry["problem"].split()[:2])
        if entry["problem"].startswith("conv ") and entry["threads"] == threads and entry["implementation"] != "generated" and problem not in lines:
            knobs = " ".join(f"{name}={value}" for name, value in entry["knobs"].items())
            lines[problem] = f"{problem} {entry['implementation']} {knobs}"
    return lines


def with_choices(options):
    """The list of problems, with what the tuning file chose behind each, and those that it has not."""
    chosen = chosen_lines(options.tuning, options.threads)
    problems = [full_text(line.split()[1]) for line in options.problems.read_text().splitlines() if line.startswith("conv ")]
    path = options.tuning.with_suffix(".chosen.txt")
    path.write_text("".join(f"{chosen[problem]}\n" for problem in problems if problem in chosen))
    return path, [problem for problem in problems if problem not in chosen]


def measured(options):
    words = [options.program, options.problems, "--threads", options.threads, "--rounds", options.rounds]
    missing = []
    if options.tuning:
        words[1], missing = with_choices(options)
        words += ["--chosen", 1]
    if missing:
        raise SystemExit(
            f"[conv_speed] {options.tuning} has no entry of {len(missing)} convolutions for {options.threads} threads, the first {missing[0]}; give --tune or more --seconds"
        )
    out = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--problems", type=pathlib.Path, default=figures.ROOT / "bench" / "shapes" / "convolutions.txt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tuning", type=pathlib.Path, help="tuning.json whose choices are measured")
    parser.add_argument("--tune", type=pathlib.Path, help="the program scissionlite, which adds to --tuning first")
    parser.add_argument("--graphs", type=pathlib.Path, default=figures.ROOT / "build" / "graphs")
    parser.add_argument("--seconds", type=float, default=120, help="of tuning, for each network")
    parser.add_argument("--budget", type=int, default=48, help="configurations of each convolution")
    options = parser.parse_args()
    if options.tune:
        if not options.tuning:
            parser.error("--tune writes the file that --tuning names")
        tune(options)
    rows = measured(options)
    suffix, how = ("/tuned", f"tuned, at most {options.seconds:g} s a network") if options.tuning else ("", "without tuning")
    ratios = sorted(((row["onednn_us"] / row["ours_us"], row["problem"].split()[1], row["ours"]) for row in rows), reverse=True)
    best = ", ".join(f"{ratio:.2f} {problem} ({by})" for ratio, problem, by in ratios[:3])
    shared = {"unit": "ratio", "command": "tools/figures/conv_speed.py"}
    rows_out = [{
        "id": f"conv_geomean_vs_onednn_default{suffix}",
        "what": f"oneDNN 2.6.3 over ours, geometric mean of {len(rows)} convolutions, {options.threads} thread, f32, {how}",
        "measured": geomean(rows), "spread": [ratios[-1][0], ratios[0][0]],
        "note": f"spread: least and most; largest: {best}; least: {ratios[-1][0]:.2f} {ratios[-1][1]} ({ratios[-1][2]})", **shared
    }]
    for name, belongs in GROUPS.items():
        group = [row for row in rows if belongs(row)]
        if group:
            rows_out.append({
                "id": f"conv_geomean_vs_onednn_default{suffix}/{name}", "what": f"the same, {len(group)} of them", "measured": geomean(group),
                "spread": None, "note": "", **shared
            })
    for row in rows_out:
        print(row["id"], round(row["measured"], 3), row["note"])
    if options.threads == 1:
        figures.record("engine", rows_out)


if __name__ == "__main__":
    main()
