#!/usr/bin/env bash
# Common misspellings in the given files.
set -euo pipefail
command -v codespell >/dev/null || { echo "[SKIP] codespell is not installed (apt install codespell)" >&2; exit 0; }
# Names within names (kOwn, kNo), people (Toom, Theis), and what tests misspell so that an error has something to offer.
exec codespell --ignore-words-list "ba,nd,te,fo,hist,als,inflight,statics,kown,kno,toom,theis,egde,evnts,widht" "$@"
