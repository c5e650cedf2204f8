"""Labelled pictures as float32 arrays for peers that train in Python: CIFAR's binary format, IDX, or files with a table of labels, made into a
model's input as its input.json says. numpy and Pillow only."""
import gzip
import json
import pathlib

import numpy as np

CIFAR_SHAPE = (3, 32, 32)
LABELS_OF = {"images-idx3": "labels-idx1"}


def bytes_of(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def cifar(path):
    rows = np.frombuffer(bytes_of(path), np.uint8).reshape(-1, 1 + int(np.prod(CIFAR_SHAPE)))
    return rows[:, 1:].reshape(-1, *CIFAR_SHAPE), rows[:, 0].astype(np.int64)


def idx(path):
    data = bytes_of(path)
    count, rows, columns = np.frombuffer(data, ">u4", 3, 4)
    labels = path
    for images_word, labels_word in LABELS_OF.items():
        labels = path.with_name(path.name.replace(images_word, labels_word))
    return np.frombuffer(data, np.uint8, offset=16).reshape(count, 1, rows, columns), np.frombuffer(bytes_of(labels), np.uint8,
                                                                                                    offset=8).astype(np.int64),


def files(folder, table, spec):
    from PIL import Image
    pixels, labels = [], []
    for line in table.read_text().splitlines():
        name, label = line.split("\t")[:2]
        path = folder / name
        if not path.exists():
            continue
        image = Image.open(path).convert("L" if spec.get("channels") == "GRAY" else "RGB")
        assert spec["resize"] == "stretch", "other geometry than stretching is not needed here"
        image = image.resize((spec["width"], spec["height"]), Image.BILINEAR)
        array = np.asarray(image)
        pixels.append(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))
        labels.append(int(label))
    return np.stack(pixels), np.array(labels)


def as_list(value, channels):
    return list(value) * (channels // len(value)) if isinstance(value, list) else [value] * channels


def load(path, table, spec_path):
    """(uint8 pictures NCHW, labels, means and deviations of what the model takes)."""
    spec = json.loads(pathlib.Path(spec_path).read_text())
    path = pathlib.Path(path)
    pixels, labels = files(path, pathlib.Path(table), spec) if path.is_dir() else cifar(path) if path.suffix == ".bin" else idx(path)
    assert pixels.shape[2:] == (spec["height"], spec["width"]), (pixels.shape, spec)
    channels = pixels.shape[1]
    of = {key: np.array(as_list(spec.get(key, default), channels), np.float32).reshape(1, -1, 1, 1) for key, default in (("mean", 0), ("std", 1))}
    return pixels, labels, np.float32(spec.get("scale", 1 / 255)), of["mean"], of["std"]
