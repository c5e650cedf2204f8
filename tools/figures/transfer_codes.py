#!/usr/bin/env python3
"""Codes of a closed-form transfer layer, to measure entropy coders with: the principal components of patches of a model's inner
tensor, one quantiser step for all of them. Writes uint8 (images, channels, rows, columns), zero symbol 128, in a fixed random
order of the photos; basis and step come from the first half. With --layer, the codes that a layer of `scissionlite-train
calibrate` sends for all the photos, with its own zero symbols. Needs onnxruntime, onnx, numpy and Pillow.

Example: tools/figures/transfer_codes.py --model mobilenetv2_1.0.onnx --tensor t32 --stride 2 --components 128 --bytes 2200 \
  --images photos -o codes.npy
         tools/figures/transfer_codes.py --model mobilenetv2_1.0.onnx --layer layers/cal-q100 --images photos -o cal-q100.npy
"""
import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from PIL import Image

MEAN, STD = np.array([.485, .456, .406], np.float32), np.array([.229, .224, .225], np.float32)


def pixels(path, size):
    image = Image.open(path).convert("RGB")
    left, top = (image.width - size) // 2, (image.height - size) // 2
    x = np.asarray(image.crop((left, top, left + size, top + size)), np.float32)
    return ((x / 255 - MEAN) / STD).transpose(2, 0, 1)[None]


def activations(model, tensor, images, size):
    graph = onnx.load(model)
    graph.graph.output.append(onnx.ValueInfoProto(name=tensor))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    name = session.get_inputs()[0].name
    return np.concatenate([session.run([tensor], {name: pixels(path, size)})[0] for path in images])


def patches(a, stride):
    n, c, h, w = a.shape
    rows, columns = -(-h // stride), -(-w // stride)
    padded = np.zeros((n, c, rows * stride, columns * stride), np.float32)
    padded[:, :, :h, :w] = a
    return padded.reshape(n, c, rows, stride, columns, stride).transpose(0, 2, 4, 1, 3, 5).reshape(n, rows, columns, c * stride * stride)


def order0_bytes(q):
    """Bytes an image with the best static table a channel."""
    bits = 0.0
    for k in range(q.shape[-1]):
        counts = np.unique(q[..., k], return_counts=True)[1]
        bits -= (counts * np.log2(counts / counts.sum())).sum()
    return bits / 8 / len(q)


def step_for(z, target):
    low, high = 1e-4, 1e4
    for _ in range(24):
        middle = (low * high)**.5
        low, high = (middle, high) if order0_bytes(np.rint(z / middle)) > target else (low, middle)
    return middle


def layer_codes(options, files):
    tensor = json.loads((options.layer / "tl.json").read_text())["tensors"][0]
    encoder = onnxruntime.InferenceSession(str(options.layer / "0.encoder.onnx"))
    x = activations(options.model, tensor, files, options.size)
    return np.concatenate([encoder.run(["code"], {"x": x[i:i + 1]})[0] for i in range(len(x))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tensor")
    parser.add_argument("--layer", type=pathlib.Path, help="folder of a fitted layer, instead of --tensor")
    parser.add_argument("--stride", type=int, default=2)
    parser.add_argument("--components", type=int, default=128)
    parser.add_argument("--bytes", type=float, default=2200, help="an image, with static tables: chooses the step")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--images", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    files = sorted(path for folder in options.images for path in folder.iterdir())
    files = [files[i] for i in np.random.RandomState(0).permutation(len(files))]
    if options.layer:
        np.save(options.output, layer_codes(options, files))
        return
    x = patches(activations(options.model, options.tensor, files, options.size), options.stride)
    half = len(x) // 2
    seen = x[:half].reshape(-1, x.shape[-1])
    vectors = np.linalg.eigh(np.cov(seen.T.astype(np.float64)))[1][:, ::-1][:, :options.components]
    z = (x - seen.mean(0)) @ vectors.astype(np.float32)
    q = np.clip(np.rint(z / step_for(z[:half], options.bytes)) + 128, 0, 255).astype(np.uint8)
    np.save(options.output, np.ascontiguousarray(q.transpose(0, 3, 1, 2)))


if __name__ == "__main__":
    main()
