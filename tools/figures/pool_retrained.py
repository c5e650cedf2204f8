#!/usr/bin/env python3
"""pool_retrained_points_lost: points of accuracy that the paper's transfer layer (2x2 max-pooling, nearest upsampling) costs after
retraining, against the same model uncut, on test images that nothing was trained or chosen by; the worst of three models, with
the tail alone retrained and with all layers retrained. The uncut model gets no further training.

The defect classifiers are those of tools/figures/defect_models.py, which has to run first. Each run leaves a JSON file and a
checkpoint in --work: the same command goes on where it was stopped, and runs that are there are not made again.

Example: tools/figures/pool_retrained.py --programs build/release --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

LARGEST_HEAD, SMALLEST_SIDE = 0.55, 7
CUTS = {"resnet20_cifar10_ft": "t31", "neu_steel": "conv_60", "casting": "conv_60"}
LABELS = ["--optimizer", "adam", "--schedule", "cosine", "--batch", "32"]
DEFECTS = [*LABELS, "--epochs", "2", "--lr", "0.0003", "--clip-norm", "5"]
CASTING = [*LABELS, "--epochs", "8", "--lr", "0.0003", "--clip-norm", "5"]  # small defects: two epochs are too few, and at 0.001 nothing is learned
CIFAR = ["--optimizer", "adam", "--schedule", "cosine", "--batch", "64", "--lr", "0.001", "--flip", "--shift", "3"]
MIXED, LONG, SHORT = ["--mixup", "1"], ["--epochs", "60"], ["--epochs", "30"]
TEACHER = ["--distill", "{model}", "--distill-weight", "3", "--temperature", "4"]
RUNS = {  # name: how it is trained beside labels and side
    "resnet20_cifar10_ft/tail": [*CIFAR, *LONG, *MIXED, *TEACHER], "resnet20_cifar10_ft/all": [*CIFAR, *SHORT, *TEACHER], "resnet20_cifar10_ft/tail_labels_only": [*CIFAR, *SHORT],
    "neu_steel/tail": DEFECTS, "neu_steel/all": DEFECTS, "casting/tail": CASTING, "casting/all": CASTING,
}


def data_of(options, name):
    """The model, and the words that name its images."""
    if name in ("neu_steel", "casting"):
        defects = options.work.parent / "defects"
        return defects / f"{name}.onnx", [
            "--images", defects / f"{name}.train", "--held-out", defects / f"{name}.test", "--labels",
            options.data / "industrial" / name / "train.tsv"
        ]
    cifar = options.data / "cifar10"
    return options.data / "models" / f"{name}.onnx", [
        "--images", cifar / "train_8000.bin", "--held-out", cifar / "test_2000.bin", "--input",
        figures.ROOT / "tests" / "fixtures" / "inputs" / f"{name}.input.json"
    ]


def check_cut(options, model, cut):
    """Share of the MACs before the cut. Refuses a cut that the figure does not allow."""
    data = json.loads(
        subprocess.run([options.programs / "scissionlite", "inspect", model, "--cuts", "--json"], check=True, capture_output=True, text=True).stdout)
    found = next(c for c in data["cuts"] if c["tensors"] == [cut])
    share, side = found["head_macs"] / data["macs"], min(found["shapes"][0][2:])
    assert share <= LARGEST_HEAD and side >= SMALLEST_SIDE, (cut, share, side)
    return share


def run(options, key):
    name, variant = key.split("/")

    def make():
        model, images = data_of(options, name)
        words = [
            options.programs / "scissionlite-train", "retrain", model, "--cut", CUTS[name], "--tl", "pool", "--side",
            variant.split("_")[0], *images, *[str(model) if word == "{model}" else word for word in RUNS[key]], "--threads",
            str(options.threads), "--checkpoint", options.work / f"{name}.{variant}.checkpoint", "--json", "-q", "-o",
            options.work / f"{name}.{variant}.onnx"
        ]
        report = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout
        return json.loads(report) | {"head_share": check_cut(options, model, CUTS[name])}

    return figures.kept(options.work / f"{name}.{variant}.json", make)


def interval(report):
    """95 % of the difference of two shares of the same images, taken as independent: wider than it is."""
    a, b, n = report["accuracy"]["original"], report["accuracy"]["retrained"], report["training"]["held_out"]
    half = 196 * ((a * (1 - a) + b * (1 - b)) / n)**0.5
    return [report["points_lost"] - half, report["points_lost"] + half]


def note(key, report):
    accuracy, training = report["accuracy"], report["training"]
    taught = "labels and the uncut model's answers" if "--distill" in RUNS[key] else "labels"
    return (
        f"cut {report['cut']} ({report['tensors'][0]}), head {report['head_share']:.1%} of the MACs, {report['wire_bytes']} bytes; uncut {accuracy['original']:.4f}, TL put in {accuracy['with_tl']:.4f}, "
        f"retrained {accuracy['retrained']:.4f} on {training['held_out']} test images; {len(training['epochs']) - 1} epochs on {training['images']} images by {taught}"
    )


def row(what, key, report):
    return {
        "id": f"pool_retrained_points_lost/{key}", "what": what, "measured": report["points_lost"], "spread": interval(report), "unit": "points",
        "command": "tools/figures/pool_retrained.py", "note": note(key, report)
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of scissionlite and scissionlite-train")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "pool")
    parser.add_argument("--only", nargs="+", choices=sorted(RUNS), help="make these runs; the worst is recorded when all others are there already")
    parser.add_argument("--threads", type=int, default=0, help="1 is faster where other work runs on the machine")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for key in options.only or RUNS:
        print(f"{key}: {run(options, key)['points_lost']:.2f} points")
    reports = {key: run(options, key) for key in RUNS if (options.work / f"{key.replace('/', '.')}.json").exists()}
    rows = [row("points of accuracy lost by pooling after retraining", key, report) for key, report in reports.items()]
    for side in ("tail", "all"):
        if not all(f"{name}/{side}" in reports for name in CUTS):
            continue
        worst = max((key for key in reports if key.endswith(f"/{side}")), key=lambda key: reports[key]["points_lost"])
        summary = row(
            f"points of accuracy lost by pooling after retraining, worst of {len(CUTS)} models, {'tail only' if side == 'tail' else 'all layers'}",
            worst, reports[worst])
        rows.append(summary | {"id": "pool_retrained_points_lost" + ("" if side == "tail" else "_all_layers"), "note": f"{worst}: {summary['note']}"})
    figures.record("transfer", rows)


if __name__ == "__main__":
    main()
