#!/usr/bin/env python3
"""geomean_vs_best_peer_bf16_1t: this library's engine in bf16 against OpenVINO in bf16, batch 1, one thread, on the
nine networks of tools/make_graphs, measured in turns by bench_engine_worker, which runs both through the same
interface. Both in float32 stand beside, and errors are against OpenVINO's float32. Only on a CPU that multiplies bf16
is there anything to compare; needs numpy only, so that it also runs where no peers can be installed.

Example: tools/figures/engine_bf16.py --worker build/release/bench_engine_worker --graphs build/graphs --record
"""
import argparse
import json
import math
import pathlib
import statistics
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

sys.path.insert(0, str(figures.ROOT / "bench" / "engine"))
import client  # noqa: E402

COMMAND = "tools/figures/engine_bf16.py"
WAYS = [("native", "bf16"), ("openvino", "bf16"), ("native", "f32"), ("openvino", "f32")]
INPUT = (1, 3, 224, 224)


def start(options, model, engine, precision):
    words = [options.worker, model, "--engine", engine, "--threads", 1, "--precision", precision]
    return client.WorkerProcess(f"{engine} in {precision}", words, client.environment("native", 1), client.first_cores(1))


def measured(options, model):
    """{(engine, precision): row} of one network."""
    workers = {way: start(options, model, *way) for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        x, y = pathlib.Path(folder) / "x.npy", pathlib.Path(folder) / "y.npy"
        np.save(x, np.random.default_rng(1).standard_normal(INPUT).astype(np.float32))
        outputs = {}
        for way, worker in workers.items():
            worker.ask("input", x)
            worker.ask("run", 1)
            worker.ask("output", y)
            outputs[way] = np.load(y)
        times = client.measure(workers, options)
    for worker in workers.values():
        worker.close()
    exact = outputs["openvino", "f32"]
    return {
        way: {
            "ms": statistics.median(times[way]) / 1e3, "spread": [float(np.percentile(times[way], q)) / 1e3 for q in (25, 75)],
            "error": float(np.abs(outputs[way] - exact).max() / np.abs(exact).max()), "runs_in": workers[way].loaded["precision"],
            "version": workers[way].loaded["version"]
        }
        for way in WAYS
    }


def rows_of(table):
    out, ratios = [], {}
    for network, ways in table.items():
        ratios[network] = min(ways["openvino", "bf16"]["ms"], ways["openvino", "f32"]["ms"]) / ways["native", "bf16"]["ms"]
        for (engine, precision), row in ways.items():
            out.append({
                "id": f"engine_bf16/{network}/{engine}.{precision}", "what": "latency, batch 1, one thread (spread: quartiles of round medians)",
                "measured": row["ms"], "spread": row["spread"], "unit": "ms", "command": COMMAND,
                "note": f"{row['version']}; runs in {row['runs_in']}; error {row['error']:.1e} of max|y|"
            })
    mean = math.exp(sum(math.log(ratio) for ratio in ratios.values()) / len(ratios))
    each = "; ".join(f"{network} {ratio:.2f}" for network, ratio in sorted(ratios.items(), key=lambda item: item[1]))
    what = f"latency of OpenVINO in its faster precision over ours in bf16, batch 1, 1 thread: geometric mean over {len(ratios)} networks"
    return [
        {
            "id": "geomean_vs_best_peer_bf16_1t", "what": what, "measured": mean, "spread": [min(ratios.values()),
                                                                                             max(ratios.values())], "unit": "ratio",
            "command": COMMAND, "note": each
        },
        *out,
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", type=pathlib.Path, default=figures.ROOT / "build" / "release" / "bench_engine_worker")
    parser.add_argument("--graphs", type=pathlib.Path, default=figures.ROOT / "build" / "graphs")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, help="writes the rows and the machine there")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--record-from", type=pathlib.Path, help="records what --out wrote on another machine, and measures nothing")
    options = parser.parse_args()
    if options.record_from:
        written = json.loads(options.record_from.read_text())
        return figures.record("engine", written["rows"], on=written["machine"])
    table = {}
    for model in sorted(options.graphs.glob("*.onnx")):
        table[model.stem] = measured(options, model)
        print(
            model.stem,
            *(f"{engine}.{precision} {row['ms']:.2f} ms ({row['runs_in']}, {row['error']:.1e})"
              for (engine, precision), row in table[model.stem].items()), file=sys.stderr)
    rows = rows_of(table)
    print(f"{rows[0]['measured']:.3f} {rows[0]['note']}")
    if options.out:
        options.out.write_text(json.dumps({"machine": figures.machine(), "rows": rows}))
    if options.record:
        figures.record("engine", rows)


if __name__ == "__main__":
    main()
