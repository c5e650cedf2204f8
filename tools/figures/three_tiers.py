#!/usr/bin/env python3
"""three_tier_prediction_error: `plan` of device, edge and cloud against what they take.

Each machine is profiled alone (device slow:8:native, edge slow:2:native, cloud native, one thread each), both links are
probed through the emulator, and `plan` predicts. A few candidates that use all three machines are prepared, and run as
three processes with both links emulated between them: the median latency of the images that the cloud answered. Error
is |measured - predicted| / measured. The machine should have nothing else to do. What was measured is kept in --work: a
run that was ended goes on from there.

Example: tools/figures/three_tiers.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
from main_prediction import child, run  # noqa: E402

ENGINES = {"device": "slow:8:native", "edge": "slow:2:native", "cloud": "native"}
LINKS = {"device-edge": "58.8M,27.4ms", "edge-cloud": "200M,10ms"}
TLS, CODECS = "fp16,uint8", "file,jpeg-q90-444"  # few, so that profiles are whole: the edge has to be timed at every cut
WARM_UP = 5  # images that do not count: the first ones find cold caches, and connections that have not learnt their rate


class Study:
    def __init__(self, options, model):
        self.options, self.model = options, model
        self.program = options.scissionlite
        self.work = pathlib.Path(options.work) / model.stem
        self.work.mkdir(parents=True, exist_ok=True)
        self.inputs = figures.ROOT / "tests" / "fixtures" / "inputs" / f"{model.stem}.input.json"

    def made(self, name, words):
        """The file that a command writes, where an earlier run has not."""
        path = self.work / name
        if not path.exists():
            run([self.program, *words, "-o", path], stdout=subprocess.DEVNULL)
        return path

    def scores(self):
        return self.made(
            "scores.json",
            ["score", self.model, "--images", self.options.images, "--input", self.inputs, "--cuts", "auto:6", "--tls", TLS, "--codecs", CODECS])

    def profile(self, machine):
        return self.made(f"{machine}.json", [
            "profile", self.model, "--name", machine, "--engine", ENGINES[machine], "--threads", 1, "--input", self.inputs, "--images",
            self.options.images, "--scores",
            self.scores(), "--no-blocks", "--budget-s", self.options.budget_s
        ])

    def network(self):
        """Both links, each probed from its sender's side."""
        links = []
        for name, link in LINKS.items():
            source, target = name.split("-")
            path = self.work / f"{name}.json"
            if not path.exists():
                with tempfile.TemporaryDirectory() as models, child([self.program, "serve", "--model-repository", models, "--grpc-port", 0, "--json"]) as port, \
                        child([self.program, "emulate", f"127.0.0.1:{port}", "--link", link, "--json"]) as far:
                    run([self.program, "probe", f"127.0.0.1:{far}", "--from", source, "--to", target, "-o", path], stdout=subprocess.DEVNULL)
            links += json.loads(path.read_text())["links"]
        path = self.work / "network.json"
        path.write_text(
            json.dumps({**json.loads(path.read_text() if path.exists() else (self.work / "device-edge.json").read_text()), "links": links}, indent=1))
        return path

    def plan(self):
        path = self.work / "plan.json"
        run([
            self.program, "plan", "--device",
            self.profile("device"), "--edge",
            self.profile("edge"), "--cloud",
            self.profile("cloud"), "--network",
            self.network(), "--scores",
            self.scores(), "--require", "machine edge", "--require", "machine cloud", "--require", "blocks on edge >= 1", "--top", 2000, "-o", path
        ], stdout=subprocess.DEVNULL)
        return json.loads(path.read_text())

    def chosen(self, plan):
        """The fastest of each pair of cuts, the fastest pairs first: candidates that differ in where the work is done."""
        best = {}
        for row in sorted(plan["top"] + plan["families"] + plan["pareto"], key=lambda row: row["latency_us"]):
            parts = row["key"].split("|")
            if row["feasible"] and len(parts) == 2 and parts[0] != parts[1] and parts[1].startswith("split/"):
                best.setdefault(tuple(part.split("/")[1] for part in parts), row)
        return list(best.values())[:self.options.candidates]

    @contextlib.contextmanager
    def machines(self, folder):
        """Port of the device's link."""
        serve = lambda machine, *words: [
            self.program,
            "serve",
            "--model-repository",
            folder / machine,
            "--engine",
            ENGINES[machine],
            "--threads",
            1,  # noqa: E731
            "--grpc-port",
            0,
            "--no-http",
            "--no-metrics",
            "--json",
            *words
        ]
        emulate = lambda port, name: [self.program, "emulate", f"127.0.0.1:{port}", "--link", LINKS[name], "--json"]  # noqa: E731
        with child(serve("cloud")) as cloud, child(emulate(cloud, "edge-cloud")) as far, child(serve("edge", "--forward-to",
                                                                                                     f"127.0.0.1:{far}")) as edge, child(
                                                                                                         emulate(edge, "device-edge")) as near:
            yield near

    def measure(self, key):
        """Latencies of the images that the cloud answered, in microseconds."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            run([
                self.program, "prepare", self.model, "--candidate", key, "--images", self.options.images, "--input", self.inputs, "--engine",
                "native", "--package", folder / "package", "--repository", folder / "edge", "--cloud-repository", folder / "cloud"
            ], stdout=subprocess.DEVNULL)
            with self.machines(folder) as port:
                done = run([
                    self.program, "run", folder / "package", *sorted(self.options.images.iterdir())[:self.options.n + WARM_UP], "--edge",
                    f"127.0.0.1:{port}", "--engine", ENGINES["device"], "--threads", 1, "--json"
                ], stdout=subprocess.PIPE, text=True)
        answers = [line for line in map(json.loads, done.stdout.splitlines()) if "path" in line][WARM_UP:]
        by_cloud = [answer["latency_us"] for answer in answers if answer.get("origin") == "cloud"]
        if len(by_cloud) < 0.9 * len(answers):
            raise SystemExit(f"{key}: the cloud answered {len(by_cloud)} of {len(answers)} images; is the machine busy?")
        return by_cloud

    def rows(self):
        """(error, where) of each candidate."""
        out = []
        for row in self.chosen(self.plan()):
            latencies = figures.kept(self.work / (row["key"].replace("/", "_").replace("|", "__") + ".latencies.json"),
                                     lambda key=row["key"]: self.measure(key))
            measured = statistics.median(latencies)
            out.append((abs(measured - row["latency_us"]) / measured,
                        f"{self.model.stem} {row['key']}: predicted {row['latency_us'] / 1e3:.1f} ms, measured {measured / 1e3:.1f} ms"))
            print(f"{out[-1][0]:.3f}  {out[-1][1]}", file=sys.stderr)
        if not out:
            raise SystemExit(f"{self.model.stem}: no candidate that uses three machines was planned; give the profiles a larger --budget-s")
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--models", default="mobilenetv2_1.0,squeezenet1.1")
    parser.add_argument("--work", default="build/figures/three_tiers")
    parser.add_argument("--candidates", type=int, default=5, help="of each model")
    parser.add_argument("--budget-s", type=int, default=240, help="for each profile")
    parser.add_argument("-n", type=int, default=60, help="images")
    parser.add_argument("--record", action="store_true", help="write docs/benchmarks/field.json")
    options = parser.parse_args()
    options.images = options.data / "images" / "imagenet_samples256"
    rows = [row for model in options.models.split(",") for row in Study(options, options.data / "models" / f"{model}.onnx").rows()]
    errors = [error for error, _ in rows]
    print(f"three_tier_prediction_error {statistics.mean(errors):.3f}, worst {max(errors):.3f}", file=sys.stderr)
    if not options.record:
        return
    figures.record("field", [{
        "id": "three_tier_prediction_error",
        "what": "|predicted - measured| / measured latency of device, edge and cloud as processes, mean over candidates",
        "measured": statistics.mean(errors), "spread": [min(errors), max(errors)], "unit": "ratio",
        "command": f"tools/figures/three_tiers.py --models {options.models} -n {options.n} --record",
        "note": f"{len(rows)} candidates that use all three machines, {options.n} images each; links {LINKS['device-edge']} and {LINKS['edge-cloud']}, one thread each; worst: {max(rows)[1]}"
    }])


if __name__ == "__main__":
    main()
