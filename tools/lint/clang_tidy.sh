#!/usr/bin/env bash
# clang-tidy on the given files, with the compile commands of build/dev (cmake --preset dev).
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-tidy >/dev/null || { echo "[SKIP] clang-tidy is not installed (apt install clang-tidy)" >&2; exit 0; }
build="${SCISSIONLITE_TIDY_BUILD:-build/dev}"
[ -f "$build/compile_commands.json" ] || { echo "[SKIP] no $build/compile_commands.json; run cmake --preset dev" >&2; exit 0; }
files=()
for file in "$@"; do
  case "$file" in
    src/train/* | src/train_cli/*) echo "[SKIP] $file: Debian's clang 14 cannot compile libtorch's headers as C++20" >&2 ;;
    src/* | examples/*) files+=("$file") ;;
  esac
done
[ ${#files[@]} = 0 ] || clang-tidy -p "$build" --quiet "${files[@]}"
