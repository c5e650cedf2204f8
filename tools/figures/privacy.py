#!/usr/bin/env python3
"""How well pictures are rebuilt from what leaves the device: MobileNetV2 at several cuts, beside the mean picture and JPEG. Runs
`scissionlite-train privacy` candidate by candidate (a stopped run goes on) and records rows `privacy_psnr_db/<case>` in
docs/benchmarks/transfer.json. Hours on a busy machine; minutes a candidate on an idle one.

Example: tools/figures/privacy.py --program build/release/scissionlite-train -o build/figures/privacy.json
"""
import argparse
import json
import os
import pathlib
import subprocess

import figures

CASES = [("55", "uint8"), ("4", "uint8"), ("55", "klt-s2-q70"), ("98", "uint8"), ("20", "uint8"), ("55", "klt-s2-q140")]
WORDS = {"mean picture": "nothing sent: the mean picture", "edge/jpeg-q75-420": "the picture itself as JPEG q75"}


def measure(options):
    data = pathlib.Path(os.environ["SCISSIONLITE_TEST_DATA"])
    words = [
        options.program, "privacy", data / "models" / "mobilenetv2_1.0.onnx", "--input",
        figures.ROOT / "tests" / "fixtures" / "inputs" / "mobilenetv2_1.0.input.json", "--images", data / "images" / "imagenet_samples256",
        data / "images" / "imagenet_val227", "--size", options.size, "--views", options.views, "--epochs", options.epochs, "--threads",
        options.threads, "-o", options.output
    ]
    for cut, tl in CASES:
        subprocess.run([str(word) for word in (*words, "--cuts", cut, "--tl", tl)], check=True)


def rows(privacy, options):
    command = f"tools/figures/privacy.py --size {options.size} --views {options.views} --epochs {options.epochs}"
    for row in privacy["baselines"] + privacy["candidates"]:
        key = row.get("candidate", row.get("name"))
        yield {
            "id": "privacy_psnr_db/" + key.replace(" ", "_"),
            "what": f"MobileNetV2, PSNR of pictures of {privacy['width']} x {privacy['height']} rebuilt from {WORDS.get(key, key)}",
            "measured": round(row["psnr_db"], 2), "spread": [round(v, 2) for v in row["psnr_interval"]], "unit": "dB", "command": command,
            "note": f"SSIM {row['ssim']:.3f}; n = {row['n']}, learned from {privacy['images']} others"
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/scissionlite-train")
    parser.add_argument("--size", type=int, default=56, help="of the pictures: 56 is a whole multiple of most cuts' sides")
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--record-only", action="store_true", help="record what --output holds already")
    parser.add_argument("-o", "--output", required=True, help="privacy.json")
    options = parser.parse_args()
    if not options.record_only:
        measure(options)
    figures.record("transfer", list(rows(json.loads(pathlib.Path(options.output).read_text()), options)))


if __name__ == "__main__":
    main()
