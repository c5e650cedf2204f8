#!/usr/bin/env python3
"""device_deb_mb: what the package scissionlite-device takes when it is installed (10^6 bytes, its Installed-Size), with
all that it brings of its own; in the note its file and the packages of Debian that it depends on. edge_deb_mb: the same
of scissionlite-edge, with OpenVINO.

Example: tools/packages.sh build/deb && tools/figures/deployment.py --packages build/deb --record
Prints the rows; --record writes them to docs/benchmarks/field.json.
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

COMMAND = "tools/figures/deployment.py"


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", str(package), name], check=True, capture_output=True, text=True).stdout.strip()


def installed_mb(package):
    return int(field(package, "Installed-Size")) * 1024 / 1e6


def row(half, package):
    note = f"{package.name}, {package.stat().st_size / 1e6:.1f} MB to download; depends on {field(package, 'Depends')}"
    return {
        "id": f"{half}_deb_mb", "what": f"installed size of scissionlite-{half}", "measured": round(installed_mb(package), 2), "unit": "MB",
        "command": COMMAND, "note": note
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", required=True, type=pathlib.Path, help="folder that tools/packages.sh filled")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    found = {half: sorted(options.packages.glob(f"scissionlite-{half}_*.deb")) for half in ("device", "edge")}
    if not found["device"]:
        sys.exit(f"deployment: no scissionlite-device_*.deb in {options.packages}; make it with tools/packages.sh {options.packages}")
    rows = [row(half, packages[-1]) for half, packages in found.items() if packages]
    if options.record:
        figures.record("field", rows)
    else:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
