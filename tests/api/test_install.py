#!/usr/bin/env python3
"""test_install.py: installs the build to an empty prefix, builds examples/01_hello_split against it with find_package, and
runs it on photos. The class it prints must be that of the uncut model in ONNX Runtime, of an input made with Pillow.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORT_PYTHON = pathlib.Path(os.environ.get("SCISSIONLITE_ORT_PYTHON", ROOT / ".deps/venv_ort/bin/python"))
PHOTOS = ["aero1.jpg", "aloeL-q1.jpg"]
STANDARD = {"cstdint", "filesystem", "memory", "span", "stdexcept", "string", "vector", "optional", "utility"}
failures = []


def expect(holds, what):
    print(("ok     " if holds else "FAILED ") + what)
    if not holds:
        failures.append(what)


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"$ {' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        sys.exit(1)
    return done.stdout


def input_tensor(photo, spec):
    """As docs/input_json.md says, for a spec of shorter side, centre crop, RGB, NCHW."""
    import numpy as np
    from PIL import Image
    image = Image.open(photo).convert("RGB")
    scale = spec["resize_to"] / min(image.size)
    image = image.resize([round(side * scale) for side in image.size], Image.BILINEAR)
    left, top = (image.width - spec["width"]) // 2, (image.height - spec["height"]) // 2
    pixels = np.asarray(image.crop((left, top, left + spec["width"], top + spec["height"])), np.float32) / 255
    return ((pixels - np.float32(spec["mean"])) / np.float32(spec["std"])).transpose(2, 0, 1)[None].astype(np.float32)


def uncut(model, photo, tensors, folder):
    import numpy as np
    spec = json.loads(model.with_suffix(".input.json").read_text())
    np.save(folder / "x.npy", input_tensor(photo, spec))
    return json.loads(run(ORT_PYTHON, ROOT / "tests/api/uncut.py", model, folder / "x.npy", ",".join(tensors)))


def test_engine_module(prefix, model):
    """OpenVINO is loaded when a model runs on it: nothing links it, and without its module the rest works."""
    module = prefix / "lib/scissionlite/scissionlite_openvino.so"
    if not module.exists():
        print(f"[SKIP] {module.name}: built without OpenVINO")
        return
    for name in ["bin/scissionlite", "lib/libscissionlite.so"]:
        expect("openvino" not in run("ldd", prefix / name), f"{name} does not link OpenVINO")
    verify = [prefix / "bin/scissionlite", "verify", model, "--engine"]
    expect(subprocess.run([*verify, "openvino"], capture_output=True).returncode == 0, "verify --engine openvino, installed")
    module.rename(module.with_suffix(".away"))
    refused = subprocess.run([*verify, "openvino"], capture_output=True, text=True)
    expect(
        refused.returncode != 0 and f"no '{module.name}' in " in refused.stderr and
        str(module.parent) in str(pathlib.Path(re.search(r"\S*/scissionlite(?=[,;])", refused.stderr)[0]).resolve()),
        f"without its module: {refused.stderr.strip()}")
    expect(subprocess.run([*verify, "native"], capture_output=True).returncode == 0, "verify --engine native without the module")
    module.with_suffix(".away").rename(module)


def test_header(prefix):
    header = (prefix / "include/scissionlite/scissionlite.h").read_text()
    included = re.findall(r"#\s*include\s*[<\"](.*)[>\"]", header)
    expect(set(included) <= STANDARD, f"the public header includes the standard library only: {sorted(set(included) - STANDARD) or 'yes'}")
    expect("SCISSIONLITE_" not in header, "the public header depends on no build flag")


def test_installed_files(prefix):
    for name in [
            "bin/scissionlite", "lib/libscissionlite.so", "lib/cmake/ScissionLite/ScissionLiteConfig.cmake",
            "share/scissionlite/triton_python_backend/model.py", "share/doc/ScissionLite/LICENSE"
    ]:
        expect((prefix / name).exists(), f"{name} is installed")
    version = re.search(r"PACKAGE_VERSION \"(.*)\"", (prefix / "lib/cmake/ScissionLite/ScissionLiteConfigVersion.cmake").read_text())[1]
    expect(run(prefix / "bin/scissionlite", "--version").split()[-1] == version, f"program and package have one version, {version}")


def test_example(hello, model, photo, folder):
    (folder / "images").mkdir(parents=True)
    shutil.copy(photo, folder / "images")
    said = run(hello, model, folder / "images", folder / "out").strip()
    found = re.search(r"is class (\d+).*answered by the (\w+) in .* ms, (\d+) bytes sent", said)
    expect(found is not None, f"the example's line: {said}")
    if not found:
        return
    manifest = json.loads((folder / "out/device/manifest.json").read_text())
    wanted = uncut(model, photo, manifest["cut_tensors"], folder)
    expect(int(found[1]) == wanted["best"], f"{photo.name}: class {found[1]}, by ONNX Runtime uncut {wanted['best']}")
    expect(found[2] == "edge", f"{photo.name}: the edge answered")
    expect(int(found[3]) == wanted["bytes"] > 0, f"{photo.name}: {found[3]} bytes sent, {wanted['bytes']} at {manifest['cut_tensors']} as float16")


def main():
    parser = argparse.ArgumentParser()
    for name in ["build", "assets", "compiler", "sanitize"]:
        parser.add_argument(f"--{name}", default="")
    args = parser.parse_args()
    model = pathlib.Path(args.assets) / "light/squeezenet.onnx"
    if not model.exists():
        print(f"[SKIP] no {model}; run tools/assets/make_assets.sh {args.assets} test")
        return 77
    try:
        import numpy, PIL  # noqa: F401, E401
    except ImportError as missing:
        print(f"[SKIP] {missing}; install python3-numpy and python3-pil")
        return 77
    if not ORT_PYTHON.exists():
        print(f"[SKIP] no {ORT_PYTHON}; run tools/install_deps.sh test")
        return 77
    with tempfile.TemporaryDirectory(prefix="scissionlite_install_") as name:
        folder = pathlib.Path(name)
        prefix, build = folder / "prefix", folder / "build"
        run("cmake", "--install", args.build, "--prefix", prefix, "--config", "Release")
        test_installed_files(prefix)
        test_header(prefix)
        test_engine_module(prefix, model)
        flags = "-Wall -Wextra -Wpedantic -Werror" + (f" -fsanitize={args.sanitize}" if args.sanitize else "")
        run("cmake", "-S", ROOT / "examples/01_hello_split", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={args.compiler}",
            f"-DCMAKE_CXX_FLAGS={flags}")
        run("cmake", "--build", build)
        for photo in PHOTOS:
            test_example(build / "hello_split", model, pathlib.Path(args.assets) / "photos" / photo, folder / photo)
        refused = subprocess.run([build / "hello_split", folder / "none.onnx", folder, folder], capture_output=True, text=True)
        expect(refused.returncode == 1 and "none.onnx" in refused.stderr, f"a model that is not there: {refused.stderr.strip()}")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
