#!/usr/bin/env python3
"""Makes what the tests of the report show: two profiles, scores, a link and a bench of one small, made-up network, in the
formats of docs/formats.md. Sizes and shares are MobileNetV2's; times are invented but in proportion. The plan is then made
by the program itself:
    tests/report/make_fixtures.py path/to/scissionlite FOLDER
"""
import base64
import json
import math
import pathlib
import struct
import subprocess
import sys
import zlib

PROGRAM, OUT = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
SHA = "5ee1f00d" * 8
# position, name, channels, side, share of the MACs in the head
CUTS = [(2, "stem", 32, 112, 0.036), (5, "block1", 16, 112, 0.090), (13, "block2", 24, 56, 0.185), (21, "block3", 24, 56, 0.240),
        (29, "block4", 32, 28, 0.296), (37, "block5", 32, 28, 0.340), (45, "block6", 32, 28, 0.383), (53, "block7", 64, 14, 0.425),
        (61, "block8", 64, 14, 0.470), (69, "block9", 64, 14, 0.508), (77, "block10", 64, 14, 0.550), (85, "block11", 96, 14, 0.605),
        (93, "block12", 96, 14, 0.680), (101, "block13", 96, 14, 0.755), (109, "block14", 160, 7, 0.805), (117, "block15", 160, 7, 0.855),
        (125, "block16", 160, 7, 0.900), (133, "block17", 320, 7, 0.925), (136, "features", 1280, 7, 0.985), (137, "pooled", 1280, 1, 0.9955)]
WHOLE_US = {"device": 148_000.0, "edge": 9_400.0}
IMAGES = {"file": 29452, "raw": 150528, "png": 88_120, "jpeg-q90-420": 16618, "jpeg-q98-444": 41930, "webp-q80": 8914}
IMAGE_AGREEMENT = {"file": 1.0, "raw": 1.0, "png": 1.0, "jpeg-q90-420": 0.940, "jpeg-q98-444": 0.985, "webp-q80": 0.893}
N = 268
LINK = {"rtt_us": 27_900.0, "up_bps": 5e6, "down_bps": 5e6}


def wilson(successes, n):
    z, p = 1.959964, successes / n
    middle, spread = (p + z * z / (2 * n)) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [round(max(0, middle - spread), 4), round(min(1, middle + spread), 4)]


def timing(us, n=50):
    return {"median_us": round(us, 1), "p95_us": round(us * 1.06, 1), "ci_us": [round(us * 0.99, 1), round(us * 1.01, 1)], "n": n}


def tl_bytes(channels, side):
    plain = channels * side * side
    half = (side + 1) // 2
    return {
        "fp32": 4 * plain, "fp16": 2 * plain, "uint8": plain, "pool": 4 * channels * half * half, "klt-s2-c64-b4": half * half * 32,
        "klt-s2-c32-b4": half * half * 16
    }


def tl_agreement(name, channels, head):
    deep = min(1.0, head / 0.5)
    return {
        "fp32": 1.0, "fp16": 1.0, "uint8": 0.996, "pool": 0.004 + 0.05 * deep, "klt-s2-c64-b4": 0.90 + 0.055 * deep,
        "klt-s2-c32-b4": 0.80 + 0.105 * deep
    }[name] - (0.03 if name == "klt-s2-c64-b4" and channels > 128 else 0)


