#!/usr/bin/env python3
"""plan_regret, prediction_error_median and prediction_error_p95: predicted against measured latency.

For each model, device slowdown and link: profile both machines once, plan, try the candidates that are predicted alike on
TRIAL images (`bench`), plan again with what was measured (`plan --measured`), then measure through real processes and the
emulated link (a) the chosen plan, (b) the best of every candidate family, (c) the next plans of the ranking. Regret is the
measured latency of the plan that predictions alone choose over the best measured one; plan_regret/after_trial is the same
for the choice after the trial, whose own measurements are not used. Prediction error is |predicted - measured| / measured.

Example: tools/figures/main_prediction.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import contextlib
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

RATES = ["1M", "5M", "58.8M", "1000M"]  # bit/s
RTTS = ["1ms", "27.4ms"]
SLOWDOWNS = [4, 16]
FIT_IMAGES = 100
MOST = 6  # candidates measured in a case; bench adds local
TRIAL = 20  # images
ALIKE = 1.2  # tried: what is predicted to take at most so many times as long as the fastest


def run(words, **more):
    print("+ " + " ".join(map(str, words)), file=sys.stderr)
    return subprocess.run([str(w) for w in words], check=True, **more)


@contextlib.contextmanager
def child(words):
    """Runs a program that prints one JSON line with its port, and ends it with the block."""
    process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        process.wait()


def percentile(values, p):
    values = sorted(values)
    rank = p / 100 * (len(values) - 1)
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (rank - low) * (values[high] - values[low])


class Study:
    def __init__(self, options):
        self.options, self.rows, self.regrets, self.untried = options, [], [], []
        self.work = pathlib.Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)

    def profile(self, model, name, engine, budget_s=90):
        path = self.work / f"{model.stem}.{name}.json"
        if not path.exists():
            run([
                self.options.scissionlite, "profile", model, "--name", name, "--engine", engine, "--threads", 1, "--input",
                self.input_json(model), "--images", self.options.images, "--scores",
                self.scores(model), *self.fitted_words(), "--no-blocks", "--budget-s", budget_s, "-o", path
            ], stdout=subprocess.DEVNULL)
        return path

    def fitted_words(self):
        """Of calibrated layers among the candidates."""
        return []

    def input_json(self, model):
        return self.options.inputs / f"{model.stem}.input.json"

    def scores(self, model):
        path = self.work / f"{model.stem}.scores.json"
        if not path.exists():
            run([
                self.options.scissionlite, "score", model, "--images", self.options.images, "--input",
                self.input_json(model), "--fit-images", FIT_IMAGES, "--cuts", "auto:8", "-o", path
            ], stdout=subprocess.DEVNULL)
        return path

    def probe(self, link, path):
        """An edge, the emulated link before it, and `probe` from the device's side."""
        with tempfile.TemporaryDirectory() as models, \
                child([self.options.scissionlite, "serve", "--model-repository", models, "--grpc-port", 0, "--json"]) as edge_port, \
                child([self.options.scissionlite, "emulate", f"127.0.0.1:{edge_port}", "--link", link, "--json"]) as port:
            run([self.options.scissionlite, "probe", f"127.0.0.1:{port}", "-o", path], stdout=subprocess.DEVNULL)

    def contenders(self, plan):
        """The chosen plan, the best of each family and the next best plans, as far as they hold the constraints and are
        predicted to take at most twice as long as the chosen one: hopeless ones (a raw tensor at 1 Mbit/s) would take hours.
        Not more than MOST, the best edge-only, plain and learned ones always among them."""
        plan = json.loads(plan.read_text())
        limit_us = 2 * plan["chosen"]["latency_us"]
        rows = {row["key"]: row for row in plan["top"] + plan["families"] if row["feasible"] and row["latency_us"] <= limit_us}
        fastest = sorted(rows, key=lambda key: rows[key]["latency_us"])
        others = [next((key for key in fastest if rows[key]["family"].startswith(family)), None) for family in ("edge", "plain", "learned")]
        wanted = [plan["chosen"]["key"], *[key for key in others if key], *fastest]
        return list(dict.fromkeys(wanted))[:MOST]

    def plan(self, model, device, edge, network, path, *more):
        run([
            self.options.scissionlite, "plan", "--device", device, "--edge", edge, "--network", network, "--scores",
            self.scores(model), "--min-agreement", 0.9, "--top", 4, "-o", path, *more
        ], stdout=subprocess.DEVNULL)

    def bench(self, model, slow, link, plan, keys, n, path, block):
        run([
            self.options.scissionlite, "bench", model, "--plan", plan, "--images", self.options.images, "--fit-images", FIT_IMAGES, "-n", n, "--link",
            link, "--device-slow", slow, "--edge-threads", 1, "--input",
            self.input_json(model), "--block", block, "--candidates", ",".join(keys), "-o", path
        ], stdout=subprocess.DEVNULL)

    def case(self, model, slow, rate, rtt):
        link = f"{rate},{rtt}"
        tag = f"{model.stem}.slow{slow}.{rate}.{rtt}"
        device, edge = self.profile(model, f"slow{slow}", f"slow:{slow}:openvino"), self.profile(model, "edge", "openvino")
        network, plan, trial, tried, bench = (self.work / f"{tag}.{kind}.json" for kind in ("network", "plan", "trial", "tried", "bench"))
        if not bench.exists():
            self.probe(link, network)
            self.plan(model, device, edge, network, plan)
            alike = self.alike(plan)
            if len(alike) > 1:
                self.bench(model, slow, link, plan, alike, TRIAL, trial, block=4)
                self.plan(model, device, edge, network, tried, "--measured", trial)
            else:
                tried.write_bytes(plan.read_bytes())
            keys = list(dict.fromkeys([self.chosen(tried), *self.contenders(plan)]))
            self.bench(model, slow, link, plan, keys, self.options.n, bench, block=10)
        elif model.stem in self.options.again:
            self.plan(model, device, edge, network, plan)
            if self.chosen(plan) not in {row["key"] for row in json.loads(bench.read_text())["rows"]}:
                self.bench(model, slow, link, plan, list(dict.fromkeys([self.chosen(tried), *self.contenders(plan)])), self.options.n, bench,
                           block=10)
        rows = [row for row in json.loads(bench.read_text())["rows"] if not row.get("error")]
        best = min(row["latency_median_us"] for row in rows)
        latency = {row["key"]: row["latency_median_us"] for row in rows}
        self.regrets.append((latency[self.chosen(tried)] / best, tag))
        self.untried.append((latency[self.chosen(plan)] / best, tag))
        planned = json.loads(plan.read_text())
        predicted = {row["key"]: row["latency_us"] for part in ("pareto", "families", "top") for row in planned[part]}
        for key, us in latency.items():
            if key in predicted:
                self.rows.append((abs(predicted[key] - us) / us, f"{tag} {key}"))

    def chosen(self, plan):
        return json.loads(plan.read_text())["chosen"]["key"]

    def alike(self, plan):
        """Candidates predicted to be about as fast as the chosen one."""
        plan = json.loads(plan.read_text())
        limit_us = ALIKE * plan["chosen"]["latency_us"]
        return list(dict.fromkeys(row["key"] for row in plan["top"] + plan["families"] if row["feasible"] and row["latency_us"] <= limit_us))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--models", default="mobilenetv2_1.0,squeezenet1.1,mobilenetv1_1.0")
    parser.add_argument("--work", default="build/figures/prediction")
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument(
        "--again", default=[], type=lambda text: text.split(","), help="models to profile and plan again, where other work disturbed "
        "a profile (its intervals tell); their measurements are kept")
    options = parser.parse_args()
    options.images = options.data / "images" / "imagenet_samples256"
    options.inputs = figures.ROOT / "tests" / "fixtures" / "inputs"
    study = Study(options)
    for path in (profile for model in options.again for profile in study.work.glob(f"{model}.*.json")
                 if profile.name.count(".") == model.count(".") + 2):
        if path.name.split(".")[-2] != "scores":
            path.unlink()
            path.with_suffix(".json.part").unlink(missing_ok=True)  # else it would go on from there
    for model, slow, rate, rtt in itertools.product(options.models.split(","), SLOWDOWNS, RATES, RTTS):
        study.case(options.data / "models" / f"{model}.onnx", slow, rate, rtt)
    errors = [error for error, _ in study.rows]
    worst, where = max(study.untried)
    tried, tried_where = max(study.regrets)
    command = f"tools/figures/main_prediction.py --models {options.models} -n {options.n}"
    cases = f"{len(study.untried)} cases, {len(errors)} candidates, {options.n} images each"
    figures.record("main", [{
        "id": "plan_regret", "what": "measured latency of the chosen plan over the best measured plan, worst case", "measured": worst,
        "spread": [min(study.untried)[0], worst], "unit": "ratio", "command": command, "note": f"worst at {where}; {cases}"
    }, {
        "id": "plan_regret/after_trial", "what": "the same when candidates predicted alike are tried first", "measured": tried,
        "spread": [min(study.regrets)[0], tried], "unit": "ratio", "command": command,
        "note": f"worst at {tried_where}; candidates predicted within {ALIKE - 1:.0%} of the fastest tried on {TRIAL} images (plan --measured)"
    }, {
        "id": "prediction_error_median", "what": "|predicted - measured| / measured, median over candidates", "measured": statistics.median(errors),
        "spread": [min(errors), max(errors)], "unit": "ratio", "command": command, "note": cases
    }, {
        "id": "prediction_error_p95", "what": "the same, 95th percentile", "measured": percentile(errors, 95),
        "spread": [min(errors), max(errors)], "unit": "ratio", "command": command, "note": f"worst: {max(study.rows)[1]}"
    }])


if __name__ == "__main__":
    main()
