#!/usr/bin/env python3
"""road/<step>/<what>: a real model made smaller, step by step (docs/smaller_models.md): prune -> sparsify -> tune ->
plan. After each step the accuracy on held-out pictures, the bytes of the ONNX file and of its weights as 2:4 stores
them, the latency on the device and on the edge, and over a slow link the best plan before and after.

The model is MCUNet, trained first for the six classes of neu_steel. This machine is the edge (one thread, engine
native; OpenVINO beside it); the device is it slowed --slow times, as tools/figures/headline.py has it: times
multiplied, a plan's too. Pruning gets a budget: --latency-share of the dense model's latency on that device. Each step
leaves files in --work: the same command goes on where it was stopped, and what is there is not made again. Other models
and pictures (--model, --images, --labels, --classes) are printed and not recorded.

Example: tools/figures/road.py --programs build/release --data $SCISSIONLITE_TEST_DATA --threads 1
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
from compress_tasks import STEEL_INPUT  # noqa: E402
from defect_models import measure, split, write_part  # noqa: E402
from headline import slowed  # noqa: E402

COMMAND = "tools/figures/road.py"
STEPS = {"dense": "as trained", "pruned": "pruned", "sparse": "pruned, then 2:4", "tuned": "pruned, 2:4, tuned"}
MODEL_OF = {"tuned": "sparse"}  # tuning changes how a model runs, not the model
ENGINES = ["native", "openvino"]
INDEX_BITS = 2  # of each weight that 2:4 keeps, as NVIDIA's format stores its place among four
MET, MISSED = 0, 1  # exit codes of prune: its budget
STRENGTH = 2  # of the penalty: a search of few epochs, which stops by its budget


def environment(tuning):
    return {key: value
            for key, value in os.environ.items() if key != "SCISSIONLITE_TUNING"} | ({"SCISSIONLITE_TUNING": str(tuning)} if tuning else {})


class Road:
    def __init__(self, options):
        self.options, self.work = options, options.work
        self.work.mkdir(parents=True, exist_ok=True)
        train_rows, self.test_rows = split(options.labels, options.seed)
        self.train, self.test = (self.part(name, rows) for name, rows in (("train", train_rows), ("test", self.test_rows)))

    def part(self, name, rows):
        folder = self.work / f"pictures.{name}"
        return folder if folder.exists() else write_part(self.work, "pictures", name, rows, self.options.images)

    def program(self, name, *words, tuning=None, codes=(0, )):
        words = [str(word) for word in (self.options.programs / name, *words)]
        print("+ " + " ".join(words), file=sys.stderr, flush=True)
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, env=environment(tuning))
        if done.returncode not in codes:
            raise SystemExit(
                f"[road] '{' '.join(words)}' ended with {done.returncode}; its message stands above. What is in {self.work} stays: the same command goes on from there"
            )
        return done.stdout

    def kept(self, name, make):
        return figures.kept(self.work / f"{name}.json", make)

    def model(self, step):
        return self.work / f"{MODEL_OF.get(step, step)}.onnx"

    def tuning(self, step):
        return self.work / "tuning.json" if step == "tuned" else None

    # training: each gives the report of its command

    def trains(self, command, start, step, *more):
        o = self.options
        return json.loads(
            self.program("scissionlite-train", command, start, "--images", self.train, "--held-out", self.test, "--labels", o.labels, "--batch",
                         o.batch, "--optimizer", "adam", "--schedule", "cosine", "--seed", o.seed, "--threads", o.threads, "--checkpoint",
                         self.work / f"{step}.checkpoint", "--json", "-q", "-o", self.model(step), *more, codes=(MET, MISSED)))

    def dense(self):
        o = self.options
        if not o.input.exists():
            o.input.write_text(json.dumps(STEEL_INPUT, indent=1) + "\n")
        return self.trains("train", o.model, "dense", "--input", o.input, "--classes", o.classes, "--epochs", o.epochs, "--lr", o.lr,
                           "--batch-statistics")

    def pruned(self):
        o = self.options
        budget_ms = o.latency_share * self.pieces()["whole"]["median_us"] / 1e3
        return self.trains("prune", self.model("dense"), "pruned", "--search-epochs", o.search_epochs, "--strength", STRENGTH, "--width-multiple",
                           o.width_multiple, "--epochs", o.retrain_epochs, "--lr", o.lr, "--profile", self.work / "device.pieces.json",
                           "--latency-ms", budget_ms)

    def sparse(self):
        return self.trains("sparsify", self.model("pruned"), "sparse", "--epochs", self.options.sparse_epochs, "--lr", self.options.lr)

    def tuned(self):
        """Searched on the edge; what a real device needs is a `scissionlite tune` there."""
        return json.loads(
            self.program("scissionlite", "tune", self.model("sparse"), "-o", self.tuning("tuned"), "--threads", 1, "--budget",
                         self.options.tune_budget, "--seconds", self.options.tune_seconds, "--json"))

    # measuring

    def profile(self, step, name, *more, engine=ENGINES[0]):
        self.program("scissionlite", "profile", self.model(step), "--name", "edge", "--engine", engine, "--threads", 1, "-q", *more, "-o",
                     self.work / name, tuning=self.tuning(step) if engine == ENGINES[0] else None)
        return json.loads((self.work / name).read_text())

    def on_device(self, name, profile):
        """The same profile of the slower device, in a file."""
        path = self.work / name
        path.write_text(json.dumps(slowed(profile, self.options.slow) | {"machine_name": "device"}))
        return path

    def pieces(self):
        """The dense model's pieces, timed: what the budget of pruning is predicted from."""
        def make():
            profile = self.profile("dense", "edge.pieces.json", "--cuts", "single", "--tls", "fp32", "--max-seconds", self.options.seconds,
                                   "--budget-s", 120)
            self.on_device("device.pieces.json", profile)
            return slowed(profile, self.options.slow)

        return self.kept("pieces", make)

    def latency(self):
        """Of all steps and engines in turns: {step: {engine: [microseconds of each round]}}."""
        def make():
            out = {step: {engine: [] for engine in ENGINES if not (engine != "native" and step == "tuned")} for step in STEPS}
            for _ in range(self.options.rounds):
                for step, engines in out.items():
                    last = json.loads(self.program("scissionlite", "inspect", self.model(step), "--cuts", "--json"))["cuts"][-1]["id"]
                    for engine, times in engines.items():
                        if engine == "openvino" and not (self.options.programs / "scissionlite_openvino.so").exists():
                            continue
                        times.append(
                            self.profile(step, "turn.json", "--fresh", "--cuts", last, "--tls", "fp32", "--no-blocks", "--max-seconds",
                                         self.options.seconds, engine=engine)["whole"]["median_us"])
            return out

        return self.kept("latency", make)

    def accuracy(self, step):
        folder = self.work / step
        folder.mkdir(exist_ok=True)
        return measure(self.options.programs, folder, self.model(step), self.test, self.test_rows, "--engine", ENGINES[0],
                       environment=environment(self.tuning(step)))["accuracy"]

    def weight_bytes(self, step):
        """Of convolutions and dense layers; of layers that satisfy 2:4 the kept half and the places of its values."""
        bits = 0
        for layer in json.loads(self.program("scissionlite", "inspect", self.model(step), "--sparsity", "--json"))["sparsity"]:
            bits += layer["values"] // 2 * (32 + INDEX_BITS) if layer["verdict"] == "2:4" else 32 * layer["values"]
        return bits // 8

    def plan(self, step):
        """The best plan over the slow link that keeps the answers, and local beside it."""
        o, scores, plan = self.options, self.work / f"{step}.scores.json", self.work / f"{step}.plan.json"
        if not scores.exists():
            self.program("scissionlite", "score", self.model(step), "--images", self.test, "--labels", o.labels, "--fit-images", o.fit_images,
                         "--cuts", f"auto:{o.cuts}", "--engine", ENGINES[0], "--threads", o.threads, "-o", scores)
        profile = self.profile(step, f"{step}.edge.json", "--images", self.test, "--scores", scores, "--no-blocks", "--max-seconds", o.seconds,
                               "--budget-s", o.profile_seconds)
        device = self.on_device(f"{step}.device.json", profile)
        self.program("scissionlite", "plan", "--device", device, "--edge", self.work / f"{step}.edge.json", "--bandwidth", o.rate, "--rtt", o.rtt,
                     "--scores", scores, "--min-agreement", o.min_agreement, "-o", plan)
        data = json.loads(plan.read_text())
        local = next(row for row in data["families"] if row["key"] == "local")
        return {
            "chosen": data["chosen"]["key"], "latency_us": data["chosen"]["latency_us"], "bytes": data["chosen"]["bytes"],
            "local_us": local["latency_us"]
        }

    def run(self):
        reports = {step: self.kept(f"{step}.report", getattr(self, step)) for step in STEPS}
        latency = self.latency()
        table = {}
        for step in STEPS:
            facts = self.kept(
                f"{step}.facts", lambda step=step:
                {"accuracy": self.accuracy(step), "onnx_bytes": self.model(step).stat().st_size, "weight_bytes": self.weight_bytes(step)})
            table[step] = facts | {"latency": {engine: times for engine, times in latency[step].items() if times}}
        for step in ("dense", "tuned"):
            table[step]["plan"] = self.kept(f"{step}.planned", lambda step=step: self.plan(step))
        return reports, table


