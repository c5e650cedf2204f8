#!/usr/bin/env python3
"""LibAUC (PyPI, Yuan et al., KDD 2023) on the pictures of auc.py, from an ONNX model: AUCMLoss v2 with PESG and
DualSampler, as its documentation recommends behind pretraining: the learning rate a tenth at half and three quarters of
the way, with its regulariser renewed there. Prints {"auc": ...} of the test pictures. Run with the Python of
bench/engine/install_peers.sh, which has libauc and torch. """
import argparse
import gzip
import json
import pathlib
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import defect_models  # noqa: E402


def read(path, spec, table):
    """Pictures as uint8 (n, h, w, c) and labels."""
    if path.is_dir():
        rows = dict(line.split("\t")[:2] for line in table.read_text().splitlines())
        names = sorted(file.name for file in path.iterdir())
        images = [np.asarray(Image.open(path / name).convert("RGB").resize((spec["width"], spec["height"]), Image.BILINEAR)) for name in names]
        return np.stack(images), np.array([int(rows[name]) for name in names])
    if path.suffix == ".bin":
        data = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 3073)
        return data[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), data[:, 0].astype(int)
    pictures = gzip.decompress(path.read_bytes())
    count, height, width = (int.from_bytes(pictures[at:at + 4], "big") for at in (4, 8, 12))
    labels = gzip.decompress(pathlib.Path(str(path).replace("images-idx3", "labels-idx1")).read_bytes())[8:]
    return np.frombuffer(pictures[16:], np.uint8).reshape(count, height, width, 1), np.frombuffer(labels, np.uint8).astype(int)


class FromOnnx(torch.nn.Module):
    """What the start networks consist of. BatchNormalization follows the batches in training."""
    def __init__(self, path, classes):
        super().__init__()
        graph = onnx.load(path).graph
        self.nodes, self.output, self.input = list(graph.node), graph.output[0].name, graph.input[0].name
        self.names = {}
        for i, tensor in enumerate(graph.initializer):
            value = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            self.names[tensor.name] = f"t{i}"
            if value.is_floating_point():
                self.register_parameter(f"t{i}", torch.nn.Parameter(value))
            else:
                self.register_buffer(f"t{i}", value)
        for node in self.nodes:
            if node.op_type == "BatchNormalization":
                for name in node.input[3:]:
                    value = getattr(self, self.names[name]).detach()
                    delattr(self, self.names[name])
                    self.register_buffer(self.names[name], value)
        if classes:
            self.renew_last_layer(classes)

    def renew_last_layer(self, classes):
        last = [node for node in self.nodes if node.op_type in ("Gemm", "Conv")][-1]
        for name in last.input[1:]:
            old = getattr(self, self.names[name]).data
            at = 0 if old.dim() == 1 or last.op_type == "Conv" or any(a.name == "transB" and a.i for a in last.attribute) else 1
            shape = list(old.shape)
            shape[at] = classes
            fan_in = int(np.prod(shape)) // classes
            getattr(self, self.names[name]).data = torch.zeros(shape) if old.dim() == 1 else torch.randn(shape) / fan_in**0.5

    def forward(self, x):
        values = {self.input: x}
        get = lambda name: values[name] if name in values else getattr(self, self.names[name])  # noqa: E731
        for node in self.nodes:
            a = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
            inputs = [get(name) for name in node.input if name]
            values[node.output[0]] = self.run(node.op_type, a, inputs)
        return values[self.output]

    def run(self, op, a, x):
        if op == "Conv":
            pads = a.get("pads", [0, 0, 0, 0])
            padded = F.pad(x[0], (pads[1], pads[3], pads[0], pads[2]))
            return F.conv2d(padded, x[1], x[2] if len(x) > 2 else None, a.get("strides", [1, 1]), 0, a.get("dilations", [1, 1]), a.get("group", 1))
        if op == "BatchNormalization":
            return F.batch_norm(x[0], x[3], x[4], x[1], x[2], self.training, 0.1, a.get("epsilon", 1e-5))
        if op == "MaxPool":
            return F.max_pool2d(x[0], a["kernel_shape"], a.get("strides"))
        if op == "Gemm":
            return x[0] @ (x[1].t() if a.get("transB") else x[1]) + x[2]
        if op == "Clip":
            low, high = (a["min"], a["max"]) if "min" in a else (float(x[1]), float(x[2]))
            return x[0].clamp(low, high)
        simple = {
            "Relu": lambda: F.relu(x[0]), "Add": lambda: x[0] + x[1], "GlobalAveragePool": lambda: x[0].mean(
                (2, 3), keepdim=True), "Flatten": lambda: x[0].flatten(1), "Identity": lambda: x[0], "Softmax": lambda: x[0].softmax(-1),
            "Reshape": lambda: x[0].reshape(x[0].shape[0], -1), "Squeeze": lambda: x[0].flatten(1)
        }
        return simple[op]()


