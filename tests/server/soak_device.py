"""A device that answers pictures one after the other while its edge is restarted now and then, and what that leaves behind in it."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import time

import peers
from soak_load import Watched

SMALL_MODEL = pathlib.Path(__file__).resolve().parents[1] / "packaging" / "small_model.py"


def make_package(program, folder):
    python = peers.DEPS / "venv_ort" / "bin" / "python"
    if not python.exists():
        peers.skip(f"no {python}; run tools/install_deps.sh test")
    subprocess.run([python, SMALL_MODEL, folder], check=True)
    subprocess.run([
        program, "prepare", folder / "small.onnx", "--candidate", "split/3/uint8", "--images", folder / "picture0.png", "--name", "small_tail",
        "--package", folder / "package", "--repository", folder / "models", "-q"
    ], check=True, stdout=subprocess.DEVNULL)


class Device:
    """`run` that is told a picture on its stdin and answers it."""
    def __init__(self, program, folder, port):
        self.folder, self.origins = folder, {}
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([
            program, "run", folder / "package", "--edge", f"127.0.0.1:{port}", "--engine", "native", "--threads", "1", "--stdin", "paths", "--json",
            "-q"
        ], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        if not self.process.stdout.readline():
            self.errors.seek(0)
            raise RuntimeError(f"run ended with code {self.process.wait()}: {self.errors.read().decode()}")

    def answer(self, images):
        for _ in range(images):
            self.process.stdin.write(f"{self.folder / 'picture0.png'}\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
            self.origins[answer["origin"]] = self.origins.get(answer["origin"], 0) + 1

    def back_at_edge(self, seconds=30):
        """Pictures until one is answered by the edge, however fast others are meanwhile."""
        before, end = self.origins.get("edge", 0), time.monotonic() + seconds
        while self.origins.get("edge", 0) == before:
            if time.monotonic() > end:
                raise AssertionError(f"no answer from the edge within {seconds} s of its start: {self.origins}")
            self.answer(1)

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()
        self.process.wait()


def soak(program, images, parts, told=lambda part, look: None):
    """Looks at the device before, and after each part, in whose middle the edge was killed and started again; who answered."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        make_package(program, folder)
        serve = lambda port: peers.Serve(program, folder / "models", "--engine", "native", "--threads", 1, "--no-http", "--no-metrics", port=port
                                         )  # noqa: E731
        edge = serve(0).__enter__()
        device = None
        try:
            device = Device(program, folder, edge.port)
            watched = Watched(device.process.pid)
            looks = [watched.at_rest()]
            for part in range(parts):
                device.answer(images // parts // 2)
                edge.process.kill()
                edge.process.wait()
                device.answer(2)
                port = edge.port
                edge.__exit__()
                edge = serve(port).__enter__()
                device.back_at_edge()
                device.answer(images // parts - images // parts // 2 - 2)
                looks.append(watched.at_rest())
                told(part + 1, looks[-1])
            return looks, device.origins
        finally:
            if device:
                device.end()
            edge.__exit__()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
