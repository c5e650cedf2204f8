#!/usr/bin/env python3
"""test_page.py SCISSIONLITE: `report` on made-up files, opened in headless Chromium. What the rendered page says of latency,
bytes, agreement and break-evens is compared with the JSON files and with `report --table` and `--json`; the page must make
no request, and text from a file must stay text.
"""
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
HERE = pathlib.Path(__file__).resolve().parent
FILES = [
    "--plan", "plan.json", "--bench", "bench.json", "--device-profile", "device.json", "--edge-profile", "edge.json", "--scores", "scores.json",
    "--network", "network.json", "--privacy", "privacy.json", "--explain", "explain.json"
]
UNITS = {"s": 1e6, "ms": 1e3, "MB": 1e6, "kB": 1e3, "B": 1, "Gbit/s": 1e9, "Mbit/s": 1e6, "kbit/s": 1e3, "bit/s": 1, "%": 0.01, "×": 1, "x": 1}
VOID = {"meta", "link", "br", "img", "input"}
LATENCY = 0.006  # numbers are shown with three figures
failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED " + what)


def near(shown, wanted, share=LATENCY, at_least=0.0):
    return abs(shown - wanted) <= max(share * abs(wanted), at_least)


def number(text):
    """ "94.7 ms" in microseconds, "29.5 kB" in bytes, "93.0 %" as a share."""
    found = re.match(r"([−+-]?[\d.]+)\s*([A-Za-z%×/]*)", text.strip())
    return float(found[1].replace("−", "-")) * UNITS.get(found[2], 1)


class Node:
    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.children = tag, dict(attributes), []

    def text(self, without=()):
        return "".join(c if isinstance(c, str) else "" if c.tag in without else c.text(without) for c in self.children)

    def all(self, want):
        for child in self.children:
            if isinstance(child, Node):
                if want(child):
                    yield child
                yield from child.all(want)

    def first(self, want):
        return next(self.all(want), None)


class Tree(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.root = Node("", [])
        self.open = [self.root]
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        node = Node(tag, attributes)
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag):
        if any(node.tag == tag for node in self.open):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data):
        self.open[-1].children.append(data)


def by_id(root, name):
    return root.first(lambda n: n.attributes.get("id") == name)


def table_rows(root, name):
    table = by_id(root, name)
    return [[cell for cell in row.children if isinstance(cell, Node)] for row in table.all(lambda n: n.tag == "tr")][1:] if table else []


def rendered(page, folder):
    """The DOM after the page's own script ran."""
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=2000",
        "--dump-dom",
        page.as_uri()
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def screenshot(page, folder):
    target = folder / "page.png"
    subprocess.run([
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}", "--window-size=1200,3600",
        f"--screenshot={target}",
        page.as_uri()
    ], capture_output=True, timeout=120, check=True)
    return target


def report(folder, *options):
    return subprocess.run([PROGRAM, "report", *FILES, *options], cwd=folder, capture_output=True, text=True, check=True).stdout


def wanted_agreement(key, files):
    """(share, n, interval): the bench's where it measured it, else the scores'."""
    for row in files["bench"]["rows"]:
        if row["key"] == key and "error" not in row:
            return row["agreement"], row["agreement_n"], row["agreement_interval"]
    score = next(s for s in files["scores"]["scores"] if s["candidate"] == key)
    return score["agreement"], score["n"], score["interval"]


def check_agreement(shown, key, wanted, where):
    share, n, (low, high) = wanted
    found = re.match(r"([\d.]+) %n = (\d+), ([\d.]+)–([\d.]+) %", shown)
    expect(found is not None, f"{where}: agreement of {key} is '{shown}', expected a share, n and an interval")
    if found:
        values = [float(found[1]), float(found[3]), float(found[4])]
        expect(int(found[2]) == n, f"{where}: n of {key} is {found[2]}, expected {n}")
        expect(all(abs(v - 100 * w) <= 0.051 for v, w in zip(values, [share, low, high])),
               f"{where}: agreement of {key} is '{shown}', expected {share} {low} {high}")


