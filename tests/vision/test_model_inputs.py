"""test_model_inputs.py VISION_DUMP INPUTS_FOLDER [all]: the input.json files of tests/fixtures are right.

Wrong channels, scale or crop cost points of accuracy: each ImageNet model must come within 1 point of the accuracy that
the data's README measured, and the PCB model must get its 4 photos right. Slow models see 60 images only, with the
binomial error that this means; "all" takes every image of both sets and a minute.
Run with the Python of .deps/venv_ort; needs SCISSIONLITE_TEST_DATA.
"""
import atexit
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

DATA = os.environ.get("SCISSIONLITE_TEST_DATA", "")
if not DATA or not pathlib.Path(DATA, "models").is_dir():
    print("[SKIP] SCISSIONLITE_TEST_DATA is unset")
    sys.exit(77)
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402

DATA = pathlib.Path(DATA)
DUMP, INPUTS = sys.argv[1], pathlib.Path(sys.argv[2])
ALL = sys.argv[3:] == ["all"]
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="scissionlite_inputs_"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
# top-1 % on 300 images a set (imagenet_val227, imagenet_samples256) and the index of ImageNet class 0, from the data's README
MEASURED = {
    "squeezenet1.1": (51.3, 61.0, 0), "squeezenet1.1_fp16": (55.0, 59.7, 0), "mobilenetv1_1.0": (70.0, 83.7, 1), "mobilenetv2_1.0": (72.3, 81.0, 0),
    "mobilenetv2_1.0_int8": (59.0, 67.7, 0), "mobilenetv3_large_minimalistic": (65.7, 81.7, 1), "mcunet_320kb": (57.3, 66.7, 0),
    "resnet50_pruned_q8w": (73.0, 86.7, 0)
}
SLOW = {"resnet50_pruned_q8w", "mobilenetv2_1.0_int8"}
SETS = ("imagenet_val227", "imagenet_samples256")
NEAR = 0.01
# The int8 kernels of ONNX Runtime saturate differently on CPUs with and without VNNI: up to 5 images of 300.
NEAR_INT8 = 0.02


def labelled(name, count):
    rows = [line.split("\t") for line in (DATA / f"images/{name}.tsv").read_text().splitlines()]
    return [(DATA / "images" / name / row[0], int(row[1])) for row in rows[::len(rows) // count][:count]]


def tensors(model, paths):
    """Preprocessed by src/vision."""
    spec = INPUTS / f"{model}.input.json"
    lines = "".join(f"tensor\t{path}\t{spec}\t{FOLDER / str(i)}.npy\n" for i, path in enumerate(paths))
    answers = subprocess.run([DUMP], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    bad = [answer for answer in answers if answer != "ok"]
    if bad or len(answers) != len(paths):
        sys.exit(f"FAILED {model}: {bad[:1]}")
    return [np.load(FOLDER / f"{i}.npy") for i in range(len(paths))]


def classes(model, paths):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # waiting threads spin, which on a busy machine costs more than they bring
    session = onnxruntime.InferenceSession(str(DATA / "models" / f"{model}.onnx"), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return [int(session.run(None, {name: x})[0].argmax()) for x in tensors(model, paths)]


def check(model, set_name, percent, offset):
    """True when the accuracy on this set is the README's."""
    images = labelled(set_name, 300 if ALL or model not in SLOW else 60)
    found = classes(model, [path for path, _ in images])
    right = np.mean([a == label + offset for a, (_, label) in zip(found, images)])
    near = NEAR_INT8 if "int8" in model else NEAR
    slack = near if len(images) >= 300 else 3.5 * (0.25 / len(images))**0.5
    holds = abs(right - percent / 100) <= slack
    print(f"{model} {set_name}: top-1 {100 * right:.1f} % of {len(images)}, README {percent} %{'' if holds else ' FAILED'}")
    return holds


def check_pcb():
    photos = sorted((DATA / "industrial/pcb_aoi_samples").iterdir())
    wanted = [0 if path.name.startswith("Defective") else 1 for path in photos]
    found = classes("pcb_aoi_squeezenet", photos)
    print(f"pcb_aoi_squeezenet: {found}, expected {wanted}")
    return len(photos) == 4 and found == wanted


def main():
    holds = check_pcb()
    for model, (*published, offset) in MEASURED.items():
        for set_name, percent in list(zip(SETS, published))[:2 if ALL else 1]:
            holds &= check(model, set_name, percent, offset)
    sys.exit(0 if holds else 1)


main()
