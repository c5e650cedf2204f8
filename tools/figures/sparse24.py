#!/usr/bin/env python3
"""sparse24_geomean_1x1_gemm, sparse24_geomean_eligible, sparse24_fc_share_of_byte_ratio and sparse24_network_min: 2:4
sparse weights against the best dense way, one thread, f32, one run.

layers    every distinct convolution of the nine networks of tools/make_graphs that 2:4 takes (ASP's rules: no groups, input channels a multiple of 16, outputs of 8), by
          bench/sparse24_speed: ours sparse and ours dense (1x1 of stride 1 with the knobs that are fastest, as `tune` finds them; others with the usual ones), oneDNN; and OpenVINO (bench/compress/openvino_layers.py), which takes its turn after each; fully connected layers of the
          same networks by bench/fc24_speed, weights from memory. Where nothing else is said no layer is left out and none counts as dense.
products  the same fully connected layers: how much of the ratio of bytes, 16 to 8.5 (bf16: 8 to 4.5), is gained.
networks  the nine networks with 2:4 weights (magnitudes) by engine native, beside the best of native, OpenVINO and ONNX Runtime on the dense ones (bench/engine/run.py).

Results stay in --work: the same command goes on where it was stopped.

Example: build/peers/main/bin/python tools/figures/sparse24.py --programs build/release/bench
"""
import argparse
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/sparse24.py"
INPUTS_MULTIPLE, OUTPUTS_MULTIPLE = 16, 8  # of eligible layers, as ASP has it
PEERS = ("native", "openvino", "onnxruntime")
MOST_ERROR = 1e-3
LEAST_US = 10  # of OpenVINO's layers: less is lost in what a call costs


def field(problem, name):
    return int(re.search(rf"(?:^|\d){name}(\d+)", problem).group(1))


def is_eligible(problem):
    return field(problem, "g") == 1 and field(problem, "ic") % INPUTS_MULTIPLE == 0 and field(problem, "oc") % OUTPUTS_MULTIPLE == 0


def is_pointwise(problem):
    return "kh1kw1sh1sw1ph0pw0" in problem


def kind_of(problem):
    if is_pointwise(problem):
        pixels = field(problem, "ih")
        return f"1x1 at {pixels}x{pixels}" if pixels in (1, 7, 14, 28, 56) else "1x1 at other sizes"
    kernel = f"{field(problem, 'kh')}x{field(problem, 'kw')}"
    return f"{kernel} of stride {field(problem, 'sh')}"


def weight_matrices(model):
    """(tensor, values as (outputs, ..., inputs)'s view, axis of inputs) of convolutions and dense layers that are eligible."""
    tensors = {t.name: t for t in model.graph.initializer}
    for node in model.graph.node:
        tensor = tensors.get(node.input[1]) if node.op_type in ("Conv", "Gemm", "MatMul") and len(node.input) > 1 else None
        if tensor is None or len(tensor.dims) not in (2, 4):
            continue
        attributes = {a.name: a.i for a in node.attribute}
        axis = 1 if node.op_type == "Conv" or attributes.get("transB", 0) else 0
        inputs, outputs = tensor.dims[axis], tensor.dims[1 - axis]
        if attributes.get("group", 1) == 1 and inputs % INPUTS_MULTIPLE == 0 and outputs % OUTPUTS_MULTIPLE == 0:
            yield node, tensor, axis


def make_sparse(source, target):
    """Of each four inputs the two largest magnitudes."""
    model, done = onnx.load(source), set()
    for _, tensor, axis in weight_matrices(model):
        if tensor.name in done:
            continue
        done.add(tensor.name)
        values = np.moveaxis(numpy_helper.to_array(tensor), axis, -1).copy()
        groups = values.reshape(*values.shape[:-1], -1, 4)
        np.put_along_axis(groups, np.argsort(np.abs(groups), axis=-1, kind="stable")[..., :2], 0, axis=-1)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(np.moveaxis(values, -1, axis)), tensor.name))
    onnx.save(model, target)


def lines_of(words, **more):
    return [
        json.loads(line)
        for line in subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, **more).stdout.splitlines()
    ]