def check_candidates(root, files):
    rows = {row.attributes["data-key"]: row for row in by_id(root, "candidates").all(lambda n: "data-key" in n.attributes)}
    expect(
        set(rows) == {row["key"]
                      for row in files["bench"]["rows"]} | {row["key"]
                                                            for row in files["plan"]["families"]}, f"candidates are {sorted(rows)}")
    planned = {c["key"]: c for c in files["plan"]["families"]}
    for bench in files["bench"]["rows"]:
        key, cells = bench["key"], {c.attributes.get("data-field"): c for c in rows[bench["key"]].children if isinstance(c, Node)}
        value = {name: number(cell.text({"small"})) if re.match(r"[\d]", cell.text()) else None for name, cell in cells.items() if name}
        expect(near(value["predicted"], planned[key]["latency_us"]), f"{key}: predicted {value['predicted']}, plan.json {planned[key]['latency_us']}")
        check_agreement(cells["agreement"].text(), key, wanted_agreement(key, files), "candidates")
        if "error" in bench:
            expect(value["measured"] is None and bench["error"] in rows[key].text(), f"{key}: its error is in its row, and no time")
            continue
        expect(near(value["measured"], bench["latency_median_us"]), f"{key}: measured {value['measured']}, bench.json {bench['latency_median_us']}")
        expect(f"n = {bench['n']}," in cells["measured"].text(), f"{key}: n of the latency, {cells['measured'].text()}")
        expect(near(value["p95"], bench["latency_p95_us"]), f"{key}: p95 {value['p95']}, bench.json {bench['latency_p95_us']}")
        expect(near(value["bytes"], bench["bytes_mean"]), f"{key}: bytes {value['bytes']}, bench.json {bench['bytes_mean']}")
        expect(near(value["speedup"], bench["speedup_over_local"], at_least=0.006),
               f"{key}: over local {value['speedup']}, bench.json {bench['speedup_over_local']}")
    chosen = [key for key, row in rows.items() if "chosen" in row.attributes.get("class", "")]
    expect(chosen == [files["plan"]["chosen"]["key"]], f"chosen is {chosen}, plan.json {files['plan']['chosen']['key']}")


def check_headline(root, files):
    chosen = next(row for row in files["bench"]["rows"] if row["key"] == files["plan"]["chosen"]["key"])
    headline = by_id(root, "headline").text()
    latency = re.search(r"answers in ([\d.]+ m?s)", headline)
    expect(latency and near(number(latency[1]), chosen["latency_median_us"]), f"headline '{headline}', bench.json {chosen['latency_median_us']}")
    expect(f"of {chosen['agreement_n']} images" in headline, f"headline '{headline}' with n = {chosen['agreement_n']}")
    expect(near(number(by_id(root, "figure-latency").text({"small"})), chosen["latency_median_us"]), "the figure of latency")
    expect(near(number(by_id(root, "figure-bytes").text({"small"})), chosen["bytes_mean"]), "the figure of bytes")
    check_agreement(by_id(root, "figure-agreement").text(), chosen["key"], wanted_agreement(chosen["key"], files), "figures")


def check_break_evens(root, files):
    """plan.json's break-evens were found by planning again; the page's by crossing lines."""
    rows = [number(cells[0].text()) for cells in table_rows(root, "table-break-evens")]
    wanted = sorted(b["bandwidth_bps"] for b in files["plan"]["break_evens"])
    in_both = [bps for bps in wanted if any(near(shown, bps, 0.02) for shown in rows)]
    expect(wanted and len(in_both) == len(wanted), f"break-evens {rows}, plan.json {wanted}")
    drawn = list(by_id(root, "chart-bandwidth").all(lambda n: "crossing" in n.attributes.get("class", "").split()))
    expect(0 < len(drawn) <= len(rows), f"{len(drawn)} break-evens are drawn of {len(rows)}")


def check_cuts(root, data, plan):
    bars = {n.attributes["data-key"]: n for n in by_id(root, "chart-cuts").all(lambda n: "data-key" in n.attributes)}
    expect(set(bars) == {cut["key"] for cut in data["cuts"]}, f"bars {sorted(bars)}")
    rows = table_rows(root, "table-cuts")
    for cells, cut in zip(rows, data["cuts"], strict=True):
        expect(near(number(cells[2].text()), cut["latency_us"]), f"table of cuts: {cells[1].text()} {cells[2].text()}, expected {cut['latency_us']}")
        check_agreement(cells[10].text(), cut["key"], (cut["agreement"], cut["agreement_n"], cut["agreement_interval"]), "table of cuts")
    planned = {c["key"]: c["latency_us"] for part in ("families", "top", "pareto") for c in plan[part]}
    expect(len(set(bars) & set(planned)) >= 3, "several bars are candidates of plan.json")
    for bar in bars.values():
        tip = bar.attributes["data-tip"]
        parts = [number(word) for word in re.findall(r"[\d.]+ m?s\b", tip.split("\n")[-1])]
        wanted = planned.get(bar.attributes["data-key"], sum(parts))
        expect(near(number(tip.split("\n")[1]), wanted), f"bar '{tip}', plan.json {wanted}")
        expect(near(sum(parts), number(tip.split("\n")[1]), 0.02), f"parts of '{tip}' do not add up")


