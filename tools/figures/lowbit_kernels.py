#!/usr/bin/env python3
"""Few-bit kernels against oneDNN's of bytes (limited to VNNI), one thread, packing and tables included:
w1a1_vs_int8_vnni, w1a2to4_vs_int8_vnni_n512, w1a2_resnet18_layers_vs_int8_vnni, w2a2to4_vs_int8_vnni,
any_pq_vs_int8_vnni_min, fc_w1_vs_int8, fc_w2to4_share_of_8_over_p, and exact_cells_failed. Against oneDNN's with AMX,
where the CPU has it: amx_w1to2_batch16_vs_int8.

cells      all weights and activations of 1 to 8 bits, encodings and shapes of src/kernels/lowbit/lowbit_test.cc, by every way on every instruction set of this CPU.
convs      problems of bench/shapes/lowbit.txt by bench/lowbit_speed: the way that the engine would take (not the best of all), medians of CPU time in one run, of which
           ratios are made; and of those, over --turns whole turns of all, the median: others' work on the machine comes and goes.
pairs      the same, all 64 pairs of bits; weights of eight bits are bytes.
products   4096 inputs x 4096 outputs for one row, weights streamed from memory, by bench/lowbit_fc_speed.
tiles      the same for sixteen rows, weights of one and two bits, against oneDNN's with AMX; on a CPU without it the row has no value and says so, and nothing is kept.

Results stay in --work: the same command goes on where it was stopped. Leave the machine alone meanwhile.

Example: tools/figures/lowbit_kernels.py --programs build/release
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/lowbit_kernels.py"
PROBLEMS = figures.ROOT / "bench" / "shapes" / "lowbit.txt"
MANY_OUTPUTS = 512
PARTS = ("cells", "convs", "pairs", "products", "tiles")


def times_of_networks():
    """{problem as listed: (kind, how often)}."""
    found = {}
    for line in PROBLEMS.read_text().splitlines():
        if line.startswith("conv "):
            kind, count = line.split()[2].split("=")
            found[line.split()[1]] = kind, int(count)
    return found


def lines_of(words):
    return [
        json.loads(line) for line in subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.splitlines()
    ]


def speed(options, bits, all_ways):
    rows = lines_of([
        options.programs / "bench" / "lowbit_speed", PROBLEMS, "--rounds", options.rounds, "--weight-bits", bits[0], "--activation-bits", bits[1],
        "--all-ways",
        int(all_ways)
    ])
    return [row | {"listed": listed} for row, listed in zip(rows, times_of_networks(), strict=True)]


def cells(options):
    report = options.work / "cells.gtest.json"
    done = subprocess.run([options.programs / "test_kernels", "--gtest_filter=LowBit.*", f"--gtest_output=json:{report}"], capture_output=True,
                          text=True)
    tests = [test for suite in json.loads(report.read_text())["testsuites"] for test in suite["testsuite"]]
    assert tests and any("cells" in test for test in tests), done.stdout[-2000:]
    return {
        "tests": len(tests), "failed": sum(len(test.get("failures", [])) for test in tests),
        "cells": sum(int(test.get("cells", 0)) for test in tests)
    }


def in_turns(options, all_bits, all_ways):
    """Rows of the first turn, each with the ratios of all turns."""
    made = {}
    for turn in range(options.turns):
        for bits in all_bits:
            print(f"\r[lowbit] turn {turn + 1} of {options.turns}: w{bits[0]}a{bits[1]}   ", end="", file=sys.stderr, flush=True)
            for row in speed(options, bits, all_ways):
                made.setdefault((bits, row["listed"]),
                                row | {"gains": []})["gains"].append(row["us"]["onednn"]["median"] / row["us"][row["usual"]]["median"])
    print(file=sys.stderr)
    return list(made.values())


def convs(options):
    return in_turns(options, ((1, 1), (1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4)), all_ways=True)


def pairs(options):
    return in_turns(options, [(weights, activations) for weights in range(1, 9) for activations in range(1, 9)], all_ways=False)


def products(options):
    words = [options.programs / "bench" / "lowbit_fc_speed", "4096x4096", "--mb", options.megabytes, "--rounds", options.rounds]
    return [row for _ in range(options.turns) for row in lines_of(words)]


def tiles(options):
    words = [options.programs / "bench" / "lowbit_fc_speed", "4096x4096", "--amx", "--mb", options.megabytes, "--rounds", options.rounds]
    return [row for _ in range(options.turns) for row in lines_of(words)]


def gain(row):
    return statistics.median(row["gains"])


def outputs_of(row):
    return int(row["listed"].split("oc")[1].split("k")[0])


def geomean_row(name, what, rows, weights=None):
    """Of rows with how often each counts."""
    gains = [gain(row) for row in rows for _ in range(weights[row["listed"]][1] if weights else 1)]
    told = ", ".join(f"w{row['weight_bits']}a{row['activation_bits']} {row['listed'].split('kh')[0]} {gain(row):.2f} ({row['usual']})"
                     for row in rows)
    return {
        "id": name, "what": what, "measured": statistics.geometric_mean(gains), "spread": [min(gains), max(gains)], "unit": "times",
        "command": COMMAND, "note": f"isa {rows[0]['isa']}; oneDNN {rows[0]['onednn']}; {told}"
    }


def rows_of_convs(made):
    table = times_of_networks()
    of = lambda weights, activations, keep=lambda row: True: [
        row for row in made if row["weight_bits"] == weights and row["activation_bits"] in activations and keep(row)
    ]  # noqa: E731
    is_of_network = lambda row: table[row["listed"]][0] == "resnet18"  # noqa: E731
    wide = lambda row: outputs_of(row) >= MANY_OUTPUTS  # noqa: E731
    return [
        geomean_row(
            "w1a1_vs_int8_vnni",
            "oneDNN's bytes over ours, weights and activations of one bit: product, wide convolution, ResNet-18's 3x3 layers as often as it has them",
            of(1, {1}), table),
        geomean_row("w1a1_vs_int8_vnni/n512", "the same, problems of 512 outputs and more", of(1, {1}, wide), table),
        geomean_row("w1a2to4_vs_int8_vnni_n512", "weights of one bit, activations of two to four, problems of 512 outputs and more",
                    of(1, {2, 3, 4}, wide), table),
        geomean_row("w1a2_resnet18_layers_vs_int8_vnni", "ResNet-18's 3x3 layers as often as it has them", of(1, {2}, is_of_network), table),
        geomean_row("w2a2to4_vs_int8_vnni", "weights of two bits, activations of two to four, all problems", of(2, {2, 3, 4}), table)
    ]


def row_of_pairs(made):
    packed = [row for row in made if row["weight_bits"] < 8]
    worst = min(packed, key=gain)
    unpacked = sorted({f"w{row['weight_bits']}a{row['activation_bits']} {row['usual']}" for row in packed if not row["keeps_packed"]})
    note = f"worst: w{worst['weight_bits']}a{worst['activation_bits']} {worst['listed']} by {worst['usual']}; geometric mean {statistics.geometric_mean(map(gain, packed)):.3f}; not packed: {', '.join(unpacked) or 'none'}"
    return {
        "id": "any_pq_vs_int8_vnni_min",
        "what": "oneDNN's bytes over ours, the least of 1 to 7 bits of weights, 1 to 8 of activations, and all problems", "measured": gain(worst),
        "spread": [gain(worst), max(map(gain, packed))], "unit": "times", "command": COMMAND, "note": note
    }


def rows_of_products(made):
    middle = lambda key, value: statistics.median(row[key][value] for row in made)  # noqa: E731
    shares = [middle(f"w{bits}", "share_of_byte_ratio") for bits in (2, 3, 4)]
    told = ", ".join(f"{key} {middle(key, 'us'):.0f} us {middle(key, 'gb_per_s'):.1f} GB/s"
                     for key in ("onednn", *(f"w{bits}" for bits in range(1, 8))))
    return [
        {
            "id": "fc_w1_vs_int8", "what": "4096 x 4096 of one row from memory: oneDNN's bytes over weights of one bit",
            "measured": middle("w1", "times_as_fast"), "spread": sorted(row["w1"]["times_as_fast"] for row in made)[::max(1,
                                                                                                                          len(made) - 1)],
            "unit": "times", "command": COMMAND, "note": told
        },
        {
            "id": "fc_w2to4_share_of_8_over_p", "what": "the same, two to four bits: gain as a share of 8 / p, geometric mean",
            "measured": statistics.geometric_mean(shares), "spread": [min(shares), max(shares)], "unit": "ratio", "command": COMMAND, "note": told
        },
    ]


def row_of_tiles(made):
    row = {
        "id": "amx_w1to2_batch16_vs_int8",
        "what": "4096 x 4096 of sixteen rows from memory: oneDNN's bytes with AMX over weights of one and two bits, geometric mean", "measured": None,
        "spread": None, "unit": "times", "command": COMMAND
    }
    skipped = [run["skipped"] for run in made if "skipped" in run]
    if skipped:
        return row | {"note": f"not measured: {skipped[0]}"}
    keys = ("w1", "w2")
    gains = [statistics.geometric_mean(run[key]["times_as_fast"] for key in keys) for run in made]
    told = ", ".join(f"{key} {statistics.median(run[key]['us'] for run in made):.0f} us ({made[0][key]['way']})" for key in ("onednn", *keys))
    return row | {"measured": statistics.median(gains), "spread": [min(gains), max(gains)], "note": f"isa {made[0]['isa']}; {told}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="build folder with test_kernels and bench/lowbit_speed")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "lowbit")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1024, help="of weights that take turns, more than caches hold")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for part in options.parts:
        if part == "tiles" and "amx_int8" not in figures.machine()["isa"]:
            made = [{"skipped": "needs amx_int8"}]  # not kept: another machine may have it
        else:
            made = figures.kept(options.work / f"{part}.json", lambda part=part: globals()[part](options))
        if part == "cells":
            rows.append({
                "id": "exact_cells_failed",
                "what": "weights and activations of 1 to 8 bits, encodings, shapes, ways and instruction sets whose bytes are not those of sums in int64",
                "measured": made["failed"], "spread": None, "unit": "cells", "command": COMMAND, "note": f"of {made['cells']}; {made['tests']} tests"
            })
        elif part in ("pairs", "tiles"):
            rows.append((row_of_pairs if part == "pairs" else row_of_tiles)(made))
        else:
            rows += (rows_of_convs if part == "convs" else rows_of_products)(made)
    for row in rows:
        value = "-" if row["measured"] is None else f"{row['measured']:.3f} {row['unit']}"
        print(f"{row['id']}: {value}; {row['note'][:300]}")
    if options.record:
        figures.record("lowbit", rows)


if __name__ == "__main__":
    main()