def layers(options):
    """Rows of sparse24_speed, with OpenVINO's time."""
    problems = [line.split()[1] for line in options.problems.read_text().splitlines() if line.startswith("conv ")]
    problems = [problem for problem in problems if is_eligible(problem)]
    peer = subprocess.Popen([options.python, figures.ROOT / "bench" / "compress" / "openvino_layers.py"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    one, rows = options.work / "problem.txt", []
    for i, problem in enumerate(problems):
        one.write_text(f"conv {problem}\n")
        ours = lines_of([options.programs / "sparse24_speed", one, "--rounds", options.rounds, "--tuned", 1])
        peer.stdin.write(f"conv {problem}\n")
        peer.stdin.flush()
        theirs = json.loads(peer.stdout.readline())
        print(f"\r[sparse24] {i + 1} of {len(problems)} layers", end="", file=sys.stderr, flush=True)
        if ours:
            rows.append(ours[0] | {"problem": problem, "openvino_us": theirs["openvino_us"], "openvino": theirs["version"]})
        else:
            rows.append({"problem": problem, "sparse_us": None})  # no kernel of ours takes it: dense
    print(file=sys.stderr)
    peer.stdin.close()
    return rows


def dense_layers(options):
    """Inputs x outputs of the networks' fully connected layers that are eligible."""
    found = {}
    for path in sorted(options.graphs.glob("*.onnx")):
        for node, tensor, axis in weight_matrices(onnx.load(path)):
            if node.op_type != "Conv":
                found.setdefault((tensor.dims[axis], tensor.dims[1 - axis]), []).append(path.stem)
    return found


def products(options):
    found = dense_layers(options)
    rows = lines_of([options.programs / "fc24_speed", *(f"{k}x{n}" for k, n in found), "--mb", options.megabytes, "--rounds", options.rounds])
    return [row | {"networks": found[row["inputs"], row["outputs"]]} for row in rows]


def networks(options):
    folder, both = options.work / "networks.json", options.work / "graphs"
    both.mkdir(exist_ok=True)
    for path in sorted(options.graphs.glob("*.onnx")):
        for name, make in (
            (f"{path.stem}.onnx", lambda source, target: target.write_bytes(source.read_bytes())),
            (f"{path.stem}_24.onnx", make_sparse),
        ):
            if not (both / name).exists():
                make(path, both / name)
    bench = [sys.executable, figures.ROOT / "bench" / "engine" / "run.py", "--graphs", both, "--threads", 1, "--work", options.work / "bench"]
    partial = folder.with_suffix(".rows")
    subprocess.run([str(word) for word in [*bench, "--prepare", "--peers", "native"]], check=True)
    subprocess.run([
        str(word) for word in [
            *bench, "--peers", *PEERS, "--rounds", options.network_rounds, "--runs", 10, "--quiet-gflops", options.quiet_gflops, "--patience-s",
            options.patience_s, "-o", partial
        ]
    ], check=True)
    return json.loads(partial.read_text())["rows"]


def times_faster(row):
    return min(us
               for us in (row["dense_us"], row["onednn_us"], row["openvino_us"] if row["openvino_us"] >= LEAST_US else math.inf)) / row["sparse_us"]


def figure(name, what, values, note, unit="times"):
    return {
        "id": name, "what": what, "measured": statistics.geometric_mean(values), "spread": [min(values), max(values)], "unit": unit,
        "command": COMMAND, "note": note
    }


def rows_of_layers(of_layers, of_products):
    measured = [row for row in of_layers if row["sparse_us"]]
    pointwise = [times_faster(row) for row in measured if is_pointwise(row["problem"])]
    gemm = [min(row["dense"]["us"], row["onednn"]["us"]) / row["sparse24"]["us"] for row in of_products]
    every = [times_faster(row) for row in measured] + gemm + [1.0] * (len(of_layers) - len(measured))
    kept = [max(1.0, value) for value in every]
    rows = [
        figure(
            "sparse24_geomean_1x1_gemm",
            "best dense of oneDNN, OpenVINO and native over 2:4, 1x1 convolutions of stride 1 and fully connected layers", pointwise + gemm,
            f"{len(pointwise)} convolutions {statistics.geometric_mean(pointwise):.3f}, {len(gemm)} fully connected layers with weights from memory {statistics.geometric_mean(gemm):.3f}; none left out; bound 2"
        ),
        figure("sparse24_geomean_1x1_gemm/dense_kept", "the same, dense where that is faster", [max(1.0, value) for value in pointwise + gemm],
               "such layers count as 1"),
        figure(
            "sparse24_geomean_eligible", "best dense, Winograd among it, over 2:4, all layers that 2:4 takes, dense where that is faster", kept,
            f"{len(every)} layers; {sum(value < 1 for value in every)} of them kept dense and counted as 1; without that {statistics.geometric_mean(every):.3f}; {len(of_layers) - len(measured)} have no sparse kernel"
        )
    ]
    kinds = {}
    for row in measured:
        kinds.setdefault(kind_of(row["problem"]), []).append(times_faster(row))
    return rows + [
        figure(f"sparse24_geomean_by_kind/{kind.replace(' ', '_')}", f"best dense over 2:4, {kind}", values, f"{len(values)} layers")
        for kind, values in sorted(kinds.items())
    ]


def rows_of_products(of_products):
    rows = []
    for suffix, key, bytes_of in (("", "share_of_byte_ratio", "16 to 8.5"), ("/bf16", "share_of_byte_ratio_bf16", "8 to 4.5")):
        told = ", ".join(f"{row['inputs']}x{row['outputs']} {row[key]:.2f}" for row in of_products)
        rows.append(
            figure(f"sparse24_fc_share_of_byte_ratio{suffix}",
                   f"fully connected layers of one row, weights from memory: gain over the best dense, as a share of the ratio of bytes, {bytes_of}",
                   [row[key] for row in of_products], told, "ratio"))
    return rows


def rows_of_networks(of_networks):
    times = {}
    for row in of_networks:
        if "failed" not in row:
            assert row["error"] < MOST_ERROR, row
            times.setdefault(row["network"], {})[row["peer"]] = row["median_us"]
    gains = {name: min(times[name].values()) / times[f"{name}_24"]["native"] for name in times if f"{name}_24" in times}
    alone = {name: times[name]["native"] / times[f"{name}_24"]["native"] for name in gains}
    told = ", ".join(f"{name} {gain:.2f}" for name, gain in gains.items())
    return [{
        **figure(
            "sparse24_network_min", "whole networks: best dense of native, OpenVINO and ONNX Runtime over native with 2:4 weights, the least",
            list(gains.values()), told + f"; geometric mean {statistics.geometric_mean(gains.values()):.3f}, beside native dense alone {statistics.geometric_mean(alone.values()):.3f}"), "measured": min(
            gains.values())
    }]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of sparse24_speed and fc24_speed")
    parser.add_argument("--problems", type=pathlib.Path, default=figures.ROOT / "bench" / "shapes" / "convolutions.txt")
    parser.add_argument("--graphs", type=pathlib.Path, default=figures.ROOT / "build" / "graphs")
    parser.add_argument("--python", type=pathlib.Path, default=figures.ROOT / "build" / "peers" / "main" / "bin" / "python",
                        help="of bench/engine/install_peers.sh")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "sparse24")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--network-rounds", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=1024, help="of weights that take turns, more than caches hold")
    parser.add_argument("--quiet-gflops", type=float, default=0, help="rounds of networks wait for so much, as bench/engine/run.py does")
    parser.add_argument("--patience-s", type=float, default=120)
    parser.add_argument("--parts", nargs="+", choices=("layers", "products", "networks"), default=["layers", "products", "networks"])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    made = {part: figures.kept(options.work / f"{part}.json", lambda part=part: globals()[part](options)) for part in options.parts}
    rows = rows_of_products(made["products"]) if "products" in made else []
    if "layers" in made and "products" in made:
        rows += rows_of_layers(made["layers"], made["products"])
    if "networks" in made:
        rows += rows_of_networks(made["networks"])
    for row in rows:
        print(f"{row['measured']:.3f} ({row['spread'][0]:.3f} to {row['spread'][1]:.3f}) {row['id']}: {row['note']}")
    figures.record("compress", rows)


if __name__ == "__main__":
    main()
