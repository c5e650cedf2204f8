#!/usr/bin/env bash
# Cross-compiles the kernels for arm-64 and runs their check under qemu-user.
#   run_on_arm.sh SOURCE_ROOT WORK_FOLDER [MAKE_KERNELS]     the program of make_kernels.cc: generated kernels too
# Exit 77 (skipped) where the compiler or the emulator is missing.
set -euo pipefail
root="$1"
work="$2"
compiler=aarch64-linux-gnu-g++
for program in "$compiler" qemu-aarch64; do
  command -v "$program" >/dev/null || { echo "[SKIP] no $program; apt-get install g++-aarch64-linux-gnu qemu-user"; exit 77; }
done
mkdir -p "$work"
kernels=("$root"/src/base/{text,cpu}.cc "$root"/src/kernels/{layout,packed}.cc
  "$root"/src/kernels/conv/{conv,panels,direct,direct_cut,direct_knobs,compact,image,winograd,depthwise,depthwise_filter,generated,kernel_plan,kernel_object}.cc
  "$root"/src/kernels/vector/{loops,loops_base}.cc)
"$compiler" -std=c++20 -O2 -fopenmp -I "$root/src" -I "$root/tests" "$root"/tests/arm/kernels_on_arm.cc "${kernels[@]}" -o "$work/kernels_on_arm"
generated=()
if [ $# -gt 2 ]; then
  rm -rf "$work/kernels" && mkdir "$work/kernels"
  "$3" "$work/kernels"
  generated=("$work/kernels")
fi
qemu-aarch64 -L /usr/aarch64-linux-gnu "$work/kernels_on_arm" "${generated[@]}"
bytes=("$root"/src/kernels/int8/{band,conv,depthwise,direct,loops,loops_base}.cc)
"$compiler" -std=c++20 -O2 -fopenmp -I "$root/src" "$root"/tests/arm/int8_on_arm.cc "${kernels[@]}" "${bytes[@]}" -o "$work/int8_on_arm"
qemu-aarch64 -L /usr/aarch64-linux-gnu "$work/int8_on_arm"
