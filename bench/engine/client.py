"""Workers as the orchestrator sees them: processes that are started, asked line by line and ended."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from worker import load_peer

FOLDER = pathlib.Path(__file__).parent
ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}  # numpy's, which no peer uses

WARM_RUNS = 2  # at the start of a turn, as others have used the caches meanwhile
QUIET_EVERY_S = 0.5
PAUSE_S = 0.05  # between turns: longer than any peer's idle threads spin (ncnn's: 20 ms)


class Failed(Exception):
    """What a peer answered instead of a result."""


def first_cores(threads):
    cores = sorted(os.sched_getaffinity(0))
    if threads > len(cores):
        raise SystemExit(f"[engine] {threads} threads asked for, {len(cores)} cores allowed")
    return cores[:threads]


def python_of(peers, venv):
    python = peers / venv / "bin" / "python"
    if not python.exists():
        raise Failed(f"no {python}; run bench/engine/install_peers.sh {peers}")
    return str(python)


def command(peer, model, threads, options):
    """The words that start a peer's worker."""
    module = load_peer(peer)
    if module.VENV is None:
        return [str(word) for word in module.command(options.worker, model, threads, options.engine, options.work)]
    return [
        python_of(options.peers_at, module.VENV),
        str(FOLDER / "worker.py"), peer,
        str(model), "--threads",
        str(threads), "--work",
        str(options.work)
    ]


def prepare(peer, model, threads, options):
    """Conversion or tuning, kept in the work folder; untimed."""
    module = load_peer(peer)
    words = None
    if hasattr(module, "prepare_command"):
        words = module.prepare_command(options.worker, model, threads, options.engine, options.work)
    elif hasattr(module, "prepare"):
        words = [*command(peer, model, threads, options), "--prepare", "--budget", str(options.budget)]
    if words:
        done = subprocess.run([str(word) for word in words], stdout=sys.stderr, env=environment(peer, threads))
        if done.returncode != 0:
            raise Failed(f"preparing {model} for {peer} failed ({done.returncode})")


def environment(peer, threads):
    """Without the caller's settings of OpenMP: ours and ncnn stand beside peers with pools of their own, at which they would not aim."""
    extra = getattr(load_peer(peer), "environment", lambda threads: {})
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    return {**inherited, **ONE_THREAD, **extra(threads)}


class WorkerProcess:
    """A worker on these cores; `name` is what messages call it."""
    def __init__(self, name, words, environment, cores):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env=environment, preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.loaded = self.reply()

    def reply(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise Failed(f"{self.name} ended with {self.process.returncode}: {self.errors.read()[-500:].strip()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.reply()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


class Client(WorkerProcess):
    """A peer's. extra: variables of the worker's environment."""
    def __init__(self, peer, model, threads, options, extra=None):
        self.peer = peer
        super().__init__(peer, command(peer, model, threads, options), {**environment(peer, threads), **(extra or {})}, first_cores(threads))


def turn(client, runs):
    time.sleep(PAUSE_S)
    return statistics.median(client.ask("run", WARM_RUNS + runs)["us"][WARM_RUNS:])


class Quiet:
    """Waits for rounds in which nobody else uses the cores: what a core multiplies and adds at most, of which a program
    on the core's other hardware thread takes a part, is asked of this library's worker before each round. A round
    starts when it is at least options.quiet_gflops, or when options.patience_s have been waited in all."""
    def __init__(self, options):
        self.wanted, self.left_s = options.quiet_gflops, options.patience_s

    def wait(self, client):
        """@return the peak that the round starts with."""
        while True:
            peak = client.ask("peak")["gflops"]
            if peak >= self.wanted or self.left_s <= 0:
                return peak
            time.sleep(QUIET_EVERY_S)
            self.left_s -= QUIET_EVERY_S


def measure(clients, options, before_round=lambda: None):
    """Medians of each round, in turns."""
    medians, peers = {peer: [] for peer in clients}, list(clients)
    for i in range(options.rounds):
        before_round()
        for peer in peers[i % len(peers):] + peers[:i % len(peers)]:
            medians[peer].append(turn(clients[peer], options.runs))
    return medians
