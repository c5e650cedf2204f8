#!/usr/bin/env python3
"""The long run of the fuzz targets (tests/fuzz), by libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer, in
pieces: what each did stands in docs/benchmarks/runs/fuzz.jsonl, so that a run goes on where the last one ended, and
what was found lies in build/fuzz/corpus for the next. fuzz_crashes: inputs that crashed, hung, leaked or took over 4
GiB, in the last --executions of each target. fuzz_executions_min: executions of the target that had the fewest, since one of
its crashed. fuzz_coverage_min_percent: lines of a target's module (COVERS in tests/fuzz/targets.cmake) that its
committed seeds run, of the target with the smallest share.

Example: nice tools/figures/fuzz.py --executions 10000000 --minutes 600 --parallel 2 --record
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/fuzz.py"
ROOT = figures.ROOT
BUILD = ROOT / "build" / "fuzz"  # libFuzzer learns what inputs are compared with, and coverage is counted
FAST = ROOT / "build" / "fuzz_fast"  # neither, which takes half of the time: for what follows the first LEARN executions
LEARN = 1_000_000
FLAGS = {BUILD: "-fprofile-instr-generate -fcoverage-mapping", FAST: "-fno-sanitize-coverage=trace-cmp"}
CORPUS, CRASHES = BUILD / "corpus", BUILD / "crashes"
TARGETS = ROOT / "tests" / "fuzz" / "targets.cmake"
PIECE = 500_000  # executions, at most
LONGEST_S = 120  # of one execution, on a machine with other work
SEED_BYTES = 40_000  # that --keep-seeds adds to the seeds of a target, at most


def targets():
    """What the table says: {name: (folders of seeds, files covered)}."""
    out = {}
    for name, rest in re.findall(r"^scissionlite_fuzz\((\w+) (.*)\)$", TARGETS.read_text(), re.M):
        words, part, by_part = rest.split(), None, {"LINK": [], "SEEDS": [], "COVERS": []}
        for word in words:
            part, is_key = (word, True) if word in by_part else (part, False)
            if not is_key:
                by_part[part].append(word)
        out[name] = ([TARGETS.parent / folder for folder in by_part["SEEDS"]], by_part["COVERS"])
    return out


def build(folder, names, jobs):
    words = [
        "-G",
        "Ninja",
        "-S",
        ROOT,
        "-B",
        folder,
        "-DCMAKE_C_COMPILER=clang",
        "-DCMAKE_CXX_COMPILER=clang++",
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1",
        f"-DCMAKE_CXX_FLAGS={FLAGS[folder]}",
        "-DSCISSIONLITE_FUZZ=ON",
        "-DSCISSIONLITE_SANITIZE=address,undefined",
        "-DSCISSIONLITE_TESTS=ON",
        *(f"-DSCISSIONLITE_{part}=OFF" for part in ("TRAIN", "HALIDE", "OPENVINO", "ONEDNN")),
    ]
    subprocess.run(["cmake", *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, "-j", str(jobs), *(f"fuzz_{name}" for name in names)], check=True)


def program(name, folder=BUILD):
    return folder / "tests" / f"fuzz_{name}"


def run(name, folders, words, profile, build_folder=BUILD):
    environment = dict(os.environ, LLVM_PROFILE_FILE=str(BUILD / f"{profile}.profraw"), UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
                       ASAN_OPTIONS="malloc_context_size=1:quarantine_size_mb=16")  # a stack for each allocation takes a third of the time
    return subprocess.run([program(name, build_folder), *words, *folders], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          cwd=BUILD)


def fuzz(name, seeds, index, seconds, build_folder):
    """One piece. Without libFuzzer's entropic schedule, whose bookkeeping takes a third of the time where an execution
    takes a tenth of a millisecond."""
    corpus = CORPUS / name
    for folder in (corpus, CRASHES):
        folder.mkdir(parents=True, exist_ok=True)
    finds = lambda: {path
                     for path in CRASHES.glob(f"{name}-*")
                     if path.suffix != ".log" and "-slow-unit-" not in path.name}  # noqa: E731; of this target, and no hang
    before = finds()
    start = time.time()
    words = [
        f"-runs={PIECE}", f"-max_total_time={max(1, round(seconds))}", f"-seed={index + 1}", "-entropic=0", f"-timeout={LONGEST_S}",
        "-rss_limit_mb=4096", "-print_final_stats=1", f"-artifact_prefix={CRASHES}/{name}-"
    ]
    done = run(name, [corpus, *seeds], words, f"last-{name}", build_folder)
    text = done.stderr.decode(errors="replace")
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", text)
    found = sorted(path.name for path in finds() - before)
    if done.returncode != 0 or not executed:
        (CRASHES / f"{name}-{index}.log").write_text(text)
        print(f"[fuzz] {name}: see {CRASHES / f'{name}-{index}.log'}", file=sys.stderr)
        found = found or ["without an input"]
    return {"target": name, "executions": int(executed[-1]) if executed else 0, "crashes": len(found), "seconds": round(time.time() - start, 1)}


def logged(name):
    path = figures.FOLDER / "runs" / "fuzz.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if line["result"]["target"] == name]


def pieces(name):
    return [line["result"] for line in logged(name)]


def next_index(name):
    """Behind the last one: of those before, some may have been taken out of the log."""
    return max((int(line["key"].rpartition(" ")[2]) for line in logged(name)), default=-1) + 1


def since_crash(name):
    """Executions of the target since one crashed: a mended target is to be tried as long as one that never crashed."""
    count = 0
    for piece in pieces(name):
        count = 0 if piece["crashes"] else count + piece["executions"]
    return count


def latest(name, executions):
    """The last pieces of the target, of so many executions together."""
    out = []
    for piece in reversed(pieces(name)):
        if sum(one["executions"] for one in out) >= executions:
            break
        out.append(piece)
    return out


def campaign(chosen, options):
    """The target with the fewest executions next, of those that are not at it, until all have enough or the time is over."""
    end = time.time() + options.minutes * 60
    choosing, busy = threading.Lock(), set()

    def work():
        while time.time() < end:
            with choosing:
                behind = {name: since_crash(name) for name in chosen if name not in busy}
                name = min(behind, key=behind.get, default=None)
                if name is None or behind[name] >= options.executions:
                    return  # those at it are enough for what is left, or nothing is left
                busy.add(name)
            index, folder = next_index(name), BUILD if behind[name] < LEARN else FAST
            try:
                done = figures.run_once("fuzz", f"{name} piece {index}",
                                        lambda: fuzz(name, chosen[name][0], index, min(options.piece_s, end - time.time()), folder))
            finally:
                busy.discard(name)
            print(f"[fuzz] {name}: {behind[name] + done['executions']} executions, {done['crashes']} crashes in this piece", file=sys.stderr,
                  flush=True)
            if done["executions"] == 0:
                raise RuntimeError(f"{name} does not run; see {CRASHES}")

    with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
        for worker in [pool.submit(work) for _ in range(options.parallel)]:
            worker.result()


def profile_of(name, inputs, data, also=()):
    """What the inputs run, with what is in the profiles `also`."""
    profile = BUILD / f"{name}.profraw"
    profile.unlink(missing_ok=True)
    done = run(name, inputs, ["-runs=0", f"-timeout={LONGEST_S}"], name)
    if done.returncode != 0:
        raise RuntimeError(f"{name} fails on its seeds: {done.stderr.decode(errors='replace')[-3000:]}")
    subprocess.run(["llvm-profdata-14", "merge", "-sparse", profile, *also, "-o", data], check=True)


def lines_in(name, data, covers):
    """Lines that a profile has run, and all, of each file of the module."""
    words = ["llvm-cov-14", "export", "-summary-only", f"-instr-profile={data}", program(name)]
    done = subprocess.run(list(map(str, words)), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wanted = {(ROOT / "src" / file).resolve(): file for file in covers}
    lines = {}
    for file in json.loads(done.stdout)["data"][0]["files"]:  # of a compiler behind a cache they may be relative to the build
        if (path := pathlib.Path(file["filename"]).resolve()) in wanted:
            lines[wanted[path]] = (file["summary"]["lines"]["covered"], file["summary"]["lines"]["count"])
    missing = set(covers) - set(lines)
    if missing:
        raise RuntimeError(f"{name} is not linked with {sorted(missing)}, which COVERS names")
    return lines


def covered_in(lines):
    return sum(covered for covered, _ in lines.values())


def profdata(name):
    return BUILD / f"{name}.profdata"


def coverage(name, seeds, covers):
    """Of the seeds, whose profile is in profdata(name) then."""
    profile_of(name, seeds, profdata(name))
    return lines_in(name, profdata(name), covers)


def keep_seeds(name, seeds, covers):
    """What of the corpus runs lines of the module that the seeds do not, the smallest first, becomes a seed."""
    target = seeds[0]
    reached = covered_in(coverage(name, seeds, covers))
    data, tried = profdata(name), BUILD / f"{name}.tried.profdata"
    with tempfile.TemporaryDirectory() as merged:
        for file in target.iterdir():
            shutil.copy(file, merged)
        run(name, [merged, *seeds[1:], CORPUS / name], ["-set_cover_merge=1", "-use_counters=0", f"-timeout={LONGEST_S}"], "merge")
        fresh = sorted((path for path in pathlib.Path(merged).iterdir() if not (target / path.name).exists()), key=lambda path: path.stat().st_size)
        left = SEED_BYTES
        for path in fresh:
            if path.stat().st_size > left:
                continue
            profile_of(name, [path], tried, [data])
            lines = covered_in(lines_in(name, tried, covers))
            if lines > reached:
                reached, left = lines, left - path.stat().st_size
                tried.replace(data)
                shutil.copy(path, target / f"found-{path.name[:12]}")


def rows(chosen, shares, executions):
    out = []
    counts = {name: since_crash(name) for name in chosen}
    crashes = sum(piece["crashes"] for name in chosen for piece in latest(name, executions))
    ever = sum(piece["crashes"] for name in chosen for piece in pieces(name))
    hours = sum(piece["seconds"] for name in chosen for piece in pieces(name)) / 3600
    if any(counts.values()):
        least = min(counts, key=counts.get)
        note = f"{sum(counts.values())} executions since the last crash, of {len(chosen)} targets in {hours:.1f} hours; {counts[least]} of the one with the fewest, {least}; docs/benchmarks/runs/fuzz.jsonl has each piece, and {ever - crashes} crashes before that were mended"
        out.append({
            "id": "fuzz_crashes",
            "what": "inputs that crashed, hung, leaked or took too much memory under libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer, in the last executions of each target",
            "measured": crashes, "unit": "inputs", "command": COMMAND, "note": note
        })
        out.append({
            "id": "fuzz_executions_min", "what": "executions of the target that had the fewest, since one of its crashed", "measured": counts[least],
            "unit": "executions", "command": COMMAND, "note": ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        })
    if len(shares) == len(chosen):
        least = min(shares, key=shares.get)
        note = ", ".join(f"{name} {share:.0f}" for name, share in sorted(shares.items(), key=lambda item: item[1]))
        out.append({
            "id": "fuzz_coverage_min_percent",
            "what": f"lines of a target's module that its committed seeds run, of the target with the smallest share ({least})",
            "measured": shares[least], "unit": "%", "command": COMMAND, "note": note
        })
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=10_000_000, help="of each target, over all runs since it crashed last")
    parser.add_argument("--minutes", type=float, default=60, help="of this run, 0: coverage only")
    parser.add_argument("--piece-s", type=float, default=600, help="longest piece")
    parser.add_argument("--parallel", type=int, default=1, help="targets at once, each on a core of its own")
    parser.add_argument("--targets", help="some of the table, by commas")
    parser.add_argument("--keep-seeds", action="store_true", help="make seeds of what was found and reaches further")
    parser.add_argument("--jobs", type=int, default=1, help="of the build")
    parser.add_argument("--record", action="store_true", help="write the rows; with all targets")
    options = parser.parse_args()
    every = targets()
    chosen = {name: every[name] for name in (options.targets.split(",") if options.targets else every)}
    build(BUILD, chosen, options.jobs)
    if options.minutes > 0:
        build(FAST, chosen, options.jobs)
    campaign(chosen, options)
    shares = {}
    if options.keep_seeds:
        with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
            list(pool.map(lambda name: keep_seeds(name, *chosen[name]), chosen))
    for name, (seeds, covers) in chosen.items():
        lines = coverage(name, seeds, covers)
        shares[name] = 100 * covered_in(lines) / sum(count for _, count in lines.values())
        print(f"{name}: {shares[name]:.1f} % of the lines of its module; " + ", ".join(f"{file} {covered} of {count}"
                                                                                       for file, (covered, count) in lines.items()))
    made = rows(chosen, shares, options.executions)
    for row in made:
        print(f"{row['id']}: {row['measured']:.4g} {row['unit']} ({row['note']})")
    if options.record and len(chosen) == len(every):
        figures.record("field", made)


if __name__ == "__main__":
    main()
