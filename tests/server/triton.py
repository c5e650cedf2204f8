"""A real Triton for tests: the server inside the nvidia-pytriton wheel, which has the Python backend only. Models are in
the Python style: model.py runs the byte-identical model.onnx in ONNX Runtime (share/triton_python_backend)."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import peers

VERSION = "3.11"  # of /usr/bin/python3 on Debian 12: the backend's stub must match it


def why_missing():
    """Why no Triton can be started here, or ""."""
    for path in (peers.DEPS / "pytriton" / "pytriton" / "tritonserver", peers.DEPS / "triton_python" / "onnxruntime"):
        if not path.exists():
            return f"no {path}; run tools/install_deps.sh test"
    return ""


def python_style(repository, target):
    """Copies a repository of ONNX models into the Python style: the same model.onnx, model.py beside it, and a config
    that names the Python backend. Models without config.pbtxt are left out, because that backend needs one."""
    template = peers.ROOT / "share" / "triton_python_backend" / "model.py"
    for folder in sorted(pathlib.Path(repository).iterdir()):
        config = folder / "config.pbtxt"
        if not config.exists():
            continue
        shutil.copytree(folder, target / folder.name)
        shutil.copy(template, target / folder.name / "1" / "model.py")
        text = config.read_text().replace('backend: "onnxruntime"', 'backend: "python"')
        (target / folder.name / "config.pbtxt").write_text(text)


class Triton:
    """`with Triton(repository) as triton: triton.address`. The repository is in the Python style already. With `http`
    it answers at http_address too."""
    def __init__(self, repository, explicit=False, log=None, http=False):
        self.repository, self.explicit, self.http = pathlib.Path(repository).resolve(), explicit, http
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="triton-"))
        self.log_path = log or self.folder / "log"

    def __enter__(self):
        source = peers.DEPS / "pytriton" / "pytriton" / "tritonserver"
        backends = self.folder / "backends"
        shutil.copytree(source / "backends", backends)
        stubs = list((source / "python_backend_stubs" / VERSION).glob("triton_python_backend_stub"))
        shutil.copy(stubs[0], backends / "python")
        binary = source / "bin" / "tritonserver"
        for path in (binary, backends / "python" / "triton_python_backend_stub"):
            if not os.access(path, os.X_OK):
                path.chmod(0o755)
        self.port = peers.free_port()
        environment = dict(os.environ, PATH="/usr/bin:/bin")
        libraries = [str(peers.DEPS / "pytriton" / "nvidia_pytriton.libs"), str(source / "lib")]
        environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        words = [
            str(binary), f"--model-repository={self.repository}", f"--backend-directory={backends}", "--allow-metrics=false",
            "--allow-gpu-metrics=false", f"--grpc-port={self.port}", "--grpc-address=127.0.0.1", "--exit-on-error=false"
        ]
        if self.http:
            port = peers.free_port()
            self.http_address = f"127.0.0.1:{port}"
            words += [f"--http-port={port}", "--http-address=127.0.0.1"]
        else:
            words += ["--allow-http=false"]
        if self.explicit:
            words += ["--model-control-mode=explicit", "--load-model=*"]
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(words, stdout=self.log, stderr=subprocess.STDOUT, env=environment,
                                        cwd=peers.DEPS / "triton_python")  # the stub reads no PYTHONPATH, but looks here first
        self.address = f"127.0.0.1:{self.port}"
        try:
            peers.wait_until_live(self.address, self.process, 60, ready=False)
            self.wait_for_models(60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_for_models(self, seconds):
        """Until none is loading; a model that cannot be loaded is an error."""
        import tritonclient.grpc as client
        end = time.time() + seconds
        with client.InferenceServerClient(self.address) as c:
            while time.time() < end:
                models = c.get_model_repository_index().models
                for model in models:
                    if model.state == "UNAVAILABLE" and model.reason:
                        raise RuntimeError(f"Triton does not load '{model.name}': {model.reason}")
                if models and all(model.state == "READY" for model in models):
                    return
                time.sleep(0.1)
        raise RuntimeError(f"Triton has not loaded its models after {seconds} s")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