def shifted(images, most, rng):
    """Mirrored for half of them, moved by up to `most` pixels on black."""
    out = []
    for image in images:
        image = image[:, ::-1] if rng.random() < 0.5 else image
        if most:
            dy, dx = rng.integers(-most, most + 1, 2)
            padded = np.pad(image, ((most, most), (most, most), (0, 0)))
            image = padded[most + dy:most + dy + image.shape[0], most + dx:most + dx + image.shape[1]]
        out.append(image)
    return np.stack(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    for name in ("--train", "--test", "--input"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    parser.add_argument("--labels", type=pathlib.Path)
    parser.add_argument("--positive", nargs="+", type=int, required=True)
    for name in ("--steps", "--batch", "--seed", "--shift", "--threads"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--new-last-layer", action="store_true")
    parser.add_argument("--epoch-decay", type=float, default=2e-3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    from libauc.losses import AUCMLoss
    from libauc.optimizers import PESG
    from libauc.sampler import DualSampler
    rng = np.random.default_rng(options.seed)
    spec = json.loads(options.input.read_text())
    scale, mean, std = spec.get("scale", 1 / 255), np.array(spec["mean"], np.float32), np.array(spec["std"], np.float32)
    tensor = lambda images: torch.from_numpy(((images.astype(np.float32) * scale - mean) / std).transpose(0, 3, 1, 2).copy()).float()  # noqa: E731
    images, labels = read(options.train, spec, options.labels)
    targets = np.isin(labels, options.positive).astype(np.float32)
    model = FromOnnx(options.model, 2 if options.new_last_layer else None)
    loss_fn = AUCMLoss(version="v2", device="cpu")
    optimizer = PESG(model.parameters(), loss_fn=loss_fn, lr=options.lr, momentum=0.9, weight_decay=1e-4, epoch_decay=options.epoch_decay,
                     verbose=False, device="cpu")
    sampler = DualSampler(images, options.batch, labels=targets, sampling_rate=0.5, random_seed=options.seed)
    model.train()
    step = 0
    while step < options.steps:
        indices = list(sampler)
        for at in range(0, len(indices) - options.batch + 1, options.batch):
            if step in (options.steps // 2, options.steps * 3 // 4):
                optimizer.update_regularizer(decay_factor=10)
            batch = indices[at:at + options.batch]
            logits = model(tensor(shifted(images[batch], options.shift, rng)))
            loss = loss_fn(torch.sigmoid(logits[:, 1:] - logits[:, :1]), torch.from_numpy(targets[batch])[:, None])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step == options.steps:
                break
    model.eval()
    images, labels = read(options.test, spec, options.labels)
    with torch.no_grad():
        scores = np.concatenate([(lambda out: (out[:, 1] - out[:, 0]).numpy())(model(tensor(images[at:at + 256])))
                                 for at in range(0, len(images), 256)])
    is_positive = np.isin(labels, options.positive)
    print(json.dumps({"auc": defect_models.auc(scores.tolist(), is_positive.astype(int).tolist())}))


if __name__ == "__main__":
    main()
