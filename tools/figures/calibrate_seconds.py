#!/usr/bin/env python3
"""calibrate_seconds: seconds in which `calibrate` fits one transfer layer on 300 images, decoding, both passes through the model
and the entropy coder's model included; measured with `time` around the process. Median of the repeats.

Example: tools/figures/calibrate_seconds.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

CUT, STEP = "55", "70"
IMAGES, HELD_OUT = "imagenet_samples256", 20  # 300 photos to fit on; a few others to measure on


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--model", default="mobilenetv2_1.0")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    others = sorted((options.data / "images" / "imagenet_val227").iterdir())[:HELD_OUT]
    seconds, views = [], None
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            out = subprocess.run([
                options.scissionlite, "calibrate", options.data / "models" / f"{options.model}.onnx", "--input",
                figures.ROOT / "tests" / "fixtures" / "inputs" / f"{options.model}.input.json", "--cut", CUT, "--images",
                options.data / "images" / IMAGES, "--held-out", *others, "--steps", STEP, "--json", "-o", f"{folder}/layers"
            ], check=True, capture_output=True, text=True)
            seconds.append(time.monotonic() - start)
        report = json.loads(out.stdout)
        views = report["views"]
        assert report["images"] == 300, report["images"]
    figures.record("transfer", [{
        "id": "calibrate_seconds", "what": f"one entropy-coded layer of {options.model} at cut {CUT}, 300 images",
        "measured": statistics.median(seconds), "spread": [min(seconds), max(seconds)], "unit": "s", "command": "tools/figures/calibrate_seconds.py",
        "note": f"{views} views of an image, closed form, both cores; {options.repeats} runs, with measuring on {HELD_OUT} others"
    }])


if __name__ == "__main__":
    main()
