#!/usr/bin/env python3
"""The edge under load, beside a real Triton (the server in the nvidia-pytriton wheel; ONNX Runtime with one thread in
its Python backend, dynamic batching) with the same tail: MobileNetV2 from 64 x 14 x 14 on, float32. Servers have one
core, each alone in its turn, perf_analyzer the other; figures are medians of rounds. Triton stands three times: as its
documentation begins ("triton"), with a queue delay as it goes on ("triton_delayed"), and with a queue policy that
rejects what is late ("triton_rejecting", for the overload alone: this Triton stands still for half seconds with one).
edge_share_of_bare_runtime_c16, _c64: throughput with ONNX Runtime behind, over ONNX Runtime alone on that core at its best batch size.
edge_added_ms_c1: median latency of one caller, less that of ONNX Runtime alone. edge_native_vs_triton_c16: throughput
with our engine, over Triton's. overload5x_goodput_share: requests at random, five times what the server answers at
concurrency 64, with a deadline of 100 ms: answers in time, over that throughput. The figures are gRPC's; with
--protocol http the same is asked over HTTP with binary tensors, of Triton too, and stands in rows of names with "/http".

Example: tools/figures/edge_serving.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA --record
"""
import argparse
import contextlib
import csv
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "server"))
import figures  # noqa: E402
import peers  # noqa: E402

COMMAND = "tools/figures/edge_serving.py"
MODEL, CANDIDATE, SHAPE, INPUT = "mobilenetv2_1.0", "split/37/fp32", [64, 14, 14], "cut0"
TAIL = f"{MODEL}_tail"
SERVER_CORE, LOAD_CORE = 0, 1
CONCURRENCIES = (1, 16, 64)
OVERLOAD, OVERLOAD_S, DEADLINE_S = 5, 10, 0.1
TRITONS = {
    "triton": "dynamic_batching { }", "triton_delayed": "dynamic_batching { max_queue_delay_microseconds: 100 }",
    "triton_rejecting": "dynamic_batching { default_queue_policy { timeout_action: REJECT allow_timeout_override: true max_queue_size: 256 } }"
}
ENGINES = ("onnxruntime", "native")
BARE = """
import json, sys, time, numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
name, shape = session.get_inputs()[0].name, json.loads(sys.argv[2])
inputs = {n: np.random.rand(n, *shape).astype(np.float32) for n in (1, 2, 4, 8, 16, 32)}
times = {n: [] for n in inputs}
end = time.time() + float(sys.argv[3])
while time.time() < end:
    for n, x in inputs.items():
        session.run(None, {name: x})  # behind another size caches are cold, which a lone caller's requests do not find
        for _ in range(max(1, 8 // n)):
            start = time.perf_counter()
            session.run(None, {name: x})
            times[n].append(time.perf_counter() - start)
print(json.dumps({n: sorted(t)[len(t) // 2] for n, t in times.items()}))
"""
# What both floods begin with: requests at random moments, none waiting for another's answer.
FLOOD = """
import asyncio, json, random, sys, time
import numpy as np
address, model, name, shape, rate, seconds, deadline = sys.argv[2], sys.argv[3], sys.argv[4], json.loads(sys.argv[5]), *map(float, sys.argv[6:9])
answers, failures = [], {}
async def flood(ask, queue_us_of):
    rng, sent, tasks = random.Random(1), 0, set()
    start = at = time.perf_counter()
    while at < start + seconds:
        at += rng.expovariate(rate)
        if (wait := at - time.perf_counter()) > 0: await asyncio.sleep(wait)
        elif sent % 20 == 0: await asyncio.sleep(0)
        sent += 1
        task = asyncio.ensure_future(ask())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    took = time.perf_counter() - start
    queues = sorted(q for q in (queue_us_of(answer) for _, answer in answers) if q is not None)
    times = sorted(seconds for seconds, _ in answers)
    print(json.dumps({"sent_per_s": sent / seconds, "in_time_per_s": sum(t <= deadline for t in times) / took, "late": sum(t > deadline for t in times), "failures": failures,
                      "queue_p99_ms": queues[len(queues) * 99 // 100] / 1e3 if queues else None, "latency_p99_ms": times[len(times) * 99 // 100] * 1e3 if times else None}))
"""
# Raw calls, so that one core can send five times what the server answers.
GRPC_FLOOD = FLOOD + """
sys.path.insert(0, sys.argv[1])
import grpc
from tritonclient.grpc import service_pb2 as pb
request = pb.ModelInferRequest(model_name=model)
tensor = request.inputs.add(name=name, datatype="FP32")
tensor.shape.extend([1, *shape])
request.parameters["timeout"].int64_param = int(deadline * 1e6)
request.raw_input_contents.append(np.random.default_rng(1).random(shape, np.float32).tobytes())
data = request.SerializeToString()
async def ask(call):
    start = time.perf_counter()
    try:
        bytes = await call(data, timeout=deadline)
        answers.append((time.perf_counter() - start, bytes))
    except grpc.aio.AioRpcError as error:
        failures[error.code().name] = failures.get(error.code().name, 0) + 1
async def main():
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        await flood(lambda: ask(call), lambda bytes: pb.ModelInferResponse.FromString(bytes).parameters["queue_us"].double_param)
asyncio.run(main())
"""
# The same over HTTP: a connection a request in flight, as long as the server keeps it open.
HTTP_FLOOD = FLOOD + """
tensor = np.random.default_rng(1).random(shape, np.float32).tobytes()
head = json.dumps({"parameters": {"timeout": int(deadline * 1e6), "binary_data_output": True},
                   "inputs": [{"name": name, "datatype": "FP32", "shape": [1, *shape], "parameters": {"binary_data_size": len(tensor)}}]}).encode()
data = (f"POST /v2/models/{model}/infer HTTP/1.1\\r\\nHost: {address}\\r\\nInference-Header-Content-Length: {len(head)}\\r\\n"
        f"Content-Length: {len(head) + len(tensor)}\\r\\n\\r\\n").encode() + head + tensor
host, port = address.rsplit(":", 1)
idle = []
async def answer(reader):
    lines = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().lower().split("\\r\\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return lines[0].split()[1], body[:int(headers.get("inference-header-content-length", 0))], headers.get("connection") != "close"
async def ask():
    start = time.perf_counter()
    reader, writer = idle.pop() if idle else await asyncio.open_connection(host, int(port))
    stays = False
    try:
        writer.write(data)
        status, text, stays = await asyncio.wait_for(answer(reader), deadline)
        if status == "200": answers.append((time.perf_counter() - start, text))
        else: failures[status] = failures.get(status, 0) + 1
    except asyncio.TimeoutError:
        failures["deadline"] = failures.get("deadline", 0) + 1
    finally:
        if stays: idle.append((reader, writer))
        else: writer.close()
asyncio.run(flood(ask, lambda text: json.loads(text).get("parameters", {}).get("queue_us")))
"""
FLOODS = {"grpc": GRPC_FLOOD, "http": HTTP_FLOOD}


