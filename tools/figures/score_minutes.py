#!/usr/bin/env python3
"""score_minutes: minutes in which `score` fits and measures 10 cuts x 6 kinds of transfer layers x 4 rates on all photos, killed
once halfway and gone on with; and seconds of planning over the result.

Example: tools/figures/score_minutes.py --scissionlite build/release/scissionlite --data $SCISSIONLITE_TEST_DATA
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402

CUTS = 10
FAMILIES = {
    "uint": "uint1,uint2,uint4,uint8", "klt fixed bits": "klt-s1-c8-b4,klt-s1-c16-b4,klt-s1-c24-b4,klt-s1-c32-b4",
    "klt dealt bits": "klt-s1-r512,klt-s1-r1024,klt-s1-r2048,klt-s1-r4096",
    "klt dealt bits, 2x2": "klt-s2-r512,klt-s2-r1024,klt-s2-r2048,klt-s2-r4096", "klt entropy-coded": "klt-s1-q30,klt-s1-q50,klt-s1-q70,klt-s1-q100",
    "klt entropy-coded, 2x2": "klt-s2-q30,klt-s2-q50,klt-s2-q70,klt-s2-q100"
}


def scored_lines(cache):
    return sum(1 for line in cache.read_text().splitlines() if line) if cache.exists() else 0


def cuts_of(options, model_words):
    """The ids of the CUTS cuts with the fewest bytes, of those through one image of at least 7x7."""
    cuts = json.loads(
        subprocess.run([str(word) for word in (options.scissionlite, "inspect", *model_words, "--json")], check=True,
                       capture_output=True).stdout)["cuts"]
    images = [cut for cut in cuts if len(cut["shapes"]) == 1 and len(cut["shapes"][0]) == 4 and min(cut["shapes"][0][2:]) >= 7]
    least = sorted(images, key=lambda cut: cut["bytes"])[:CUTS]
    if len(least) < CUTS:
        raise SystemExit(f"[score_minutes] {options.model} has {len(least)} such cuts, {CUTS} are needed")
    return [cut["id"] for cut in least]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scissionlite", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--model", default="mobilenetv2_1.0")
    options = parser.parse_args()
    images = options.data / "images"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "scores.json"
        cache = out.with_suffix(".json.cache")
        model_words = [
            options.data / "models" / f"{options.model}.onnx", "--input",
            figures.ROOT / "tests" / "fixtures" / "inputs" / f"{options.model}.input.json"
        ]
        words = [
            options.scissionlite, "score", *model_words, "--images", images / "imagenet_samples256", images / "imagenet_val227", "--cuts",
            ",".join(cuts_of(options, model_words)), "--tls", ",".join(FAMILIES.values()), "--codecs", "auto", "-q", "-o", out
        ]
        start = time.monotonic()
        first = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
        wanted = CUTS * len(FAMILIES) * 4
        while first.poll() is None and scored_lines(cache) < wanted // 2:
            time.sleep(1)
        first.send_signal(signal.SIGKILL)
        first.wait()
        kept = scored_lines(cache)
        subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        scores = json.loads(out.read_text())
        before = os.stat(cache).st_size
        again = time.monotonic()
        subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
        again = time.monotonic() - again
        assert os.stat(cache).st_size == before, "a third run measured something anew"
    splits = [row for row in scores["scores"] if row["candidate"].startswith("split/")]
    cuts = {row["candidate"].split("/")[1] for row in splits}
    figures.record("transfer", [{
        "id": "score_minutes",
        "what": f"{options.model}: fitting and measuring {len(cuts)} cuts x {len(FAMILIES)} kinds of layers x 4 rates and the image codecs",
        "measured": seconds / 60, "spread": None, "unit": "min", "command": "tools/figures/score_minutes.py",
        "note": f"{len(splits)} split and {len(scores['scores']) - len(splits)} other candidates on {scores['images']} photos, fitted on {scores['images_fitted']} others, both cores; "
        f"killed with {kept} results and gone on with; a run that finds all there takes {again:.1f} s"
    }])


if __name__ == "__main__":
    main()
