#!/usr/bin/env python3
"""net_vs_fp32_native and net_vs_best_int8_peer_no_amx, on a CPU with AMX net_vs_best_int8_peer_amx alone: ResNet-18 and
VGG-16 with weights of one bit and activations of two by engine native, beside native in float32 and the best of OpenVINO and ONNX Runtime on the same networks of bytes
(tools/make_graphs/quantise_graphs.py) and of ncnn, which quantises the float ones itself
(bench/engine/peers/ncnn_int8.py), at 224 x 224 and 32 x 32, batch 1, one thread, in one run of bench/engine/run.py.
Weights are seeded, not trained: times do not depend on them. Models of few bits are `scissionlite-train quantize
--epochs 0` on photos of the data folder; their answers have to be ONNX Runtime's on the same file.

bench/engine/install_peers.sh and tools/make_graphs/make_graphs.py come before. Results stay in --work: the same command goes on where it was stopped.

Example: build/peers/main/bin/python tools/figures/lowbit_networks.py --programs build/release --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

sys.path.insert(0, str(figures.ROOT / "tools" / "make_graphs"))
import quantise_graphs  # noqa: E402

COMMAND = "tools/figures/lowbit_networks.py"
NETWORKS = {"resnet18": 224, "vgg16": 224, "resnet18_32": 32, "vgg16_32": 32}
KINDS = ("f32", "int8", "w1a2")
PEERS = ("native", "openvino", "onnxruntime", "ncnn_int8")
READ_BY = {"ncnn_int8": "f32"}  # the kind that a peer of bytes takes, where it is another than int8
BESIDE_AMX = "net_vs_best_int8_peer_amx"
MOST_ERROR = 1e-3  # of what native computes of few bits, beside ONNX Runtime


def spec_of(side):
    return {
        "schema": "scissionlite.input/1", "width": side, "height": side, "resize": "stretch", "scale": 1.0, "mean": [123.7, 116.3, 103.5],
        "std": [58.4, 57.1, 57.4]
    }


def run(words, **more):
    subprocess.run([str(word) for word in words], check=True, **more)


def make_models(options, folder):
    """NETWORK_KIND.onnx in one folder."""
    small = options.work / "graphs_32"
    if not small.exists():
        run([sys.executable, figures.ROOT / "tools" / "make_graphs" / "make_graphs_32.py", small])
    for name, side in NETWORKS.items():
        source = (small if side == 32 else options.graphs) / f"{name}.onnx"
        spec = options.work / f"{side}.input.json"
        spec.write_text(json.dumps(spec_of(side)))
        for kind in KINDS:
            path = folder / f"{name}_{kind}.onnx"
            if path.exists():
                continue
            print(f"[lowbit] {path.name}", file=sys.stderr, flush=True)
            if kind == "f32":
                path.write_bytes(source.read_bytes())
            elif kind == "int8":
                quantise_graphs.quantise(source, quantise_graphs.noises, path, options.work)
            else:
                run([
                    options.programs / "scissionlite-train", "quantize", source, "--images", options.data / "images" / "imagenet_samples256",
                    "--calibration-images", options.images, "--input", spec, "--weight-bits", 1, "--activation-bits", 2, "--epochs", 0, "--threads",
                    1, "-q", "-o", path
                ], stdout=subprocess.DEVNULL)


def measure(options):
    folder = options.work / "graphs"
    folder.mkdir(exist_ok=True)
    make_models(options, folder)
    bench = [
        sys.executable, figures.ROOT / "bench" / "engine" / "run.py", "--graphs", folder, "--precision", "int8", "--threads", 1, "--work",
        options.work / "bench"
    ]
    run([*bench, "--prepare", "--peers", "native"])
    run([*bench, "--prepare", "--peers", "ncnn_int8", "--only", *(f"{name}_f32" for name in NETWORKS)])
    out = options.work / "rows.json"
    run([
        *bench, "--peers", *PEERS, "--rounds", options.rounds, "--runs", options.runs, "--quiet-gflops", options.quiet_gflops, "--patience-s",
        options.patience_s, "-o", out
    ])
    return json.loads(out.read_text())["rows"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of scissionlite-train")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--graphs", type=pathlib.Path, default=figures.ROOT / "build" / "graphs")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "lowbit_networks")
    parser.add_argument("--images", type=int, default=16, help="that steps are fitted to")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--quiet-gflops", type=float, default=0, help="rounds wait for so much, as bench/engine/run.py does")
    parser.add_argument("--patience-s", type=float, default=120)
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    has_amx = "amx_int8" in figures.machine()["isa"]
    times, versions = {}, {}
    for row in figures.kept(options.work / "networks.json", lambda: measure(options)):
        if "failed" in row and not row["network"].endswith(READ_BY.get(row["peer"], "")):
            continue
        if "failed" in row:
            print(f"[lowbit] {row['network']} by {row['peer']}: {row['failed']}", file=sys.stderr)
            continue
        if row["peer"] == "native" and row["network"].endswith("w1a2") and row["error"] > MOST_ERROR:
            raise SystemExit(f"[lowbit] {row['network']}: answers differ from ONNX Runtime's by {row['error']}")
        times[row["network"], row["peer"]] = row["median_us"]
        versions[row["peer"]] = row["version"]
    few = {name: times[f"{name}_w1a2", "native"] for name in NETWORKS}
    kind_of = lambda peer: READ_BY.get(peer, "int8")  # noqa: E731
    best = {
        name: min((times[f"{name}_{kind_of(peer)}", peer], peer) for peer in PEERS[1:] if (f"{name}_{kind_of(peer)}", peer) in times)
        for name in NETWORKS
    }
    floats = {name: times[f"{name}_f32", "native"] / few[name] for name in NETWORKS}
    peers = {name: best[name][0] / few[name] for name in NETWORKS}
    told = lambda gains, more: ", ".join(f"{name} {gain:.2f} ({few[name] / 1e3:.2f} ms, {more(name)})" for name, gain in gains.items())  # noqa: E731
    rows = [
        {
            "id": "net_vs_fp32_native", "what": "w1a2 networks by native over the same in float32, geometric mean",
            "measured": statistics.geometric_mean(floats.values()), "spread": [min(floats.values()), max(floats.values())], "unit": "times",
            "command": COMMAND, "note": told(floats, lambda name: f"f32 {times[f'{name}_f32', 'native'] / 1e3:.2f} ms")
        },
        {
            "id": BESIDE_AMX if has_amx else "net_vs_best_int8_peer_no_amx",
            "what": "w1a2 networks by native over the best of OpenVINO, ONNX Runtime and ncnn in bytes, geometric mean",
            "measured": statistics.geometric_mean(peers.values()), "spread": [min(peers.values()), max(peers.values())], "unit": "times",
            "command": COMMAND, "note": told(
                peers, lambda name: f"{best[name][1]} {best[name][0] / 1e3:.2f} ms, native int8 {times[f'{name}_int8', 'native'] / 1e3:.2f} ms") +
            "; " + ", ".join(f"{peer} {version}" for peer, version in versions.items())
        },
    ]
    for row in rows:
        print(f"{row['id']}: {row['measured']:.3f} {row['unit']}; {row['note']}")
    if options.record:
        figures.record("lowbit", [row for row in rows if row["id"] == BESIDE_AMX] if has_amx else rows)


if __name__ == "__main__":
    main()