def on_core(core, words):
    return ["taskset", "-c", str(core), *map(str, words)]


def output_of(core, words, **options):
    return subprocess.run(on_core(core, words), check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def prepare(options, folder):
    """The repository for us, and each Triton's in its Python style."""
    ours = folder / "onnx"
    subprocess.run([
        options.scissionlite, "prepare", options.data / "models" / f"{MODEL}.onnx", "--candidate", CANDIDATE, "--package", folder / "package",
        "--repository", ours, "--images", options.data / "images" / "imagenet_samples256", "--input",
        figures.ROOT / "tests" / "fixtures" / "inputs" / f"{MODEL}.input.json", "-q"
    ], check=True, stdout=subprocess.DEVNULL)
    import triton
    for name, batching in TRITONS.items():
        (folder / name).mkdir()
        triton.python_style(ours, folder / name)
        config = folder / name / TAIL / "config.pbtxt"
        text, replaced = re.subn(r"^dynamic_batching \{.*\}$", batching, config.read_text(), flags=re.MULTILINE)
        if replaced != 1:
            raise RuntimeError(f"{config} has no dynamic_batching to replace")
        config.write_text(text + 'parameters { key: "threads" value { string_value: "1" } }\n')
    return ours


class Ours:
    """Our server on its core, with an engine."""
    def __init__(self, options, repository, engine):
        self.protocol = options.protocol
        self.words = on_core(SERVER_CORE, [
            options.scissionlite, "serve", "--json", "-q", "--grpc-port", 0, "--http-port", 0 if options.protocol == "http" else -1, "--no-metrics",
            "--model-repository", repository, "--engine", engine, "--threads", 1
        ])

    def __enter__(self):
        environment = dict(os.environ)
        environment.setdefault("SCISSIONLITE_ORT_PYTHON", str(peers.DEPS / "venv_ort" / "bin" / "python"))
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, text=True, env=environment)
        event = json.loads(self.process.stdout.readline())
        self.address = f"127.0.0.1:{event['port' if self.protocol == 'grpc' else 'http_port']}"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def load(protocol, address, concurrency, folder, seconds):
    """One window of perf_analyzer: requests a second, and microseconds."""
    program = peers.DEPS / "perf_analyzer"
    out = folder / "out.csv"
    words = [
        program / "bin" / "perf_analyzer", "-m", TAIL, "-u", address, "-i", protocol, "--concurrency-range", f"{concurrency}", "-p",
        round(seconds * 1000), "-s", 999, "-r", 3, "--shape", f"{INPUT}:{','.join(map(str, SHAPE))}", "-f", out, "--verbose-csv"
    ]
    subprocess.run(on_core(LOAD_CORE, words), check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, LD_LIBRARY_PATH=str(program / "nvidia" / "cuda_runtime" / "lib")))
    with open(out, newline="") as file:
        row = list(csv.DictReader(file))[-1]
    return {
        "per_s": float(row["Inferences/Second"]), "p50_us": float(row["p50 latency"]), "p99_us": float(row["p99 latency"]),
        "queue_us": float(row["Server Queue"])
    }


