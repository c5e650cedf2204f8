#!/usr/bin/env python3
"""Makes two defect classifiers from MobileNetV2 and committed seeds: neu_steel (6 classes of steel defects) and casting (ok or
defective). Writes into --work (never committed): <name>.onnx, which carries its input.json, <name>.train.tsv and
<name>.test.tsv (a stratified split by seed; paths below the data's folder, class), <name>.train/ and <name>.test/ (links to
the images) and <name>.json with the accuracy, and for two classes the AUC, on the test part, as `scissionlite run` answers.

A new last layer is trained on frozen features, with --tail-epochs then everything behind a late cut; nothing is chosen by the
test part.

Example: tools/figures/defect_models.py --programs build/release --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETS = {"neu_steel": 6, "casting": 2}
TEST_SHARE = 0.25
TAIL = "t83"  # behind it: two inverted residuals of 7 x 7, the last convolution and the classifier, 20 % of the MACs
INPUT = {
    "schema": "scissionlite.input/1", "width": 224, "height": 224, "resize": "stretch", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]
}


def split(table, seed):
    """Rows of (file, class), the same share of each class in both parts."""
    by_class = {}
    for line in table.read_text().splitlines():
        name, label = line.split("\t")[:2]
        by_class.setdefault(int(label), []).append(name)
    train, test = [], []
    for label, names in sorted(by_class.items()):
        random.Random(f"{seed}/{label}").shuffle(names)
        count = round(TEST_SHARE * len(names))
        test += [(name, label) for name in names[:count]]
        train += [(name, label) for name in names[count:]]
    return train, test


def write_part(work, name, part, rows, source):
    folder = work / f"{name}.{part}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file, _ in rows:
        (folder / file).symlink_to((source / file).resolve())
    (work / f"{name}.{part}.tsv").write_text("".join(f"{file}\t{label}\n" for file, label in rows))
    return folder


def auc(scores, labels):
    """Share of pairs of a positive and a negative that are in order."""
    ranked = sorted(zip(scores, labels))
    rank_sum, i = 0.0, 0
    while i < len(ranked):
        j = i
        while j < len(ranked) and ranked[j][0] == ranked[i][0]:
            j += 1
        rank_sum += sum(label for _, label in ranked[i:j]) * (i + j + 1) / 2
        i = j
    positives = sum(labels)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))


def measure(programs, work, model, folder, rows, *more, environment=None):
    """Accuracy and, for two classes, AUC of the answers of `scissionlite run`. More: words for it."""
    package = work / "local_package"
    subprocess.run([programs / "scissionlite", "prepare", model, "--candidate", "local", "--package", package, "-q"], check=True,
                   stdout=subprocess.DEVNULL)
    lines = subprocess.run([programs / "scissionlite", "run", package, folder, "--json", "--whole-outputs", "-q", *more], check=True,
                           capture_output=True, text=True, env=environment).stdout.splitlines()
    answers = {pathlib.Path(a["path"]).name: a["outputs"][0]["values"] for a in map(json.loads, lines) if "outputs" in a}
    right = sum(max(range(len(answers[file])), key=answers[file].__getitem__) == label for file, label in rows)
    out = {"accuracy": right / len(rows), "images": len(rows)}
    if len(next(iter(answers.values()))) == 2:
        out["auc"] = auc([answers[file][1] - answers[file][0] for file, _ in rows], [label for _, label in rows])
    return out


def make(options, name, classes):
    work, source = options.work, options.data / "industrial" / name
    train_rows, test_rows = split(source / "train.tsv", options.seed)
    train, test = (write_part(work, name, part, rows, source / "train") for part, rows in (("train", train_rows), ("test", test_rows)))
    spec, model = work / "input.json", work / f"{name}.onnx"
    spec.write_text(json.dumps(INPUT, indent=1) + "\n")

    def run(start, output, *more):
        subprocess.run([
            options.programs / "scissionlite-train", "train", "-q", start, "--images", train, "--held-out", test, "--labels", source / "train.tsv",
            "--batch", "32", "--optimizer", "adam", "--schedule", "cosine", "--seed",
            str(options.seed), "--threads",
            str(options.threads), "-o", output, *map(str, more)
        ], check=True)

    run(options.data / "models" / "mobilenetv2_1.0.onnx", model, "--input", spec, "--classes", classes, "--train", "classifier.*", "--epochs",
        options.head_epochs, "--lr", 0.003)
    if options.tail_epochs:
        run(model, model, "--cut", TAIL, "--side", "tail", "--epochs", options.tail_epochs, "--lr", 0.0001)
    record = {
        "model": model.name, "seed": options.seed, "train": len(train_rows), "classes": classes,
        **measure(options.programs, work, model, test, test_rows)
    }
    (work / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of scissionlite and scissionlite-train")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "figures" / "defects")
    parser.add_argument("--only", choices=sorted(SETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--head-epochs", type=int, default=20)
    parser.add_argument("--tail-epochs", type=int, default=0, help="then train everything behind a late cut so often")
    parser.add_argument("--threads", type=int, default=0, help="1 is faster where other work runs on the machine")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for name, classes in SETS.items():
        if options.only in (None, name):
            make(options, name, classes)


if __name__ == "__main__":
    main()
