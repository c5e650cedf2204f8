#!/usr/bin/env python3
"""geomean_vs_best_peer_int8_1t: this library's engine against ONNX Runtime and OpenVINO on quantised models, batch 1, one thread, measured in
turns by bench/engine/run.py. Each network stands against its own best peer; a peer counts even where its answers are not ONNX
Runtime's, since runtimes round between layers in their own ways.

bench/engine/install_peers.sh, tools/make_graphs/make_graphs.py and tools/make_graphs/quantise_graphs.py come before; a measurement that is
in --work already is not made again.

Example: build/peers/main/bin/python tools/figures/engine_int8.py --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import engine  # noqa: E402
import figures  # noqa: E402

MOST_DIFFERENCE = 1e-2  # of max|y|, against ONNX Runtime: one step of a byte that stands for the answers
COMMAND = "tools/figures/engine_int8.py"


def measured(options):
    path = options.work / "native.int8.1t.json"
    if not path.exists():
        partial, data = path.with_suffix(".partial"), ["--data", options.data] if options.data else []
        words = [sys.executable, figures.ROOT / "bench" / "engine" / "run.py", "--precision", "int8", "--graphs", options.graphs, "--worker", options.worker, "--peers-at", options.peers_at, *data,
                 "--threads", 1, "--rounds", options.rounds, "--runs", options.runs, "-o", partial]
        subprocess.run([str(word) for word in words], check=True)
        partial.rename(path)
    return json.loads(path.read_text())["rows"]


def ratio(rows):
    """(the least of the peers' times / ours, that peer)"""
    peers = {peer: row["median_us"] for peer, row in rows.items() if peer != engine.OURS}
    best = min(peers, key=peers.get)
    return peers[best] / rows[engine.OURS]["median_us"], best


def check(rows):
    wrong = [f"{row['network']}: {row.get('failed') or engine.describe(row)}" for row in rows
             if row["peer"] == engine.OURS and ("failed" in row or row["error"] > MOST_DIFFERENCE or row.get("same_top1") != row.get("photos"))]
    if wrong:
        raise SystemExit("[engine_int8] answers differ from ONNX Runtime's: " + "; ".join(wrong))


def network_row(network, peer, row):
    low, high = row["quartiles_us"]
    top1 = f"; top-1 same on {row['same_top1']} of {row['photos']} photos" if "photos" in row else ""
    return {"id": f"engine_int8/{network}/{peer}", "what": "latency, int8, batch 1, one thread (spread: quartiles of round medians)", "measured": row["median_us"] / 1e3, "spread": [low / 1e3, high / 1e3], "unit": "ms",
            "command": COMMAND, "note": f"{row['version']}; error {row['error']:.1e}{top1}"}


def main():
    build = figures.ROOT / "build"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--graphs", type=pathlib.Path, default=build / "graphs_int8")
    parser.add_argument("--peers-at", type=pathlib.Path, default=build / "peers")
    parser.add_argument("--worker", type=pathlib.Path, default=build / "release" / "bench_engine_worker")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path, default=build / "figures" / "engine")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = measured(options)
    check(rows)
    table = engine.by_network(rows)
    found = {network: ratio(of_peer) for network, of_peer in table.items()}
    values = [value for value, _ in found.values()]
    out = [{"id": "geomean_vs_best_peer_int8_1t", "what": f"latency of each quantised network's fastest peer over ours, int8, batch 1, 1 thread: geometric mean over {len(found)} networks", "measured": engine.geomean(values),
            "spread": [min(values), max(values)], "unit": "ratio", "command": COMMAND, "note": engine.listed(found)}]
    out += [network_row(network, peer, row) for network, of_peer in table.items() for peer, row in of_peer.items()]
    for row in out:
        print(row["id"], f"{row['measured']:.4g}", row["note"])
    if options.data:
        figures.record("engine_int8", out)


if __name__ == "__main__":
    main()
