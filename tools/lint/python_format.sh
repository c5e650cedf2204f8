#!/usr/bin/env bash
# Formats the given Python files in place as .style.yapf says; exit code 1 when that changed one, as clang_format.sh does.
set -euo pipefail
command -v yapf3 >/dev/null || { echo "[SKIP] yapf is not installed (apt install yapf3)" >&2; exit 0; }
changed=0
for file in "$@"; do
  before="$(sha256sum <"$file")"
  yapf3 -i "$file"
  [ "$before" = "$(sha256sum <"$file")" ] || { echo "formatted $file"; changed=1; }
done
exit "$changed"
