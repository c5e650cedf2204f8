#!/usr/bin/env python3
"""selection_speed_up_1t, selection_speed_up_2t: what tuning and the choice over the whole network gain. Each network
runs with the usual choices (estimates) and as tuned by `scissionlite tune`, in turns, one process each on the same
cores; of each round the ratio of medians counts. With --before, the worker of an earlier build runs in the same turns.

tools/make_graphs/make_graphs.py comes before. Files of tuning that are in --work already are used as they are.

Example: build/peers/main/bin/python tools/figures/selection.py --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import engine  # noqa: E402
import figures  # noqa: E402

sys.path.insert(0, str(figures.ROOT / "bench" / "engine"))
import inputs  # noqa: E402
import numpy as np  # noqa: E402
from client import Client, measure  # noqa: E402
from run import difference  # noqa: E402

COMMAND = "tools/figures/selection.py"
GRAPHS = ("mobilenet_v2", "mobilenet_v3_large", "squeezenet1_1", "resnet50", "shufflenet_v2_x1_0")
REAL = ("mobilenetv1_1.0", )
MOST_DIFFERENCE = 1e-3  # of max|y|
TUNING = "SCISSIONLITE_TUNING"


def tuned_by(model, threads, options):
    """The model's tuning file, made now where it is not there."""
    path = options.work / f"{model.stem}.{threads}t.json"
    if not path.exists():
        partial = path.with_suffix(".partial")
        words = [options.program, "tune", model, "-o", partial, "--threads", threads, "--seconds", options.seconds, "--rounds", 0]
        subprocess.run([str(word) for word in words], check=True, stdout=sys.stderr)
        partial.rename(path)
    return path


def start(model, threads, worker, tuning, options):
    """A worker under that tuning file, or under none."""
    return Client("native", model, threads, argparse.Namespace(worker=worker, engine="native", peers_at=None, work=options.work),
                  {TUNING: str(tuning or "")})


def check(clients, model):
    """The same answers."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        np.save(folder / "x.npy", inputs.noise(model))
        answers = {}
        for name, client in clients.items():
            client.ask("input", folder / "x.npy")
            client.ask("run", 1)
            client.ask("output", folder / "y.npy")
            answers[name] = np.load(folder / "y.npy").reshape(-1)
    wrong = [name for name, y in answers.items() if difference(y, answers["usual"]) > MOST_DIFFERENCE]
    if wrong:
        raise SystemExit(f"[selection] {model}: answers of {', '.join(wrong)} differ from the usual ones")


def in_turns(variants, model, threads, options):
    """{variant: medians of each round}; variants: {name: (worker, tuning file or None)}, one of them "usual"."""
    clients = {name: start(model, threads, worker, tuning, options) for name, (worker, tuning) in variants.items()}
    try:
        check(clients, model)
        return measure(clients, options)
    finally:
        for client in clients.values():
            client.close()


def measured(model, threads, options):
    variants = {"usual": (options.worker, None), "tuned": (options.worker, tuned_by(model, threads, options))}
    if options.before:
        variants["before"] = (options.before, None)
    return in_turns(variants, model, threads, options)


def ratios(medians, of, over):
    """Median and quartiles of the rounds' ratios."""
    return np.percentile(np.array(medians[of]) / np.array(medians[over]), [25, 50, 75])


def figure(key, what, quartiles, note=""):
    low, middle, high = map(float, quartiles)
    print(f"{key} {middle:.3f} ({low:.3f} to {high:.3f}) {note}", flush=True)
    return {"id": key, "what": what, "measured": middle, "spread": [low, high], "unit": "ratio", "command": COMMAND, "note": note}


def rows_of(threads, models, options):
    rows, gains = [], []
    for model in models:
        medians = measured(inputs.plain(model, options.work), threads, options)
        name = f"{model.stem}/{threads}t"
        note = "; ".join(f"{variant} {np.median(times) / 1e3:.3f} ms" for variant, times in medians.items())
        gains.append(ratios(medians, "usual", "tuned"))
        rows.append(
            figure(f"selection/{name}/tuned", "latency with the usual choices over that as tuned (spread: quartiles of rounds)", gains[-1], note))
        if options.before:
            rows.append(
                figure(f"selection/{name}/before", "latency of an earlier build over this one's, both with their usual choices",
                       ratios(medians, "before", "usual"), note))
    values = [gain[1] for gain in gains]
    rows.append(
        figure(f"selection_speed_up_{threads}t", f"the same, geometric mean over {len(values)} networks (spread: least and most)",
               [min(values), engine.geomean(values), max(values)]))
    return rows


def parsed():
    build = figures.ROOT / "build"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help="the data folder: its MobileNetV1 too")
    parser.add_argument("--graphs", type=pathlib.Path, default=build / "graphs")
    parser.add_argument("--only", nargs="+", default=[], metavar="NETWORK")
    parser.add_argument("--program", type=pathlib.Path, default=build / "release" / "scissionlite")
    parser.add_argument("--worker", type=pathlib.Path, default=build / "release" / "bench_engine_worker")
    parser.add_argument("--before", type=pathlib.Path, help="bench_engine_worker of an earlier build")
    parser.add_argument("--threads", type=int, nargs="+", choices=(1, 2), default=[1, 2])
    parser.add_argument("--seconds", type=float, default=480, help="of tuning a network")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path, default=build / "figures" / "selection")
    parser.add_argument("--trial", action="store_true", help="print, record nothing: for machines that are not quiet")
    return parser.parse_args()


def main():
    options = parsed()
    options.work.mkdir(parents=True, exist_ok=True)
    models = [options.graphs / f"{name}.onnx" for name in GRAPHS] + [options.data / "models" / f"{name}.onnx" for name in REAL if options.data]
    models = [model for model in models if not options.only or model.stem in options.only]
    rows = [row for threads in options.threads for row in rows_of(threads, models, options)]
    if not options.trial:
        figures.record("selection", rows)


if __name__ == "__main__":
    main()
