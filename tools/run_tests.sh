#!/usr/bin/env bash
# Runs all tests of a build and says last how many passed, failed and were skipped, and why.
#   tools/run_tests.sh BUILD_DIR [ctest options, such as -L unit or -R server]
set -uo pipefail
[ $# -ge 1 ] || { echo "usage: $0 BUILD_DIR [ctest options]" >&2; exit 2; }
root="$(cd "$(dirname "$0")/.." && pwd)"
build="$(cd "$1" && pwd)"
shift
deps="${SCISSIONLITE_DEPS:-$root/.deps}"
python="$deps/venv_ort/bin/python"
if [ -z "${SCISSIONLITE_ORT_PYTHON:-}" ] && [ -x "$python" ]; then export SCISSIONLITE_ORT_PYTHON="$python"; fi
export SCISSIONLITE_DEPS="$deps"
export SCISSIONLITE_ASSETS="${SCISSIONLITE_ASSETS:-$root/build/assets}"
[ -n "${SCISSIONLITE_TEST_DATA:-}" ] || unset SCISSIONLITE_TEST_DATA
results="$build/test_results.xml"
rm -f "$results"
ctest --test-dir "$build" -j "${JOBS:-$(nproc)}" --timeout 900 --output-on-failure --no-tests=error --test-output-size-passed 4000000 --test-output-size-failed 4000000 --output-junit "$results" "$@"
code=$?
/usr/bin/python3 "$root/tools/summarize_tests.py" "$results" || exit 1
exit $code