def check_rates(root, files, data):
    """Every scored candidate at the shown cut, and every image codec, is a point with its bytes and agreement."""
    scored = {s["candidate"]: s for s in files["scores"]["scores"]}
    points = {n.attributes["data-key"]: n.attributes["data-tip"] for n in by_id(root, "chart-rate").all(lambda n: "data-key" in n.attributes)}
    cut = data["rates"]["cut"]
    wanted = {
        key
        for key, s in scored.items() if s["bytes_mean"] > 0 and (key.startswith(f"split/{cut}/") or key.startswith("edge/")) and key != "edge/tensor"
    }
    expect(wanted and set(points) == wanted, f"points of the rate chart {sorted(set(points) ^ wanted)} differ from scores.json")
    for key in wanted & set(points):
        _, size, agreement = points[key].split("\n")
        expect(near(number(size), scored[key]["bytes_mean"]), f"{key}: {size}, scores.json {scored[key]['bytes_mean']}")
        expect(near(number(agreement.removeprefix("agreement ")), scored[key]["agreement"], at_least=0.0006, share=0),
               f"{key}: {agreement}, scores.json {scored[key]['agreement']}")
    for curve in data["rates"]["curves"]:
        sizes = [point["bytes"] for point in curve["points"]]
        expect(sizes == sorted(sizes), f"{curve['name']} is drawn by bytes")


def check_privacy(root, files, data):
    """A row a candidate with its numbers, and for each one picture under each original, said in words too."""
    privacy = files["privacy"]
    wanted = {row.get("name", row.get("candidate")): row for row in privacy["baselines"] + privacy["candidates"]}
    rows = {
        row.attributes["data-key"]: {c.attributes.get("data-field"): c.text()
                                     for c in row.children if isinstance(c, Node)}
        for row in by_id(root, "table-privacy").all(lambda n: "data-key" in n.attributes)
    }
    expect(set(rows) == set(wanted), f"rebuilt pictures: rows {sorted(set(rows) ^ set(wanted))} differ from privacy.json")
    for key, cells in rows.items():
        (low, high), psnr = wanted[key]["psnr_interval"], wanted[key]["psnr_db"]
        expect(cells["psnr"] == f"{psnr:.2f} dB{low:.2f}–{high:.2f}", f"{key}: PSNR '{cells['psnr']}', privacy.json {psnr}")
        expect(cells["ssim"].startswith(f"{wanted[key]['ssim']:.3f}") and cells["n"] == str(wanted[key]["n"]),
               f"{key}: SSIM '{cells['ssim']}' of {cells['n']} images")
    embedded = {row["key"]: row["psnr_db"] for row in data["privacy"]["rows"]}
    expect(embedded == {key: row["psnr_db"] for key, row in wanted.items()}, "--json holds the PSNR of every row")
    shown = [[n.attributes for n in row.all(lambda n: n.tag == "img")] for row in by_id(root, "pictures-privacy").all(lambda n: n.tag == "tr")]
    expect(len(shown) == 1 + len(wanted) and all(len(row) == len(privacy["originals"]) for row in shown), f"pictures: {[len(row) for row in shown]}")
    expect([picture["src"] for picture in shown[0]] == ["data:image/png;base64," + text for text in privacy["originals"]],
           "the originals stand first")
    alts = [picture["alt"] for row in shown for picture in row]
    expect(all(alts) and len(set(alts)) == len(alts), "every picture has words of its own")


def microseconds(text):
    return number(text.replace("\u00b5s", "")) if "\u00b5s" in text else number(text)


