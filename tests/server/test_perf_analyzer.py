"""Triton's own load generator, unmodified, against our server: it must find all it asks for, see no failure, and its
report must agree with the server's statistics."""

import base64
import csv
import json
import os
import pathlib
import subprocess
import tempfile

import peers
from calls import CASTS, TYPES, VALUES, main, np
from http_calls import HttpCase
from https_calls import Secured

FOLDER = peers.DEPS / "perf_analyzer"
PROGRAM = FOLDER / "bin" / "perf_analyzer"


class PerfAnalyzerCase(HttpCase):
    def measure(self, model, concurrency, *words, batch=1, protocol="grpc"):
        """One window of a second for each; the rows of the CSV."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        command = [
            str(PROGRAM), "-m", model, "-u", self.address if protocol == "grpc" else self.http_address, "-i", protocol, "-b",
            str(batch), "--concurrency-range", concurrency, "-p", "800", "-s", "90", "-r", "10", "-f",
            str(folder / "out.csv"), "--verbose-csv", *words
        ]
        environment = dict(os.environ, LD_LIBRARY_PATH=str(FOLDER / "nvidia" / "cuda_runtime" / "lib"))
        result = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)
        text = result.stdout + result.stderr
        self.assertEqual(result.returncode, 0, text)
        self.assertNotIn("rror", text)
        self.assertNotIn("ailed", text)
        with open(folder / "out.csv", newline="") as file:
            return sorted(csv.DictReader(file), key=lambda row: int(row["Concurrency"])), text


class PerfAnalyzer(PerfAnalyzerCase):
    models = ("m", "steady", "casts")

    def test_one_and_four_callers(self):
        before = self.statistics("m")
        rows, text = self.measure("m", "1:4:3", "--shape", "x:2,4")
        self.assertEqual([row["Concurrency"] for row in rows], ["1", "4"])
        for row in rows:
            self.assertGreater(float(row["Inferences/Second"]), 10)
            for column in ("Server Queue", "Server Compute Infer", "p50 latency", "p99 latency"):
                self.assertGreater(float(row[column]), 0, column)
            self.assertLessEqual(float(row["p50 latency"]), float(row["p99 latency"]))
        after = self.statistics("m")
        self.assertEqual(after.inference_stats.fail.count, before.inference_stats.fail.count)
        self.assertGreater(after.inference_count - before.inference_count, 100)

    def test_dynamic_batching_shows_in_the_statistics(self):
        before = self.statistics("m")
        self.measure("m", "4", "--shape", "x:2,4")
        after = self.statistics("m")
        inferences, executions = after.inference_count - before.inference_count, after.execution_count - before.execution_count
        self.assertLess(executions, 0.7 * inferences)
        self.assertGreater(max(b.batch_size for b in after.batch_stats), 1)

    def test_batches_of_the_caller(self):
        before = self.statistics("steady")
        self.measure("steady", "2", "--shape", "x:3,4", batch=4)
        after = self.statistics("steady")
        self.assertEqual(after.inference_count - before.inference_count, 4 * (after.execution_count - before.execution_count))

    def test_own_data(self):
        values = np.arange(8, dtype=np.float64).tolist()
        data = pathlib.Path(self.folder.name) / "data.json"
        data.write_text(json.dumps({"data": [{"x": {"content": values, "shape": [2, 4]}}]}))
        rows, _ = self.measure("m", "2", "--input-data", str(data))
        self.assertGreater(float(rows[0]["Inferences/Second"]), 10)

    def test_over_http(self):
        before = self.statistics("m")
        rows, _ = self.measure("m", "1:4:3", "--shape", "x:2,4", protocol="http")
        for row in rows:
            self.assertGreater(float(row["Inferences/Second"]), 10)
            self.assertGreater(float(row["Server Compute Infer"]), 0)
        after = self.statistics("m")
        self.assertEqual(after.inference_stats.fail.count, before.inference_stats.fail.count)
        self.assertGreater(after.inference_count - before.inference_count, 100)
        self.assertGreater(self.metrics()['nv_inference_count{model="m",version="1"}'], 100)

    def test_json_over_http(self):
        rows, _ = self.measure("m", "2", "--shape", "x:2,4", "--input-tensor-format", "json", "--output-tensor-format", "json", protocol="http")
        self.assertGreater(float(rows[0]["Inferences/Second"]), 10)

    def test_many_types(self):
        """Its random integers go beyond 32 bits, which the default engine refuses (docs/serving.md): those that it keeps."""
        tensors = {
            name: {"b64": base64.b64encode(np.array(VALUES[kind], TYPES[kind]).tobytes()).decode(), "shape": [3]}
            for name, kind in CASTS.items()
        }
        data = pathlib.Path(self.folder.name) / "casts.json"
        data.write_text(json.dumps({"data": [tensors]}))
        rows, _ = self.measure("casts", "1", "--input-data", str(data))
        self.assertGreater(float(rows[0]["Inferences/Second"]), 10)


class OfSixtyFourBits(PerfAnalyzerCase):
    models, words = ("casts", ), ("--engine", "native")

    def test_random_numbers_of_many_types(self):
        rows, _ = self.measure("casts", "1")
        self.assertGreater(float(rows[0]["Inferences/Second"]), 10)


class ByTls(Secured, PerfAnalyzerCase):
    models = ("m", )

    def test_over_https(self):
        files = [
            word for name, file in (("ca-certificates", "ca.pem"), ("client-certificate", "dev1.pem"), ("private-key", "dev1.key"))
            for word in (f"--ssl-https-{name}-file", str(self.plant.folder / file))
        ]
        self.http_address = f"https://localhost:{self.http_port}"
        rows, _ = self.measure("m", "2", "--shape", "x:2,4", *files, "--ssl-https-verify-peer", "1", "--ssl-https-verify-host", "2", protocol="http")
        self.assertGreater(float(rows[0]["Inferences/Second"]), 10)
        self.assertEqual(self.statistics("m").inference_stats.fail.count, 0)


if __name__ == "__main__":
    if not PROGRAM.exists():
        peers.skip(f"no {PROGRAM}; run tools/install_deps.sh test")
    main("__main__")
