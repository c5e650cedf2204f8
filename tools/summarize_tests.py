"""Counts passed, failed and skipped test cases in a JUnit file of ctest, and prints why each was skipped.
summarize_tests.py RESULTS.xml

A ctest entry is one program; the cases inside (GoogleTest, unittest) are counted where the program prints them."""

import collections
import re
import sys
import xml.etree.ElementTree as xml


def inner_counts(text):
    """(passed, failed, skipped reasons) of the cases that a program reports, or None."""
    ran = re.search(r"\[==========\] (\d+) tests? from .* ran", text)
    if ran:
        reasons = re.findall(r": Skipped\n(.+)", text)
        skipped = re.search(r"\[  SKIPPED \] (\d+) tests?", text)
        failed = re.search(r"\[  FAILED  \] (\d+) tests?", text)
        passed = re.search(r"\[  PASSED  \] (\d+) tests?", text)
        count = int(skipped.group(1)) if skipped else 0
        reasons = (reasons + ["no reason given"] * count)[:count]
        return int(passed.group(1)) if passed else 0, int(failed.group(1)) if failed else 0, reasons
    ran = re.search(r"^Ran (\d+) tests? in", text, re.M)
    if ran:
        reasons = re.findall(r"skipped ['\"](.+?)['\"]$", text, re.M)
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", text))
        skipped = re.search(r"skipped=(\d+)", text)
        count = int(skipped.group(1)) if skipped else 0
        reasons = (reasons + ["see the test's output"] * count)[:count]
        return int(ran.group(1)) - bad - count, bad, reasons
    return None


def main():
    passed, failed, skipped = 0, [], collections.Counter()
    for case in xml.parse(sys.argv[1]).getroot().iter("testcase"):
        text = case.findtext("system-out") or ""
        if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            reason = re.search(r"\[SKIP\] (.+)", text)
            skipped[(case.get("name"), reason.group(1) if reason else "no reason given")] += 1
            continue
        inner = inner_counts(text)
        if inner is None:
            inner = (0, 1, []) if case.get("status") == "fail" else (1, 0, [])
        passed += inner[0]
        if case.get("status") == "fail":
            failed.append((case.get("name"), max(1, inner[1])))
        for reason in inner[2]:
            skipped[(case.get("name"), reason)] += 1
    print()
    for name, count in failed:
        print(f"FAILED   {name}: {count}")
    for (name, reason), count in sorted(skipped.items()):
        print(f"skipped  {count:4d}  {name}: {reason}")
    print(f"{passed} passed, {sum(n for _, n in failed)} failed, {sum(skipped.values())} skipped")


if __name__ == "__main__":
    main()
