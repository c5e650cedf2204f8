#!/usr/bin/env python3
"""speedup_vs_fp32_split_paper_link, speedup_vs_fp32_split_best, speedup_vs_local_best and encoder_share_of_latency: the paper's headline
(arXiv 2105.02019) through real processes and an emulated link, with candidates that lose at most one point of top-1 on photos that no transfer
layer was fitted on.

At each point (link, slowdown of the device) the plan names the fastest split in fp32, the fastest split with a transfer layer,
plain uint8, the best image codec and the file as it is; all of them and local are measured in turns. A point that is there
already is not measured again.

Example: tools/figures/headline.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import itertools
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
from main_prediction import Study, run  # noqa: E402

RATES = ["1M", "5M", "58.8M", "1000M"]  # bit/s
PAPER_RATE, RTT = "58.8M", "27.4ms"
IMAGES = {4: 24, 16: 16, 64: 8, 100: 6}  # by slowdown: local takes seconds an image on slow devices
PROFILE_SECONDS = 420
LAYERS = {"2": ["--views", "1", "--steps", "3,5,7,10"], "53": ["--views", "1", "--stride", "2", "--steps", "50,70,95"]}  # cut: how it is calibrated
MORE_CUTS = ["1"]  # behind the first convolution alone: the least work of the device
MORE_LAYERS = "klt-s1-c32-b8,klt-s1-c40-b8,klt-s1-c48-b8"  # of single pixels: a quarter of the multiplications of 2x2 patches at as many bytes
ENGINE = "native"  # of both machines, and so of local
MOST_POINTS_LOST = 1.0
FIT_IMAGES = 100


def slowed(value, factor):
    """The same with every time multiplied."""
    if isinstance(value, list):
        return [slowed(v, factor) for v in value]
    if not isinstance(value, dict):
        return value
    times = {"median_us", "p95_us", "ci_us"}
    return {
        key: [t * factor for t in v] if key in times and isinstance(v, list) else v * factor if key in times else slowed(v, factor)
        for key, v in value.items()
    }


class Headline(Study):
    """A study whose candidates are those of scores that lose at most one point."""
    def __init__(self, options):
        super().__init__(options)
        self.model = options.data / "models" / f"{options.model}.onnx"
        self.points, self.encoder_shares = {}, {}

    def layers(self):
        """Calibrated at the cuts asked for, on the photos that scoring leaves out: the set of the other photos."""
        folders = []
        for cut, how in LAYERS.items():
            folder = self.work / f"layers.{cut}"
            if not folder.exists() or not any(folder.iterdir()):
                run([
                    self.options.scissionlite, "calibrate", self.model, "--input",
                    self.input_json(self.model), "--cut", cut, "--images", self.options.fit_from, *how, "--name", f"c{cut}", "-o", folder
                ], stdout=subprocess.DEVNULL)
            folders.append(folder)
        return folders

    def fitted_words(self):
        return ["--fitted", *self.layers()]

    def device(self, slow):
        """Profile of a device slowed so many times: measured for the least slowed one, whose times it is multiplied from, as the emulation does with
        whatever runs on it. Predictions only; latencies are measured."""
        least = min(IMAGES)
        measured = self.profile(self.model, f"slow{least}", f"slow:{least}:{ENGINE}", PROFILE_SECONDS)
        path = self.work / f"{self.model.stem}.slow{slow}.json"
        if not path.exists():
            profile = slowed(json.loads(measured.read_text()), slow / least)
            profile["machine_name"], profile["engine"]["spec"] = f"slow{slow}", f"slow:{slow}:{ENGINE}"
            path.write_text(json.dumps(profile))
        return path

    def scores(self, model):
        """Scores of all, and of those that lose little."""
        path, kept = self.work / f"{model.stem}.all.scores.json", self.work / f"{model.stem}.scores.json"
        if not kept.exists():
            run([
                self.options.scissionlite, "score", model, "--images", self.options.images, "--labels", f"{self.options.images}.tsv", "--input",
                self.input_json(model), "--fit-images", FIT_IMAGES, "--cuts", "auto:8", *LAYERS, *MORE_CUTS, "--tls", f"auto,{MORE_LAYERS}",
                "--fitted", *self.layers(), "-o", path
            ], stdout=subprocess.DEVNULL)
            data = json.loads(path.read_text())
            local = next(row for row in data["scores"] if row["candidate"] == "local")
            data["scores"] = [row for row in data["scores"] if 100 * (local["label_accuracy"] - row["label_accuracy"]) <= MOST_POINTS_LOST + 1e-9]
            kept.write_text(json.dumps(data))
        return kept

    def keys(self, plan):
        """The fastest of each kind, as predicted."""
        rows = [row for row in json.loads(plan.read_text())["families"] if row["feasible"]]

        def fastest(kind):
            return min((row for row in rows if kind(row["family"])), key=lambda row: row["latency_us"], default=None)

        found = {
            "fp32": fastest(lambda f: f == "plain fp32"), "tl": fastest(lambda f: f.endswith("TL") or f in ("plain uint8", "plain fp16")),
            "uint8": fastest(lambda f: f == "plain uint8"), "codec": fastest(lambda f: f in ("edge jpeg", "edge webp", "edge png")),
            "file": fastest(lambda f: f == "edge file"), "raw": fastest(lambda f: f == "edge raw")
        }
        return {kind: row["key"] for kind, row in found.items() if row}

    def point(self, slow, rate):
        tag = f"{self.model.stem}.slow{slow}.{rate}"
        device = self.device(slow)
        edge = self.profile(self.model, "edge", ENGINE)
        network, plan, bench = (self.work / f"{tag}.{kind}.json" for kind in ("network", "plan", "bench"))
        if not bench.exists():
            self.probe(f"{rate},{RTT}", network)
            run([
                self.options.scissionlite, "plan", "--device", device, "--edge", edge, "--network", network, "--scores",
                self.scores(self.model), "--min-agreement", 0.5, "-o", plan
            ], stdout=subprocess.DEVNULL)
            keys = self.keys(plan)
            run([
                self.options.scissionlite, "bench", self.model, "--plan", plan, "--images", self.options.images, "--fit-images", FIT_IMAGES,
                "--fitted", *self.layers(), "-n", IMAGES[slow], "--link", f"{rate},{RTT}", "--device-slow", slow, "--edge-threads", 1,
                "--device-engine", ENGINE, "--edge-engine", ENGINE, "--input",
                self.input_json(self.model), "--block", 2, "--candidates", ",".join(dict.fromkeys(keys.values())), "-o", bench
            ], stdout=subprocess.DEVNULL)
        keys = self.keys(plan)
        latency = {row["key"]: row["latency_median_us"] for row in json.loads(bench.read_text())["rows"] if not row.get("error")}
        point = {kind: (key, latency[key]) for kind, key in keys.items() if key in latency}
        point["local"] = ("local", latency["local"])
        self.points[slow, rate] = point
        split = next(row for row in json.loads(plan.read_text())["families"] if row["key"] == keys["tl"]) if "tl" in keys else None
        if split:
            self.encoder_shares[slow, rate] = (sum(stage["encode_us"] for stage in split["stages"]) / split["latency_us"], split["key"])


def milliseconds(us):
    return f"{us / 1e3:.0f} ms"


def best(points, over):
    """The largest ratio of a kind's latency over that of the best split with a layer, its point, and all ratios."""
    ratios = {at: point[over][1] / point["tl"][1] for at, point in points.items() if over in point and "tl" in point}
    at = max(ratios, key=ratios.get)
    return ratios[at], at, ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--model", default="resnet50_pruned_q8w")
    parser.add_argument("--layers-only", action="store_true", help="fit and score, which need no quiet machine, and stop")
    parser.add_argument("--rates", nargs="*", default=RATES)
    parser.add_argument("--slowdowns", nargs="*", type=int, default=list(IMAGES))
    parser.add_argument("--work", default="build/figures/headline")
    options = parser.parse_args()
    options.images, options.fit_from = options.data / "images" / "imagenet_samples256", options.data / "images" / "imagenet_val227"
    options.inputs, options.again = figures.ROOT / "tests" / "fixtures" / "inputs", []
    study = Headline(options)
    if options.layers_only:
        study.scores(study.model)
        return
    for slow, rate in itertools.product(options.slowdowns, options.rates):
        study.point(slow, rate)
    shared = {"unit": "ratio", "command": "tools/figures/headline.py"}
    rows = []
    paper = {at: point for at, point in study.points.items() if at[1] == PAPER_RATE}
    for key, over, points, what in (("speedup_vs_fp32_split_paper_link", "fp32", paper,
                                     "best fp32 split over best split with a TL, 58.8 Mbit/s, best slowdown"),
                                    ("speedup_vs_fp32_split_best", "fp32", study.points, "best fp32 split over best split with a TL, best point"),
                                    ("speedup_vs_local_best", "local", study.points, "local over best split with a TL, best point")):
        if not points:
            continue
        ratio, at, ratios = best(points, over)
        point = points[at]
        rows.append({
            "id": key, "what": f"{options.model}: {what}", "measured": ratio, "spread": [min(ratios.values()), ratio],
            "note": f"{at[1]}bit/s, {RTT}, device slowed {at[0]} times: {point[over][0]} {milliseconds(point[over][1])}, {point['tl'][0]} {milliseconds(point['tl'][1])}; spread: over {len(ratios)} points",
            **shared
        })
    if study.encoder_shares:
        (slow, rate), (share, key) = max(study.encoder_shares.items(), key=lambda item: item[1])
        rows.append({
            "id": "encoder_share_of_latency",
            "what": f"{options.model}: share of the encoder in the latency of the best split with a TL, as profiled, worst point", "measured": share,
            "spread": [min(s for s, _ in study.encoder_shares.values()), share],
            "note": f"{key} at {rate}bit/s, {RTT}, device slowed {slow} times; spread: over {len(study.encoder_shares)} points", **shared
        })
    for (slow, rate), point in study.points.items():
        if "tl" not in point:
            raise SystemExit(
                f"[headline] no split with a transfer layer was planned at {rate}, slow{slow}: its profile holds too few cuts; raise PROFILE_SECONDS")
        edge = [point[kind] for kind in ("codec", "file", "raw") if kind in point]
        wins = min(edge, key=lambda e: e[1])[1] < point["tl"][1] if edge else False
        rows.append({
            "id": f"headline/{rate}/slow{slow}", "what": f"latency of the best split with a TL, {rate}bit/s, {RTT}, device slowed {slow} times",
            "measured": point["tl"][1] / 1e3, "spread": None, "unit": "ms", "command": "tools/figures/headline.py",
            "note": "; ".join(f"{kind} {key} {milliseconds(us)}" for kind, (key, us) in point.items()) +
            ("; edge-only is faster here" if wins else "; the split is faster than every edge-only candidate")
        })
    for row in rows:
        print(row["id"], round(row["measured"], 3), row["note"])
    if options.rates == RATES and options.slowdowns == list(IMAGES):
        figures.record("transfer", rows)


if __name__ == "__main__":
    main()
