#!/usr/bin/env bash
# Looks for mistakes in the given scripts.
set -euo pipefail
command -v shellcheck >/dev/null || { echo "[SKIP] shellcheck is not installed (apt install shellcheck)" >&2; exit 0; }
exec shellcheck --severity=warning "$@"
