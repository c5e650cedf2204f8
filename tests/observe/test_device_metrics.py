"""test_device_metrics.py SCISSIONLITE: `run --metrics` while a device answers."""
import json
import re
import subprocess

from pair import Pair, get, main, peers


class DeviceMetrics(Pair):
    plans = {"uint8": "split/3/uint8", "local": "local"}

    def test_counts_are_those_of_the_answers(self):
        with self.serve() as edge:
            command = [
                self.program, "run", "--json", self.folder / "uint8", "--also", self.folder / "local", "--edge", edge.address, "--engine", "native",
                "--threads", "1", "--metrics", "127.0.0.1:0", "--stdin", "paths"
            ]
            device = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            port = json.loads(device.stdout.readline())["metrics_port"]
            answers = []
            for picture in [*self.pictures(), self.folder / "missing.png"] * 2:
                device.stdin.write(f"{picture}\n")
                device.stdin.flush()
                answers.append(json.loads(device.stdout.readline()))
            status, fields, text = get(port, "/metrics")
            self.assertEqual((status, get(port, "/")[0], get(port, "/live")[0]), (200, 404, 404))
            device.stdin.close()
            device.wait(60)
            device.stdout.close()
        self.assertEqual(len({answer["request_id"] for answer in answers}), len(answers), "those that could not be read have one too")
        samples = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}
        images = {origin: samples[f'scissionlite_device_images_total{{origin="{origin}"}}'] for origin in ("edge", "local", "none")}
        self.assertEqual(
            images, {"edge": sum(a.get("origin") == "edge" for a in answers), "local": sum(a.get("origin") == "local" for a in answers), "none": 2})
        self.assertEqual(samples["scissionlite_device_latency_seconds_count"], 4)
        self.assertEqual(samples['scissionlite_device_latency_seconds_bucket{le="+Inf"}'], 4)
        self.assertEqual(samples['scissionlite_device_breaker_state{plan="split/3/uint8",state="ready"}'], 1)
        self.assertEqual(sum(value for key, value in samples.items() if key.startswith("scissionlite_device_plan{")), 1)
        self.assertEqual(samples['scissionlite_device_bytes_total{direction="up"}'], sum(a.get("message_bytes", 0) for a in answers))
        self.assertIn("scissionlite_device_switches_total", samples)
        for line in text.splitlines():
            if not line.startswith("#"):
                self.assertRegex(line, r'^[a-z_]+(\{([a-z0-9_]+="[^"]*",?)*\})? \S+$')

    def test_an_edge_that_is_down_opens_the_breaker(self):
        command = [
            self.program, "run", "--json", self.folder / "uint8", "--edge", f"127.0.0.1:{peers.free_port()}", "--engine", "native", "--threads", "1",
            "--metrics", "127.0.0.1:0", "--stdin", "paths"
        ]
        device = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = json.loads(device.stdout.readline())["metrics_port"]
        device.stdin.write(f"{self.pictures()[0]}\n")
        device.stdin.flush()
        self.assertEqual(json.loads(device.stdout.readline())["origin"], "local")
        text = get(port, "/metrics")[2]
        device.stdin.close()
        device.wait(60)
        device.stdout.close()
        self.assertRegex(text, r'scissionlite_device_breaker_state\{plan="split/3/uint8",state="down"\} 1')
        self.assertTrue(re.search(r"^scissionlite_device_fallbacks_total 1$", text, re.M), text)


if __name__ == "__main__":
    main()
