#!/usr/bin/env python3
"""params_ratio, accuracy_points_vs_dense and pruned_latency_gain: `scissionlite-train prune` on four trained networks,
three paired seeds each, beside the dense model fine-tuned with the same data, epochs, schedule and augmentation, and
beside Torch-Pruning (bench/compress/torch_pruning_peer.py) with the same and with as many parameters left. Latency is
that of bench/engine/run.py, one thread, each smaller network against its dense one.

Networks and pictures are those of compress_tasks.py. Each run leaves a JSON file in --work: the same command goes on
where it was stopped, and runs that are there are not made again. With --record rows are written of the networks that
are complete.

Example: tools/figures/prune.py --programs build/release --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import compress_tasks  # noqa: E402
import figures  # noqa: E402
from compress_tasks import WORDS, interval, run  # noqa: E402

COMMAND = "tools/figures/prune.py"
LATENCY_TURNS = 3  # whole turns of bench/engine/run.py, of which the median counts
METHODS = ("ours", "dense", "torch_pruning")
BUDGETS = {  # half of the parameters is what the figure asks for; where dense layers hold most of them, or latency is the machine's aim, of the work as well
    "resnet20": ["--params", 0.5], "resnet56": ["--params", 0.5], "vgg_fashion": ["--params", 0.5, "--flops", 0.4],
    "neu_steel": ["--params", 0.49, "--flops", 0.5]
}
EPOCHS = {"resnet20": (10, 20), "resnet56": (3, 5), "vgg_fashion": (6, 8),
          "neu_steel": (6, 8)}  # of search and tuning; the dense network gets the sum


class Pruning(compress_tasks.Task):
    def result(self, method, seed):
        if method == "dense":
            return self.dense(seed, sum(EPOCHS[self.name]))
        return figures.kept(self.folder / f"{method}.{seed}.json", lambda: getattr(self, method)(seed, self.folder / f"{method}.{seed}.onnx"))

    def ours(self, seed, output):
        search, tuning = EPOCHS[self.name]
        report = self.scissionlite("prune", self.model, output, seed, WORDS[self.name], "--search-epochs", search, "--epochs", tuning,
                                   *BUDGETS[self.name], *self.options.more)
        return {
            "accuracy": report["score"]["after"], "before": report["score"]["before"], "searched": report["score"].get("searched"),
            "rebuilt": report["score"].get("rebuilt"), "parameters": report["parameters"], "macs": report["macs"], "latency_us": report["latency_us"]
        }

    def torch_pruning(self, seed, output):
        """As many parameters left as ours has of that seed."""
        kept = self.result("ours", seed)["parameters"]
        search, tuning = EPOCHS[self.name]
        report = self.folder / f"torch_pruning.{seed}.report.json"
        run([
            self.options.peer_python, figures.ROOT / "bench" / "compress" / "torch_pruning_peer.py", self.model, *self.data_words(),
            *WORDS[self.name], "--search-epochs", search, "--epochs", tuning, "--parameters", kept["after"] / kept["before"], "--seed", seed,
            "--threads", self.options.threads, "--out", report
        ], stdout=subprocess.DEVNULL)
        made = json.loads(report.read_text())
        return {"accuracy": made["after"], **made}

    def is_complete(self):
        dense = [self.base / f"dense.{sum(EPOCHS[self.name])}.{seed}.json" for seed in self.options.seeds]
        return all(path.exists() for path in dense + [self.folder / f"ours.{seed}.json" for seed in self.options.seeds])

    def seeds_of(self, method):
        """Those that it was run with."""
        return [seed for seed in self.options.seeds if (self.folder / f"{method}.{seed}.json").exists()]

    def latency_gains(self):
        """{peer: dense over smaller, a seed each}."""
        graphs = self.folder / "latency"

        def make():
            graphs.mkdir(exist_ok=True)
            for name, source in [("dense", self.model), *((f"ours_{seed}", self.folder / f"ours.{seed}.onnx") for seed in self.options.seeds)]:
                (graphs / f"{self.name}_{name}.onnx").write_bytes(source.read_bytes())
            times = {}
            for turn in range(LATENCY_TURNS):
                out = self.folder / f"latency.{turn}.json"
                for more in (["--peers", "native",
                              "--prepare"], ["--peers", "native", "openvino", "onnxruntime", "--rounds", 7, "--runs", 20, "-o", out]):
                    run([
                        self.options.python, figures.ROOT / "bench" / "engine" / "run.py", "--graphs", graphs, "--threads", 1, "--work",
                        self.folder / "bench", *more
                    ], stdout=subprocess.DEVNULL)
                for row in json.loads(out.read_text())["rows"]:
                    assert row["error"] < 1e-3, row
                    times.setdefault(row["peer"], {}).setdefault(row["network"], []).append(row["median_us"])
            return times

        times = figures.kept(self.folder / "latency.json", make)
        median = {peer: {network: statistics.median(values) for network, values in of.items()} for peer, of in times.items()}
        return {peer: [of[f"{self.name}_dense"] / of[f"{self.name}_ours_{seed}"] for seed in self.options.seeds] for peer, of in median.items()}


def points(task, method, seeds):
    """Points of accuracy over the dense model, a seed each."""
    return [100 * (task.result(method, seed)["accuracy"] - task.result("dense", seed)["accuracy"]) for seed in seeds]


def rows_of(task, seeds):
    name, ours, gains = task.name, [task.result("ours", seed) for seed in seeds], task.latency_gains()
    epochs = EPOCHS[name]
    told = lambda values: ", ".join(f"{value:.4f}" for value in values)  # noqa: E731
    ratios, macs = ([made[key]["after"] / made[key]["before"] for made in ours] for key in ("parameters", "macs"))
    accuracies = {method: [task.result(method, seed)["accuracy"] for seed in seeds] for method in ("ours", "dense")}
    about = f"{epochs[0]} + {epochs[1]} epochs, seeds {', '.join(map(str, seeds))}; dense start {ours[0]['before']:.4f}"
    made = [
        {
            "id": f"params_ratio/{name}", "what": "parameters kept, worst seed", "measured": max(ratios), "spread": [min(ratios),
                                                                                                                     max(ratios)],
            "unit": "of the dense network's", "note": f"multiply-accumulates {told(macs)}; {about}"
        },
        {
            "id": f"accuracy_points_vs_dense/{name}", "what": "accuracy after pruning beside the dense network fine-tuned alike",
            "measured": statistics.mean(points(task, "ours", seeds)), "spread": interval(points(task, "ours", seeds)), "unit": "points",
            "note": f"pruned {told(accuracies['ours'])}, dense {told(accuracies['dense'])}; {about}"
        },
    ]
    if of_peer := task.seeds_of("torch_pruning"):
        peer = points(task, "torch_pruning", of_peer)
        made.append({
            "id": f"accuracy_points_vs_dense/{name}/torch_pruning", "what": "Torch-Pruning's at as many parameters",
            "measured": statistics.mean(peer), "spread": interval(peer), "unit": "points",
            "note": f"{told([task.result('torch_pruning', seed)['accuracy'] for seed in of_peer])}; seeds {', '.join(map(str, of_peer))}; GroupNormPruner, the same teacher, epochs and schedule"
        })
    made += [{
        "id": f"pruned_latency_gain/{name}/{peer}", "what": f"dense over pruned, {peer}, one thread", "measured": statistics.median(values),
        "spread": [min(values), max(values)], "unit": "times", "note": ""
    } for peer, values in gains.items()]
    return [{**row, "command": COMMAND} for row in made]


def summary(tasks, seeds):
    """Over all networks: the worst ratio, the mean of points, the geometric mean of gains."""
    names = ", ".join(task.name for task in tasks)
    ratios = [made["parameters"]["after"] / made["parameters"]["before"] for task in tasks for made in (task.result("ours", seed) for seed in seeds)]
    means = [statistics.mean(points(task, "ours", [seed])) for task in tasks for seed in seeds]
    by_seed = [statistics.mean(points(task, "ours", [seed])[0] for task in tasks) for seed in seeds]
    made = [
        {
            "id": "params_ratio", "what": "parameters kept, worst network and seed", "measured": max(ratios), "spread": [min(ratios),
                                                                                                                         max(ratios)],
            "unit": "of the dense network's", "note": names
        },
        {
            "id": "accuracy_points_vs_dense", "what": "mean over networks and seeds of accuracy beside the dense network fine-tuned alike",
            "measured": statistics.mean(means), "spread": interval(by_seed), "unit": "points", "note": names +
            "; published beside: Network Slimming, VGG-19 on CIFAR-10 20.04M to 2.25M at 93.77 to 93.78 %, DenseNet-40 1.07M to 0.49M at 94.11 to 94.22 %"
        },
    ]
    gains = {task.name: task.latency_gains() for task in tasks}
    for peer in ("native", "openvino"):
        values = [statistics.median(of[peer]) for of in gains.values()]
        made.append({
            "id": f"pruned_latency_gain/{peer}", "what": f"dense over pruned, {peer}, one thread, geometric mean",
            "measured": statistics.geometric_mean(values), "spread": [min(values), max(values)], "unit": "times", "note": names
        })
    return [{**row, "command": COMMAND} for row in made]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    compress_tasks.add_options(parser, "prune")
    parser.add_argument("--peer-python", type=pathlib.Path, default=figures.ROOT / "build" / "peers" / "pruning" / "bin" / "python",
                        help="of bench/compress/install_peers.sh")
    parser.add_argument("--only", nargs="+", choices=sorted(EPOCHS), default=list(EPOCHS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--record", action="store_true",
                        help="write the rows of the networks that are complete; measures latency, so leave the machine alone")
    parser.add_argument("--more", nargs=argparse.REMAINDER, default=[], help="further words for `prune`, to try things out")
    options = parser.parse_args()
    tasks = [Pruning(name, options) for name in options.only]
    for seed in options.seeds:
        for task in tasks:
            for method in options.methods:
                made = task.result(method, seed)
                print(
                    f"[prune] {task.name}, seed {seed}, {method}: {made['accuracy']:.4f}" +
                    (f", {made['parameters']['after'] / made['parameters']['before']:.3f} of parameters, {made['macs']['after'] / made['macs']['before']:.3f} of macs"
                     if method == "ours" else ""), flush=True)
    if options.record:
        complete = [task for task in tasks if task.is_complete()]
        figures.record("compress",
                       [row for task in complete
                        for row in rows_of(task, options.seeds)] + (summary(complete, options.seeds) if len(complete) == len(EPOCHS) else []))


if __name__ == "__main__":
    main()
