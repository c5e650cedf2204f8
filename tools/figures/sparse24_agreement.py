#!/usr/bin/env python3
"""sparse24_agreement: how often ImageNet models with 2:4 weights give the dense model's answer, after retraining
without labels (`scissionlite-train sparsify`, the dense model as the teacher). The 600 pictures of the data folder in
two halves: retrained on one, measured on the other, and the other way round, so that all 600 count; 95 % interval
(Wilson). Each run leaves a JSON file in --work and is not made again.

Example: tools/figures/sparse24_agreement.py --programs build/release --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/sparse24_agreement.py"
SETS = ("imagenet_val227", "imagenet_samples256")
WORDS = [
    "--epochs", 10, "--batch", 16, "--flip", "--crop", 0.5, "--jitter", 0.2, "--frozen-statistics", "--schedule", "cosine", "--clip-norm", 5,
    "--reconstruct", 300
]
MODELS = {
    "mobilenetv2_1.0": ["--optimizer", "adam", "--lr", 0.0002], "mobilenetv1_1.0": ["--optimizer", "adam", "--lr", 0.0002],
    "squeezenet1.1": ["--optimizer", "adam", "--lr", 0.0002]
}
Z = 1.96


def halves(options):
    """Every other picture of each set; links, so that folders can be given."""
    folders = [options.work / f"half{i}" for i in (0, 1)]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for name in SETS:
        for i, path in enumerate(sorted((options.data / "images" / name).glob("*.*"))):
            link = folders[i % 2] / f"{name}.{path.name}"
            if not link.exists():
                link.symlink_to(path.resolve())
    return folders


def wilson(share, count):
    middle, half = (share + Z * Z / (2 * count)) / (1 + Z * Z / count), Z * math.sqrt(share * (1 - share) / count + Z * Z /
                                                                                      (4 * count * count)) / (1 + Z * Z / count),
    return [middle - half, middle + half]


def at_first(score):
    """Before the first epoch of retraining."""
    return score.get("reconstructed", score.get("masked"))


def retrained(options, model, fold, folders):
    output = options.work / f"{model}.{fold}.onnx"

    def make():
        words = [
            options.programs / "scissionlite-train", "sparsify", options.data / "models" / f"{model}.onnx", "--images", folders[fold], "--held-out",
            folders[1 - fold], "--input", figures.ROOT / "tests" / "fixtures" / "inputs" / f"{model}.input.json", *WORDS, *MODELS[model], "--threads",
            options.threads, "--checkpoint",
            output.with_suffix(".checkpoint"), "-q", "--json", "-o", output, *options.more
        ]
        report = json.loads(subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True).stdout)
        output.with_suffix(".checkpoint").unlink(missing_ok=True)
        return report["score"] | {"zeros": report["zeros"]}

    return figures.kept(output.with_suffix(".json"), make)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of scissionlite-train")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "sparse24_agreement")
    parser.add_argument("--only", nargs="+", choices=sorted(MODELS), default=list(MODELS))
    parser.add_argument("--folds", nargs="+", type=int, choices=(0, 1), default=[0, 1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="write the rows")
    parser.add_argument("--more", nargs=argparse.REMAINDER, default=[], help="further words for `sparsify`, to try things out")
    options = parser.parse_args()
    folders = halves(options)
    rows = []
    for model in options.only:
        scores = []
        for fold in options.folds:
            scores.append(retrained(options, model, fold, folders))
            print(f"[sparse24_agreement] {model}, half {fold}: before retraining {at_first(scores[-1])}, retrained {scores[-1]['after']}", flush=True)
        count = sum(len(list(folders[1 - fold].iterdir())) for fold in options.folds)
        share = sum(score["after"] for score in scores) / len(scores)
        rows.append({
            "id": f"sparse24_agreement/{model}", "what": "share of pictures with the dense model's answer, 2:4 after retraining without labels",
            "measured": share, "spread": wilson(share, count), "unit": "", "command": COMMAND,
            "note": f"n = {count} in two halves; reconstructed only {sum(map(at_first, scores)) / len(scores):.3f}"
        })
    if options.record:
        figures.record("compress", rows)


if __name__ == "__main__":
    main()
