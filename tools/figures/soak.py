#!/usr/bin/env python3
"""What a million requests and ten thousand callers that come and go leave behind in the edge: `serve` with a tiny
model, its rules and quotas, over gRPC (calls and streams), HTTP and metrics; of the callers some end their connection
as they should, others reset it, leave half a request, or go before the answer. soak_growth_mb: anonymous memory at rest
in the end, less that after the first tenth. soak_descriptors: open descriptors in the end, less those before.
soak_device_growth_mb: the same of a device whose edge is killed and started again after each tenth.

Example: tools/figures/soak.py --scissionlite build/release/scissionlite --record
"""
import argparse
import pathlib
import shutil
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "server"))
import figures  # noqa: E402
import peers  # noqa: E402
import soak_device  # noqa: E402
import soak_load  # noqa: E402

COMMAND = "tools/figures/soak.py"
PARTS = 10


def tell(who):
    return lambda part, look: print(f"[soak] {who}, {part} of {PARTS}: {look}", file=sys.stderr, flush=True)


def device_rows(options):
    looks, origins = soak_device.soak(options.scissionlite, options.images, PARTS, tell("device"))
    memory = [look["anonymous_mb"] for look in looks]
    return [{
        "id": "soak_device_growth_mb",
        "what": f"anonymous memory of a device over {options.images} images and {PARTS} restarts of its edge, from the first tenth on",
        "measured": memory[-1] - memory[1], "unit": "MB", "command": COMMAND,
        "note": f"{origins.get('edge', 0)} answered by the edge, {origins.get('local', 0)} by the device; {memory[0]:.2f} MB at the start, {memory[1]:.2f} after the first tenth, {memory[-1]:.2f} in the end; {looks[0]['descriptors']} descriptors before, {looks[-1]['descriptors']} after"
    }]


def measure(options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        soak_load.make_models(folder)
        with soak_load.serve(options.scissionlite, folder) as server:
            looks, done = soak_load.soak(server, options.requests, options.reconnects, PARTS, tell("edge"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"looks": looks, "done": done}


def rows(result):
    looks, done = result["looks"], result["done"]
    memory = [look["anonymous_mb"] for look in looks]
    slope = statistics.linear_regression(range(1, PARTS + 1), memory[1:]).slope * (PARTS - 1)
    about = f"{done['requests']} requests, {done['reconnects']} callers that came and went; {memory[0]:.2f} MB at the start, {memory[1]:.2f} after the first tenth, {memory[-1]:.2f} in the end; a line through what was seen after each tenth rises by {slope:.2f} MB"
    return [{
        "id": "soak_growth_mb", "what": "anonymous memory of the edge over a million requests and ten thousand reconnects, from the first tenth on",
        "measured": memory[-1] - memory[1], "unit": "MB", "command": COMMAND, "note": about
    }, {
        "id": "soak_descriptors", "what": "the same: descriptors that stayed open", "measured": looks[-1]["descriptors"] - looks[0]["descriptors"],
        "unit": "descriptors", "command": COMMAND, "note": f"{looks[0]['descriptors']} before, {looks[-1]['descriptors']} after"
    }]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True, type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--reconnects", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=200_000, help="of the device; 0: leave it out")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    peers.enter_venv()
    made = rows(measure(options)) if options.requests else []
    made += device_rows(options) if options.images else []
    for row in made:
        print(f"{row['id']}: {row['measured']:.3f} {row['unit']} ({row['note']})")
    if options.record:
        figures.record("field", made)


if __name__ == "__main__":
    main()
