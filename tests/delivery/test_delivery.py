"""Packages from the edge: `serve --packages` and `run --from` as processes, and the service of src/delivery/delivery.proto by raw calls.
  test_delivery.py SCISSIONLITE"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
import peers  # noqa: E402

peers.enter_venv()
import certificates  # noqa: E402
import grpc  # noqa: E402

PROGRAM = sys.argv.pop(1)
PATIENCE = 120  # seconds, on a machine with other work
SMALL_MODEL = pathlib.Path(__file__).resolve().parents[1] / "packaging" / "small_model.py"


def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def fetch_request(sha256, offset=0):
    text = sha256.encode()
    return b"\x0a" + varint(len(text)) + text + b"\x10" + varint(offset)


def fields(message):
    """Field numbers and values of a protobuf message: whole numbers, and bytes for all else."""
    at, out = 0, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        value = number()
        if key & 7 == 2:
            at, value = at + value, message[at:at + value]
        out.append((key >> 3, value))
    return out


class DeliveryCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        python = peers.DEPS / "venv_ort" / "bin" / "python"
        if not python.exists():
            peers.skip(f"no {python}; run tools/install_deps.sh test")
        folder = tempfile.TemporaryDirectory(prefix="delivery-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.made = pathlib.Path(folder.name)
        subprocess.run([python, SMALL_MODEL, cls.made], check=True)
        for version, candidate in (("one", "split/3/uint8"), ("two", "split/3/fp16")):
            cls.prepare(version, candidate)

    @classmethod
    def prepare(cls, version, candidate, *words):
        subprocess.run([
            PROGRAM, "prepare", cls.made / "small.onnx", "--candidate", candidate, "--images", cls.made / "picture0.png", "--name", "small_tail",
            *words, "--package", cls.made / version / "net", "--repository", cls.made / version / "models"
        ], check=True, capture_output=True, timeout=PATIENCE)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="delivery-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.models, self.packages, self.store = self.folder / "models", self.folder / "packages", self.folder / "store"
        self.put("one")

    def put(self, version):
        """What `prepare` of that version leaves: both folders replaced by renames."""
        for source, target in (
            (self.made / version / "models" / "small_tail", self.models / "small_tail"),
            (self.made / version / "net", self.packages / "net"),
        ):
            fresh = target.with_name(target.name + ".partial-1")
            shutil.copytree(source, fresh)
            if target.exists():
                target.rename(target.with_name(target.name + ".partial-2"))
            fresh.rename(target)
            shutil.rmtree(target.with_name(target.name + ".partial-2"), ignore_errors=True)

    def serve(self, *words):
        return peers.Serve(PROGRAM, self.models, "--packages", self.packages, "--no-http", "--no-metrics", *words)

    def run_command(self, address, *words):
        return [PROGRAM, "run", "--json", "--from", address, "--store", str(self.store), *map(str, words)]

    def run_once(self, address, *words, code=0):
        """Answers, summary and errors of `run` over one picture."""
        done = subprocess.run(self.run_command(address, "--update-every", "0", *words, self.made / "picture0.png"), capture_output=True, text=True,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[1:-1], lines[-1].get("summary", {}) if lines else {}, done.stderr

    def state(self):
        return json.loads((self.store / "store.json").read_text())


class Device:
    """`run --from` that answers pictures one after the other, without end: each is named on its stdin."""
    def __init__(self, case, address, *words):
        self.case = case
        self.errors = tempfile.TemporaryFile()
        case.addCleanup(self.errors.close)
        self.process = subprocess.Popen(case.run_command(address, "--stdin", "paths", *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.ready = json.loads(self.process.stdout.readline() or "{}")
        self.asked, self.answers, self.summary = 0, [], None
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.pictures = [case.folder / f"p{i}.png" for i in range(7)]
        for picture in self.pictures:
            shutil.copy(case.made / "picture0.png", picture)

    def read(self):
        for line in self.process.stdout:
            line = json.loads(line)
            if "summary" in line:
                self.summary = line["summary"]
            else:
                self.answers.append(line)

    def ask_until(self, condition, seconds=PATIENCE):
        end = time.time() + seconds
        while not condition():
            if time.time() > end or self.process.poll() is not None:
                self.case.fail(f"not within {seconds} s; last answers {self.answers[-3:]}; log:\n{self.stderr()}")
            self.process.stdin.write(f"{self.pictures[self.asked % len(self.pictures)]}\n")
            self.process.stdin.flush()
            self.asked += 1
            time.sleep(0.02)

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stdout.close()
        return code

    def check_each_once(self):
        wanted = [str(self.pictures[i % len(self.pictures)]) for i in range(self.asked)]
        self.case.assertEqual([answer["path"] for answer in self.answers], wanted, "each image has exactly one answer, in order")
        self.case.assertEqual([answer for answer in self.answers if "error" in answer], [])


class Watching:
    """`run --watch` as a service, from `folder`/images."""
    def __init__(self, case, *words, command=None, environment=None):
        self.case, self.images = case, case.folder / "images"
        self.images.mkdir(exist_ok=True)
        shutil.copy(case.made / "picture0.png", self.images)
        self.errors = tempfile.TemporaryFile()
        case.addCleanup(self.errors.close)
        command = command or case.run_command(words[0], "--update-every", "0", *words[1:])
        self.process = subprocess.Popen([*map(str, command), "--watch", str(self.images)], stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env={**os.environ, **(environment or {})})
        case.addCleanup(self.end)

    def log(self):
        return os.pread(self.errors.fileno(), 1 << 24, 0).decode(errors="replace")

    def wait_for(self, *texts):
        end = time.time() + PATIENCE
        while not all(text in self.log() for text in texts):
            if time.time() > end or self.process.poll() is not None:
                self.case.fail(f"no {texts}; exit code {self.process.poll()}:\n{self.log()}")
            time.sleep(0.05)

    def next(self):
        line = self.process.stdout.readline()
        if not line:
            self.case.fail(f"exit code {self.process.wait(PATIENCE)}:\n{self.log()}")
        return json.loads(line)

    def look(self):
        """Until it has its first package: the edge takes a few seconds to offer one."""
        done = threading.Event()

        def ask():
            while not done.wait(0.5) and self.process.poll() is None:
                self.process.send_signal(signal.SIGHUP)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            return self.next()["package"]
        finally:
            done.set()
            thread.join()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return code


class Devices(DeliveryCase):
    def test_package_is_fetched_once(self):
        with self.serve() as edge:
            answers, summary, _ = self.run_once(edge.address)
            self.assertEqual((len(answers), answers[0]["origin"]), (1, "edge"))
            self.assertEqual(answers[0]["package"], self.state()["current"][:12])
            self.assertGreater(summary["delivery"]["pulled_bytes"], 1000)
            _, summary, _ = self.run_once(edge.address, "--model", "net")
            self.assertEqual(summary["delivery"]["pulled_bytes"], 0)
            _, _, errors = self.run_once(edge.address, "--model", "nets", code=2)  # neither there nor in the store
            self.assertIn("expected 'nets'", errors)
            self.assertIn("offers net/", errors)

    def test_edge_gone_at_the_start(self):
        with self.serve() as edge:
            self.run_once(edge.address)
            address = edge.address
        answers, summary, errors = self.run_once(address, code=5)  # as whenever no image is answered by the edge
        self.assertEqual(answers[0]["origin"], "local")
        self.assertTrue(summary["delivery"]["is_from_store"])
        self.assertIn("starting from the store", errors)
        shutil.rmtree(self.store)
        _, _, errors = self.run_once(address, code=5)
        self.assertIn("no connection to", errors)

    def switches(self, *words, pipeline):
        with self.serve(*words) as edge:
            device = Device(self, edge.address, "--update-every", "0.3", "--pipeline", pipeline)
            first = device.ready["package"]
            device.ask_until(lambda: len(device.answers) > 20)
            self.put("two")
            if not words:
                edge.process.send_signal(signal.SIGHUP)
            device.ask_until(lambda: device.answers and device.answers[-1]["package"] != first)
            count = len(device.answers)
            device.ask_until(lambda: len(device.answers) > count + 20)
            self.assertEqual(device.end(), 0, device.stderr())
            device.check_each_once()
            names = [answer["package"] for answer in device.answers]
            self.assertEqual(len(set(names)), 2)
            self.assertEqual(names, sorted(names, key=lambda name: name != first), "it never goes back")
            self.assertEqual({answer["origin"] for answer in device.answers}, {"edge"}, "the version before is served until no device uses it")
            self.assertEqual((device.summary["delivery"]["updates"], device.summary["delivery"]["rejected"]), (1, 0))
            self.assertEqual((self.state()["current"][:12], self.state()["previous"][:12]), (names[-1], first))

    def test_fault_11_switches_between_two_images(self):
        self.switches(pipeline=1)

    def test_fault_11_switches_with_images_in_flight_and_an_edge_that_polls(self):
        self.switches("--model-control-mode", "poll", "--repository-poll-secs", "0.5", pipeline=4)

    def test_fault_10_bad_package_is_rejected_once(self):
        with self.serve() as edge:
            device = Device(self, edge.address, "--update-every", "0.3")
            first = device.ready["package"]
            device.ask_until(lambda: len(device.answers) > 5)
            bad = self.folder / "bad"
            shutil.copytree(self.packages / "net", bad)
            probe = bytearray((bad / "probe.bin").read_bytes())
            probe[-2] ^= 0x40  # of the answer's last number
            (bad / "probe.bin").write_bytes(probe)
            (self.packages / "net").rename(self.packages / ".old")
            bad.rename(self.packages / "net")
            device.ask_until(lambda: "failed its probe" in device.stderr())
            device.ask_until(lambda: "was rejected before" in device.stderr())
            count = len(device.answers)
            device.ask_until(lambda: len(device.answers) > count + 20)
            self.assertEqual(device.end(), 0, device.stderr())
            device.check_each_once()
            self.assertEqual({answer["package"] for answer in device.answers}, {first})
            self.assertEqual((device.summary["delivery"]["updates"], device.summary["delivery"]["rejected"]), (0, 1))
            self.assertIn("probe: local.onnx gives the stored answer", self.state()["rejected"][0]["reason"])
            self.assertEqual(self.state()["current"][:12], first)
            answers, _, errors = self.run_once(edge.address)  # a start does not try it again either
            self.assertEqual(answers[0]["package"], first)
            self.assertIn("was rejected before", errors)

    def test_fault_13_device_killed_while_it_updates(self):
        with self.serve() as edge:
            self.run_once(edge.address)
            self.put("two")
            edge.process.send_signal(signal.SIGHUP)
            for i in range(8):
                process = subprocess.Popen(self.run_command(edge.address, self.made / "picture0.png"), stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                time.sleep(0.04 * (i + 1))
                process.kill()
                process.wait()
            address = edge.address
        answers, summary, _ = self.run_once(address, code=5)
        self.assertEqual(answers[0]["origin"], "local")

    def test_fault_13_first_version_gets_its_verdict_before_a_stop(self):
        seen_while_trying = 0
        with self.serve() as edge:
            for attempt in range(5):
                shutil.rmtree(self.store, ignore_errors=True)
                process = subprocess.Popen(self.run_command(edge.address, self.made / "picture0.png"), stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                end = time.time() + PATIENCE
                while process.poll() is None and time.time() < end:
                    try:
                        if self.state()["is_trying"]:
                            break
                    except (FileNotFoundError, KeyError, ValueError):
                        pass
                process.terminate()
                seen_while_trying += process.wait(PATIENCE) == 0 and self.state()["current"] != ""
                state = self.state()
                self.assertEqual((state["is_trying"], state["tries"], state["rejected"]), (False, 0, []),
                                 f"attempt {attempt}: no crash of that version")
        self.assertGreater(seen_while_trying, 0)

    def test_fault_37_certificates_say_who_may_fetch(self):
        plant = certificates.Authority(self.folder / "plant")
        for name in ("edge", "dev1", "dev2"):
            plant.issue(name)
        access = self.folder / "access.json"
        access.write_text(json.dumps({"schema": "scissionlite.access/1", "rules": [{"identities": ["dev1"], "models": ["small_*"]}]}))
        with self.serve(*plant.options("edge"), "--access", access) as edge:
            _, _, errors = self.run_once(edge.address, *plant.options("dev2"), code=2)
            self.assertIn("offers no packages to this device", errors)
            _, _, errors = self.run_once(edge.address, code=5)  # without a certificate
            self.assertIn("no connection to", errors)
            answers, summary, _ = self.run_once(edge.address, *plant.options("dev1"))
            self.assertEqual(answers[0]["origin"], "edge")
            self.assertGreater(summary["delivery"]["pulled_bytes"], 1000)

    def test_fault_01_35_service_waits_for_a_package_and_looks_on_sighup(self):
        images = self.folder / "images"
        images.mkdir()
        shutil.copy(self.made / "picture0.png", images)
        held_back = self.folder / "held back"
        (self.packages / "net").rename(held_back)
        with self.serve() as edge, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(self.run_command(edge.address, "--watch", images, "--update-every", "0"), stdout=subprocess.PIPE,
                                       stderr=errors, text=True)

            def log():
                errors.seek(0)
                return errors.read().decode(errors="replace")

            def wait_until(condition):
                end = time.time() + PATIENCE
                while not condition():
                    if time.time() > end or process.poll() is not None:
                        self.fail(f"exit code {process.poll()}:\n{log()}")
                    time.sleep(0.05)

            try:
                wait_until(lambda: "waiting for the first package" in log())
                self.assertIn("offers no packages to this device", log())
                process.send_signal(signal.SIGHUP)
                held_back.rename(self.packages / "net")
                first = json.loads(process.stdout.readline())["package"]
                self.assertEqual(json.loads(process.stdout.readline())["package"], first)
                self.put("two")
                edge.process.send_signal(signal.SIGHUP)
                end = time.time() + PATIENCE
                while "switched from version" not in log() and time.time() < end:  # the edge takes a few seconds to see it
                    process.send_signal(signal.SIGHUP)
                    time.sleep(0.5)
                    self.assertIsNone(process.poll(), log())
                self.assertIn("switched from version", log())
            finally:
                process.terminate()
                process.wait(PATIENCE)
                process.stdout.close()

    def spoil_probe(self):
        """@return what puts it right."""
        path = self.packages / "net" / "probe.bin"
        right = path.read_bytes()
        probe = bytearray(right)
        probe[-2] ^= 0x40
        path.write_bytes(probe)
        return lambda: path.write_bytes(right)

    def test_fault_10_rejected_first_version_is_waited_out(self):
        put_right = self.spoil_probe()
        with self.serve() as edge:
            _, _, errors = self.run_once(edge.address, code=2)
            self.assertIn("failed its probe", errors)
            for _ in range(2):
                _, _, errors = self.run_once(edge.address, code=2)
                self.assertIn("was rejected before: probe: local.onnx gives the stored answer", errors)
                self.assertEqual(list((self.store / "files").iterdir()), [])
            _, _, errors = self.run_once(edge.address, "--retry-rejected", code=2)
            self.assertIn("failed its probe", errors)
            device = Watching(self, edge.address, "--retry-rejected")
            device.wait_for("failed its probe", "waiting for the first package: [delivery] package 'net' version", "was rejected before")
            self.assertEqual(device.log().count("failed its probe"), 1)
            put_right()
            self.assertEqual(device.look(), self.state()["current"][:12])

    def test_fault_01_edge_that_delivers_no_packages_yet(self):
        with peers.Serve(PROGRAM, self.models, "--no-http", "--no-metrics") as edge:
            device = Watching(self, edge.address)
            device.wait_for("waiting for the first package", "start it with --packages FOLDER (FAILED_PRECONDITION)")
        with peers.Serve(PROGRAM, self.models, "--packages", self.packages, "--no-http", "--no-metrics", port=edge.port):
            self.assertEqual(device.look(), self.state()["current"][:12])

    def test_fault_24_file_that_was_changed_since_it_was_hashed(self):
        path = self.packages / "net" / "local.onnx"
        right, times = path.read_bytes(), os.stat(path)

        def write(bytes):
            path.write_bytes(bytes)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        with self.serve() as edge:
            write(bytes([right[0] ^ 1]) + right[1:])
            _, _, errors = self.run_once(edge.address, code=2)
            self.assertIn("sent 'local.onnx' of package 'net' with sha256", errors)
            device = Watching(self, edge.address)
            device.wait_for("waiting for the first package", "but lists")
            write(right)
            self.assertEqual(device.look(), self.state()["current"][:12])

    def test_wrong_options_of_a_service_end_it(self):
        with self.serve() as edge:
            for words, text in (
                (("--engine", "nonsense"), "unknown backend"),
                (("--model", "a/xyz"), "hex digits"),
                (("--tls-ca", self.folder / "none.pem"), "--tls"),
            ):
                device = Watching(self, edge.address, *words)
                self.assertEqual(device.process.wait(PATIENCE), 2, device.log())
                self.assertIn(text, device.log())

    def test_edge_that_refuses_is_asked_again(self):
        """Its engine answers in other last digits."""
        words = "--probe-tolerance", "0"
        with self.serve("--engine", "reference") as edge:
            _, _, errors = self.run_once(edge.address, *words, code=2)
            self.assertIn("failed its probe and is not used: [offload] WRONG TAIL", errors)
            self.assertIn("answers the probe differently", errors)
            self.assertEqual(self.state()["rejected"], [])
            device = Watching(self, edge.address, *words)
            device.wait_for("waiting for the first package", "answers the probe differently")
        with peers.Serve(PROGRAM, self.models, "--packages", self.packages, "--no-http", "--no-metrics", port=edge.port):
            self.assertEqual(device.look(), self.state()["current"][:12])

    def test_what_the_edge_refuses_is_left_for_a_while(self):
        words = "--probe-tolerance", "0"
        with self.serve() as edge:
            self.run_once(edge.address, *words)
            first = self.state()["current"][:12]
        self.put("two")
        with peers.Serve(PROGRAM, self.models, "--packages", self.packages, "--no-http", "--no-metrics", "--engine", "reference",
                         port=edge.port) as edge:
            device = Device(self, edge.address, "--update-every", "0.3", *words)
            self.assertIn("starting from the store", device.stderr())
            self.assertIn("failed its probe", device.stderr())
            end = time.time() + 3
            device.ask_until(lambda: time.time() > end)
            self.assertNotIn("stays in use", device.stderr())
            device.process.send_signal(signal.SIGHUP)
            device.ask_until(lambda: "stays in use" in device.stderr())
            device.end()
            self.assertEqual({answer["package"] for answer in device.answers}, {first})
            self.assertEqual((device.summary["delivery"]["rejected"], device.summary["delivery"]["failures"]), (0, 1))
            self.assertGreater(device.summary["delivery"]["looks"], 4)

    def test_fault_01_systemd_is_told_that_a_first_pull_goes_on(self):
        (self.packages / "net" / "large.bin").write_bytes(os.urandom(48 << 20))
        name = f"@{self.folder.name}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, self.serve() as edge:
            systemd.settimeout(PATIENCE)
            systemd.bind("\0" + name[1:])
            start = time.time()
            Watching(self, edge.address, environment={"NOTIFY_SOCKET": name})
            heard = []
            while "READY=1" not in (heard := [*heard, *systemd.recv(4096).decode().splitlines()]):
                pass
            self.assertNotIn("STATUS=waiting for the first package", heard)
            self.assertEqual(heard.count("EXTEND_TIMEOUT_USEC=300000000"), 1, "of the trial")
            moves = heard.count("EXTEND_TIMEOUT_USEC=60000000")
            self.assertTrue(1 <= moves <= 2 + time.time() - start, heard)

    def test_state_directory_of_a_unit_with_several(self):
        state = self.folder / "state"
        state.mkdir()
        with self.serve() as edge:
            done = subprocess.run([PROGRAM, "run", "--from", edge.address, "--update-every", "0", self.made / "picture0.png"], capture_output=True,
                                  text=True, timeout=PATIENCE, env={**os.environ, "STATE_DIRECTORY": f"{state}:{state}/images"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([path.name for path in state.iterdir()], ["store"])
        self.assertEqual([path for path in self.folder.iterdir() if ":" in path.name], [])

    def test_image_without_an_answer_is_no_failure_of_a_service(self):
        (self.folder / "images").mkdir()
        (self.folder / "images" / "bad.png").write_text("no image")
        command = [PROGRAM, "run", "--json", self.packages / "net"]
        done = subprocess.run([*command, self.folder / "images" / "bad.png", self.made / "picture0.png"], capture_output=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 2)
        device = Watching(self, command=command)
        self.assertTrue(device.next()["ready"])
        self.assertEqual({"error" in device.next() for _ in range(2)}, {True, False})
        device.process.terminate()
        self.assertEqual(device.next()["summary"]["errors"], 1)
        self.assertEqual(device.end(), 0)
        self.assertIn("warning: 1 of 2 images have no answer", device.log())

    def test_edge_that_had_another_tail_is_no_failure_of_a_service(self):
        shutil.copytree(self.packages / "net", self.folder / "net")
        self.put("two")
        with self.serve() as edge:
            command = [PROGRAM, "run", "--json", "--edge", edge.address, self.folder / "net"]
            done = subprocess.run([*command, self.made / "picture0.png"], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 2)
            self.assertIn("error: the edge was refused", done.stderr)
            device = Watching(self, command=command)
            self.assertTrue(device.next()["ready"])
            self.assertEqual(device.next()["origin"], "local")
            self.assertEqual(device.end(), 5, device.log())  # as of an edge that was never there, which its unit takes for success
            self.assertIn("warning: the edge was refused", device.log())

    def test_fault_37_one_end_without_tls_is_named(self):
        plant = certificates.Authority(self.folder / "plant")
        for name in ("edge", "dev1"):
            plant.issue(name)
        with self.serve(*plant.options("edge")) as edge:
            _, _, errors = self.run_once(edge.address, code=5)
            self.assertIn("with TLS takes --tls-ca, --tls-cert and --tls-key here too (", errors)
        with self.serve() as edge:
            _, _, errors = self.run_once(edge.address, *plant.options("dev1"), code=5)
            self.assertIn("running there with TLS, and does it accept the certificate", errors)
            self.assertIn("andshake", errors)

    def test_words_that_do_not_go_together(self):
        for words, text in (
            (["run"], "--from HOST:PORT"),
            (["run", "package", "--retry-rejected", "p.png"], "go with --from"),
            (["run", "--from", "127.0.0.1:1", "--also", "x", "p.png"], "--also"),
            (["run", "--from", "127.0.0.1:1", "--model", "a/xyz", "p.png"], "hex digits"),
        ):
            done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=PATIENCE)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)


class SeveralPlans(DeliveryCase):
    """A package with further plans of its model comes, is tried and is replaced as one."""
    ALSO = ("split/1/uint8", "local", "edge/png")
    CANDIDATES = {"split/3/uint8", *ALSO}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prepare("several", "split/3/uint8", *(word for key in cls.ALSO for word in ("--also", key)))

    def put(self, version):
        super().put(version)
        for model in (self.made / version / "models").iterdir():
            if not (self.models / model.name).exists():
                shutil.copytree(model, self.models / model.name)

    def setUp(self):
        super().setUp()
        self.put("several")

    def test_they_come_with_the_package(self):
        with self.serve() as edge:
            answers, summary, _ = self.run_once(edge.address)
            self.assertEqual(answers[0]["package"], self.state()["current"][:12])
            self.assertEqual(set(summary["switching"]["images"]), self.CANDIDATES)
            self.assertIn(answers[0]["candidate"], self.CANDIDATES)
            fetched, offered = summary["delivery"]["pulled_bytes"], sum(path.stat().st_size for path in (self.packages / "net").rglob("*")
                                                                        if path.is_file()),
            self.assertLess(fetched, offered, "what plans share comes once")
            _, summary, _ = self.run_once(edge.address)
            self.assertEqual(summary["delivery"]["pulled_bytes"], 0)
            held = self.store / "packages" / self.state()["current"]
            done = subprocess.run([PROGRAM, "verify", "--package", held, "--json"], capture_output=True, text=True, timeout=PATIENCE)
            findings = json.loads(done.stdout)["findings"]
            self.assertTrue(any(finding["what"].startswith("also/split_1_uint8, ") for finding in findings), findings)
            self.assertEqual((done.returncode, [finding for finding in findings if not finding["ok"]]), (0, []))
            done = subprocess.run([PROGRAM, "run", held, "--edge", edge.address, "--json", self.made / "picture0.png"], capture_output=True,
                                  text=True, timeout=PATIENCE)  # by hand it is the same
            self.assertEqual(set(json.loads(done.stdout.splitlines()[-1])["summary"]["switching"]["images"]), self.CANDIDATES)

    def test_replaced_by_one_without_and_back(self):
        with self.serve() as edge:
            device = Device(self, edge.address, "--update-every", "0.3", "--pipeline", 4)
            several = device.ready["package"]
            device.ask_until(lambda: len(device.answers) > 20)
            for version in ("two", "several"):
                now = device.answers[-1]["package"]
                self.put(version)
                edge.process.send_signal(signal.SIGHUP)
                device.ask_until(lambda: device.answers[-1]["package"] != now)
            count = len(device.answers)
            device.ask_until(lambda: len(device.answers) > count + 20)
            self.assertEqual(device.end(), 0, device.stderr())
            device.check_each_once()
            names = [answer["package"] for answer in device.answers]
            self.assertEqual((names[0], names[-1], len(set(names))), (several, several, 2))
            for answer in device.answers:
                self.assertEqual(answer.get("candidate") in self.CANDIDATES, answer["package"] == several)
            self.assertEqual((device.summary["delivery"]["updates"], device.summary["delivery"]["rejected"]), (2, 0))

    def test_offered_once_all_their_models_are_served(self):
        shutil.rmtree(self.models / "small_tail_split_1_uint8")
        with self.serve() as edge:
            _, _, errors = self.run_once(edge.address, code=2)
            self.assertIn("offers no packages to this device", errors)
            self.assertIn("package 'net' is offered once model 'small_tail_split_1_uint8' with sha256", edge.stderr())
            self.put("several")
            edge.process.send_signal(signal.SIGHUP)
            end = time.time() + PATIENCE
            while time.time() < end and "offers no packages" in (errors := subprocess.run(self.run_command(edge.address, self.made / "picture0.png"),
                                                                                          capture_output=True, text=True, timeout=PATIENCE).stderr):
                time.sleep(0.2)
            self.assertNotIn("offers no packages", errors)

    def test_access_is_asked_for_all_their_models(self):
        access = self.folder / "access.json"
        for models, code in ((["small_tail"], 2), (["small_tail*"], 0)):
            access.write_text(json.dumps({"schema": "scissionlite.access/1", "rules": [{"identities": ["127.0.0.1"], "models": models}]}))
            with self.serve("--access", access) as edge:
                self.run_once(edge.address, code=code)

    def test_fault_10_bad_further_plan_rejects_the_package(self):
        shutil.rmtree(self.packages / "net")
        self.put("one")
        with self.serve() as edge:
            _, _, _ = self.run_once(edge.address)
            first = self.state()["current"]
            bad = self.folder / "bad"
            shutil.copytree(self.made / "several" / "net", bad)
            probe = bytearray((bad / "also" / "split_1_uint8" / "probe.bin").read_bytes())
            probe[-2] ^= 0x40
            (bad / "also" / "split_1_uint8" / "probe.bin").write_bytes(probe)
            (self.packages / "net").rename(self.packages / ".old")
            bad.rename(self.packages / "net")
            edge.process.send_signal(signal.SIGHUP)
            end = time.time() + PATIENCE
            while time.time() < end and not self.state()["rejected"]:
                answers, _, _ = self.run_once(edge.address)
                self.assertEqual(answers[0]["package"], first[:12])
                time.sleep(0.2)
            self.assertIn("also/split_1_uint8, probe: local.onnx gives the stored answer", self.state()["rejected"][0]["reason"])

    def test_plans_of_two_models(self):
        mixed = self.folder / "mixed"
        shutil.copytree(self.made / "several" / "net", mixed)
        manifest = json.loads((mixed / "also" / "local" / "manifest.json").read_text())
        manifest["model_sha256"] = "0" * 64
        (mixed / "also" / "local" / "manifest.json").write_text(json.dumps(manifest))
        for words in (["verify", "--package", mixed], ["run", mixed, self.made / "picture0.png"]):
            done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=PATIENCE)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("is a plan of model small with sha256 0000", done.stdout + done.stderr)

    def test_input_json_of_another_package(self):
        """Means and sizes are the head's; what answers are called and where the threshold lies may be a site's own."""
        other = self.folder / "other"
        shutil.copytree(self.made / "two" / "net", other)
        spec = json.loads((other / "input.json").read_text())
        for changed, code in (({"mean": [0.25, 0.5, 0.5]}, 2), ({"labels": [f"class {i}" for i in range(10)]}, 0)):
            with self.subTest(changed=changed):
                (other / "input.json").write_text(json.dumps({**spec, **changed}))
                for words in (["verify", "--package", other], ["run", other, self.made / "picture0.png"]):
                    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode != 0, code != 0, done.stdout + done.stderr)
                    if code:
                        self.assertIn("input.json' has mean [0.25,0.5,0.5], the model of the package was prepared for", done.stdout + done.stderr)

    def test_two_tails_of_one_name(self):
        """Put together by hand: the edge has one of them at most."""
        shutil.copytree(self.made / "two" / "net", self.packages / "net" / "also" / "other")
        with self.serve() as edge:
            self.run_once(edge.address, code=2)
            self.assertIn("need different models of the name 'small_tail'", edge.stderr())

    def test_what_cannot_be_prepared(self):
        for words, text in ((("--also", "local", "--repository", self.folder / "r"),
                             "give --package"), (("--also", "split/3/uint8", "--package", self.folder / "p"), "is in the package already"),
                            (("--also", "split/99/uint8", "--package", self.folder / "p"),
                             "no cut '99'"), (("--also", "nonsense", "--package", self.folder / "p"),
                                              "nonsense"), (("--also", "local", "--package", self.folder / "p", "--repository", self.folder / "r",
                                                             "--kserve", self.folder / "k.yaml"), "--kserve")):
            done = subprocess.run(
                [PROGRAM, "prepare", self.made / "small.onnx", "--candidate", "split/3/uint8", "--images", self.made / "picture0.png", *words],
                capture_output=True, text=True, timeout=PATIENCE)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)
            self.assertFalse((self.folder / "p").exists())
            self.assertFalse((self.folder / "r").exists() and any((self.folder / "r").iterdir()))


class Service(DeliveryCase):
    def setUp(self):
        super().setUp()
        (self.packages / "net" / "large.bin").write_bytes(os.urandom(12 << 20))  # more than waits anywhere on the way

    @contextlib.contextmanager
    def served(self, *words):
        with self.serve(*words) as edge, grpc.insecure_channel(edge.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            self.edge = edge
            self.list = channel.unary_unary("/scissionlite.delivery.Delivery/List")
            self.fetch = channel.unary_stream("/scissionlite.delivery.Delivery/Fetch")
            yield

    def offers(self):
        """{package: (version, {path: (size, sha256)})}"""
        out = {}
        for _, package in fields(self.list(b"", timeout=PATIENCE)):
            values = fields(package)
            files = [dict(fields(value)) for number, value in values if number == 6]
            names = {number: value.decode() for number, value in values if number != 6}
            out[names[1]] = names[2], {file[1].decode(): (file.get(2, 0), file[3].decode()) for file in files}
        return out

    def bytes_of(self, sha256, offset=0):
        return b"".join(value for reply in self.fetch(fetch_request(sha256, offset), timeout=PATIENCE) for _, value in fields(reply))

    def refused(self, request, code, text):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.fetch(request, timeout=PATIENCE))
        self.assertEqual(caught.exception.code().name, code, caught.exception.details())
        self.assertIn(text, caught.exception.details())

    def test_list_and_bytes(self):
        with self.served():
            version, files = self.offers()["net"]
            on_disk = {str(path.relative_to(self.packages / "net")): path for path in (self.packages / "net").rglob("*") if path.is_file()}
            self.assertEqual(set(files), set(on_disk))
            for path, (size, sha256) in files.items():
                bytes = on_disk[path].read_bytes()
                self.assertEqual(size, len(bytes))
                for offset in {0, 1, size // 2, size}:
                    self.assertTrue(self.bytes_of(sha256, offset) == bytes[offset:], (path, offset))

    def test_requests_that_make_no_sense(self):
        with self.served():
            size, sha256 = self.offers()["net"][1]["manifest.json"]
            self.refused(fetch_request(sha256, size + 1), "INVALID_ARGUMENT", f"expected 0 to {size}")
            self.refused(fetch_request(sha256, -1), "INVALID_ARGUMENT", "offset_bytes is -1")
            self.refused(fetch_request(sha256, 1 << 62), "INVALID_ARGUMENT", "expected 0 to")
            self.refused(fetch_request("0" * 64), "NOT_FOUND", "no package has a file")
            for name in ("", "../../etc/passwd", sha256.upper(), sha256 + "0", "net/manifest.json"):  # fault 24
                self.refused(fetch_request(name), "INVALID_ARGUMENT", "64 lower-case hex digits")
            self.assertTrue(self.bytes_of(sha256))

    def test_fault_24_file_that_changes(self):
        with self.served():
            _, sha256 = self.offers()["net"][1]["large.bin"]
            reading = self.fetch(fetch_request(sha256), timeout=PATIENCE)
            next(reading)
            (self.packages / "net" / "large.bin").write_bytes(os.urandom(12 << 20))
            with self.assertRaises(grpc.RpcError) as caught:
                list(reading)
            self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
            self.assertIn("changed while it was read", caught.exception.details())
            end = time.time() + PATIENCE  # it is found out and offered by its new hash
            while self.offers()["net"][1]["large.bin"][1] == sha256 and time.time() < end:
                time.sleep(0.2)
            self.refused(fetch_request(sha256), "NOT_FOUND", "no package has a file")
            self.assertTrue(self.bytes_of(self.offers()["net"][1]["large.bin"][1]) == (self.packages / "net" / "large.bin").read_bytes())

    def test_fault_21_readers_that_do_not_read(self):
        with self.served():
            size, sha256 = self.offers()["net"][1]["large.bin"]
            readers = [self.fetch(fetch_request(sha256), timeout=PATIENCE) for _ in range(8)]
            for reader in readers:
                next(reader)
            self.refused(fetch_request(sha256), "UNAVAILABLE", "too many files at once")
            self.assertEqual(len(self.offers()), 1)
            end = time.time() + PATIENCE  # those that do not move give way
            while time.time() < end:
                try:
                    self.assertEqual(len(self.bytes_of(sha256)), size)
                    break
                except grpc.RpcError as error:
                    self.assertEqual(error.code().name, "UNAVAILABLE")
                    time.sleep(0.5)
            else:
                self.fail("readers that do not read keep their places")

    def test_access_decides(self):
        access = self.folder / "access.json"
        for models, expected in ((["other*"], set()), (["small_*"], {"net"})):
            access.write_text(json.dumps({"schema": "scissionlite.access/1", "rules": [{"identities": ["127.0.0.1"], "models": models}]}))
            with self.served("--access", access):
                self.assertEqual(set(self.offers()), expected)
                sha256 = hashlib.sha256((self.packages / "net" / "head.onnx").read_bytes()).hexdigest()
                if expected:
                    self.assertTrue(self.bytes_of(sha256))
                else:
                    self.refused(fetch_request(sha256), "NOT_FOUND", "no package has a file")

    def test_only_whole_packages_of_served_models_are_offered(self):
        shutil.copytree(self.packages / "net", self.packages / "broken")
        (self.packages / "broken" / "head.onnx").write_bytes(b"short")
        shutil.copytree(self.made / "two" / "net", self.packages / "other")  # of a tail that is not served
        shutil.copytree(self.packages / "net", self.packages / "linked")
        (self.packages / "linked" / "secret").symlink_to("/etc/passwd")
        (self.packages / "a file").write_text("x")
        with self.served():
            self.assertEqual(set(self.offers()), {"net"})
            errors = self.edge.stderr()
            self.assertIn("package 'broken' is not offered", errors)
            self.assertIn("package 'linked' is not offered", errors)

    def test_without_packages(self):
        with peers.Serve(PROGRAM, self.models, "--no-http", "--no-metrics") as edge:
            _, _, errors = self.run_once(edge.address, code=2)
            self.assertIn("--packages", errors)


class Kept(DeliveryCase):
    """Replaced versions on the edge, which requests and configs name by their hash."""
    @contextlib.contextmanager
    def replaced(self, *words):
        import tritonclient.grpc as triton
        with self.serve(*words) as edge, triton.InferenceServerClient(edge.address) as client:
            self.edge = edge

            def served(sha256=""):
                headers = {"scissionlite-model-sha256": sha256} if sha256 else {}
                return client.get_model_config("small_tail", headers=headers).config.parameters["model_sha256"].string_value

            before = served()
            self.put("two")
            edge.process.send_signal(signal.SIGHUP)
            end = time.time() + PATIENCE
            while served() == before and time.time() < end:
                time.sleep(0.1)
            self.assertNotEqual(served(), before)
            yield served, before

    def test_fault_11_stays_while_it_is_asked_for(self):
        with self.replaced("--keep-secs", "5") as (served, before):
            for _ in range(40):
                self.assertEqual(served(before), before)
                time.sleep(0.2)
            end = time.time() + PATIENCE
            while "was not asked for within" not in self.edge.stderr() and time.time() < end:
                time.sleep(0.5)
            self.assertEqual(served(before), served())

    def test_none_where_none_is_wanted(self):
        with self.replaced("--keep-versions", "0") as (served, before):
            self.assertEqual(served(before), served())

    def test_hash_that_nobody_had(self):
        with self.replaced() as (served, _):
            self.assertEqual(served("0" * 64), served())


if __name__ == "__main__":
    unittest.main(verbosity=2)
