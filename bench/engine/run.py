#!/usr/bin/env python3
"""Latency, load time and memory of this library's engine and its peers on the same networks, measured in turns: one
process a peer, all on the same cores, f32 (or int8: quantised models as they are), batch 1, the same input. Each round
asks every peer for a few runs, in an order that rotates; a peer's figure is the median over rounds of the median of its
runs. Answers are compared with ONNX Runtime's.

The two stages are apart: --prepare converts (ncnn), tunes (TVM) what is not there yet, and compiles (native); without it nothing is.

Example:
  bench/engine/install_peers.sh build/peers
  build/peers/main/bin/python tools/make_graphs/make_graphs.py build/graphs
  build/peers/main/bin/python bench/engine/run.py --graphs build/graphs --prepare
  build/peers/main/bin/python bench/engine/run.py --graphs build/graphs --threads 1 -o build/engine_1t.json
"""
import argparse
import json
import pathlib
import sys

import inputs
import numpy as np
from client import Client, Failed, Quiet, measure, prepare

sys.path.insert(0, str(inputs.ROOT / "tools" / "figures"))
import figures  # noqa: E402

SCHEMA = "scissionlite.engine_bench/1"
PEERS = ("onnxruntime", "openvino", "ncnn", "ncnn_int8", "tvm", "native")
F32_PEERS = tuple(peer for peer in PEERS if peer != "ncnn_int8")
INT8_PEERS = ("onnxruntime", "openvino", "native")  # those that run quantised ONNX models as integers
ORACLE = "onnxruntime"


def start(model, options):
    """Clients by peer that load the model, and rows of those that do not."""
    clients, failed = {}, []
    for peer in options.peers:
        try:
            clients[peer] = Client(peer, model, options.threads, options)
        except Failed as error:
            failed.append({"network": model.stem, "peer": peer, "failed": str(error)})
    return clients, failed


def answer(client, folder):
    path = folder / f"{client.peer}.npy"
    client.ask("output", path)
    return np.load(path).reshape(-1)


def set_input(clients, x, folder):
    path = folder / "input.npy"
    np.save(path, x)
    for client in clients.values():
        client.ask("input", path)


def answers(clients, folder):
    """What each gives now, and how long its run took."""
    firsts = {peer: client.ask("run", 1)["us"][0] for peer, client in clients.items()}
    return firsts, {peer: answer(client, folder) for peer, client in clients.items()}


def difference(y, wanted):
    """max|y - wanted| / max|wanted|; infinite where shapes differ."""
    return float(np.abs(y - wanted).max() / np.abs(wanted).max()) if y.shape == wanted.shape else float("inf")


def agreement(clients, photos, folder):
    """Photos on which each peer's top-1 is the oracle's, and the largest difference on them."""
    same, largest = dict.fromkeys(clients, 0), dict.fromkeys(clients, 0.0)
    for x in photos:
        set_input(clients, x, folder)
        _, found = answers(clients, folder)
        for peer, y in found.items():
            same[peer] += int(y.argmax() == found[ORACLE].argmax())
            largest[peer] = max(largest[peer], difference(y, found[ORACLE]))
    return same, largest


def row(network, client, medians, first_us, options):
    memory = client.ask("memory")
    low, middle, high = np.percentile(medians, [25, 50, 75])
    return {
        "network": network, "peer": client.peer, "version": client.loaded["version"], "threads": options.threads, "median_us": float(middle),
        "quartiles_us": [float(low), float(high)], "round_medians_us": medians, "load_ms": client.loaded["load_ms"],
        "loaded_from": client.loaded.get("from"), "first_run_ms": first_us / 1e3, "memory_mib": memory["peak_mib"] - memory["base_mib"]
    }


def measure_network(model, photos, options):
    """Rows of one network."""
    folder = options.work / "exchange"
    folder.mkdir(parents=True, exist_ok=True)
    model = inputs.plain(model, options.work, options.precision == "int8")
    clients, rows = start(model, options)
    try:
        set_input(clients, photos[0] if photos else inputs.noise(model), folder)
        firsts, found = answers(clients, folder)
        peaks = []  # of the machine before each round
        medians = measure(clients, options, lambda: peaks.append(options.quiet.wait(clients["native"])) if "native" in clients else None)
        made = {peer: row(model.stem, client, medians[peer], firsts[peer], options) | {"peaks_gflops": peaks} for peer, client in clients.items()}
        same, largest = agreement(clients, photos, folder) if photos else ({}, {})
        for peer, values in made.items():
            values["error"] = max(difference(found[peer], found[ORACLE]), largest.get(peer, 0.0)) if ORACLE in found else None
            values.update({"photos": len(photos), "same_top1": same[peer]} if photos else {})
    finally:
        for client in clients.values():
            client.close()
    return rows + list(made.values())


