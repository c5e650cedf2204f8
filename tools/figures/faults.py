#!/usr/bin/env python3
"""faults_failed: of the 46 faults and bad inputs that both ends survive, those that no test shows or a test shows
otherwise. Tests say which in their names, fault_07_... or fault_10_11_12_...; each program with such tests is run
whole. A test that is skipped, as the one that needs another machine's instruction set, shows nothing.

Example: SCISSIONLITE_TEST_DATA=DATA tools/figures/faults.py --build build/release --record
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/faults.py"
FAULTS = range(1, 47)
NAME = r"fault_((?:\d\d_)+)\w*"
STARTS = re.compile(rf"^(?:\[ RUN +\] \w+\.|test_)({NAME})", re.M)  # of GoogleTest and of unittest
ENDS = (  # unittest's outcome ends a line, maybe behind a docstring or lines of a log, and is never that of the next test
    (re.compile(rf"^\[\s+(OK|FAILED|SKIPPED)\s+\] \w+\.({NAME})", re.M), lambda m: (m[2], m[1])),
    (re.compile(rf"^test_({NAME}) \((?:(?!^test_).)*?\b(ok|FAIL|ERROR|skipped)(?: '.*')?$", re.M | re.S), lambda m: (m[1], m[3])),
)


def programs(build):
    """Names of ctest entries whose program has tests of faults."""
    out = []
    for test in json.loads(subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, stdout=subprocess.PIPE).stdout)["tests"]:
        command = test.get("command") or [""]
        scripts = [word for word in command if word.endswith(".py")]
        if scripts:
            text = pathlib.Path(scripts[0]).read_text()
        elif pathlib.Path(command[0]).name == test["name"] or pathlib.Path(command[0]).name == f"test_{test['name']}":
            text = subprocess.run([command[0], "--gtest_list_tests"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        else:
            continue
        if re.search(NAME, text):
            out.append(test["name"])
    return out


def outcomes(results):
    """{number: {test: whether it passed}} without those that were skipped."""
    found = collections.defaultdict(dict)
    for case in xml.parse(results).getroot().iter("testcase"):
        text = case.findtext("system-out") or ""
        outcome = {match[1]: "none: its program ended before" for match in STARTS.finditer(text)}
        outcome.update(of(match) for pattern, of in ENDS for match in pattern.finditer(text))
        for name, said in outcome.items():
            if said.lower() == "skipped":
                continue
            for number in map(int, re.findall(r"\d\d", re.match(NAME, name)[1])):
                found[number][f"{case.get('name')}.{name}"] = said.lower() == "ok"
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="with tests")
    parser.add_argument("--results", type=pathlib.Path, help="test_results.xml of a whole run of tools/run_tests.sh instead of running them now")
    parser.add_argument("--record", action="store_true", help="write the rows")
    options = parser.parse_args()
    if not options.results:
        names = programs(options.build)
        print(f"[faults] {', '.join(names)}", file=sys.stderr, flush=True)
        subprocess.run([figures.ROOT / "tools" / "run_tests.sh", options.build, "-R", f"^({'|'.join(map(re.escape, names))})$"], stdout=sys.stderr)
        options.results = options.build / "test_results.xml"
    found = outcomes(options.results)
    failed = [number for number in FAULTS if not found[number] or not all(found[number].values())]
    for number in FAULTS:
        bad = [name for name, passed in found[number].items() if not passed]
        print(f"{number:2d} {'failed: ' + ', '.join(bad) if bad else 'no test' if not found[number] else f'{len(found[number])} passed'}")
    tests = {name for of in found.values() for name in of}
    print(f"faults_failed: {len(failed)} of {len(FAULTS)}, {len(tests)} tests")
    if options.record:
        note = f"{len(tests)} tests of {len(FAULTS)} faults" + (f"; failed: {', '.join(map(str, failed))}" if failed else "")
        figures.record("field", [{
            "id": "faults_failed", "what": "faults and bad inputs that no test shows to be survived, or one shows not to be", "measured": len(failed),
            "unit": "faults", "command": COMMAND, "note": note
        }])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
