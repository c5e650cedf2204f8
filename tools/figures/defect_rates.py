#!/usr/bin/env python3
"""defect_bytes_vs_fp32 and defect_bytes_vs_best_image_codec: bytes of calibrated transfer layers of two defect classifiers over
those of the uncut tensor in fp32, and over the best of the file itself, JPEG and WebP of equal agreement (99 %).

The classifiers are those of tools/figures/defect_models.py, which has to run first; layers are calibrated from its
training images without their labels, and all is measured on its test images. Of the layers, the one with the fewest
bytes counts that reaches the agreement and loses at most 0.002 of the AUC (of several classes the mean of each against
the rest). The image codec lies on the lower hull through its measured settings.

Example: tools/figures/defect_rates.py --scissionlite build/release/scissionlite
"""
import argparse
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
from klt_vs_jpeg import LARGEST_HEAD, head_share, jpeg_bytes  # noqa: E402
from transfer_rates import run, wilson  # noqa: E402

AGREEMENT, MOST_LOST = 0.99, 0.002
QUALITIES = (5, 10, 15, 20, 30, 40, 50, 60, 75, 85, 92, 98)
LAYERS = {  # cut, and the options of `calibrate`
    "neu_steel": ("55", ["--stride", "2", "--views", "2", "--steps", "70,85,100,120,140,200,240,280,340"]),
    "casting": ("55", ["--stride", "2", "--views", "2", "--steps", "30,40,50,60,70"]),
}


def score(options, name, out, *more):
    run(options.scissionlite, "score", options.models / f"{name}.onnx", "--images", options.models / f"{name}.test", "--labels",
        options.models / f"{name}.test.tsv", "--fit-images", "0", "-o", out, *more)
    return json.loads(out.read_text())["scores"]


def lost(row, local):
    """AUC lost, and what became of AUC and accuracy as text."""
    return local["label_auc"] - row["label_auc"], ", ".join(f"{name} {row[key]:.4f} of {local[key]:.4f}"
                                                            for name, key in (("AUC", "label_auc"), ("accuracy", "label_accuracy")))


def ratios_of(options, name):
    cut, calibrate = LAYERS[name]
    cut, calibrate = options.cut or cut, options.calibrate.split() if options.calibrate else calibrate
    model = options.models / f"{name}.onnx"
    share = head_share(options.scissionlite, model)[cut]
    assert share <= LARGEST_HEAD, f"{name}: the head of cut {cut} holds {share:.1%}"
    layers = options.work / f"{name}.cut{cut}{options.tag}"
    run(options.scissionlite, "calibrate", model, "--cut", cut, "--images", options.models / f"{name}.train", "--held-out",
        options.models / f"{name}.test", *calibrate, "-o", layers)
    rows = score(options, name, layers.with_suffix(layers.suffix + ".json"), "--cuts", cut, "--tls", "fp32,uint8", "--fitted", layers, "--codecs",
                 "none")
    codecs = ["file"] + [f"jpeg-q{q}-{sampling}" for q in QUALITIES for sampling in ("420", "444")] + [f"webp-q{q}" for q in QUALITIES]
    images = score(options, name, options.work / f"{name}.images.json", "--cuts", "none", "--codecs", ",".join(codecs))
    local = next(row for row in rows if row["candidate"] == "local")
    fp32 = next(row for row in rows if row["candidate"].endswith("/fp32"))
    for row in rows:
        print(f"{name} {row['candidate']}: {row['bytes_mean']:.0f} bytes, agreement {row['agreement']:.4f}, {lost(row, local)[1]}", file=sys.stderr)
    fitting = [row for row in rows if "/fit-" in row["candidate"] and row["agreement"] >= AGREEMENT and lost(row, local)[0] <= MOST_LOST]
    if not fitting:
        return None
    row = min(fitting, key=lambda r: r["bytes_mean"])
    peers = {kind: jpeg_bytes([r for r in images if r["candidate"].startswith(f"edge/{kind}")], AGREEMENT) for kind in ("file", "jpeg", "webp")}
    best = min((bytes_, kind) for kind, bytes_ in peers.items() if bytes_)
    text = (
        f"cut {cut} ({share:.1%} of the MACs), {row['candidate'].split('/')[-1]}: {row['bytes_mean']:.0f} bytes, agreement {row['agreement']:.4f} "
        f"({' to '.join(f'{v:.4f}' for v in wilson(row['agreement'], row['n']))}, n {row['n']}), {lost(row, local)[1]}")
    return {
        "defect_bytes_vs_fp32": (row["bytes_mean"] / fp32["bytes_mean"], f"{text}; fp32 {fp32['bytes_mean']:.0f} bytes"),
        "defect_bytes_vs_best_image_codec": (row["bytes_mean"] / best[0], f"{text}; best image codec: {best[1]}, {best[0]:.0f} bytes; " +
                                             ", ".join(f"{kind} {bytes_:.0f}" for kind, bytes_ in peers.items() if bytes_))
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True, type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "defects", help="what defect_models.py wrote")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "defect_rates")
    parser.add_argument("--only", choices=sorted(LAYERS), help="to look at one; nothing is recorded then")
    parser.add_argument("--cut", help="another cut than the chosen one; nothing is recorded then")
    parser.add_argument("--calibrate", help="other options of calibrate, as one text; nothing is recorded then")
    parser.add_argument("--tag", default="", help="of the folders, for such trials")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    by_model = {name: ratios_of(options, name) for name in LAYERS if options.only in (None, name)}
    rows = []
    for key, what in (("defect_bytes_vs_fp32", "fp32"), ("defect_bytes_vs_best_image_codec", "the best image codec")):
        of = {name: ratios[key] for name, ratios in by_model.items() if ratios}
        shared = {"unit": "ratio", "command": "tools/figures/defect_rates.py"}
        whole = len(of) == len(by_model)
        mean = math.exp(sum(math.log(ratio) for ratio, _ in of.values()) / len(of)) if whole else None
        rows.append({
            "id": key, "what": f"bytes of a calibrated TL over {what} at 99 % agreement, geometric mean of two defect classifiers", "measured": mean,
            "spread": [min(r for r, _ in of.values()), max(r for r, _ in of.values())] if of else None,
            "note": "spread: least and most of the models" if whole else "not every model reaches the agreement", **shared
        })
        rows += [{"id": f"{key}/{name}", "what": f"{name} alone", "measured": ratio, "spread": None, "note": note, **shared}
                 for name, (ratio, note) in of.items()]
    for row in rows:
        print(row["id"], row["measured"], row["note"])
    if not (options.only or options.cut or options.calibrate):
        figures.record("transfer", rows)


if __name__ == "__main__":
    main()
