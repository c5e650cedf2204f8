"""The tree as git sees it: what the hygiene tests share."""
import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER_ROW = re.compile(r"^\| `src/(\w+)` \|.*\| `([^`]+)` \|$", re.M)


def skip(reason):
    print(f"[SKIP] {reason}")
    sys.exit(77)


@functools.cache
def files():
    """Paths of tracked files, and of new ones that git does not ignore."""
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        skip(f"git does not list the files of this tree ({error}); the tests need a clone")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [pathlib.Path(name) for name in names if (ROOT / name).is_file()]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def is_text(path):
    return b"\0" not in (ROOT / path).read_bytes()[:4096]


def folders():
    """Folders below src/ in the order of the table in docs/ARCHITECTURE.md, each with the file to start at."""
    return FOLDER_ROW.findall(read("docs/ARCHITECTURE.md"))
