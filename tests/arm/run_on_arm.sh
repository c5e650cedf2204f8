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
ccache="$(command -v ccache || true)"

# compile SOURCE...: an object each, named by its path, several at once
compile() {
  printf '%s\n' "$@" | xargs -P "$(nproc)" -I {} bash -c 'object="${1//\//_}.o"; $2 "$3" -std=c++20 -O2 -fopenmp -I "$4/src" -I "$4/tests" -c "$4/$1" -o "$5/$object"' _ {} "$ccache" "$compiler" "$root" "$work"
}
# link PROGRAM SOURCE...: their objects
link() {
  local program="$1" objects=()
  shift
  for source in "$@"; do objects+=("$work/${source//\//_}.o"); done
  "$compiler" -fopenmp "${objects[@]}" -o "$work/$program"
}

# sources_of FOLDER...: of src/kernels, without tests, other instruction sets and oneDNN
sources_of() {
  (cd "$root/src/kernels" && find "$@" -maxdepth 1 -name '*.cc' ! -name '*_test*' ! -name '*_avx*' ! -name '*onednn*' -printf 'src/kernels/%p\n' | sort)
}
mapfile -t kernels < <(sources_of conv generated pool sparse24 vector bf16)
kernels+=(src/kernels/strip/strip_{plan,problem,run}.cc src/ops/{activation_names,strip_program}.cc src/base/{text,cpu,tensor}.cc src/kernels/{layout,packed,precision,problem_fields}.cc)
mapfile -t bytes < <(sources_of bitserial int8 lowbit)
compile tests/arm/{kernels,int8}_on_arm.cc "${kernels[@]}" "${bytes[@]}"
link kernels_on_arm tests/arm/kernels_on_arm.cc "${kernels[@]}"
link int8_on_arm tests/arm/int8_on_arm.cc "${kernels[@]}" "${bytes[@]}"
generated=()
if [ $# -gt 2 ]; then
  rm -rf "$work/kernels" && mkdir "$work/kernels"
  "$3" "$work/kernels"
  generated=("$work/kernels")
fi
qemu-aarch64 -L /usr/aarch64-linux-gnu "$work/kernels_on_arm" "${generated[@]}"
qemu-aarch64 -L /usr/aarch64-linux-gnu "$work/int8_on_arm"
