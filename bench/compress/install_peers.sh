#!/usr/bin/env bash
# Installs what tools/figures/prune.py measures against: PyTorch and Torch-Pruning in a virtual environment below OUT (5 GB, since PyPI's wheel
# of PyTorch brings CUDA, of which nothing is used).
#   bench/compress/install_peers.sh [OUT]     OUT: build/peers
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
folder="${1:-$root/build/peers}/pruning"
[ -x "$folder/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/pip" install -q --disable-pip-version-check --only-binary=:all: torch==2.15.0 torchvision==0.29.2 torch-pruning==1.6.1 onnx2torch==1.5.15 "onnx<2" "numpy<3" pillow
