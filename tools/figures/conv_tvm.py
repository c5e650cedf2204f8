#!/usr/bin/env python3
"""conv_geomean_vs_tvm_tuned: time of TVM's tuned convolutions over ours tuned for as long, geometric mean over a sample of the distinct
convolutions of the nine networks of tools/make_graphs (--sample 0: all); one thread, f32, both in the layouts they choose themselves. TVM is
tuned as bench/engine/peers/tvm.py does it, --trials for each; what it took is what `scissionlite tune` gets. Then both are timed in
turns: TVM by the time evaluator of its virtual machine, without Python's part, ours by bench/conv_speed.

Runs under TVM's Python (bench/engine/install_peers.sh). Each convolution is a file in --work; those that are there are not measured again.

Example: build/peers/tvm/bin/python tools/figures/conv_tvm.py --program build/release/bench/conv_speed --scissionlite
build/release/scissionlite --sample 12 """
import argparse
import json
import math
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import conv_speed  # noqa: E402
import figures  # noqa: E402

sys.path.insert(0, str(figures.ROOT / "bench" / "engine"))
COMMAND = "tools/figures/conv_tvm.py"
ROUNDS = 7


def fields(problem):
    return {name: int(value) for name, value in re.findall(r"([a-z]+)(\d+)", problem.split()[1])}


def write_model(problem, path):
    """One convolution with weights and bias."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    f = fields(problem)
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((f["oc"], f["ic"] // f["g"], f["kh"], f["kw"])).astype(np.float32)
    constants = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(rng.standard_normal(f["oc"]).astype(np.float32), "b")]
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="conv", strides=[f["sh"], f["sw"]], group=f["g"],
                            pads=[f["pt"], f["pl"], f["pb"], f["pr"]])
    height = (f["ih"] + f["pt"] + f["pb"] - f["kh"]) // f["sh"] + 1
    width = (f["iw"] + f["pl"] + f["pr"] - f["kw"]) // f["sw"] + 1
    value = helper.make_tensor_value_info
    graph = helper.make_graph([node], "conv", [value("x", TensorProto.FLOAT, [f["mb"], f["ic"], f["ih"], f["iw"]])],
                              [value("y", TensorProto.FLOAT, [f["mb"], f["oc"], height, width])], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


class Theirs:
    """TVM's convolution, tuned; `us` are microseconds a run."""
    def __init__(self, model, work, trials):
        from peers import tvm as peer
        start = time.monotonic()
        peer.prepare(model, 1, work, trials)
        self.seconds = time.monotonic() - start
        self.session = peer.Session(peer.load_library(), model, 1, work)

    def set_input(self, problem):
        import numpy as np
        f = fields(problem)
        self.session.set_input(np.random.default_rng(2).standard_normal((f["mb"], f["ic"], f["ih"], f["iw"])).astype(np.float32))

    def us(self):
        evaluator = self.session.vm.time_evaluator("main", self.session.tvm.cpu(), number=1, repeat=5, min_repeat_ms=3)
        return evaluator(self.session.x, *self.session.weights).median * 1e6


def ours_tuned(options, problem, model, seconds):
    """The line of what `tune` chose in that time."""
    tuning = model.with_suffix(".tuning.json")
    words = [options.scissionlite, "tune", model, "-o", tuning, "--threads", 1, "--seconds", seconds, "--budget", 100000, "--rounds", 0, "-q"]
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    return conv_speed.chosen_lines(tuning, 1)[problem]


def ours_us(options, line, model):
    path = model.with_suffix(".chosen.txt")
    path.write_text(line + "\n")
    out = subprocess.run([str(options.program), str(path), "--rounds", "5", "--chosen", "1"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)["ours_us"]


def compare(options, problem, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "conv.onnx"
    write_model(problem, model)
    theirs = Theirs(model, folder, options.trials)
    theirs.set_input(problem)
    line = ours_tuned(options, problem, model, theirs.seconds)
    a, b = [], []
    for _ in range(ROUNDS):
        a.append(ours_us(options, line, model))
        b.append(theirs.us())
    return {
        "problem": problem, "ours_us": statistics.median(a), "tvm_us": statistics.median(b), "ours": line.split(" ", 2)[2], "seconds": theirs.seconds
    }


def record(rows, total, options):
    ratios = sorted(((row["tvm_us"] / row["ours_us"], row["problem"].split()[1], row["ours"].split()[0]) for row in rows), reverse=True)
    mean = math.exp(sum(math.log(ratio) for ratio, _, _ in ratios) / len(ratios))
    which = "all" if len(rows) == total else f"{len(rows)} of {total}, drawn with seed {options.seed}"
    best = ", ".join(f"{ratio:.2f} {problem} ({by})" for ratio, problem, by in ratios[:3])
    seconds = statistics.median(row["seconds"] for row in rows)
    figures.record("engine", [{
        "id": "conv_geomean_vs_tvm_tuned", "what": f"TVM's tuned convolutions over ours tuned for as long, geometric mean ({which}), 1 thread, f32",
        "measured": mean, "spread": [ratios[-1][0], ratios[0][0]], "unit": "ratio", "command": COMMAND,
        "note": f"{options.trials} trials of MetaSchedule each, {seconds:.0f} s in the middle; largest: {best}; least: {ratios[-1][0]:.2f} {ratios[-1][1]} ({ratios[-1][2]})"
    }])
    print(f"{mean:.3f}", *(f"{ratio:.2f} {problem} {by}" for ratio, problem, by in ratios), sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=pathlib.Path, help="bench/conv_speed")
    parser.add_argument("--scissionlite", required=True, type=pathlib.Path)
    parser.add_argument("--problems", type=pathlib.Path, default=figures.ROOT / "bench" / "shapes" / "convolutions.txt")
    parser.add_argument("--sample", type=int, default=0, help="so many of them, drawn with --seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trials", type=int, default=64, help="of TVM for each convolution")
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "conv_tvm")
    options = parser.parse_args()
    os.environ["TVM_NUM_THREADS"] = "1"
    problems = [conv_speed.full_text(line.split()[1]) for line in options.problems.read_text().splitlines() if line.startswith("conv ")]
    drawn = random.Random(options.seed).sample(problems, options.sample) if options.sample else problems
    rows = []
    for problem in drawn:
        folder = options.work / problem.split()[1]
        path = folder / f"{options.trials}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(compare(options, problem, folder)))
            partial.rename(path)
        rows.append(json.loads(path.read_text()))
        print(f"[conv_tvm] {len(rows)} of {len(drawn)}: {rows[-1]['tvm_us'] / rows[-1]['ours_us']:.2f} {problem}, {rows[-1]['seconds']:.0f} s",
              file=sys.stderr)
    record(rows, len(problems), options)


if __name__ == "__main__":
    main()