def flood(protocol, address, rate):
    return json.loads(
        output_of(LOAD_CORE, [
            peers.DEPS / "venv_tritonclient" / "bin" / "python", "-c", FLOODS[protocol],
            pathlib.Path(peers.__file__).parent, address, TAIL, INPUT,
            json.dumps(SHAPE), rate, OVERLOAD_S, DEADLINE_S
        ]))


def bare(repository, seconds):
    return {
        int(n): s
        for n, s in json.loads(
            output_of(SERVER_CORE,
                      [peers.DEPS / "venv_ort" / "bin" / "python", "-c", BARE, repository / TAIL / "1" / "model.onnx",
                       json.dumps(SHAPE), seconds])).items()
    }


@contextlib.contextmanager
def serving(options, folder, name):
    """The address of one server, which has its core to itself."""
    if name in ENGINES:
        with Ours(options, folder / "onnx", name) as server:
            yield server.address
        return
    import triton
    is_http = options.protocol == "http"
    with triton.Triton(folder / name, http=is_http) as server:
        yield server.http_address if is_http else server.address


def measure(options, folder):
    ours = prepare(options, folder)
    rounds = []
    os.sched_setaffinity(0, {SERVER_CORE})  # Triton inherits it
    names = [*ENGINES, *TRITONS]
    for index in range(options.rounds):
        one = {"bare": bare(ours, options.seconds)}
        turn = index % len(names)
        for name in names[turn:] + names[:turn]:
            with serving(options, folder, name) as address:
                concurrencies = CONCURRENCIES if name != "triton_rejecting" else ()
                if concurrencies:
                    load(options.protocol, address, 16, folder, 1)
                one[name] = {c: load(options.protocol, address, c, folder, options.seconds) for c in concurrencies}
                rate = one[name][64]["per_s"] if concurrencies else alone(one, "bare", best_size([one]))
                if name != "triton_delayed":
                    one[name]["flood"] = flood(options.protocol, address, OVERLOAD * rate)
        one["bare_after"] = bare(ours, options.seconds)
        rounds.append(one)
        print(
            f"[edge] round {index + 1}: alone {alone_in(one, best_size(rounds)):.1f}/s, " + ", ".join(
                f"{name} {one[name][16]['per_s']:.1f}/s at 16, {one[name][64]['per_s']:.1f} at 64, p50 {one[name][1]['p50_us'] / 1e3:.2f} ms at 1"
                for name in names if 16 in one[name]) + "; " + ", ".join(f"{name} flood {one[name]['flood']}"
                                                                         for name in names if "flood" in one[name]), file=sys.stderr, flush=True)
    return rounds


