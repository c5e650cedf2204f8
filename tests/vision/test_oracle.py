#!/usr/bin/python3
"""test_oracle.py VISION_DUMP: src/vision against Pillow and numpy, on images made here.

Decoded pixels must be equal (a tolerance is named where the two programs round differently), resized ones equal to
one level, tensors equal to the formula of docs/input_json.md.
"""
import atexit
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image, ImageOps
except ImportError as missing:
    print(f"[SKIP] {missing}; apt install python3-pil python3-numpy")
    sys.exit(77)

FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
DUMP = sys.argv[1]
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="scissionlite_oracle_"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
failures = []
checks = 0


def expect(holds, what):
    global checks
    checks += 1
    if not holds:
        failures.append(what)


def dump(commands):
    """Runs the commands; answers, one a command."""
    lines = "".join("\t".join(str(word) for word in command) + "\n" for command in commands)
    done = subprocess.run([DUMP], input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(commands), (len(answers), len(commands))
    return answers


def picture(width, height, seed):
    """Smooth colours with some noise, as photos have."""
    state = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 100 * np.sin(x / state.uniform(3, 30) + y / state.uniform(3, 30) + c) for c in range(3)]
    return np.clip(np.stack(planes, axis=2) + state.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def over_black(image):
    rgba = np.asarray(image.convert("RGBA")).astype(np.int64)
    return ((rgba[..., :3] * rgba[..., 3:] + 127) // 255).astype(np.uint8)


def make_files():
    """(file, expected pixels, tolerance) of each kind of image."""
    rgb, grey = picture(67, 45, 1), picture(67, 45, 2)[..., 0]
    image = Image.fromarray(rgb)
    cases = []

    def add(name, source, expected=None, tolerance=0, **options):
        path = FOLDER / name
        source.save(path, **options)
        cases.append((path, np.asarray(Image.open(path).convert("RGB")) if expected is None else expected, tolerance))

    for quality in (30, 90, 100):
        for subsampling in (0, 1, 2):
            add(f"q{quality}s{subsampling}.jpg", image, quality=quality, subsampling=subsampling)
    add("progressive.jpg", image, quality=80, progressive=True)
    add("grey.jpg", Image.fromarray(grey), quality=90)
    add("cmyk.jpg", image.convert("CMYK"), quality=95, tolerance=1)
    add("rgb.png", image)
    add("grey.png", Image.fromarray(grey))
    add("palette.png", image.quantize(17))
    add("one_bit.png", Image.fromarray(grey).convert("1"))
    deep = (grey.astype(np.uint16) * 257 + 100).clip(0, 65535)
    add("deep.png", Image.fromarray(deep), np.repeat(((deep.astype(np.int64) + 128) // 257).astype(np.uint8)[..., None], 3, axis=2))
    alpha = Image.fromarray(np.dstack([rgb, grey]), "RGBA")
    add("alpha.png", alpha, over_black(alpha))
    add("grey_alpha.png", alpha.convert("LA"), over_black(alpha.convert("LA")))
    add("lossy.webp", image, quality=80)
    add("lossless.webp", image, rgb, lossless=True)
    add("alpha.webp", alpha, over_black(alpha), lossless=True, exact=True)
    for mode in ("RGB", "L", "1", "P"):
        add(f"{mode}.bmp", image.convert(mode))
    add("rgb.ppm", image)
    add("grey.pgm", Image.fromarray(grey))
    for size in ((1, 1), (1, 9), (9, 1)):
        small = Image.fromarray(picture(*size, 4))
        for kind in ("jpg", "png", "webp", "bmp", "ppm"):
            add(f"{size[0]}x{size[1]}.{kind}", small)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        for kind in ("jpg", "png", "webp"):
            path = FOLDER / f"turned{orientation}.{kind}"
            image.save(path, exif=exif)
            cases.append((path, np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")), 0))
    return cases


def test_decode():
    cases = make_files()
    answers = dump([("decode", path, f"{path}.npy") for path, _, _ in cases])
    for (path, expected, tolerance), answer in zip(cases, answers):
        if answer != "ok":
            expect(False, f"decode {path.name}: {answer}")
            continue
        got = np.load(f"{path}.npy")
        worst = np.abs(got.astype(int) - expected).max() if got.shape == expected.shape else None
        expect(worst is not None and worst <= tolerance, f"decode {path.name}: shape {got.shape} for {expected.shape}, largest difference {worst}")


def test_resize():
    sizes = [(67, 45, 20, 31), (67, 45, 224, 224), (67, 45, 67, 9), (67, 45, 5, 45), (640, 427, 336, 224), (500, 375, 299, 224), (1, 1, 7, 5),
             (301, 2, 3, 8)]
    commands, wanted = [], []
    for width, height, to_width, to_height in sizes:
        path = FOLDER / f"resize{width}x{height}.png"
        image = Image.fromarray(picture(width, height, width))
        image.save(path)
        for name, code in FILTERS.items():
            commands.append(("resize", path, to_width, to_height, name, FOLDER / f"r{len(commands)}.npy"))
            wanted.append(np.asarray(image.resize((to_width, to_height), code)).astype(int))
    exact = 0
    for command, answer, expected in zip(commands, dump(commands), wanted):
        expect(answer == "ok", f"{command}: {answer}")
        worst = np.abs(np.load(command[-1]) - expected).max()
        exact += worst == 0
        expect(worst <= 1, f"resize {command[1].name} to {command[2]}x{command[3]} {command[4]}: largest difference {worst}")
    print(f"resize: {exact} of {len(commands)} equal Pillow bit for bit")


def centre(image, width, height):
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def shorter(image, to, code):
    width, height = image.size
    size = (to, to * height // width) if width <= height else (to * width // height, to)
    return image.resize(size, code)


def normalised(image, spec):
    """The formula of docs/input_json.md on the cropped image."""
    if spec["channels"] == "GRAY":
        v = np.asarray(image.convert("L"))[..., None].astype(float)
    else:
        v = np.asarray(image).astype(float)[..., ::-1 if spec["channels"] == "BGR" else 1]
    x = (v * spec["scale"] - np.array(spec["mean"])) / np.array(spec["std"])
    x = x[None] if spec["layout"] == "NHWC" else x.transpose(2, 0, 1)[None]
    return np.rint(x.clip(0, 255)).astype(np.uint8) if spec["dtype"] == "uint8" else x.astype(spec["dtype"])


def test_tensor():
    path = FOLDER / "photo.png"
    photo = Image.fromarray(picture(340, 261, 9))
    photo.save(path)
    base = {
        "schema": "scissionlite.input/1", "width": 224, "height": 224, "channels": "RGB", "layout": "NCHW", "dtype": "float32", "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]
    }
    made = []
    for name, code in FILTERS.items():
        made.append(({"resize": "shorter", "resize_to": 256, "filter": name}, centre(shorter(photo, 256, code), 224, 224)))
        made.append(({"resize": "stretch", "filter": name}, photo.resize((224, 224), code)))
    made.append(({"resize": "none"}, centre(photo, 224, 224)))
    made.append(({"resize": "shorter", "precrop": 240}, centre(photo, 240, 240).resize((224, 224), Image.BILINEAR)))
    made.append(({"resize": "none", "width": 32, "height": 227}, centre(photo, 32, 227)))
    for channels in ("RGB", "BGR", "GRAY"):
        for layout in ("NCHW", "NHWC"):
            for dtype, scale in (("float32", 1 / 127.5), ("float16", 1 / 255), ("uint8", 1.0)):
                count = 1 if channels == "GRAY" else 3
                made.append(({
                    "resize": "none", "channels": channels, "layout": layout, "dtype": dtype, "scale": scale, "mean": [1.0, 0.5, 0.25][:count],
                    "std": [1.0, 2.0, 0.5][:count]
                }, centre(photo, 224, 224)))
    commands = []
    for i, (fields, _) in enumerate(made):
        (FOLDER / f"{i}.json").write_text(json.dumps({**base, **fields}))
        commands.append(("tensor", path, FOLDER / f"{i}.json", FOLDER / f"t{i}.npy"))
    for (fields, image), command, answer in zip(made, commands, dump(commands)):
        expect(answer == "ok", f"{fields}: {answer}")
        got, wanted = np.load(command[-1]), normalised(image, {**base, **fields})
        expect(got.dtype == wanted.dtype and got.shape == wanted.shape and np.allclose(got, wanted, rtol=1e-6, atol=1e-6),
               f"tensor {fields}: largest difference {np.abs(got.astype(float) - wanted).max() if got.shape == wanted.shape else got.shape}")


def test_encode():
    path = FOLDER / "q.png"
    pixels = picture(120, 90, 5)
    Image.fromarray(pixels).save(path)
    codecs = {"png": ("PNG", 0), "jpeg-q95-444": ("JPEG", 5), "jpeg-q95-420": ("JPEG", 12), "webp-q95": ("WEBP", 12)}
    commands = [("encode", path, codec, FOLDER / f"e.{codec}") for codec in codecs]
    for command, answer, (kind, tolerance) in zip(commands, dump(commands), codecs.values()):
        expect(answer == "ok", f"{command}: {answer}")
        image = Image.open(command[-1])
        difference = np.abs(np.asarray(image).astype(int) - pixels).mean()
        expect(image.format == kind and difference <= tolerance, f"encode {command[2]}: {image.format}, mean difference {difference:.1f}")
    subsampling = [Image.open(commands[i][-1]).layer for i in (1, 2)]
    expect(subsampling[0][0][1:3] == (1, 1) and subsampling[1][0][1:3] == (2, 2), f"subsampling {subsampling}")


def test_documentation():
    """docs/input_json.md: its example is accepted, and its table of ready-made specs is what the library has."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs/input_json.md").read_text()
    example = json.loads(text.split("```json")[1].split("```")[0])
    (FOLDER / "imagenet_classes.tsv").write_text("0\tn01440764\ttench\n")
    (FOLDER / "example.json").write_text(json.dumps(example))
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| [^|]* \| (.*) \|$", text.split("## To copy")[1], re.M))
    commands = [("presets", FOLDER / "presets.json"), ("tensor", FOLDER / "q.png", FOLDER / "example.json", FOLDER / "x.npy")]
    expect(dump(commands) == ["ok", "ok"], "the example of docs/input_json.md is accepted")
    presets = json.loads((FOLDER / "presets.json").read_text())
    expect(list(rows) == list(presets), f"docs list {list(rows)}, the library has {list(presets)}")
    for name, cell in rows.items():
        if "as `" in cell:
            cell = re.findall(r"`([^`]*)`", rows[re.search("as `([a-z]+)`", cell)[1]])[0] + ", " + re.findall(r"`(\"[^`]*)`", cell)[0]
        stated = json.loads("{" + re.search(r'"[^`]*', cell)[0] + "}")
        for key, value in stated.items():
            got = presets.get(name, {}).get(key)
            expect(got == value or (isinstance(got, list) and set(got) == {value}), f"docs: {name} has {key} {value}, the library {got}")


def main():
    for test in (test_decode, test_resize, test_tensor, test_encode, test_documentation):
        test()
    for line in failures:
        print(f"FAILED {line}")
    print(f"{checks} checks, {len(failures)} failed")
    sys.exit(1 if failures else 0)


main()
