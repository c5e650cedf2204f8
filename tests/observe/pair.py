"""What the tests of this folder share: a small model prepared as several plans, the edge and the device as processes, a
collector, and headless Chromium."""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEPS = pathlib.Path(os.environ.get("SCISSIONLITE_DEPS", ROOT / ".deps"))
sys.path.insert(0, str(HERE.parent / "server"))
import peers  # noqa: E402


def enter_venv(name):
    """Goes on in the Python of a virtual environment below .deps."""
    python = DEPS / name / "bin" / "python"
    if not python.exists():
        peers.skip(f"no {python}; run tools/install_deps.sh test")
    if pathlib.Path(sys.prefix).resolve() != (DEPS / name).resolve():
        os.execv(python, [python, *sys.argv])


class Pair(unittest.TestCase):
    """`plans` are prepared once for a class: packages in self.folder / NAME, all tails in one repository."""
    program = None
    plans = {"uint8": "split/3/uint8"}

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="observe-test-")
        cls.folder = pathlib.Path(cls.scratch.name)
        python = DEPS / "venv_ort" / "bin" / "python"
        if not python.exists():
            peers.skip(f"no {python}; run tools/install_deps.sh test")
        subprocess.run([python, HERE.parent / "packaging" / "small_model.py", cls.folder], check=True)
        for name, candidate in cls.plans.items():
            subprocess.run([
                cls.program, "prepare", cls.folder / "small.onnx", "--candidate", candidate, "--package", cls.folder / name, "--repository",
                cls.folder / "repository", "--name", f"small_{name}", "--engine", "native"
            ], check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def serve(self, *words):
        return peers.Serve(self.program, self.folder / "repository", "--engine", "native", "--threads", "1", *words)

    def run_device(self, *words, plan="uint8", code=0):
        """The answers, the summary, and the lines of stderr."""
        done = subprocess.run([self.program, "run", "--json", self.folder / plan, "--engine", "native", "--threads", "1", *map(str, words)],
                              capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [line for line in lines if "path" in line], lines[-1].get("summary") if lines else None, done.stderr.splitlines()

    def pictures(self):
        return [self.folder / "picture0.png", self.folder / "picture1.png"]


class Collector:
    """A collector of OTLP/HTTP: keeps bodies and says what `statuses` has first, then 200."""
    def __init__(self, statuses=(), path="/v1/traces"):
        collector = self
        self.bodies, self.seen, self.statuses = [], [], list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = collector.statuses.pop(0) if collector.statuses else 200
                collector.seen.append((self.path, self.headers["Content-Type"], status))
                if status == 200:
                    collector.bodies.append(body.decode())
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                try:
                    self.wfile.write(b"{}")
                except OSError:
                    pass  # the device has ended

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.path = path

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def get(port, target):
    """Status, fields and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


class Browser:
    """Headless Chromium, driven over a pipe by its own protocol (CDP): no driver is needed."""
    def __init__(self, width=1200, height=1400, dark=False):
        if not shutil.which("chromium"):
            peers.skip("no chromium; run tools/install_deps.sh test")
        self.profile = tempfile.TemporaryDirectory(prefix="observe-browser-")
        to_browser, self.write_fd = os.pipe()
        self.read_fd, from_browser = os.pipe()
        command = [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}",
            f"--window-size={width},{height}", "about:blank"
        ]
        # Chromium reads descriptor 3 and writes 4.
        script = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'
        self.process = subprocess.Popen(["bash", "-c", script, "bash", *command], pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.reader, self.number, self.complaints, self.requests = os.fdopen(self.read_fd, "rb"), 0, [], []
        self.session = None
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def message(self):
        out = bytearray()
        while (byte := self.reader.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("Chromium has gone")
            out += byte
        return json.loads(out)

    def ask(self, method, **parameters):
        self.number += 1
        question = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            question["sessionId"] = self.session
        os.write(self.write_fd, json.dumps(question).encode() + b"\0")
        while True:
            answer = self.message()
            self.note(answer)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def note(self, event):
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.complaints.append(parameters["args"])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(parameters["entry"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def value(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression, seconds=60):
        """Until the expression holds; its value."""
        import time
        end = time.time() + seconds
        while not (value := self.value(expression)):
            if time.time() > end:
                raise AssertionError(f"not within {seconds} s: {expression}; the page says: {self.value('document.body.innerText')}")
            time.sleep(0.1)
        return value

    def picture(self, path):
        import base64
        pathlib.Path(path).write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def close(self):
        try:
            self.session = None
            self.ask("Browser.close")
            self.process.wait(20)
        except Exception:
            self.process.kill()
            self.process.wait()
        os.close(self.write_fd)
        self.reader.close()
        self.profile.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    Pair.program = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
