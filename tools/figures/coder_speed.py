#!/usr/bin/env python3
"""coder_mb_per_s: raw codes (10^6 uint8 symbols a second) through the entropy coder on one core, the slower of encoding and
decoding, context modelling on; slowest of the given codes. Codes come from tools/figures/transfer_codes.py.

Example: tools/figures/coder_speed.py --program build/release/bench/coder_speed --codes build/figures/codes/*.npy
Prints the rows; --record writes them to docs/benchmarks/transfer.json.
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/coder_speed.py"


def detail(row):
    note = (f"encode {row['encode_mb_per_s']:.0f}, decode {row['decode_mb_per_s']:.0f}; {row['symbols']} symbols, {row['stream_bytes']:.0f} bytes an image, "
            f"entropy {row['entropy_bytes']:.0f}; model {row['model_bytes']} bytes from {row['fit_images']} images; median over rounds of {row['images']} others")
    return {"id": f"coder_mb_per_s/{row['codes']}/{row['isa']}", "what": f"codes of {row['codes']}, {row['isa']}",
            "measured": min(row["encode_mb_per_s"], row["decode_mb_per_s"]), "spread": [min(row["encode_low"], row["decode_low"]), max(row["encode_mb_per_s"], row["decode_mb_per_s"])],
            "unit": "MB/s", "command": COMMAND, "note": note}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--codes", required=True, nargs="+")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    rows, fastest = [], []
    for codes in options.codes:
        out = subprocess.run([options.program, codes], check=True, capture_output=True, text=True).stdout
        details = [detail(json.loads(line)) for line in out.splitlines()]
        rows += details
        fastest.append(details[0])  # coder_speed prints the default instruction set first
    worst = min(fastest, key=lambda row: row["measured"])
    rows.insert(0, {**worst, "id": "coder_mb_per_s", "what": "raw codes through the entropy coder, one core, slower of encoding and decoding", "note": f"{worst['what']}: {worst['note']}"})
    if options.record:
        figures.record("transfer", rows)
    else:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
