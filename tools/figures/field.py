#!/usr/bin/env python3
"""How well a device keeps its promises when the link changes and things break, in simulation with the controller that
`run` has: trace_latency_vs_oracle: mean latency over a link of 58.8, then 1, then 58.8 Mbit/s with an outage in
between, over that of an oracle that knows the link at each moment; the plans are those of a model as profiled on this
machine, the device slowed. trace_regret: the worst of 1,000 random and adversarial links, against the best plan that is
never left, with a dwell time for each switch. sim_hours_per_test_run, sim_violations: hours of devices under random
faults, an image a second and a fault a minute at least, and promises that were broken.

Example: tools/figures/field.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/field.py"
MODEL, DEVICE, EDGE = "mobilenetv2_1.0", "slow:8:native", "native"
RATE, RTT, LEAST_RATE = "58.8M", "27.4ms", "1M"
DEADLINE_MS = 1000
HOURS, LINKS = 10000, 1000


def link(at_s, rate, is_hole=False):
    return {"at_s": at_s, "link": f"{rate},{RTT}", "black_hole": is_hole}


TRACE = {
    "schema": "scissionlite.trace/1", "duration_s": 240,
    "link": [link(0, RATE), link(60, LEAST_RATE),
             link(120, LEAST_RATE, True), link(140, LEAST_RATE),
             link(160, RATE)]
}


def scissionlite(options, *words):
    done = subprocess.run([str(word) for word in (options.scissionlite, *words, "-q", "--json")], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def plan(options):
    """Of the model on this machine."""
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    model, out = options.data / "models" / f"{MODEL}.onnx", work / "plan.json"
    profiles = {}
    for name, engine in (("device", DEVICE), ("edge", EDGE)):
        profiles[name] = work / f"{name}.json"
        if not profiles[name].exists():
            scissionlite(options, "profile", model, "--name", name, "--engine", engine, "--threads", 1, "--tls", "fp16,uint8", "--images",
                         options.data / "images" / "imagenet_samples256", "--budget-s", 150, "-o", profiles[name])
    scissionlite(options, "plan", "--device", profiles["device"], "--edge", profiles["edge"], "--bandwidth", RATE, "--rtt", RTT, "-o", out)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=figures.ROOT / "build" / "figures" / "field")
    parser.add_argument("--hours", type=int, default=HOURS)
    parser.add_argument("--links", type=int, default=LINKS)
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    chosen = plan(options)
    trace = options.work / "trace.json"
    trace.write_text(json.dumps(TRACE))
    seeds = [
        scissionlite(options, "simulate", chosen, "--trace", trace, "--deadline-ms", DEADLINE_MS, "--images-per-second", 4, "--seed", seed)
        for seed in range(1, 6)
    ]
    ratios = sorted(one["vs_oracle"] for one in seeds)
    first = seeds[0]
    fixed = ", ".join(f"always {key} {value / 1e3:.0f} ms" for key, value in sorted(first["fixed_us"].items(), key=lambda item: item[1]))
    links = scissionlite(options, "simulate", "--random-links", options.links)
    faults = scissionlite(options, "simulate", "--random-faults", options.hours)
    hours = faults["simulated_us"] / 3600e6
    rows = [
        {
            "id": "trace_latency_vs_oracle",
            "what": f"{MODEL}, {DEVICE} to {EDGE}: mean latency over 58.8, 1, 58.8 Mbit/s with an outage of 20 s, over that of an oracle that knows the link",
            "measured": ratios[2], "spread": [ratios[0], ratios[-1]], "unit": "ratio", "command": COMMAND,
            "note": f"5 seeds; ours {first['summary']['mean_latency_us'] / 1e3:.1f} ms, oracle {first['oracle_us'] / 1e3:.1f} ms, {first['summary']['switches']} switches; {fixed}"
        },
        {
            "id": "trace_p99_ms", "what": f"the same: 99 of 100 images were answered in; their deadline is {DEADLINE_MS} ms",
            "measured": max(one["summary"]["p99_latency_us"] for one in seeds) / 1e3, "unit": "ms", "command": COMMAND,
            "note": f"worst of 5 seeds; late: {sum(one['summary']['late'] for one in seeds)} of {sum(one['summary']['images'] for one in seeds)}"
        },
        {
            "id": "lost_or_doubled", "what": "images of all these runs that got no answer and no error, or two",
            "measured": len(faults["violations"]) + sum(len(one["summary"]["violations"]) for one in seeds), "unit": "images", "command": COMMAND,
            "note": f"of {faults['images']} images under faults"
        },
        {
            "id": "trace_regret",
            "what": f"all latencies over those of the best fixed plan with a dwell time a switch: the worst of {options.links} random and adversarial links",
            "measured": links["worst"], "unit": "ratio", "command": COMMAND,
            "note": f"seed {links['worst_seed']}; median {links['median']:.3f}, 99 of 100 below {links['p99']:.3f}"
        },
        {
            "id": "sim_hours_per_test_run", "what": "hours of devices under random faults, at least one a minute", "measured": hours, "unit": "hours",
            "command": COMMAND,
            "note": f"{faults['images']} images, {faults['edge']} answered by the edge, {faults['local']} by devices, {faults['errors']} errors where nobody could, {faults['late']} late for want of time on the device; the same in the test simulated_hours"
        },
        {"id": "sim_violations", "what": "promises broken in them", "measured": len(faults["violations"]), "unit": "promises", "command": COMMAND},
    ]
    for row in rows:
        print(f"{row['id']}: {row['measured']:.4g} {row['unit']} ({row.get('note', '')})")
    if options.record:
        figures.record("field", rows)


if __name__ == "__main__":
    main()
