#!/usr/bin/env bash
# Formats the given files in place; exit code 1 when that changed one (so that a commit stops and can be looked at).
set -euo pipefail
command -v clang-format >/dev/null || { echo "[SKIP] clang-format is not installed (apt install clang-format)" >&2; exit 0; }
changed=0
for file in "$@"; do
  before="$(sha256sum <"$file")"
  clang-format -i "$file"
  [ "$before" = "$(sha256sum <"$file")" ] || { echo "formatted $file"; changed=1; }
done
exit "$changed"
