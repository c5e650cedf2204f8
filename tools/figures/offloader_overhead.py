#!/usr/bin/env python3
"""offloader_overhead_ms: end to end on loopback less what must be done anyway: decode the photo, preprocess, head, encode,
wire, decode, tail. What is left is serialisation, queueing and bookkeeping of the offloader. `wire` is what the request
spends outside both halves, between them; it is reported beside the figure.

Example: tools/figures/offloader_overhead.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

USEFUL = ["image_decode_us", "preprocess_us", "head_us", "encode_us", "wire_us", "edge_decode_us", "edge_compute_us"]


def answers(program, data, folder, model, candidate, repeat):
    images = data / "images" / "imagenet_samples256"
    spec = figures.ROOT / "tests" / "fixtures" / "inputs" / f"{model}.input.json"
    package, repository = pathlib.Path(folder) / "device", pathlib.Path(folder) / "models"
    subprocess.run([
        program, "prepare", data / "models" / f"{model}.onnx", "--candidate", candidate, "--package", package, "--repository", repository, "--images",
        images, "--input", spec, "-q"
    ], check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([program, "serve", "--model-repository", repository, "--grpc-port", "0", "--threads", "1", "--json", "-q"],
                              stdout=subprocess.PIPE, text=True)
    try:
        port = json.loads(server.stdout.readline())["port"]
        photos = sorted(images.glob("*.jpg"))[:100]
        out = subprocess.run([
            program, "run", package, *photos, "--edge", f"127.0.0.1:{port}", "--threads", "1", "--repeat",
            str(repeat), "--fallback", "none", "--json", "-q"
        ], check=True, capture_output=True, text=True).stdout
    finally:
        server.terminate()
        server.wait()
    return [row for row in map(json.loads, out.splitlines()) if "latency_us" in row][20:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--model", default="mobilenetv2_1.0")
    parser.add_argument("--candidate", default="split/37/uint8")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = answers(options.scissionlite, options.data, folder, options.model, options.candidate, options.repeat)
    overhead = sorted((row["latency_us"] - sum(row["parts"][part] for part in USEFUL)) / 1e3 for row in rows)
    wire_ms = statistics.median(row["parts"]["wire_us"] for row in rows) / 1e3
    total_ms = statistics.median(row["latency_us"] for row in rows) / 1e3
    parts = ", ".join(f"{name.removesuffix('_us')} {statistics.median(row['parts'][name] for row in rows):.0f} us"
                      for name in ("serialize_us", "edge_queue_us", "other_us"))
    figures.record("main", [{
        "id": "offloader_overhead_ms", "what": "end to end less decode, preprocess, head, encode, wire, decode, tail; loopback, median",
        "measured": statistics.median(overhead), "spread": [overhead[len(overhead) // 20], overhead[-len(overhead) // 20]
                                                            ], "unit": "ms", "command": "tools/figures/offloader_overhead.py",
        "note": f"{options.model} {options.candidate}, {len(rows)} images, {total_ms:.2f} ms end to end, of which wire {wire_ms:.3f} ms; the rest: {parts}; spread is p5 to p95"
    }])


if __name__ == "__main__":
    main()