def profile(machine):
    whole, slow = WHOLE_US[machine], WHOLE_US[machine] / WHOLE_US["edge"]
    cuts = []
    for region, (position, name, channels, side, share) in enumerate(CUTS):
        elements = channels * side * side
        tls = {}
        for spec, wire in tl_bytes(channels, side).items() if side > 1 else [("fp32", 4 * elements), ("fp16", 2 * elements), ("uint8", elements)]:
            work = {"fp32": 0, "fp16": 0.3, "uint8": 0.9, "pool": 0.6}.get(spec, 3.2) * elements / 1e6 * 1000 * slow
            tls[spec] = {
                "wire_bytes": wire, "encode": timing(max(1, work)), "decode": timing(max(1, 0.7 * work)), "head_with_tl": None, "tail_with_tl": None
            }
        cuts.append({
            "id": str(position), "tensors": [f"{name}_out"], "bytes": 4 * elements, "head_macs": int(share * 300e6), "position": position,
            "region": region, "single": True, "head": timing(whole * share * 1.01), "tail": timing(whole * (1 - share) * 1.01), "tls": tls
        })
    shares = [0] + [c[4] for c in CUTS] + [1]
    cpu = {"cpu": "Example CPU @ 2.0 GHz", "isa": ["avx2", "fma", "f16c"], "cores": 4}
    spec = "slow:16:openvino" if machine == "device" else "openvino"
    encode = {"raw": 5, "png": 2900, "jpeg-q90-420": 410, "jpeg-q98-444": 690, "webp-q80": 5200}
    decode = {"file": 900, "raw": 5, "png": 640, "jpeg-q90-420": 260, "jpeg-q98-444": 420, "webp-q80": 800}
    return {
        "schema": "scissionlite.profile/1",
        "machine_name": machine,
        "machine": cpu,
        "engine": {"spec": spec, "version": "2026.4.1", "isa": "avx2", "precision": "f32", "threads": 1},
        "model_name": "mobilenetv2_example",
        "model_sha256": SHA,
        "model_macs": 300_000_000,
        "input_bytes": 602_112,
        "output_bytes": 4000,
        "whole": timing(whole),
        "preprocess": timing(210 * slow),
        "values": timing(60 * slow),
        "image_encode": {k: timing(v * slow)
                         for k, v in encode.items()},
        "image_decode": {k: timing(v * slow)
                         for k, v in decode.items()},
        "image_bytes": IMAGES,
        "cuts": cuts,
        "blocks": [timing(whole * (b - a)) for a, b in zip(shares, shares[1:])],
        "via": "",
        "command": f"scissionlite profile mobilenetv2_example.onnx --name {machine} --engine {spec} --threads 1 -o {machine}.json",
    }


def score(key, agreement, size):
    right = round(agreement * N)
    return {"candidate": key, "agreement": round(right / N, 4), "interval": wilson(right, N), "n": N, "bytes_mean": size, "bytes_p95": size}


def scores():
    rows = [score("local", 1, 0)] + [score(f"edge/{codec}", IMAGE_AGREEMENT[codec], size) for codec, size in IMAGES.items()]
    for position, _, channels, side, share in CUTS:
        for spec, wire in tl_bytes(channels, side).items():
            if side > 1 or spec in ("fp32", "fp16", "uint8"):
                rows.append(score(f"split/{position}/{spec}", tl_agreement(spec, channels, share), wire))
    return {
        "schema": "scissionlite.scores/1", "model_sha256": SHA, "metric": "top1", "images": N, "images_fitted": 132, "images_sha256": "ab" * 32,
        "scores": rows, "command": "scissionlite score mobilenetv2_example.onnx --images photos/ --fit-images 132 -o scores.json"
    }


def png(level, grain):
    """A grey gradient of 16 x 16 with some grain, as base64."""
    rows = b"".join(b"\0" + bytes(min(255, level + 4 * x + grain * ((x ^ y) & 3)) for x in range(16) for _ in range(3)) for y in range(16))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")).decode()


def privacy():
    """Of every cut at uint8 that keeps rows and columns: the later, the less can be rebuilt."""
    def row(name, key, psnr, ssim, grain):
        return {
            name: key, "psnr_db": round(psnr, 3), "psnr_interval": [round(psnr - 0.4, 3), round(psnr + 0.4, 3)], "ssim": round(ssim, 4),
            "ssim_interval": [round(ssim - 0.02, 4), round(ssim + 0.02, 4)], "n": 80, "pictures": [png(40, grain), png(110, grain)]
        }

    rows = [
        row("candidate", f"split/{position}/uint8", 28 - 12 * share, 0.93 - 0.6 * share, round(2 + 8 * share)) for position, _, _, side, share in CUTS
        if side > 1
    ]
    return {
        "schema": "scissionlite.privacy/1", "model_sha256": SHA, "images": 320, "held_out": 80, "images_sha256": "cd" * 32, "width": 16, "height": 16,
        "job": {"epochs": 30}, "baselines": [row("name", "mean picture", 12.1, 0.19, 0),
                                             row("name", "edge/jpeg-q75-420", 38.2, 0.985,
                                                 1)], "candidates": rows, "originals": [png(40, 1), png(110, 1)],
        "command": "scissionlite-train privacy mobilenetv2_example.onnx --images photos/ --cuts all -o privacy.json"
    }


