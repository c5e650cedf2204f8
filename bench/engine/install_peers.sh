#!/usr/bin/env bash
# Installs what bench/engine/run.py measures against into virtual environments below OUT: pinned wheels, CPU only. Repeatable: an
# environment whose pins have not changed is kept.
#   bench/engine/install_peers.sh [OUT]     OUT: build/peers
#   PYTHON=python3.11 bench/engine/install_peers.sh
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
out="${1:-$root/build/peers}"
python="${PYTHON:-python3}"

# environment NAME BARE REQUIREMENT...: BARE is one more requirement, taken without its dependencies, or "".
environment() {
  local name="$1" bare="$2"; shift 2
  local folder="$out/$name" key="$bare $*"
  [ -f "$folder/installed" ] && [ "$(cat "$folder/installed")" = "$key" ] && return
  printf '[peers] %s: %s\n' "$name" "$key" >&2
  rm -rf "$folder"
  "$python" -m venv ${site:-} "$folder"
  local pip=("$folder/bin/pip" install -q --disable-pip-version-check --only-binary=:all:)
  "${pip[@]}" "$@"
  [ -z "$bare" ] || "${pip[@]}" --no-deps "$bare"
  printf '%s' "$key" >"$folder/installed"
}

mkdir -p "$out"
# The program pnnx stands alone; its Python module would bring PyTorch with CUDA.
environment main pnnx==20261020 onnxruntime==1.32.0 openvino==2026.4.1 ncnn==1.0.20261020 onnx==1.23.2 "numpy<3" pillow==12.0.0
# Apart: TVM, with what its tuner learns and measures with; with a newer tvm-ffi the tuner dies (docs/findings.md).
environment tvm "" apache-tvm==0.27.0.post1 apache-tvm-ffi==0.1.14.post0 xgboost-cpu==3.2.0 psutil==7.2.2 cloudpickle==3.1.2 tornado==6.6.1 onnx==1.23.2 "numpy<3"
# LibAUC (tools/figures/auc.py) on Debian's PyTorch (python3-torch, python3-torchvision, python3-onnx), without the graph and language libraries that other losses of it want.
python=/usr/bin/python3 site=--system-site-packages environment libauc libauc==2.0.1 tqdm==4.67.1 scipy==1.15.3 scikit-learn==1.6.1 "numpy<1.27" pillow==12.0.0
