"""test_live.py SCISSIONLITE: the edge's live page in headless Chromium while devices ask, and its data. Screenshots are
left in the folder that SCISSIONLITE_PICTURES names."""
import http.client
import json
import os
import pathlib
import subprocess

from pair import Browser, Pair, get, main

SCRIPT = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
PICTURES = os.environ.get("SCISSIONLITE_PICTURES")


class Load:
    """A device that goes on asking until the end of the block."""
    def __init__(self, case, edge, *words):
        self.command = [
            case.program, "run", "--json", case.folder / "uint8", "--engine", "native", "--threads", "1", "--edge", edge.address, "--repeat",
            "1000000", *words, *case.pictures()
        ]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdout.readline()
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.drain.wait(60)
        self.process.stdout.close()


class Live(Pair):
    def live(self, edge):
        status, fields, text = get(edge.event["http_port"], "/live.json")
        self.assertEqual(status, 200, text)
        return json.loads(text)

    def infer_over_http(self, edge, count=1, device="", report=""):
        """Requests whose shape is refused: the page shows who asked all the same."""
        name = json.loads(get(edge.event["http_port"], "/v2/models/small_uint8")[2])["inputs"][0]["name"]
        body = json.dumps({"inputs": [{"name": name, "datatype": "UINT8", "shape": [1, 1, 1, 1], "data": [0]}]})
        connection = http.client.HTTPConnection("127.0.0.1", edge.event["http_port"], timeout=60)
        for i in range(count):
            connection.request("POST", "/v2/models/small_uint8/infer", body, {"scissionlite-device": device.format(i), "scissionlite-report": report})
            connection.getresponse().read()
        connection.close()

    def test_numbers_move_while_devices_ask(self):
        with self.serve() as edge, Browser() as browser:
            url = f"http://127.0.0.1:{edge.event['http_port']}/live"
            browser.open(url)
            browser.wait("document.querySelector('#state')?.textContent === 'ready'")
            browser.wait("document.querySelector('#devices')?.textContent.includes('no device has asked yet')")
            with Load(self, edge, "--name", "camera-1"), Load(self, edge, "--name", SCRIPT[:39], "--deadline-ms", "500"):
                browser.wait("document.querySelectorAll('#devices tr').length === 3")
                requests = "Number([...document.querySelectorAll('#devices tr')].find(r => r.textContent.includes('camera-1'))?.querySelector('[data-label=requests]').textContent.replace(/ k/, 'e3').replace(/ M/, 'e6'))"
                first = browser.wait(requests)
                browser.wait(f"{requests} > {first}")
                browser.wait("[...document.querySelectorAll('.chart')].every(c => c.querySelector('rect, path'))")
                browser.wait("parseFloat(document.querySelector('[data-id=\"requests / s\"] b').textContent) > 0")
                self.assertEqual(browser.value("[...document.querySelectorAll('#devices [data-label=plan]')].map(c => c.textContent)"),
                                 ["split/3/uint8"] * 2)
                self.assertIn(SCRIPT[:39] + " (127.0.0.1)",
                              browser.value("[...document.querySelectorAll('#devices td.name')].map(c => c.textContent)"))
                self.assertEqual(browser.value("document.title"), "ScissionLite edge")
                self.assertEqual(browser.value("document.querySelectorAll('script').length"), 1)
                self.assertEqual(browser.complaints, [])
                self.assertEqual(
                    {
                        request.rsplit(":", 1)[1].partition("/")[2].partition("?")[0]
                        for request in browser.requests if not request.startswith("data:")
                    }, {"live", "live.css", "live.js", "live.json"})
                if PICTURES:
                    self.leave_pictures(url, browser)

    def leave_pictures(self, url, browser):
        browser.picture(pathlib.Path(PICTURES) / "wide.png")
        for name, width, dark in (("phone", 390, False), ("dark", 1200, True)):
            with Browser(width=width, dark=dark) as other:
                other.open(url)
                other.wait("document.querySelectorAll('#devices tr').length >= 3")
                other.picture(pathlib.Path(PICTURES) / f"{name}.png")

    def test_agreement_with_the_uncut_model_is_shown(self):
        with self.serve() as edge, Browser() as browser:
            self.infer_over_http(edge, device="watched", report="plan=split/3/uint8;edge=300;shadowed=200;agreed=197")
            browser.open(f"http://127.0.0.1:{edge.event['http_port']}/live")
            browser.wait("document.querySelectorAll('#devices tr').length === 2")
            self.assertIn("98.5 % of 200", browser.value("document.querySelector('#devices').innerText"))
            self.assertEqual(self.live(edge)["devices"][0]["report"]["agreed"], 197)
            self.assertEqual(browser.complaints, [])

    def test_on_a_phone_nothing_sticks_out(self):
        with self.serve() as edge, Browser(width=390, height=800) as browser:
            self.infer_over_http(edge, device="a-device-with-a-name-that-is-rather-long-for-a-small-screen",
                                 report="plan=split/3/uint8;edge=10;local=3;fallbacks=1")
            browser.open(f"http://127.0.0.1:{edge.event['http_port']}/live")
            browser.wait("document.querySelectorAll('#devices tr').length === 2")
            self.assertLessEqual(browser.value("document.documentElement.scrollWidth"), 390)
            self.assertEqual(browser.complaints, [])

    def test_names_of_strangers_stay_text(self):
        with self.serve() as edge, Browser() as browser:
            self.infer_over_http(edge, device=SCRIPT, report=f"plan={SCRIPT};local=<b>1</b>;fallbacks=7;evil=1")
            browser.open(f"http://127.0.0.1:{edge.event['http_port']}/live")
            browser.wait("document.querySelectorAll('#devices tr').length === 2")
            shown = browser.value("document.querySelector('#devices').innerText")
            self.assertIn(SCRIPT[:64], shown)
            self.assertEqual(browser.value("document.title"), "ScissionLite edge")
            self.assertEqual(browser.value("document.querySelectorAll('#devices script, #devices img, #devices b').length"), 0)
            row = self.live(edge)["devices"][0]
            self.assertEqual(row["report"], {"plan": SCRIPT, "fallbacks": 7}, "counts are numbers, and what is not known is left out")
            self.assertEqual(row["refused"], 1)
            self.assertEqual(browser.complaints, [])

    def test_the_policy_of_the_page_allows_its_own_files_only(self):
        with self.serve() as edge:
            for target, kind in (
                ("/live", "text/html"),
                ("/live.js", "text/javascript"),
                ("/live.css", "text/css"),
                ("/live.json", "application/json"),
            ):
                for port in ("http_port", "metrics_port"):
                    status, fields, _ = get(edge.event[port], target)
                    self.assertEqual((status, fields["content-type"].partition(";")[0], fields["x-content-type-options"]), (200, kind, "nosniff"))
                    self.assertIn("default-src 'none'", fields["content-security-policy"])
                    self.assertNotIn("unsafe", fields["content-security-policy"])
            for target in ("/live/", "/live?x=1"):
                self.assertEqual(get(edge.event["http_port"], target)[0], 200)
            for target in ("/live/x", "/live.html", "/Live"):
                self.assertEqual(get(edge.event["http_port"], target)[0], 404)

    def test_strangers_cannot_fill_the_memory(self):
        with self.serve() as edge:
            self.infer_over_http(edge, count=600, device="device {}" + "x" * 1000)
            live = self.live(edge)
            self.assertEqual(len(live["devices"]), 256)
            self.assertEqual(live["forgotten_devices"], 600 - 256)
            self.assertEqual(live["totals"]["requests"], 600)
            self.assertLessEqual(max(len(device["name"]) for device in live["devices"]), 64)
            self.assertTrue(live["devices"][0]["name"].startswith("device 599x"))

    def test_a_device_says_what_it_did_by_itself(self):
        with self.serve() as edge:
            answers, _, _ = self.run_device("--edge", edge.address, "--name", "camera", "--deadline-ms", "0.001", "--repeat", "3", *self.pictures(),
                                            code=5)  # no time for the edge at all
            self.assertEqual({answer["origin"] for answer in answers}, {"local"})
            self.run_device("--edge", edge.address, "--name", "camera", *self.pictures())
            device = next(one for one in self.live(edge)["devices"] if one["name"] == "camera")
            self.assertEqual((device["model"], device["plan"], device["requests"]), ("small_uint8", "split/3/uint8", 4))  # with the two probes
            self.assertEqual(set(device["report"]), {"plan", "edge", "local", "fallbacks", "errors", "late", "switches"})
            self.assertGreater(device["p50_us"], 0)
            model = self.live(edge)["models"][0]
            self.assertEqual((model["name"], model["plan"], model["is_ready"]), ("small_uint8", "split/3/uint8", True))

    def test_who_may_see_it_where_access_is_limited(self):
        access = self.folder / "access.json"
        for may_control, status in ((False, 403), (True, 200)):
            access.write_text(
                json.dumps({
                    "schema": "scissionlite.access/1",
                    "rules": [{"identities": ["127.0.0.1"], "models": ["*"], "may_control": may_control}],
                }))
            with self.serve("--access", access) as edge:
                for port in ("http_port", "metrics_port"):
                    self.assertEqual(get(edge.event[port], "/live.json")[0], status)
                    self.assertEqual(get(edge.event[port], "/live")[0], 200, "the page itself tells nothing")


if __name__ == "__main__":
    main()
