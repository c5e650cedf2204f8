#!/usr/bin/env bash
# Common misspellings in the given files.
set -euo pipefail
command -v codespell >/dev/null || { echo "[SKIP] codespell is not installed (apt install codespell)" >&2; exit 0; }
exec codespell --ignore-words-list "ba,nd,te,fo,hist,als" "$@"
