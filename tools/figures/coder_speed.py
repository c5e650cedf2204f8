#!/usr/bin/env python3
"""coder_mb_per_s: raw codes (10^6 uint8 symbols a second) through the entropy coder on one core, the slower of encoding and
decoding, context modelling on; slowest of the given codes. Codes come from tools/figures/transfer_codes.py --layer; next to
<name>.npy lies <name>.coder, the layer's code model, or else a model is fitted on half of the codes.

Example: cp layers/cal-q100/0.coder codes/cal-q100.coder
         tools/figures/coder_speed.py --program build/release/bench/coder_speed --codes codes/*.npy --record
Prints the rows; --record writes them to docs/benchmarks/transfer.json.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/coder_speed.py"


def detail(row, load):
    fitted = f"from {row['fit_images']} images" if row["fit_images"] else "of the fitted layer"
    note = (
        f"encode {row['encode_mb_per_s']:.0f}, decode {row['decode_mb_per_s']:.0f}; {row['symbols']} symbols, {row['stream_bytes']:.0f} bytes an image, "
        f"entropy {row['entropy_bytes']:.0f}; model {row['model_bytes']} bytes {fitted}; median over rounds of {row['images']} other images, CPU time of the thread; "
        f"load average {load:.1f}")
    return {
        "id": f"coder_mb_per_s/{row['codes']}/{row['isa']}", "what": f"codes of {row['codes']}, {row['isa']}",
        "measured": min(row["encode_mb_per_s"], row["decode_mb_per_s"]),
        "spread": [min(row["encode_low"], row["decode_low"]),
                   max(row["encode_mb_per_s"], row["decode_mb_per_s"])], "unit": "MB/s", "command": COMMAND, "note": note
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--codes", required=True, nargs="+")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    rows, fastest = [], []
    for codes in options.codes:
        coder = pathlib.Path(codes).with_suffix(".coder")
        given = ["--coder", coder] if coder.exists() else []
        out = subprocess.run([options.program, *given, codes], check=True, capture_output=True, text=True).stdout
        details = [detail(json.loads(line), os.getloadavg()[0]) for line in out.splitlines()]
        rows += details
        fastest.append(details[0])  # coder_speed prints the default instruction set first
    worst = min(fastest, key=lambda row: row["measured"])
    rows.insert(
        0, {
            **worst, "id": "coder_mb_per_s", "what": "raw codes through the entropy coder, one core, slower of encoding and decoding",
            "note": f"{worst['what']}: {worst['note']}"
        })
    if options.record:
        figures.record("transfer", rows)
    else:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
