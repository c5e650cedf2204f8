"""Figures as data: each benchmark command adds its rows to docs/benchmarks/<topic>.json, and `figures.py markdown` makes
docs/benchmarks.md from all of them. Standard library only."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "benchmarks"
SCHEMA = "scissionlite.figures/2"
ISA = {
    "avx2": "avx2", "fma": "fma", "avx512f": "avx512f", "avx512_vnni": "avx512vnni", "avx512_bf16": "avx512bf16",
    "avx512_vpopcntdq": "avx512vpopcntdq", "avx512vbmi": "avx512vbmi", "amx_int8": "amx_int8", "amx_bf16": "amx_bf16", "asimd": "neon"
}


def machine():
    cpu, flags = "unknown", []
    for line in open("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            cpu = value.strip()
        if key.strip() in ("flags", "Features"):
            flags = value.split()
    return {"cpu": cpu, "isa": [ours for theirs, ours in ISA.items() if theirs in flags], "cores": os.cpu_count()}


def commit():
    out = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return out.stdout.strip() or "unknown"


def record(topic, rows, on=None):
    """Writes rows ({"id", "what", "measured", "spread", "unit", "command", "note"}) over those of the same id, each
    with machine and commit. `on`: the machine that they were measured on, where it is another."""
    path = FOLDER / f"{topic}.json"
    data = json.loads(path.read_text()) if path.exists() else {"figures": []}
    kept = {row["id"]: row for row in data["figures"]}
    origin = {"commit": commit(), "machine": on or machine()}
    for row in rows:
        kept[row["id"]] = {**row, **origin}
    data = {"schema": SCHEMA, "topic": topic}
    data["figures"] = [kept[key] for key in sorted(kept, key=lambda k: (k.split("/")[0], k))]
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    partial.rename(path)
    print(f"{path.relative_to(ROOT)}: " + ", ".join(row["id"] for row in rows), file=sys.stderr)


def kept(path, make):
    """What `make()` gives, made once: from the file of an earlier run where there is one."""
    path = pathlib.Path(path)
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(make(), indent=1) + "\n")
        partial.rename(path)
    return json.loads(path.read_text())


def gpu():
    """Its name, where this machine has one."""
    try:
        return subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True,
                              check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def run_once(topic, key, make):
    """What `make()` gives for `key`, a text that names all that matters to the run, made once: from
    docs/benchmarks/runs/<topic>.jsonl, where figures of many long runs are gathered from more than one day. Each line
    tells where its run was made; runs that are compared in a pair are to be made together."""
    path = FOLDER / "runs" / f"{topic}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    for line in path.read_text().splitlines() if path.exists() else []:
        entry = json.loads(line)
        if entry["key"] == key:
            return entry["result"]
    result = make()
    entry = {"key": key, "result": result, "commit": commit(), "cpu": machine()["cpu"]}
    if name := gpu():
        entry["gpu"] = name
    with open(path, "a") as file:
        file.write(json.dumps(entry) + "\n")
    return result


def machine_of_runs(topic, keys):
    """What `record` takes as `on`: the machines that the lines of these keys tell of."""
    lines = [json.loads(line) for line in (FOLDER / "runs" / f"{topic}.jsonl").read_text().splitlines()]
    return {
        "cpu": "; ".join(sorted({entry["cpu"] + (f" with an {entry['gpu']}" if "gpu" in entry else "")
                                 for entry in lines if entry["key"] in keys}))
    }


def number(value):
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def told(machine):
    """A machine in words; of runs kept as lines only the CPU is known."""
    parts = [machine["cpu"]]
    if "cores" in machine:
        parts += [f"{machine['cores']} cores", " ".join(machine["isa"])]
    return ", ".join(parts)


def letter_of(machine):
    return chr(ord("A") + machine)


def markdown():
    lines = ["# Benchmarks", "", "Made from `docs/benchmarks/*.json` by `tools/figures/figures.py markdown`; do not edit.", ""]
    for path in sorted(FOLDER.glob("*.json")):
        data = json.loads(path.read_text())
        machines = []
        for row in data["figures"]:
            if row["machine"] not in machines:
                machines.append(row["machine"])
        lines += [f"## {data['topic']}", ""]
        lines += [f"Machine {letter_of(i)}: {told(m)}." for i, m in enumerate(machines)]
        lines += ["", "| figure | what | measured | spread | unit | command | machine, commit | note |", "|---|---|---|---|---|---|---|---|"]
        for row in data["figures"]:
            spread = " to ".join(number(v) for v in row["spread"]) if row.get("spread") else ""
            cells = [
                f"`{row['id']}`", row["what"],
                number(row["measured"]), spread,
                row.get("unit", ""), f"`{row['command']}`", f"{letter_of(machines.index(row['machine']))}, {row['commit']}",
                row.get("note", "")
            ]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: figures.py markdown")
    parser.add_argument("what", choices=["markdown"])
    parser.parse_args()
    markdown()
