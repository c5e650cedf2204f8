#!/usr/bin/env bash
# The whole device program for arm-64, cross-compiled against Debian's libraries and run under qemu-user: unit tests of the folders that run on a
# device, then a package that was prepared on this machine, whose local and split answers must be this machine's. Takes long where ccache is cold.
#   try_device.sh FOLDER PROGRAM PYTHON_WITH_ONNX DEPS [FOLDER_OF_SRC...]     which unit tests; none named: those of DEVICE_TESTS below
# Exit 77 (skipped) where compiler, emulator or mmdebstrap is missing.
set -euo pipefail
work="$1" program="$2" python="$3" deps="$4"
shift 4
DEVICE_TESTS=(base coding graph onnx kernels engine net protocol device)
[ $# -gt 0 ] && DEVICE_TESTS=("$@")
root="$(cd "$(dirname "$0")/../.." && pwd)"
for needed in aarch64-linux-gnu-g++ qemu-aarch64 mmdebstrap; do
  command -v "$needed" >/dev/null || { echo "[SKIP] no $needed; apt-get install g++-aarch64-linux-gnu qemu-user mmdebstrap"; exit 77; }
done
mkdir -p "$work"
work="$(cd "$work" && pwd)"
"$root/tools/arm64_sysroot.sh" "$work/sysroot"
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$root"
cmake -G Ninja -S "$root" -B "$work/build" -DCMAKE_TOOLCHAIN_FILE="$root/cmake/arm64.cmake" -DSCISSIONLITE_SYSROOT="$work/sysroot" -DSCISSIONLITE_DEPS="$deps" -DCMAKE_BUILD_TYPE=Release \
  -DSCISSIONLITE_OPENVINO=OFF -DSCISSIONLITE_ONEDNN=OFF -DSCISSIONLITE_TRAIN=OFF -DSCISSIONLITE_HALIDE=OFF -DSCISSIONLITE_TESTS=ON >"$work/configure.log"
targets=()
for name in "${DEVICE_TESTS[@]}"; do ninja -C "$work/build" -t query "test_$name" >/dev/null 2>&1 && targets+=("test_$name"); done
cmake --build "$work/build" -j "${JOBS:-$(nproc)}" --target scissionlite "${targets[@]}" >"$work/build.log" || { tail -30 "$work/build.log"; exit 1; }

arm() { SCISSIONLITE_EMULATED=1 qemu-aarch64 -L "$work/sysroot" "$@"; }
device="$work/build/scissionlite"
readelf -h "$device" | grep -q AArch64
for target in "${targets[@]}"; do
  echo "== $target"
  arm "$work/build/$target" --gtest_brief=1 || exit 1
done

echo "== a package"
rm -rf "$work/trial"
"$python" "$root/tests/packaging/small_model.py" "$work/trial"
"$program" prepare "$work/trial/small.onnx" --candidate split/3/uint8 --images "$work/trial/picture0.png" --engine native --package "$work/trial/package" --repository "$work/trial/models" >/dev/null
# classes PROGRAM OPTIONS...: the best class of each picture, and who gave it
classes() { "$@" "$work"/trial/picture{0,1}.png -q | sed -nE 's/.*"origin":"([a-z]+)".*"top":\[\{"index":([0-9]+).*/\1 \2/p'; }
here="$(classes "$program" run "$work/trial/package" --engine native)"
there="$(classes arm "$device" run "$work/trial/package" --engine native)"
echo "local: $(tr '\n' ' ' <<<"$there")"
[ "$(wc -l <<<"$there")" = 2 ] && [ "$here" = "$there" ] || { echo "FAILED: this machine said '$here'"; exit 1; }
arm "$device" verify "$work/trial/small.onnx" --engine native
"$program" serve --model-repository "$work/trial/models" --grpc-port 0 --ready-file "$work/trial/ready.json" >/dev/null 2>"$work/trial/edge.log" &
edge=$!
trap 'kill $edge 2>/dev/null || true' EXIT
for _ in $(seq 300); do [ -s "$work/trial/ready.json" ] && break; sleep 0.1; done
port="$(grep -oE '"port":[0-9]+' "$work/trial/ready.json" | cut -d: -f2)"
split="$(classes arm "$device" run "$work/trial/package" --engine native --edge "127.0.0.1:$port" --call-timeout-ms 60000)"
echo "split: $(tr '\n' ' ' <<<"$split")"
[ "${here//local/edge}" = "$split" ] || { echo "FAILED: expected the edge to say '$here'"; exit 1; }
echo "all held"
