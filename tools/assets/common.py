"""What the asset scripts share: places below .deps/, input.json, ONNX files written under their final name only when whole."""
import json
import os
import pathlib
import sys

import onnx

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("SCISSIONLITE_DEPS", ROOT / ".deps"))
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
INPUT_KEY = "scissionlite.input"


def fail(message):
    print(f"[assets] {message}", file=sys.stderr)
    sys.exit(1)


def need(path, how):
    """The path, or an end with a sentence that says how to get it."""
    if not path.exists():
        fail(f"{path} is missing; {how}")
    return path


def input_json(**fields):
    """An input.json with the defaults of a 224 x 224 RGB classifier (docs/input_json.md)."""
    spec = {
        "schema": "scissionlite.input/1", "width": 224, "height": 224, "resize": "shorter", "resize_to": 256, "filter": "bilinear", "crop": "center",
        "channels": "RGB", "layout": "NCHW", "dtype": "float32"
    }
    spec.update(fields)
    return spec


def save_model(model, spec, path, external=False):
    """Writes `path` with `spec` as metadata, and <stem>.input.json beside it; external weights go to <name>.data."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {INPUT_KEY: json.dumps(spec)})
    data = path.with_name(path.name + ".data")
    for old in (path, data):
        old.unlink(missing_ok=True)
    temporary = path.with_name(path.name + ".part")
    if external:
        onnx.save_model(model, str(temporary), save_as_external_data=True, all_tensors_to_one_file=True, location=data.name, size_threshold=1024)
    else:
        onnx.save_model(model, str(temporary))
    path.with_name(path.stem + ".input.json").write_text(json.dumps(spec, indent=2) + "\n")
    temporary.rename(path)
