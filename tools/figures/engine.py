#!/usr/bin/env python3
"""geomean_vs_best_peer_fp32_1t, geomean_vs_best_peer_fp32_2t, min_vs_best_peer_fp32_1t, peak_memory_vs_best_peer,
load_ms, load_ms_first, load_ms_from_onnx and run_overhead_us: this library's engine against ONNX Runtime, OpenVINO,
ncnn and TVM on nine networks and the trained models of the data folder, f32, batch 1, measured in turns by
bench/engine/run.py. Each network stands against its own best peer. Ours starts from what `scissionlite compile` writes,
which is done here first, as ncnn and TVM start from what they converted and tuned.

bench/engine/install_peers.sh, tools/make_graphs/make_graphs.py and `bench/engine/run.py --prepare` come before; measurements that are in
--work already are not made again.

Example: build/peers/main/bin/python tools/figures/engine.py --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

sys.path.insert(0, str(figures.ROOT / "bench" / "engine"))
from peers import native  # noqa: E402

OURS = "native"
MOST_DIFFERENCE = 1e-3  # of max|y|, against ONNX Runtime
COMMAND = "tools/figures/engine.py"
WORK = figures.ROOT / "build" / "bench_engine"  # of bench/engine/run.py


def measured(threads, options, *more):
    """Rows of bench/engine/run.py. More: words for it, which name the file too."""
    path = options.work / f"{'.'.join([options.engine, *more[1::2], f'{threads}t'])}.json"
    if not path.exists():
        partial = path.with_suffix(".partial")
        run_bench(threads, options, *more, "--prepare", "--peers", "native")
        run_bench(threads, options, *more, "--rounds", options.rounds, "--runs", options.runs, "--quiet-gflops", threads * options.quiet_gflops,
                  "--patience-s", options.patience_s, "-o", partial)
        partial.rename(path)
    return json.loads(path.read_text())["rows"]


def run_bench(threads, options, *more):
    data = ["--data", options.data] if options.data else []
    words = [
        sys.executable, figures.ROOT / "bench" / "engine" / "run.py", "--graphs", options.graphs, "--worker", options.worker, "--peers-at",
        options.peers_at, *data, "--engine", options.engine, "--threads", threads, "--work", WORK, *more
    ]
    subprocess.run([str(word) for word in words], check=True)


def by_network(rows):
    """{network: {peer: row}} without those that failed."""
    table = {}
    for row in rows:
        if "failed" not in row:
            table.setdefault(row["network"], {})[row["peer"]] = row
    return table


def check(rows, most_difference=MOST_DIFFERENCE):
    """Nothing is compared in speed that does not compute the same."""
    wrong = [f"{row['network']}: {row.get('failed') or describe(row)}" for row in rows if row["peer"] == OURS and not is_right(row, most_difference)]
    if wrong:
        raise SystemExit("[engine] answers differ from ONNX Runtime's: " + "; ".join(wrong))


def is_right(row, most_difference):
    return "failed" not in row and row["error"] is not None and row["error"] <= most_difference and row.get("same_top1") == row.get("photos")


def describe(row):
    return f"error {row['error']}, top-1 same on {row.get('same_top1')} of {row.get('photos')}"


def is_usable(row):
    """Peers whose answers are off (a conversion gone wrong) do not count as the best one."""
    return row["error"] is not None and row["error"] <= MOST_DIFFERENCE


def ratios(table, key, counts=is_usable):
    """{network: (the least of the peers' / ours, that peer)}"""
    found = {}
    for network, rows in table.items():
        peers = {peer: row[key] for peer, row in rows.items() if peer != OURS and counts(row)}
        best = min(peers, key=peers.get)
        found[network] = peers[best] / rows[OURS][key], best
    return found


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def listed(found):
    return "; ".join(f"{network} {ratio:.2f} ({best})" for network, (ratio, best) in sorted(found.items(), key=lambda item: item[1][0]))


def summary(key, what, value, found, command=COMMAND):
    values = [ratio for ratio, _ in found.values()]
    return {
        "id": key, "what": what, "measured": value, "spread": [min(values), max(values)], "unit": "ratio", "command": command, "note": listed(found)
    }


def loaded(rows):
    """How busy others kept the cores: the machine's peak before each round."""
    peaks = sorted(peak for row in rows if row["peer"] == OURS for peak in row.get("peaks_gflops", []))
    return f"; cores at {peaks[len(peaks) // 10]:.0f}, {peaks[len(peaks) // 2]:.0f}, {peaks[-1]:.0f} GFLOP/s (tenth, half and best of rounds)" if peaks else ""


def missing(rows):
    """What a reader must know of peers that did not take part everywhere."""
    failed = {}
    for row in rows:
        if row["peer"] != OURS and not ("failed" not in row and is_usable(row)):
            failed.setdefault(row["peer"], []).append(row["network"])
    return "".join(f"; {peer} did not load or answered wrongly: {', '.join(networks)}" for peer, networks in failed.items())


def speed_rows(tables, measurements):
    rows = []
    for threads, table in tables.items():
        found = ratios(table, "median_us")
        what = f"latency of each network's fastest peer over ours, f32, batch 1, {threads} thread{'s' if threads > 1 else ''}"
        mean = summary(f"geomean_vs_best_peer_fp32_{threads}t", f"{what}: geometric mean over {len(found)} networks",
                       geomean([ratio for ratio, _ in found.values()]), found)
        mean["note"] += missing(measurements[threads]) + loaded(measurements[threads])
        rows.append(mean)
        if threads == 1:
            rows.append(summary("min_vs_best_peer_fp32_1t", f"{what}: worst network", min(ratio for ratio, _ in found.values()), found))
    return rows


def memory_row(table):
    found = {network: (1 / ratio, best) for network, (ratio, best) in ratios(table, "memory_mib").items()}
    return summary(
        "peak_memory_vs_best_peer",
        "peak resident memory of ours over that of each network's leanest peer, one thread (peers: without the interpreter), geometric mean",
        geomean([ratio for ratio, _ in found.values()]), found)


def first_load_row(table):
    times = {network: rows[OURS]["load_ms"] for network, rows in table.items()}
    peers = {network: min((row["load_ms"], peer) for peer, row in rows.items() if peer != OURS) for network, rows in table.items()}
    return {
        "id": "load_ms_first",
        "what": "from compiled model to ready engine, one start, files perhaps not in memory, geometric mean over networks, one thread",
        "measured": geomean(list(times.values())), "spread": [min(times.values()), max(times.values())], "unit": "ms", "command": COMMAND,
        "note": "; ".join(f"{network} {ms:.0f} (least of peers: {peers[network][1]} {peers[network][0]:.0f})" for network, ms in times.items())
    }


def load_row(name, source, paths, options):
    """Median of a few starts each, files in memory after the first."""
    starts, times = 5, {}
    for network, path in paths.items():
        loads = [
            json.loads(
                subprocess.run([options.worker, path, "--engine", options.engine], input="quit\n", check=True, capture_output=True,
                               text=True).stdout.splitlines()[0])["load_ms"] for _ in range(starts)
        ]
        times[network] = sorted(loads)[starts // 2]
    return {
        "id": name, "what": f"from {source} to ready engine, median of {starts} starts, geometric mean over networks, one thread",
        "measured": geomean(list(times.values())), "spread": [min(times.values()), max(times.values())], "unit": "ms", "command": COMMAND,
        "note": "; ".join(f"{network} {ms:.0f}" for network, ms in times.items())
    }


def load_rows(table, options):
    onnx = {
        path.stem: path
        for folder in (options.graphs, options.data / "models" if options.data else options.graphs) for path in folder.glob("*.onnx")
    }
    rows = [load_row("load_ms_from_onnx", "ONNX file", {network: onnx[network] for network in table}, options)]
    if options.engine == OURS:  # others start from the ONNX file
        rows += [
            load_row("load_ms", "compiled model", {network: native.compiled(onnx[network], 1, WORK)
                                                   for network in table}, options),
            first_load_row(table)
        ]
    return rows


def identity_model(path):
    """One element in, the same out."""
    import onnx
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "identity", value[:1], value[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


def overhead_row(options):
    import numpy
    runs = 20000
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        identity_model(folder / "identity.onnx")
        numpy.save(folder / "x.npy", numpy.ones(1, numpy.float32))
        source = folder / "identity.onnx"
        if options.engine == OURS:
            source = folder / "compiled"
            subprocess.run([options.worker, folder / "identity.onnx", "--compile", source], check=True)
        answers = subprocess.run([options.worker, source, "--engine", options.engine], input=f"input {folder / 'x.npy'}\nrun {runs}\nquit\n",
                                 check=True, capture_output=True, text=True).stdout
    times = sorted(json.loads(answers.splitlines()[-1])["us"])
    return {
        "id": "run_overhead_us", "what": "one run of a model that returns its one element", "measured": times[runs // 2],
        "spread": [times[runs // 4], times[3 * runs // 4]], "unit": "us", "command": COMMAND, "note": f"median and quartiles of {runs} runs"
    }


def network_rows(tables):
    rows = []
    for network, of_peer in tables[1].items():
        for peer, row in of_peer.items():
            two = tables[2].get(network, {}).get(peer) if 2 in tables else None
            low, high = row["quartiles_us"]
            note = f"{row['version']}; load {row['load_ms']:.0f} ms; {row['memory_mib']:.0f} MiB; error {row['error']:.1e}" + (
                f"; 2 threads {two['median_us'] / 1e3:.3f} ms" if two else "")
            if "photos" in row:
                note += f"; top-1 same on {row['same_top1']} of {row['photos']} photos"
            rows.append({
                "id": f"engine/{network}/{peer}", "what": "latency, f32, batch 1, one thread (spread: quartiles of round medians)",
                "measured": row["median_us"] / 1e3, "spread": [low / 1e3, high / 1e3], "unit": "ms", "command": COMMAND, "note": note
            })
    return rows


def parser_of(description, graphs):
    """What every figure of engines is asked for; graphs: the folder of build that they lie in."""
    build = figures.ROOT / "build"
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--graphs", type=pathlib.Path, default=build / graphs)
    parser.add_argument("--peers-at", type=pathlib.Path, default=build / "peers")
    parser.add_argument("--worker", type=pathlib.Path, default=build / "release" / "bench_engine_worker")
    parser.add_argument("--engine", default=OURS, help=f"another than {OURS} is a trial: nothing is recorded then")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quiet-gflops", type=float, default=0, help="a core's, without others on it: rounds wait for that (bench/engine/run.py)")
    parser.add_argument("--patience-s", type=float, default=600, help="how long they wait in all")
    parser.add_argument("--work", type=pathlib.Path, default=build / "figures" / "engine")
    return parser


def main():
    parser = parser_of(__doc__, "graphs")
    parser.add_argument("--threads", type=int, nargs="+", choices=(1, 2), default=[1, 2])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    measurements = {threads: measured(threads, options) for threads in options.threads}
    for rows in measurements.values():
        check(rows)
    tables = {threads: by_network(rows) for threads, rows in measurements.items()}
    rows = speed_rows(tables, measurements)
    if 1 in tables:
        rows += [memory_row(tables[1]), *load_rows(tables[1], options), overhead_row(options), *network_rows(tables)]
    for row in rows:
        print(row["id"], f"{row['measured']:.4g}", row["note"])
    if options.engine == OURS and options.threads == [1, 2] and options.data:
        figures.record("engine", rows)


if __name__ == "__main__":
    main()
