#!/usr/bin/env python3
"""Torch-Pruning (PyPI) on the same task as `scissionlite-train prune`: the same ONNX model, pictures, augmentation, optimiser, schedule and number of
epochs, and the same loss (labels, and the uncut model as the teacher). Its strongest published recipe, as its benchmarks run it: GroupNormPruner
("group_sl", DepGraph, CVPR 2023) regularises all groups for --search-epochs, then channels go, globally ranked, step by step until at most
--parameters remain, then --epochs of fine-tuning. Sources: VainF/Torch-Pruning, reproduce/main.py and README.

Writes JSON to --out: parameters, held-out accuracy before, after pruning and after fine-tuning; with --onnx the smaller model too.

Example: build/peers/pruning/bin/python bench/compress/torch_pruning_peer.py model.onnx --input input.json --images train.bin --held-out test.bin
  --search-epochs 6 --epochs 6 --lr 0.02 --parameters 0.5 --out tp.json
"""
import argparse
import copy
import json
import math
import pathlib
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import torch_pruning as tp
from onnx2torch import convert

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pictures  # noqa: E402

ITERATIVE_STEPS, REGULARISATION, MOMENTUM, CLIP_NORM, TEMPERATURE = 400, 5e-4, 0.9, 5.0, 4.0  # the first two as in reproduce/main.py
TEST_BATCH = 250


class Part:
    """Pictures and labels, as batches of what the model takes."""
    def __init__(self, path, options):
        self.pixels, self.labels, self.scale, self.mean, self.deviation = pictures.load(path, options.labels, options.input)

    def __len__(self):
        return len(self.labels)

    def values(self, pixels):
        return torch.from_numpy((pixels.astype(np.float32) * self.scale - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)

    def batches(self, size):
        for start in range(0, len(self), size):
            yield self.values(self.pixels[start:start + size]), torch.from_numpy(self.labels[start:start + size])

    def shuffled(self, size, options, rng):
        order = rng.permutation(len(self))
        for start in range(0, len(self), size):
            rows = order[start:start + size]
            pixels = np.stack([augmented(self.pixels[row], options, rng) for row in rows])
            yield self.values(pixels), torch.from_numpy(self.labels[rows])


def augmented(picture, options, rng):
    """Mirrored, and moved over black."""
    if options.flip and rng.random() < 0.5:
        picture = picture[:, :, ::-1]
    if options.shift:
        height, width = picture.shape[1:]
        padded = np.pad(picture, ((0, 0), (options.shift, ) * 2, (options.shift, ) * 2))
        y, x = rng.integers(0, 2 * options.shift + 1, 2)
        picture = padded[:, y:y + height, x:x + width]
    return picture


def accuracy(model, part):
    model.eval()
    right = 0
    with torch.no_grad():
        for x, labels in part.batches(TEST_BATCH):
            right += int((model(x).flatten(1).argmax(1) == labels).sum())
    return right / len(part)


def train(model, teacher, part, epochs, options, rng, after_backward=None, before_epoch=None):
    scales = [p for p in model.parameters() if p.dim() <= 1]
    weights = [p for p in model.parameters() if p.dim() > 1]
    optimiser = torch.optim.SGD([{"params": weights, "weight_decay": options.weight_decay}, {"params": scales, "weight_decay": 0}], lr=options.lr,
                                momentum=MOMENTUM)
    total, step = epochs * math.ceil(len(part) / options.batch), 0
    for epoch in range(epochs):
        if before_epoch:
            before_epoch()
        model.train()
        for x, labels in part.shuffled(options.batch, options, rng):
            for group in optimiser.param_groups:
                group["lr"] = options.lr * (1 + math.cos(math.pi * step / total)) / 2
            with torch.no_grad():
                soft = F.log_softmax(teacher(x).flatten(1) / TEMPERATURE, 1)
            y = model(x).flatten(1)
            loss = F.cross_entropy(
                y, labels) + TEMPERATURE**2 * F.kl_div(F.log_softmax(y / TEMPERATURE, 1), soft, log_target=True, reduction="batchmean")
            optimiser.zero_grad()
            loss.backward()
            if after_backward:
                after_backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimiser.step()
            step += 1
        print(f"[torch_pruning] epoch {epoch + 1} of {epochs}: loss {float(loss):.4f}", file=sys.stderr, flush=True)


def parameters_of(model):
    return sum(p.numel() for p in model.parameters())


def last_layer(model):
    return [m for m in model.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))][-1]


def unshared(path):
    """The graph with a free batch: Reshape to a fixed batch of one would refuse others."""
    model = onnx.load(str(path))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del model.graph.value_info[:]
    return model


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--input", required=True, type=pathlib.Path, help="input.json")
    parser.add_argument("--images", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--labels", help="table of file and class, for folders")
    parser.add_argument("--search-epochs", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--parameters", type=float, required=True, help="share of the parameters to keep at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--onnx", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = parsed()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    part, held_out = Part(options.images, options), Part(options.held_out, options)
    model = convert(unshared(options.model))
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    teacher = copy.deepcopy(model).eval()
    report = {"version": tp.__version__, "torch": torch.__version__, "before": accuracy(model, held_out), "parameters_before": parameters_of(model)}
    example = next(held_out.batches(1))[0]
    pruner = tp.pruner.GroupNormPruner(model, example, importance=tp.importance.GroupMagnitudeImportance(normalizer="max"), reg=REGULARISATION,
                                       global_pruning=True, pruning_ratio=1.0, iterative_steps=ITERATIVE_STEPS, ignored_layers=[last_layer(model)])
    train(model, teacher, part, options.search_epochs, options, rng, lambda: pruner.regularize(model), pruner.update_regularizer)
    report["searched"] = accuracy(model, held_out)
    model.eval()
    for _ in range(ITERATIVE_STEPS):
        if parameters_of(model) <= options.parameters * report["parameters_before"]:
            break
        pruner.step()
    report["parameters_after"] = parameters_of(model)
    report["macs_after"] = int(tp.utils.count_ops_and_params(model, example)[0])
    report["rebuilt"] = accuracy(model, held_out)
    train(model, teacher, part, options.epochs, options, rng)
    report["after"] = accuracy(model, held_out)
    if options.onnx:
        torch.onnx.export(model.eval(), (example, ), str(options.onnx), dynamo=False, input_names=["input"], output_names=["logits"])
    partial = options.out.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=1) + "\n")
    partial.rename(options.out)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
