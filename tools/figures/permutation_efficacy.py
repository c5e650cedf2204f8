#!/usr/bin/env python3
"""permutation_efficacy_stripes_percent: how much of the gap between 2:4 of channels as they lie and the larger half of each row an order of
channels closes, on ASP's published sample (64 columns x 128 rows, uniform in [0, 1)); published: swaps 32 %, stripes of eight 35.5 %.

Example: tools/figures/permutation_efficacy.py --program build/release/bench/permutation_efficacy
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/permutation_efficacy.py"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    options = parser.parse_args()
    lines = [json.loads(line) for line in subprocess.run([options.program], check=True, capture_output=True, text=True).stdout.splitlines()]
    rows = [{
        "id": f"permutation_efficacy_{line['method']}_percent/escapes_{line['escapes']}",
        "what": f"order of channels by {line['method']}, {line['escapes']} escapes, on ASP's sample", "measured": line["efficacy_percent"],
        "spread": None, "unit": "%", "command": COMMAND, "note": f"{line['seconds']:.2f} s of one core"
    } for line in lines]
    usual = next(row for row, line in zip(rows, lines) if line["method"] == "stripes" and line["escapes"] == 1000)
    rows.append(
        {**usual, "id": "permutation_efficacy_stripes_percent", "note": usual["note"] + ", the default of sparsify; published 35.5 (swaps 32)"})
    figures.record("compress", rows)
    for row in rows:
        print(f"{row['measured']:.2f} {row['id']}")


if __name__ == "__main__":
    main()
