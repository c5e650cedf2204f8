#!/usr/bin/env python3
"""bytes_vs_{fp32,jpeg,webp}_at_{97,95}: bytes of calibrated transfer layers over those of the uncut tensor in fp32, and over the
best JPEG and WebP of equal agreement, on photos that nothing was fitted on (three-fold cross-fitting; codes as really sent).

One cut a model for all ratios. Of the layers measured, the one with the fewest bytes that reaches the agreement over all photos
and loses at most one point of top-1 counts. The image codec of equal agreement lies on the lower hull through its measured
settings and the file as it is, which favours it: a mix of two settings is allowed to it and not to the layer.
A run that was stopped goes on.

Example: tools/figures/transfer_rates.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
from klt_vs_jpeg import LARGEST_HEAD, head_share, jpeg_bytes  # noqa: E402

FOLDS = 3
MOST_POINTS_LOST = 1.0
SETS = ("imagenet_val227", "imagenet_samples256")
QUALITIES = (75, 80, 85, 90, 92, 95, 97, 99)
# Cut, and the options of `calibrate` there.
LAYERS = {
    "mobilenetv2_1.0": ("49", ["--stride", "2", "--views", "2", "--steps", "30,36,42,50"]),
    "mobilenetv1_1.0": ("23", ["--stride", "2", "--views", "2", "--steps", "14,18,22,28,36"]),
    "squeezenet1.1": ("39", ["--stride", "1", "--views", "2", "--steps", "45,55,70,85"]),
    "resnet50_pruned_q8w": ("53", ["--stride", "2", "--views", "1", "--steps", "70,95,130"]),
}
ENV = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # threads that wait do not take the core from others


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, env=ENV)


def make_folds(data, work):
    """Folders of links to the photos, "fold0" .. and "all", and one list of labels. The same for every run."""
    photos, labels = [], {}
    for name in SETS:
        files = sorted(path for path in (data / "images" / name).iterdir())
        random.Random(7).shuffle(files)
        photos += files
        for line in (data / "images" / f"{name}.tsv").read_text().splitlines():
            labels[line.split("\t")[0]] = line.split("\t")[1]
    for old in [work / "all"] + [work / f"{kind}{k}" for k in range(FOLDS) for kind in ("fold", "rest")]:
        shutil.rmtree(old, ignore_errors=True)
        old.mkdir(parents=True)
    for i, photo in enumerate(photos):
        (work / "all" / photo.name).symlink_to(photo.resolve())
        for k in range(FOLDS):
            (work / f"{'fold' if i % FOLDS == k else 'rest'}{k}" / photo.name).symlink_to(photo.resolve())
    (work / "labels.tsv").write_text("".join(f"{name}\t{label}\n" for name, label in sorted(labels.items())))


def score(options, model, images, out, *more):
    run(options.scissionlite, "score", options.data / "models" / f"{model}.onnx", "--input",
        figures.ROOT / "tests" / "fixtures" / "inputs" / f"{model}.input.json", "--images", images, "--labels", options.work / "labels.tsv",
        "--fit-images", "0", "-o", out, *more)
    return json.loads(out.read_text())["scores"]


def image_rows(options, model):
    codecs = ["file"] + [f"jpeg-q{q}-{sampling}" for q in QUALITIES for sampling in ("420", "444")] + [f"webp-q{q}" for q in QUALITIES]
    return score(options, model, options.work / "all", options.work / f"{model}.images.json", "--cuts", "none", "--codecs", ",".join(codecs))


def layer_rows(options, model, cut, calibrate):
    """Spec to the rows of its folds, and the row of plain fp32."""
    by_spec = {}
    spec = figures.ROOT / "tests" / "fixtures" / "inputs" / f"{model}.input.json"
    for k in options.folds:
        layers = options.work / f"{model}.cut{cut}.fold{k}{options.tag}"
        run(options.scissionlite, "calibrate", options.data / "models" / f"{model}.onnx", "--input", spec, "--cut", cut, "--images",
            options.work / f"rest{k}", "--held-out", options.work / f"fold{k}", *calibrate, "-o", layers)
        for row in score(options, model, options.work / f"fold{k}", layers.with_suffix(layers.suffix + ".json"), "--cuts", cut, "--tls", "fp32",
                         "--fitted", layers, "--codecs", "none"):
            by_spec.setdefault(row["candidate"].split("/")[-1], []).append(row)
    return by_spec


def pooled(rows):
    n = sum(row["n"] for row in rows)
    mean = lambda key: sum(row[key] * row["n"] for row in rows) / n  # noqa: E731
    return {"n": n, "agreement": mean("agreement"), "bytes_mean": mean("bytes_mean"), "label_accuracy": mean("label_accuracy")}


def wilson(share, n, z=1.96):
    centre, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return [(centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)]


def ratios_of(options, model):
    cut, calibrate = LAYERS[model]
    cut, calibrate = options.cut or cut, options.calibrate.split() if options.calibrate else calibrate
    share = head_share(options.scissionlite, options.data / "models" / f"{model}.onnx")[cut]
    assert share <= LARGEST_HEAD, f"{model}: the head of cut {cut} holds {share:.1%}"
    by_spec = {spec: pooled(rows) for spec, rows in layer_rows(options, model, cut, calibrate).items()}
    local, fp32 = by_spec.pop("local"), by_spec.pop("fp32")
    for spec, row in sorted(by_spec.items(), key=lambda item: item[1]["bytes_mean"]):
        print(
            f"{model} cut {cut} {spec}: {row['bytes_mean']:.0f} bytes, agreement {row['agreement']:.3f}, top-1 {row['label_accuracy']:.3f} of {local['label_accuracy']:.3f}",
            file=sys.stderr)
    if options.no_codecs:
        return {}
    images = image_rows(options, model)
    whole = next(row for row in images if row["candidate"] == "edge/file")
    out = {}
    for level in (97, 95):
        fitting = [(row["bytes_mean"], spec) for spec, row in by_spec.items()
                   if row["agreement"] >= level / 100 and 100 * (local["label_accuracy"] - row["label_accuracy"]) <= MOST_POINTS_LOST]
        if not fitting:
            print(f"{model}: no layer reaches {level} %", file=sys.stderr)
            continue
        spec = min(fitting)[1]
        row = by_spec[spec]
        text = (
            f"cut {cut} ({share:.1%} of the MACs), {spec}: {row['bytes_mean']:.0f} bytes, agreement {row['agreement']:.3f} ({' to '.join(f'{v:.3f}' for v in wilson(row['agreement'], row['n']))}, "
            f"n {row['n']}), top-1 {row['label_accuracy']:.3f} of {local['label_accuracy']:.3f}")
        out[f"bytes_vs_fp32_at_{level}"] = (row["bytes_mean"] / fp32["bytes_mean"], f"{text}; fp32 {fp32['bytes_mean']:.0f}")
        for codec in ("jpeg", "webp"):
            peer = jpeg_bytes([r for r in images if r["candidate"].startswith(f"edge/{codec}")] + [whole], level / 100)
            out[f"bytes_vs_{codec}_at_{level}"] = (row["bytes_mean"] / peer, f"{text}; {codec} {peer:.0f}, the file {whole['bytes_mean']:.0f}")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--models", nargs="*", default=list(LAYERS))
    parser.add_argument("--folds", nargs="*", type=int, default=list(range(FOLDS)), help="to look at some only; nothing is recorded then")
    parser.add_argument("--cut", help="another cut than the chosen one; nothing is recorded then")
    parser.add_argument("--calibrate", help="other options of calibrate, as one text; nothing is recorded then")
    parser.add_argument("--tag", default="", help="of the folders, for such trials")
    parser.add_argument("--no-codecs", action="store_true", help="layers only; nothing is recorded")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "transfer")
    options = parser.parse_args()
    options.data = options.data.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    make_folds(options.data, options.work)
    by_model = {model: ratios_of(options, model) for model in options.models}
    rows = []
    for level in (97, 95):
        for peer in ("fp32", "jpeg", "webp"):
            key = f"bytes_vs_{peer}_at_{level}"
            of = {model: ratios[key] for model, ratios in by_model.items() if key in ratios}
            if not of:
                continue
            whole = len(of) == len(by_model)
            mean = math.exp(sum(math.log(ratio) for ratio, _ in of.values()) / len(of)) if whole else None
            shared = {"unit": "ratio", "command": "tools/figures/transfer_rates.py"}
            rows.append({
                "id": key,
                "what": f"bytes of a calibrated TL over {peer} at {level} % agreement, geometric mean over {len(by_model)} models, three-fold",
                "measured": mean, "spread": [min(r for r, _ in of.values()), max(r for r, _ in of.values())],
                "note": "spread: least and most of the models" if whole else "not every model reaches the agreement", **shared
            })
            rows += [{"id": f"{key}/{model}", "what": f"{model} alone", "measured": ratio, "spread": None, "note": note, **shared}
                     for model, (ratio, note) in of.items()]
    for row in rows:
        print(row["id"], row["measured"], row["note"])
    if not (options.cut or options.calibrate or options.no_codecs) and set(options.models) == set(LAYERS) and options.folds == list(range(FOLDS)):
        figures.record("transfer", rows)


if __name__ == "__main__":
    main()
