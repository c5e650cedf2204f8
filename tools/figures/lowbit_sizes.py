#!/usr/bin/env python3
"""size_vs_bits: bytes of files that `scissionlite-train quantize` writes over what their parameters take, which is
weights at the bits of their layers and biases of 32 bits; scales, the graph and the tables that unpack weights are what
is more. ResNet-18 and VGG-16 at one to four bits, the largest of which is the figure, and ResNet-20, of which the graph
is a larger part. Sizes do not depend on values of weights.

tools/make_graphs/make_graphs.py comes before.

Example: build/peers/main/bin/python tools/figures/lowbit_sizes.py --programs build/release --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
from lowbit_networks import spec_of  # noqa: E402

COMMAND = "tools/figures/lowbit_sizes.py"
BITS = ((1, 2), (2, 2), (3, 3), (4, 4))
FIGURE = ("resnet18", "vgg16")


def sizes(options, name, weight_bits, activation_bits):
    """Bytes of the file, and those of its parameters."""
    source = options.data / "models" / f"{name}_cifar10_ft.onnx" if name == "resnet20" else options.graphs / f"{name}.onnx"
    spec = figures.ROOT / "tests" / "fixtures" / "inputs" / "resnet20_cifar10_ft.input.json"
    if name != "resnet20":
        spec = options.work / "224.input.json"
        spec.write_text(json.dumps(spec_of(224)))
    images = ["--images", options.data / "images" / "imagenet_samples256"] if name != "resnet20" else [
        "--images", options.data / "cifar10" / "train_8000.bin", "--held-out", options.data / "cifar10" / "test_2000.bin"
    ]
    output = options.work / f"{name}_w{weight_bits}a{activation_bits}.onnx"

    def make():
        words = [
            options.programs / "scissionlite-train", "quantize", source, *images, "--input", spec, "--calibration-images", 4, "--weight-bits",
            weight_bits, "--activation-bits", activation_bits, "--epochs", 0, "--threads", options.threads, "-q", "--json", "-o", output
        ]
        report = json.loads(subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE).stdout)
        if report["file_bytes"] != output.stat().st_size:
            raise SystemExit(f"[lowbit] {output} has {output.stat().st_size} bytes, the report says {report['file_bytes']}")
        output.unlink()
        return {
            "file": report["file_bytes"],
            "parameters": sum(layer["weights"] * layer["weight_bits"] / 8 + 4 * layer["outputs"] for layer in report["layers"])
        }

    return figures.kept(output.with_suffix(".json"), make)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of scissionlite-train")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--graphs", type=pathlib.Path, default=figures.ROOT / "build" / "graphs")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "lowbit_sizes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows, of_figure = [], []
    for name in (*FIGURE, "resnet20"):
        ratios = {}
        for bits in BITS:
            size = sizes(options, name, *bits)
            ratios[f"w{bits[0]}a{bits[1]}"] = size["file"] / size["parameters"]
            print(f"[lowbit] {name}, w{bits[0]}a{bits[1]}: {size['file']} bytes, {size['file'] / size['parameters']:.4f} of its parameters'",
                  flush=True)
        rows.append({
            "id": f"size_vs_bits/{name}", "what": "bytes of the file over those of its parameters in their bits, the largest of the bits",
            "measured": max(ratios.values()), "spread": [min(ratios.values()), max(ratios.values())], "unit": "times", "command": COMMAND,
            "note": ", ".join(f"{bits} {ratio:.3f}" for bits, ratio in ratios.items())
        })
        if name in FIGURE:
            of_figure.append(max(ratios.values()))
    rows.insert(
        0, {
            "id": "size_vs_bits", "what": f"the largest of {' and '.join(FIGURE)}", "measured": max(of_figure), "spread": [
                min(of_figure), max(of_figure)
            ], "unit": "times", "command": COMMAND, "note": "small networks have rows of their own: their graph is a larger part"
        })
    if options.record:
        figures.record("lowbit", rows)


if __name__ == "__main__":
    main()