def check_explain(root, explained, data):
    """Every step is in the table and in the strip of the run, the slowest are bars as long as they take and solid as far as the peak goes."""
    steps = explained["steps"]
    total, slowest = sum(s["median_us"] for s in steps), sorted(steps, key=lambda s: -s["median_us"])
    rows = [[cell.text() for cell in row] for row in table_rows(root, "table-explain")]
    for cells, step in zip(rows, slowest, strict=True):
        expect(cells[0] == step["node"] and cells[2] == step["implementation"], f"table of steps: {cells}, explain.json {step}")
        expect(
            near(microseconds(cells[3]), step["median_us"]) and near(number(cells[4]), step["median_us"] / total, at_least=0.0006),
            f"{step['node']}: {cells[3]} and {cells[4]}, explain.json {step['median_us']}")
        expect((cells[6] == "–") == (step["macs"] == 0), f"{step['node']}: share of peak {cells[6]} of {step['macs']} multiply-adds")
        expect(("tuned" in cells[8]) == step.get("is_measured", False) and cells[9].startswith(step.get("instead", "–")),
               f"{step['node']}: {cells[8:]}, explain.json {step}")
    bars = list(by_id(root, "chart-explain").all(lambda n: "data-step" in n.attributes))
    expect(
        len(bars) == 24 and [steps[int(b.attributes["data-step"])] for b in bars] == slowest[:24], f"{len(bars)} bars are the slowest steps in order")
    longest = None
    for bar, step in zip(bars, slowest):
        parts = {n.attributes["class"]: float(n.attributes["width"]) for n in bar.all(lambda n: n.tag == "rect")}
        longest = longest or parts["pale"] / step["median_us"]
        expect(near(parts["pale"], longest * step["median_us"], at_least=0.6),
               f"{step['node']}: bar {parts['pale']}, expected {longest * step['median_us']}")
        expect(step["macs"] == 0 and "solid" not in parts or near(parts["solid"], parts["pale"] * min(1, step["share_of_peak"]), at_least=0.6),
               f"{step['node']}: solid {parts}, share of peak {step['share_of_peak']}")
    strip = [float(n.attributes["width"]) for n in by_id(root, "chart-run").all(lambda n: n.tag == "rect")]
    expect(
        len(strip) == len(steps) and all(near(w / sum(strip), s["median_us"] / total, 0.02) for w, s in zip(strip, steps)),
        "the strip of the run holds every step in order")
    families = {
        name: sum(s["median_us"] for s in steps if s["implementation"].split()[0] == name)
        for name in {s["implementation"].split()[0]
                     for s in steps}
    }
    keys = {n.attributes["data-family"]: n.text() for n in by_id(root, "explain").all(lambda n: "data-family" in n.attributes)}
    expect(
        set(keys) == set(families) and all(f"{100 * us / total:.1f} %" in keys[name] for name, us in families.items()),
        f"keys {keys}, expected {families}")
    expect([s["node"] for s in data["explain"]["steps"]] == [s["node"] for s in slowest], "--json holds the steps, slowest first")
    note = by_id(root, "explain").text()
    expect(f"{2e-3 * sum(s['macs'] for s in steps) / explained['run_us']:.1f} GFLOP/s" in note and "76.5 measured at most" in note,
           "the section says what is reached of the peak")


def check_own_explanation(folder):
    """What `scissionlite explain --json` writes is what `report --explain` reads."""
    model = HERE.parents[1] / "build" / "assets" / "light" / "squeezenet.onnx"
    if not model.exists():
        print(f"[SKIP] the program's own explanation: no {model}; run tools/assets/make_assets.sh")
        return
    said = subprocess.run([PROGRAM, "explain", model, "--repeats", "1", "--json"], capture_output=True, text=True, check=True).stdout
    (folder / "own.json").write_text(said)
    made = subprocess.run([PROGRAM, "report", "--explain", "own.json", "--json"], cwd=folder, capture_output=True, text=True)
    expect(made.returncode == 0 and json.loads(made.stdout)["explain"]["model"] == "squeezenet", f"report --explain of its own file: {made.stderr}")
    expect(made.returncode != 0 or len(json.loads(made.stdout)["explain"]["steps"]) == len(json.loads(said)["steps"]), "all steps of its own file")