def show(rows):
    for values in sorted(rows, key=lambda r: r.get("median_us", float("inf"))):
        if "failed" in values:
            print(f"{values['network']:32} {values['peer']:12} {values['failed']}", flush=True)
            continue
        low, high = (v / 1e3 for v in values["quartiles_us"])
        top1 = f", top-1 same on {values['same_top1']} of {values['photos']} photos" if "photos" in values else ""
        error = "not compared" if values["error"] is None else f"{values['error']:.1e}"
        print(
            f"{values['network']:32} {values['peer']:12} {values['median_us'] / 1e3:9.3f} ms ({low:.3f} to {high:.3f}), load {values['load_ms']:.0f} ms, {values['memory_mib']:.0f} MiB, error {error}{top1}",
            flush=True)


def models(options):
    """Paths, each with its photos."""
    found = [(path, []) for path in sorted(options.graphs.glob("*.onnx"))]
    if options.precision == "int8" and options.data:
        trained = {path.stem for path, _ in found} & set(inputs.REAL)
        found = [(path, inputs.photos(path.stem, options.data, options.photos) if path.stem in trained else []) for path, _ in found]
        found += [(options.data / "models" / f"{name}.onnx", inputs.photos(name, options.data, options.photos)) for name in inputs.QUANTISED]
    elif options.data:
        found += [(options.data / "models" / f"{name}.onnx", inputs.photos(name, options.data, options.photos)) for name in inputs.REAL]
    found = [(path, photos) for path, photos in found if not options.only or path.stem in options.only]
    if not found:
        raise SystemExit(f"[engine] no models in {options.graphs}; run tools/make_graphs/make_graphs.py {options.graphs}")
    return found


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=pathlib.Path, default=pathlib.Path("build/graphs"), help="of tools/make_graphs/make_graphs.py")
    parser.add_argument("--data", type=pathlib.Path, help="the data folder: its trained models too, with photos")
    parser.add_argument("--photos", type=int, default=20, help="compared for each trained model")
    parser.add_argument("--only", nargs="+", default=[], metavar="NETWORK")
    parser.add_argument("--peers", nargs="+", choices=PEERS, help="all that run the precision by default")
    parser.add_argument("--precision", choices=("f32", "int8"), default="f32",
                        help="int8: --graphs are those of tools/make_graphs/quantise_graphs.py")
    parser.add_argument("--peers-at", type=pathlib.Path, default=pathlib.Path("build/peers"), help="of bench/engine/install_peers.sh")
    parser.add_argument("--worker", type=pathlib.Path, default=pathlib.Path("build/release/bench_engine_worker"))
    parser.add_argument("--engine", default="native", help="what peer 'native' runs; others than native are trials")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5, help="timed, of each peer in a round")
    parser.add_argument("--quiet-gflops", type=float, default=0,
                        help="a round waits until the cores multiply and add this much: what they do when nobody else is on them")
    parser.add_argument("--patience-s", type=float, default=600, help="how long rounds wait for that in all")
    parser.add_argument("--prepare", action="store_true", help="only convert and tune")
    parser.add_argument("--budget", type=int, default=2000, help="trials of TVM's tuning for a network, with --prepare")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/bench_engine"))
    parser.add_argument("-o", "--out", type=pathlib.Path)
    options = parser.parse_args()
    options.quiet = Quiet(options)
    options.peers = options.peers or list(INT8_PEERS if options.precision == "int8" else F32_PEERS)
    if options.precision == "int8":
        options.work = options.work / "int8"  # quantised graphs have the names of those in f32
    return options


def prepare_all(options):
    for model, _ in models(options):
        for peer in options.peers:
            try:
                prepare(peer, inputs.plain(model, options.work, options.precision == "int8"), options.threads, options)
            except Failed as error:
                print(f"[engine] {error}", file=sys.stderr)


def main():
    options = parsed()
    if options.prepare:
        prepare_all(options)
        return
    rows = []
    for model, photos in models(options):
        new = measure_network(model, photos, options)
        show(new)
        rows += new
        if options.out:
            data = {
                "schema": SCHEMA, "machine": figures.machine(), "commit": figures.commit(), "engine": options.engine, "precision": options.precision,
                "threads": options.threads, "rounds": options.rounds, "runs": options.runs, "rows": rows
            }
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
