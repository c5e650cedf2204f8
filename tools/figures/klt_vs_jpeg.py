#!/usr/bin/env python3
"""klt4_bytes_vs_best_jpeg: bytes of the closed-form TL at a fixed 4 bits a coefficient over those of the best JPEG (quality,
4:2:0 and 4:4:4) of equal agreement, on photos that the TL was not fitted on.

The JPEG of equal agreement lies on the lower hull through the measured settings: the fewest bytes that a mix of two measured
settings needs. That favours JPEG over the next measured setting that reaches the agreement, which is in the note.

Example: tools/figures/klt_vs_jpeg.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import itertools
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

LARGEST_HEAD = 0.55  # of the multiply-accumulates


def head_share(program, model):
    """Cut id to share of the multiply-accumulates on the device."""
    data = json.loads(subprocess.run([program, "inspect", model, "--json"], check=True, capture_output=True, text=True).stdout)
    return {cut["id"]: cut["head_macs"] / data["macs"] for cut in data["cuts"]}


def jpeg_bytes(jpegs, agreement):
    """Fewest bytes of a mix of two settings with that agreement."""
    best = min((row["bytes_mean"] for row in jpegs if row["agreement"] >= agreement), default=None)
    for a, b in itertools.permutations(jpegs, 2):
        if a["agreement"] < agreement <= b["agreement"]:
            share = (agreement - a["agreement"]) / (b["agreement"] - a["agreement"])
            best = min(best, a["bytes_mean"] + share * (b["bytes_mean"] - a["bytes_mean"]))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--model", default="mobilenetv2_1.0")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "klt")
    options = parser.parse_args()
    model = options.data / "models" / f"{options.model}.onnx"
    spec = figures.ROOT / "tests" / "fixtures" / "inputs" / f"{options.model}.input.json"
    options.work.mkdir(parents=True, exist_ok=True)
    scores_path = options.work / f"{options.model}.scores.json"
    subprocess.run([
        options.scissionlite, "score", model, "--images", options.data / "images" / "imagenet_samples256", "--input", spec, "--fit-images", "100",
        "--cuts", "auto:8", "-o", scores_path
    ], check=True, stdout=subprocess.DEVNULL)
    scores = json.loads(scores_path.read_text())
    shares = head_share(options.scissionlite, model)
    jpegs = [row for row in scores["scores"] if row["candidate"].startswith("edge/jpeg")]
    rows = []
    for row in scores["scores"]:
        match = re.fullmatch(r"split/([^/]+)/klt-s\d+-c\d+-b4", row["candidate"])
        if match and shares[match.group(1)] <= LARGEST_HEAD:
            peer = jpeg_bytes(jpegs, row["agreement"])
            step = min(j["bytes_mean"] for j in jpegs if j["agreement"] >= row["agreement"])
            rows.append((row["bytes_mean"] / peer, row, shares[match.group(1)], peer, step))
    ratio, row, share, peer, step = min(rows, key=lambda r: r[0])
    low, high = row["interval"]
    spread = [row["bytes_mean"] / jpeg_bytes(jpegs, min(high, max(j["agreement"] for j in jpegs))), row["bytes_mean"] / jpeg_bytes(jpegs, low)]
    figures.record("main", [{
        "id": "klt4_bytes_vs_best_jpeg", "what": "bytes of the strided KLT at fixed 4 bits over the best JPEG of equal agreement", "measured": ratio,
        "spread": spread, "unit": "ratio", "command": "tools/figures/klt_vs_jpeg.py",
        "note": f"{options.model} {row['candidate']}: {row['bytes_mean']:.0f} bytes, agreement {row['agreement']:.3f} ({low:.3f} to {high:.3f}, n {row['n']}), head {share:.1%} of the MACs; "
        f"JPEG {peer:.0f} bytes (next measured setting {step:.0f}); fitted on {scores['images_fitted']} other photos; spread: over the interval of the agreement"
    }])


if __name__ == "__main__":
    main()
