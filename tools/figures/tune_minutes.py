#!/usr/bin/env python3
"""tune_minutes_mobilenetv2: wall time of `scissionlite tune` on MobileNetV2 with its default budget, and what the whole network gains by it: two
engines, one with the tuning and one without, run in turns (the note; medians of rounds). Wants a quiet machine.

Example: build/peers/main/bin/python tools/figures/tune_minutes.py --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
import selection  # noqa: E402

sys.path.insert(0, str(figures.ROOT / "bench" / "engine"))
import inputs  # noqa: E402
import numpy as np  # noqa: E402

COMMAND = "tools/figures/tune_minutes.py"
NETWORK = "mobilenetv2_1.0"


def tune(model, tuning, options):
    """Minutes that it takes, and what it printed."""
    start = time.monotonic()
    done = subprocess.run(
        [str(options.program), "tune", str(model), "-o",
         str(tuning), "--threads", str(options.threads), "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return (time.monotonic() - start) / 60, json.loads(done.stdout)["layers"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=figures.ROOT / "build/release/scissionlite")
    parser.add_argument("--worker", type=pathlib.Path, default=figures.ROOT / "build/release/bench_engine_worker")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder whose models/ has the network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--runs", type=int, default=10, help="of a round, each engine")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, tuning = inputs.plain(options.data / "models" / f"{NETWORK}.onnx", folder), folder / "tuning.json"
        minutes, layers = tune(model, tuning, options)
        options.work = folder
        medians = selection.in_turns({"usual": (options.worker, None), "tuned": (options.worker, tuning)}, model, options.threads, options)
    low, middle, high = selection.ratios(medians, "usual", "tuned")
    measured, chains = sum(layer["measured"] for layer in layers), sum(layer["problem"].startswith("chain ") for layer in layers)
    row = {
        "id": "tune_minutes_mobilenetv2", "what": f"wall time of `tune` on MobileNetV2, {options.threads} threads, default budget",
        "measured": round(minutes, 2), "spread": None, "unit": "min", "command": COMMAND,
        "note": f"{measured} measurements of {len(layers) - chains} convolutions and {chains} chains; the network runs {middle:.3f} times as fast as with the usual choices "
        f"(quartiles {low:.3f} to {high:.3f} of {options.rounds} rounds), {np.median(medians['usual']) / 1e3:.2f} and {np.median(medians['tuned']) / 1e3:.2f} ms"
    }
    print(json.dumps(row, indent=1))
    if not options.dry:
        figures.record("engine", [row])


if __name__ == "__main__":
    main()