def ms(us):
    return us / 1e3


def print_table(table, slow):
    print(f"{'step':20} {'accuracy':>9} {'ONNX bytes':>11} {'weights':>9} {'edge native':>12} {'OpenVINO':>9} {'device':>9}  plan")
    for step, facts in table.items():
        native, openvino = (statistics.median(facts["latency"][engine]) if engine in facts["latency"] else None for engine in ENGINES)
        plan = facts.get("plan")
        print(
            f"{STEPS[step]:20} {100 * facts['accuracy']:8.2f}% {facts['onnx_bytes']:11} {facts['weight_bytes']:9} {ms(native):9.2f} ms {f'{ms(openvino):6.2f} ms' if openvino else '-':>9} {ms(native * slow):6.1f} ms  "
            + (f"{plan['chosen']}, {ms(plan['latency_us']):.1f} ms (local {ms(plan['local_us']):.1f})" if plan else ""))


def rows_of(reports, table, options):
    """Of each step what was measured, as figures."""
    rows = []

    def add(step, what, words, value, unit, note="", spread=None):
        rows.append({
            "id": f"road/{step}/{what}", "what": f"MCUNet on neu_steel, {STEPS[step]}: {words}", "measured": value, "spread": spread, "unit": unit,
            "command": COMMAND, "note": note
        })

    for step, facts in table.items():
        add(step, "accuracy_percent", "accuracy on held-out pictures", 100 * facts["accuracy"], "%",
            f"{reports['dense']['held_out']} pictures, `scissionlite run`, engine native")
        add(step, "onnx_bytes", "ONNX file", facts["onnx_bytes"], "bytes")
        add(step, "weight_bytes", "weights of convolutions and dense layers, 2:4 ones as values and places", facts["weight_bytes"], "bytes")
        for engine, times in facts["latency"].items():
            times = [ms(us) for us in times]
            add(step, f"latency_edge_{engine}_ms", f"latency on the edge, {engine}, one thread", statistics.median(times), "ms",
                f"paced, median of {len(times)} rounds in turns with the other steps", [min(times), max(times)])
            if engine == "native":
                add(step, "latency_device_ms", f"latency on the device, the edge's {options.slow} times", options.slow * statistics.median(times),
                    "ms")
        if "plan" in facts:
            plan = facts["plan"]
            add(
                step, "plan_ms", f"latency of the best plan at {options.rate}bit/s, {options.rtt}, as predicted", ms(plan["latency_us"]), "ms",
                f"{plan['chosen']}, {plan['bytes']} bytes; local {ms(plan['local_us']):.1f} ms; agreement with its own uncut model at least {options.min_agreement}"
            )
    predicted, share = reports["pruned"]["predicted_latency_us"], reports["pruned"]["budget"]["latency_us"]
    took = statistics.median(table["pruned"]["latency"]["native"]) / statistics.median(table["dense"]["latency"]["native"])
    add(
        "pruned", "predicted_latency_share", "latency beside the dense model's, as the budget predicts it", predicted["after"] / predicted["before"],
        "ratio",
        f"measured {took:.3f}; budget {share / predicted['before']:.2f}, {'met' if reports['pruned']['is_within_budget'] else 'not met'}; parameters {reports['pruned']['parameters']['after']} of {reports['pruned']['parameters']['before']}, "
        f"multiply-accumulates {reports['pruned']['macs']['after']} of {reports['pruned']['macs']['before']}")
    return rows


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder of scissionlite and scissionlite-train")
    parser.add_argument("--data", type=pathlib.Path, help="folder with models/ and industrial/; not needed with another model and pictures")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "road")
    parser.add_argument("--model", type=pathlib.Path, help="another ONNX file, with --input")
    parser.add_argument("--input", type=pathlib.Path, help="its input.json")
    parser.add_argument("--images", type=pathlib.Path, help="folder of its pictures, with --labels and --classes")
    parser.add_argument("--labels", type=pathlib.Path, help="TSV of file name and class")
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0,
                        help="of training; latencies are of one thread. 1 is faster where other work runs on the machine")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3, help="of the first training")
    parser.add_argument("--search-epochs", type=int, default=3, help="of pruning")
    parser.add_argument("--retrain-epochs", type=int, default=1, help="after pruning")
    parser.add_argument("--sparse-epochs", type=int, default=3, help="under 2:4 masks, which take more than pruning did")
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--latency-share", type=float, default=0.7, help="budget of pruning: share of the dense model's latency on the device")
    parser.add_argument("--width-multiple", type=int, default=16, help="of pruned layers: 2:4 takes inputs that are a multiple of 16")
    parser.add_argument("--slow", type=float, default=16, help="the device is so many times slower than this machine")
    parser.add_argument("--tune-budget", type=int, default=60, help="configurations measured for each convolution")
    parser.add_argument("--tune-seconds", type=float, default=150)
    parser.add_argument("--rounds", type=int, default=3, help="in which all steps are timed in turns")
    parser.add_argument("--seconds", type=float, default=0.6, help="of each slice that is timed")
    parser.add_argument("--profile-seconds", type=float, default=60)
    parser.add_argument("--fit-images", type=int, default=100)
    parser.add_argument("--cuts", type=int, default=4, help="that plans choose among")
    parser.add_argument("--min-agreement", type=float, default=0.97)
    parser.add_argument("--rate", default="1M", help="of the slow link, bit/s")
    parser.add_argument("--rtt", default="27.4ms")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    others = [options.model, options.input, options.images, options.labels]
    options.is_recorded = not options.dry and not any(others)
    if any(others) and not all(others):
        parser.error("--model, --input, --images and --labels belong together")
    if not all(others):
        if not options.data:
            parser.error("--data is needed, or --model, --input, --images and --labels")
        steel = options.data / "industrial" / "neu_steel"
        options.model, options.input, options.images, options.labels = options.data / "models" / "mcunet_320kb.onnx", options.work / "input.json", steel / "train", steel / "train.tsv"
    return options


def main():
    options = parse()
    reports, table = Road(options).run()
    print_table(table, options.slow)
    rows = rows_of(reports, table, options)
    if options.is_recorded:
        figures.record("compress", rows)
    else:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
