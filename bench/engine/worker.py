#!/usr/bin/env python3
"""One peer behind the line protocol: loads a model, says so, then answers each line of stdin with one line of JSON on stdout.

  (at the start)     {"load_ms": ..., "version": "..."}
  input FILE.npy     {}                                   the model's input from now on, (1, c, h, w) f32
  run N              {"us": [...]}                        N runs one after the other, each timed
  output FILE.npy    {}                                   writes what the last run gave
  memory             {"peak_mib": ..., "base_mib": ...}   most resident so far; and before the peer was imported
  quit               (ends; so does the end of input)
A failure is {"error": "..."}; one before the start ends the process. bench/engine_worker.cc speaks the same for engines of the library.

Example: build/peers/main/bin/python bench/engine/worker.py onnxruntime build/graphs/resnet18.onnx --threads 1
"""
import argparse
import importlib.util
import json
import os
import pathlib
import sys
import time

import numpy as np

PEERS = pathlib.Path(__file__).parent / "peers"


def resident_peak_mib():
    """Of this program alone: ru_maxrss would start from the parent's."""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def load_peer(name):
    """peers/NAME.py under another module name, since the peer's own package may be called NAME."""
    spec = importlib.util.spec_from_file_location(f"peer_{name}", PEERS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Server:
    def __init__(self, session, base_mib):
        self.session, self.base_mib = session, base_mib

    def input(self, path):
        self.session.set_input(np.ascontiguousarray(np.load(path)))
        return {}

    def run(self, count):
        times = []
        for _ in range(int(count)):
            start = time.perf_counter_ns()
            self.session.run()
            times.append((time.perf_counter_ns() - start) / 1e3)
        return {"us": times}

    def output(self, path):
        np.save(path, np.asarray(self.session.output(), np.float32))
        return {}

    def memory(self, _):
        return {"peak_mib": resident_peak_mib(), "base_mib": self.base_mib}

    def answer(self, line):
        command, _, argument = line.strip().partition(" ")
        if command not in ("input", "run", "output", "memory"):
            return {"error": f"unknown command '{command}'; known: input, run, output, memory, quit"}
        try:
            return getattr(self, command)(argument)
        except Exception as error:  # whatever the peer throws goes to the one who asked
            return {"error": f"{command}: {type(error).__name__}: {error}"}


def say(channel, reply):
    channel.write(json.dumps(reply) + "\n")
    channel.flush()


def own_channel():
    """Standard output for the protocol alone: what peers print goes to standard error."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return channel


def start(options):
    base_mib = resident_peak_mib()
    peer = load_peer(options.peer)
    module = peer.load_library()
    begin = time.perf_counter()
    session = peer.Session(module, options.model, options.threads, options.work)
    return Server(session, base_mib), {"load_ms": (time.perf_counter() - begin) * 1e3, "version": peer.version(module)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=sorted(path.stem for path in PEERS.glob("*.py") if path.stem != "native"))
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/bench_engine"), help="where prepared models are")
    parser.add_argument("--prepare", action="store_true", help="only convert or tune the model, where the peer does so")
    parser.add_argument("--budget", type=int, default=0, help="trials of tuning with --prepare")
    options = parser.parse_args()
    if options.prepare:
        load_peer(options.peer).prepare(options.model, options.threads, options.work, options.budget)
        return
    channel = own_channel()
    try:
        server, loaded = start(options)
    except Exception as error:
        say(channel, {"error": f"{options.model}: {type(error).__name__}: {error}"})
        raise SystemExit(1) from error
    say(channel, loaded)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        say(channel, server.answer(line))


if __name__ == "__main__":
    main()