def explanation():
    """Three kinds of code, of which one has no multiply-adds; the slowest step in the middle."""
    def step(node, implementation, macs, us, **more):
        gflops = 2e-3 * macs / us
        return {
            "node": node, "implementation": implementation, "shape": [1, 32, 28, 28], "macs": macs, "bytes": 200704, "median_us": us,
            "gflops": gflops, "share_of_peak": gflops / 76.5, **more
        }

    steps = [
        step("Conv 'stem'", "direct_plain vectors=2", 10_838_016, 310.5),
        step("FusedConv 'features/3/conv' <b>", "winograd m=4", 57_802_752, 1205.25, predicted_us=1190.0, is_measured=True,
             instead="direct vectors=3", instead_us=415.5),
        step("FusedConv 'features/5/dw'", "depthwise", 1_806_336, 88.125),
        step("Concat 'c'", "gather", 0, 40.0)
    ]
    steps += [step(f"FusedConv 'features/{i}/pw'", "direct vectors=3", 9_633_792, 300.0 - i) for i in range(6, 36)]
    return {
        "schema": "scissionlite.explanation/1", "engine": "native", "version": "0.1.0", "isa": "avx2", "precision": "f32", "threads": 1,
        "run_us": 10290.0, "peak_gflops": 76.5, "arena_bytes": 4_900_000, "values_bytes": 19_100_000, "steps": steps,
        "model_name": "mobilenetv2_example", "command": "scissionlite explain mobilenetv2_example.onnx --json"
    }


def network():
    return {
        "schema": "scissionlite.network/1", "links": [{"from": "device", "to": "edge", **LINK, "per_call_us": 300.0, "n": 64}],
        "command": "scissionlite probe edge-1:8001 -o network.json"
    }


def bench(plan):
    rows, n = [], 100

    def measured_us(i):
        return plan["families"][i]["latency_us"] * (1.02 + 0.012 * math.sin(3 * i))

    local = measured_us(next(i for i, c in enumerate(plan["families"]) if c["key"] == "local"))
    for i, candidate in enumerate(plan["families"]):
        if candidate["key"].startswith("edge/webp"):
            rows.append({
                "key": candidate["key"], "family": candidate["family"],
                "error": "the edge answered INVALID_ARGUMENT: unknown codec 'webp' <img src=x onerror=alert(1)>"
            })
            continue
        measured = measured_us(i)
        right = round(candidate.get("agreement", 1) * n)
        stages, last = candidate["stages"], candidate["stages"][-1]
        split = len(stages) > 1
        rows.append({
            "key": candidate["key"],
            "family": candidate["family"],
            "n": n,
            "latency_median_us": round(measured, 1),
            "latency_p95_us": round(measured * 1.07, 1),
            "latency_ci": [round(measured * 0.994, 1), round(measured * 1.006, 1)],
            "predicted_us": round(candidate["latency_us"], 1),
            "preprocess_us": stages[0]["decode_us"],
            "head_us": stages[0]["compute_us"],
            "encode_us": stages[0]["encode_us"],
            "wire_us": stages[0]["wire_us"],
            "decode_us": last["decode_us"] if split else 0,
            "tail_us": last["compute_us"] if split else 0,
            "other_us": 0,
            "bytes_mean": candidate["bytes"],
            "bytes_p95": candidate["bytes"] * 1.0,
            "throughput_ips": 0,
            "agreement": right / n,
            "agreement_interval": wilson(right, n),
            "agreement_n": n,
            "speedup_over_local": round(local / measured, 4),
        })
    return {
        "schema": "scissionlite.bench/1", "model_name": "mobilenetv2_example", "model_sha256": SHA,
        "machine": {"cpu": "Example CPU @ 2.0 GHz", "isa": ["avx2", "fma", "f16c"], "cores": 4}, "device_engine": "slow:16:openvino",
        "edge_engine": "openvino", "device_slowdown": 16, "link_rtt_us": 27400, "link_up_bps": 5e6, "link_down_bps": 5e6, "rows": rows,
        "command": "scissionlite bench mobilenetv2_example.onnx --plan plan.json --images photos/ -n 100 --link 5M,27.4ms --device-slow 16 -o bench.json",
        "commit": "0123abc"
    }


def write(name, content):
    (OUT / name).write_text(json.dumps(content, indent=1) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for machine in ("device", "edge"):
        write(f"{machine}.json", profile(machine))
    write("scores.json", scores())
    write("network.json", network())
    write("privacy.json", privacy())
    write("explain.json", explanation())
    subprocess.run([
        PROGRAM, "plan", "--device", "device.json", "--edge", "edge.json", "--network", "network.json", "--scores", "scores.json", "--min-agreement",
        "0.9", "-o", "plan.json"
    ], check=True, cwd=OUT, stdout=subprocess.DEVNULL)
    write("bench.json", bench(json.loads((OUT / "plan.json").read_text())))


if __name__ == "__main__":
    main()
