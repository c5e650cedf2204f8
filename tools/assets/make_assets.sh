#!/usr/bin/env bash
# Makes the models and photos that the demo and the tests use, from what tools/install_deps.sh installed.
#   tools/assets/make_assets.sh OUT_DIR demo   EfficientNet-Lite0 (pretrained) and the photos
#   tools/assets/make_assets.sh OUT_DIR test   the same, and the nine graphs of the onnx wheel with seeded weights
# Repeatable: what is there and made by the same scripts is kept, so a second run takes no time.
#   OUT_DIR/efficientnet_lite0.onnx, OUT_DIR/photos/*.jpg, OUT_DIR/light/<name>.onnx, each model with <name>.input.json
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 OUT_DIR [demo|test]" >&2; exit 2; }
out="$1"
what="${2:-test}"
here="$(cd "$(dirname "$0")" && pwd)"
python=/usr/bin/python3
mkdir -p "$out/.stamps"

# once NAME RESULT SCRIPTS -- COMMAND...: runs the command unless RESULT exists and was made by the same SCRIPTS.
once() {
  local stamp="$out/.stamps/$1" result="$2" key
  shift 2
  local scripts=()
  while [ "$1" != -- ]; do scripts+=("$here/$1"); shift; done
  shift
  key="$(cat "${scripts[@]}" "$here/common.py" | sha256sum | cut -d' ' -f1)"
  [ -e "$result" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && return
  rm -f "$stamp"
  "$@"
  echo "$key" >"$stamp"
}

case "$what" in demo | test) ;; *) echo "unknown '$what'; expected demo or test" >&2; exit 2 ;; esac
once efficientnet_lite0 "$out/efficientnet_lite0.onnx" make_efficientnet_lite0.py torch_graph.py -- \
  "$python" "$here/make_efficientnet_lite0.py" "$out/efficientnet_lite0.onnx"
once photos "$out/photos/SOURCES.tsv" collect_photos.py -- "$python" "$here/collect_photos.py" "$out/photos"
[ "$what" = demo ] && exit 0

for name in bvlc_alexnet densenet121 inception_v1 inception_v2 resnet50 shufflenet squeezenet vgg19 zfnet512; do
  once "light_$name" "$out/light/$name.onnx" make_light_models.py torch_graph.py -- \
    "$python" "$here/make_light_models.py" "$out/light" --only "$name"
done
