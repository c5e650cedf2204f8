#!/usr/bin/env bash
# Builds with sanitizers, runs the unit tests of folders that face networks, files and threads, and says last what was found.
#   tools/sanitize.sh [address|thread] [FOLDER of src ...]    address: AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
# "serve" among the folders is the program, as tests of tests/server ask it over gRPC and HTTP; not with "thread", since gRPC and OpenMP were built
# without it, and what they synchronise is not seen.
# Environment: JOBS (of the build; every core). Reports lie in build/<asan|tsan>/reports/.
set -uo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
kind="${1:-address}"
[ $# -eq 0 ] || shift
case "$kind" in
  address) name=asan sanitizers=address,undefined folders="base coding graph onnx vision net control protocol planner profile simulate prepare delivery server device serve" ;;
  thread) name=tsan sanitizers=thread folders="base coding net control protocol simulate delivery server device" ;;
  *) echo "usage: $0 [address|thread] [FOLDER ...]; got '$kind'" >&2; exit 2 ;;
esac
[ $# -eq 0 ] || folders="$*"
case "$kind $folders " in "thread "*" serve "* | "thread serve "*) echo 'tools/sanitize.sh: "serve" goes with address alone' >&2; exit 2 ;; esac
build="$root/build/$name"
reports="$build/reports"
# -O1: stacks that can be read, and kernels of all instruction sets compile in minutes
cmake -G Ninja -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -DSCISSIONLITE_TESTS=ON -DSCISSIONLITE_SANITIZE="$sanitizers" -DSCISSIONLITE_TRAIN=OFF -DSCISSIONLITE_HALIDE=OFF \
      -DSCISSIONLITE_OPENVINO=OFF -DSCISSIONLITE_ONEDNN=OFF > "$build.log" 2>&1 || { tail -n 20 "$build.log" >&2; exit 1; }
targets=""
for folder in $folders; do
  if [ "$folder" = serve ]; then targets="$targets scissionlite"; else targets="$targets test_$folder"; fi
done
# shellcheck disable=SC2086
ninja -C "$build" -j "${JOBS:-$(nproc)}" $targets || exit 1

rm -rf "$reports"
mkdir -p "$reports"
here="$root/tools/sanitize"
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1:allocator_may_return_null=1:log_path=$reports/report"
export LSAN_OPTIONS="suppressions=$here/leaks.txt:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:log_path=$reports/report"
export TSAN_OPTIONS="second_deadlock_stack=1:history_size=4:suppressions=$here/threads.txt:print_suppressions=0:log_path=$reports/report"
plain=""
if [ "$kind" = thread ] && [ "$(cat /proc/sys/vm/mmap_rnd_bits)" -gt 28 ]; then plain="setarch -R"; fi  # GCC 12's runtime does not know how far such kernels spread addresses
failed=""
serve_tests="test_behaviour test_grpc_limits test_service test_control test_http"
run_serve() {
  local test status=0
  local -x ASAN_OPTIONS="$ASAN_OPTIONS:quarantine_size_mb=8"  # these tests measure memory, and what was freed would count
  for test in $serve_tests; do
    SCISSIONLITE_DEPS="${SCISSIONLITE_DEPS:-$root/.deps}" python3 "$root/tests/server/$test.py" "$build/scissionlite" > "$reports/serve_$test.log" 2>&1 || {
      status=1
      echo "FAILED: $test, see $reports/serve_$test.log"
    }
  done
  [ "$status" -ne 0 ] || echo "[  PASSED  ] $serve_tests"
  return "$status"
}
for folder in $folders; do
  printf '%-10s' "$folder"
  if [ "$folder" = serve ]; then
    run_serve || failed="$failed serve"
    continue
  fi
  # shellcheck disable=SC2086
  if $plain "$build/test_$folder" --gtest_brief=1 > "$reports/$folder.log" 2>&1; then tail -n 1 "$reports/$folder.log"; else
    failed="$failed $folder"
    echo "FAILED: $(grep -cE '^\[  FAILED  \]' "$reports/$folder.log") tests, see $reports/$folder.log"
  fi
done
found="$(find "$reports" -name 'report.*' | wc -l)"
echo "$kind: $found reports$( [ "$found" -eq 0 ] || echo " in $reports/report.*" ); $( [ -z "$failed" ] && echo 'all tests passed' || echo "failed:$failed" )"
[ "$found" -eq 0 ] && [ -z "$failed" ]