def check_trial(folder, files):
    """plan --measured: the bench's latencies beside the predictions; one of another model or link is refused."""
    bench, plan = files["bench"], files["plan"]
    words = [PROGRAM, *"plan --device device.json --edge edge.json --network network.json --scores scores.json --json --measured".split()]

    def planned(**changes):
        (folder / "trial.json").write_text(json.dumps({**bench, **changes}))
        return subprocess.run([*words, "trial.json"], cwd=folder, capture_output=True, text=True)

    shown = {c["key"]: c for part in ("families", "top") for c in json.loads(planned().stdout)[part]}
    before = {c["key"]: c for part in ("families", "top") for c in plan[part]}
    ran = {row["key"]: row for row in bench["rows"] if "error" not in row}
    expect(len(set(ran) & set(shown) & set(before)) >= 3, "several candidates were planned, tried and planned again")
    for key in set(ran) & set(shown) & set(before):
        expect(near(shown[key]["latency_us"], ran[key]["latency_median_us"], 1e-9),
               f"{key}: {shown[key]['latency_us']}, tried {ran[key]['latency_median_us']}")
        expect(near(shown[key]["predicted_us"], before[key]["latency_us"], 1e-6),
               f"{key}: predicted {shown[key]['predicted_us']}, before {before[key]['latency_us']}")
    for changes, word in (
        ({"model_sha256": "b" * 64}, "is of another model (bbbbbbbbbbbb)"),
        ({"link_up_bps": 50e6}, "was taken over a link of 50.0 Mbit/s"),
        ({"link_rtt_us": 90e3}, "run `scissionlite bench` over this link"),
    ):
        refused = planned(**changes)
        expect(refused.returncode == 2 and word in refused.stderr, f"plan --measured with {changes}: {refused.returncode} {refused.stderr}")


def check_data(root, data, table):
    """The page, --json and --table hold the same numbers."""
    embedded = json.loads(by_id(root, "data").text())
    expect(embedded == data, "the data in the page is what --json prints")
    lines = table.splitlines()
    for row in data["tables"][0]["rows"]:
        line = next((text for text in lines if row["label"] in text and text.startswith(("* ", "  "))), "")
        expect(f"{row['agreement']:.3f}" in line and f" {row['agreement_n']} " in line,
               f"--table: '{line}' with agreement {row['agreement']}, n = {row['agreement_n']}")
        if "measured_us" in row:
            times = [number(word) for word in re.findall(r"[\d.]+ m?s\b", line)]
            expect(times and near(times[0], row["measured_us"]), f"--table: '{line}' with {row['measured_us']} us")
    expect(data["headline"] == lines[0] == by_id(root, "headline").text(), "one headline in page, --json and --table")


def check_no_requests(page, root):
    for node in root.all(lambda n: True):
        for name in ("src", "href", "srcset", "action", "data", "xlink:href", "poster"):
            value = node.attributes.get(name) or ""
            expect(not value or value.startswith(("data:", "#")), f"<{node.tag} {name}={value!r}> asks for something")
        expect(not any(name.startswith("on") for name in node.attributes), f"<{node.tag}> has a handler {node.attributes}")
    without_data = re.sub(r"<script type=.application/json.*?</script>", "", page, flags=re.S)
    found = re.findall(r"(?:@import|url\((?!#)|https?://|//\w+\.)[^\s\"']{0,40}", without_data)
    expect(not found, f"the page names {found}")
    expect("default-src 'none'" in page, "the page forbids requests")


def check_pixels(image):
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(image) as opened:
        colours = opened.convert("RGB").getcolors(1 << 24)
    common = {colour for count, colour in colours if count > 500}
    expect({(0x2f, 0x5f, 0xd0), (0xe5, 0xa0, 0x19), (0x12, 0x85, 0x6b)} <= common, "the bars of device, wire and edge are drawn in their colours")


def main():
    if not shutil.which("chromium"):
        print("[SKIP] no chromium; run tools/install_deps.sh test")
        return 77
    with tempfile.TemporaryDirectory(prefix="scissionlite_report_") as name:
        folder = pathlib.Path(name)
        subprocess.run([sys.executable, HERE / "make_fixtures.py", PROGRAM, folder], check=True)
        files = {part: json.loads((folder / f"{part}.json").read_text()) for part in ("plan", "bench", "scores", "privacy", "explain")}
        table, data = report(folder, "--table"), json.loads(report(folder, "--json"))
        report(folder, *"-o page.html --quiet".split())
        page = folder / "page.html"
        # The command that made the page is part of it, so the three are compared without it.
        root = Tree(rendered(page, folder)).root
        expect(root.first(lambda n: n.tag == "html").attributes.get("data-ready") == "yes", "the page's script ran to its end")
        check_headline(root, files)
        check_candidates(root, files)
        check_break_evens(root, files)
        check_cuts(root, data, files["plan"])
        check_rates(root, files, data)
        check_privacy(root, files, data)
        check_explain(root, files["explain"], data)
        check_own_explanation(folder)
        check_trial(folder, files)
        check_data(root, data, table)
        check_no_requests(page.read_text(), root)
        check_pixels(screenshot(page, folder))
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