def best_size(rounds):
    """The batch size at which the runtime alone is fastest, over all rounds: the fastest of each round would be the luckiest."""
    return max(rounds[0]["bare"],
               key=lambda n: statistics.median(alone(one, key, n) for one in rounds for key in ("bare", "bare_after") if key in one))


def alone(one, key, size):
    """Images a second of the runtime alone."""
    return size / one[key][size]


def alone_in(one, size):
    """Mean of before and after a round."""
    return statistics.mean(alone(one, key, size) for key in ("bare", "bare_after"))


def row(name, what, values, unit, note):
    values = sorted(values)
    return {
        "id": name, "what": what, "measured": statistics.median(values), "spread": [values[0], values[-1]], "unit": unit, "command": COMMAND,
        "note": note
    }


def rows(rounds):
    out = []
    median = lambda get: statistics.median(get(one) for one in rounds)  # noqa: E731
    size = best_size(rounds)
    about = f"{len(rounds)} rounds; ONNX Runtime alone {median(lambda one: alone_in(one, size)):.1f} images/s at its best batch size, {size}; {median(lambda one: one['bare'][1] * 1e3):.2f} ms for one"
    behind = (("", "onnxruntime"), ("/triton", "triton"), ("/triton_delayed", "triton_delayed"))
    for concurrency in (16, 64):
        for suffix, name in behind:
            out.append(
                row(f"edge_share_of_bare_runtime_c{concurrency}{suffix}",
                    f"throughput at concurrency {concurrency} with ONNX Runtime behind, over ONNX Runtime alone",
                    [one[name][concurrency]["per_s"] / alone_in(one, size) for one in rounds], "share", about))
        for suffix, name in (("", "triton"), ("/delayed", "triton_delayed")):
            out.append(
                row(f"edge_native_vs_triton_c{concurrency}{suffix}",
                    f"throughput with our engine over Triton's with ONNX Runtime, concurrency {concurrency}",
                    [one["native"][concurrency]["per_s"] / one[name][concurrency]["per_s"] for one in rounds], "times", about))
    for suffix, name in behind:
        added = [one[name][1]["p50_us"] / 1e3 - 1e3 * statistics.mean((one["bare"][1], one["bare_after"][1])) for one in rounds]
        out.append(row(f"edge_added_ms_c1{suffix}", "median latency of a single caller, less ONNX Runtime alone", added, "ms", about))
    for suffix, name in (("", "native"), ("/onnxruntime", "onnxruntime"), ("/triton", "triton"), ("/triton_rejecting", "triton_rejecting")):
        queue = [one[name]["flood"]["queue_p99_ms"] for one in rounds if one[name]["flood"]["queue_p99_ms"] is not None]
        late = sum(one[name]["flood"]["late"] for one in rounds)
        told = f"sent {median(lambda one: one[name]['flood']['sent_per_s']):.0f}/s; {late} answers after the deadline; latency p99 {median(lambda one: one[name]['flood']['latency_p99_ms'] or 0):.0f} ms" + (
            f", queueing p99 {statistics.median(queue):.1f} ms" if name in ENGINES and queue else "")
        most = name if name in ENGINES else "triton"
        out.append(
            row(f"overload5x_goodput_share{suffix}",
                f"answers within {1e3 * DEADLINE_S:.0f} ms at five times the load, over the throughput at concurrency 64; {name}",
                [one[name]["flood"]["in_time_per_s"] / one[most][64]["per_s"] for one in rounds], "share", told))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each window")
    parser.add_argument("--protocol", choices=FLOODS, default="grpc")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    peers.enter_venv()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="edge-serving-"))
    try:
        made = rows(measure(options, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.protocol != "grpc":
        for one in made:
            one.update(id=f"{one['id']}/{options.protocol}", what=f"over {options.protocol.upper()}: {one['what']}",
                       command=f"{COMMAND} --protocol {options.protocol}")
    for one in made:
        print(f"{one['id']}: {one['measured']:.3f} {one['unit']} ({one['spread'][0]:.3f} to {one['spread'][1]:.3f}); {one['note']}")
    if options.record:
        figures.record("field", made)


if __name__ == "__main__":
    main()
