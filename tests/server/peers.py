"""What the tests of the server share: where the peers lie, our server as a process, raw gRPC calls."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("SCISSIONLITE_DEPS", ROOT / ".deps"))


def skip(reason):
    print(f"[SKIP] {reason}")
    sys.exit(77)


def enter_venv():
    """Goes on in the Python that has tritonclient; call it before importing that."""
    venv = DEPS / "venv_tritonclient"
    if not (venv / "bin" / "python").exists():
        skip(f"no {venv}; run tools/install_deps.sh test")
    if pathlib.Path(sys.prefix).resolve() != venv.resolve():
        os.execv(venv / "bin" / "python", [venv / "bin" / "python", *sys.argv])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_repository(folder):
    """The small test models, written by the Python that has the onnx package."""
    python = DEPS / "venv_ort" / "bin" / "python"
    if not python.exists():
        skip(f"no {python}; run tools/install_deps.sh test")
    script = pathlib.Path(__file__).with_name("test_models.py")
    subprocess.run([python, script, str(folder)], check=True)


def wait_until_live(address, process, seconds, ready=True):
    import tritonclient.grpc as client
    end = time.time() + seconds
    with client.InferenceServerClient(address) as c:
        while time.time() < end:
            if process.poll() is not None:
                raise RuntimeError(f"the server at {address} ended with code {process.returncode}")
            try:
                if (c.is_server_ready() if ready else c.is_server_live()):
                    return
            except Exception:
                pass
            time.sleep(0.1)
    raise RuntimeError(f"the server at {address} is not up after {seconds} s")


class Serve:
    """Our server: `with Serve(program, repository, "--queue-size", "4") as server: server.address`."""
    def __init__(self, program, repository, *words, port=0):
        self.command = [str(program), "serve", "--json", "--grpc-port", str(port), *map(str, words)]
        if repository is not None:
            self.command += ["--model-repository", str(repository)]
        self.errors = tempfile.TemporaryFile()

    def __enter__(self):
        import json
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.errors)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            text = self.stderr()
            self.__exit__()
            raise RuntimeError(f"serve ended with code {self.process.returncode}: {text}")
        self.event = json.loads(line)
        self.port = self.event["port"]
        self.address = f"127.0.0.1:{self.port}"
        return self

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def log(self):
        """What it has said so far."""
        return os.pread(self.errors.fileno(), 1 << 24, 0).decode(errors="replace")

    def stop(self, seconds=60):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.errors.close()
