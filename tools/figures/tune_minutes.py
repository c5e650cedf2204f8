#!/usr/bin/env python3
"""tune_minutes_mobilenetv2: wall time of `scissionlite tune` on MobileNetV2 with its default budget, and what the whole network gains by it: two
engines, one with the tuning and one without, run in turns (the note; medians of rounds). Wants a quiet machine.

Example: build/peers/main/bin/python tools/figures/tune_minutes.py --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

sys.path.insert(0, str(figures.ROOT / "bench" / "engine"))
import inputs  # noqa: E402

COMMAND = "tools/figures/tune_minutes.py"
NETWORK = "mobilenetv2_1.0"


class Engine:
    """A worker of the engine `native`, with a tuning or without."""

    def __init__(self, model, tuning, options):
        environment = {key: value for key, value in os.environ.items() if key != "SCISSIONLITE_TUNING"} | ({"SCISSIONLITE_TUNING": str(tuning)} if tuning else {})
        words = [str(options.worker), str(model), "--engine", "native", "--threads", str(options.threads)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.reply()

    def reply(self):
        answer = json.loads(self.process.stdout.readline() or '{"error": "the worker ended"}')
        if "error" in answer:
            raise SystemExit(f"[tune_minutes] {NETWORK} on native: {answer['error']}")
        return answer

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self.reply()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def tune(model, tuning, options):
    """Minutes that it takes, and what it printed."""
    start = time.monotonic()
    done = subprocess.run([str(options.program), "tune", str(model), "-o", str(tuning), "--threads", str(options.threads), "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return (time.monotonic() - start) / 60, json.loads(done.stdout)["layers"]


def gain(model, tuning, folder, options):
    """Times without / with the tuning, round by round."""
    import numpy as np
    np.save(folder / "x.npy", inputs.noise(model))
    engines = [Engine(model, None, options), Engine(model, tuning, options)]
    for engine in engines:
        engine.ask(f"input {folder / 'x.npy'}")
        engine.ask("run 5")
    rounds = [[statistics.median(engine.ask(f"run {options.runs}")["us"]) for engine in engines] for _ in range(options.rounds)]
    for engine in engines:
        engine.close()
    return [usual / tuned for usual, tuned in rounds], [statistics.median(times) / 1e3 for times in zip(*rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=figures.ROOT / "build/release/scissionlite")
    parser.add_argument("--worker", type=pathlib.Path, default=figures.ROOT / "build/release/bench/bench_engine_worker")
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
        ratios, ms = gain(model, tuning, folder, options)
    measured = sum(layer["measured"] for layer in layers)
    row = {"id": "tune_minutes_mobilenetv2", "what": f"wall time of `tune` on MobileNetV2, {options.threads} threads, default budget", "measured": round(minutes, 2), "spread": None, "unit": "min",
           "command": COMMAND,
           "note": f"{measured} measurements of {len(layers)} convolutions; the network runs {statistics.median(ratios):.3f} times as fast as with the usual choices "
                   f"({min(ratios):.3f} to {max(ratios):.3f} in {options.rounds} rounds), {ms[0]:.2f} and {ms[1]:.2f} ms"}
    print(json.dumps(row, indent=1))
    if not options.dry:
        figures.record("engine", [row])


if __name__ == "__main__":
    main()
