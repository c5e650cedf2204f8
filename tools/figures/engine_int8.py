#!/usr/bin/env python3
"""geomean_vs_best_peer_int8_1t: this library's engine against ONNX Runtime and OpenVINO on quantised models, batch 1, one thread, measured in
turns by bench/engine/run.py. Each network stands against its own best peer; a peer counts even where its answers are not ONNX
Runtime's, since runtimes round between layers in their own ways.

bench/engine/install_peers.sh, tools/make_graphs/make_graphs.py and tools/make_graphs/quantise_graphs.py come before; a measurement that is
in --work already is not made again.

Example: build/peers/main/bin/python tools/figures/engine_int8.py --data $SCISSIONLITE_TEST_DATA
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import engine  # noqa: E402
import figures  # noqa: E402

MOST_DIFFERENCE = 1e-2  # of max|y|, against ONNX Runtime: one step of a byte that stands for the answers
COMMAND = "tools/figures/engine_int8.py"


def network_row(network, peer, row):
    low, high = row["quartiles_us"]
    top1 = f"; top-1 same on {row['same_top1']} of {row['photos']} photos" if "photos" in row else ""
    return {
        "id": f"engine_int8/{network}/{peer}", "what": "latency, int8, batch 1, one thread (spread: quartiles of round medians)",
        "measured": row["median_us"] / 1e3, "spread": [low / 1e3, high / 1e3], "unit": "ms", "command": COMMAND,
        "note": f"{row['version']}; error {row['error']:.1e}{top1}"
    }


def main():
    options = engine.parser_of(__doc__, "graphs_int8").parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows = engine.measured(1, options, "--precision", "int8")
    engine.check(rows, MOST_DIFFERENCE)
    table = engine.by_network(rows)
    found = engine.ratios(table, "median_us", counts=lambda row: True)
    what = f"latency of each quantised network's fastest peer over ours, int8, batch 1, 1 thread: geometric mean over {len(found)} networks"
    out = [engine.summary("geomean_vs_best_peer_int8_1t", what, engine.geomean([ratio for ratio, _ in found.values()]), found, COMMAND)]
    out += [network_row(network, peer, row) for network, of_peer in table.items() for peer, row in of_peer.items()]
    for row in out:
        print(row["id"], f"{row['measured']:.4g}", row["note"])
    if options.engine == engine.OURS and options.data:
        figures.record("engine", out)


if __name__ == "__main__":
    main()
