#!/usr/bin/env bash
# Cross-compiles the kernels for arm-64 and runs their check under qemu-user.
#   run_on_arm.sh SOURCE_ROOT WORK_FOLDER
# Exit 77 (skipped) where the compiler or the emulator is missing.
set -euo pipefail
root="$1"
work="$2"
compiler=aarch64-linux-gnu-g++
for program in "$compiler" qemu-aarch64; do
  command -v "$program" >/dev/null || { echo "[SKIP] no $program; apt-get install g++-aarch64-linux-gnu qemu-user"; exit 77; }
done
mkdir -p "$work"
sources=("$root"/tests/arm/kernels_on_arm.cc "$root"/src/base/{text,cpu}.cc "$root"/src/kernels/layout.cc "$root"/src/kernels/conv/{conv,panels,direct,winograd,depthwise,depthwise_filter}.cc
  "$root"/src/kernels/vector/{loops,loops_base}.cc)
"$compiler" -std=c++20 -O2 -fopenmp -static -I "$root/src" "${sources[@]}" -o "$work/kernels_on_arm"
qemu-aarch64 "$work/kernels_on_arm"
bytes=("$root"/tests/arm/int8_on_arm.cc "$root"/src/base/{text,cpu}.cc "$root"/src/kernels/conv/{conv,panels,direct,winograd,depthwise,depthwise_filter}.cc "$root"/src/kernels/vector/{loops,loops_base}.cc
  "$root"/src/kernels/int8/{band,conv,depthwise,direct,loops,loops_base}.cc)
"$compiler" -std=c++20 -O2 -fopenmp -static -I "$root/src" "${bytes[@]}" -o "$work/int8_on_arm"
qemu-aarch64 "$work/int8_on_arm"
