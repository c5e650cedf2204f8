#!/usr/bin/env bash
# The main job on real input: EfficientNet-Lite0 and real photos, a device 30 times slower than this machine, an edge server
# in a process of its own, and a slow link between them.
#   tools/demo.sh PATH/TO/scissionlite OUTPUT_FOLDER
# Every step writes a file and is skipped when that file is newer than what it is made from.
set -euo pipefail
program="$(readlink -f "$1")"
out="$2"
root="$(cd "$(dirname "$0")/.." && pwd)"

link="${DEMO_LINK:-1M,27.4ms}"
slow="${DEMO_SLOW:-30}"
images="${DEMO_IMAGES:-24}"
cuts="${DEMO_CUTS:-8}"

mkdir -p "$out"
"$root/tools/assets/make_assets.sh" "$out/assets" demo
model="$out/assets/efficientnet_lite0.onnx"
photos="$out/assets/photos"

step() {  # step RESULT INPUTS... -- COMMAND...: runs the command unless RESULT is newer than all inputs and the program
  local result="$1"; shift
  local inputs=("$program")
  while [ "$1" != -- ]; do inputs+=("$1"); shift; done
  shift
  local fresh=1
  [ -e "$result" ] || fresh=0
  for input in "${inputs[@]}"; do [ "$fresh" = 1 ] && [ "$input" -nt "$result" ] && fresh=0; done
  if [ "$fresh" = 1 ]; then printf '\n== up to date: %s\n' "$result"; return; fi
  printf '\n== %s\n' "$(printf '%s ' "$@" | sed "s#$program#scissionlite#; s#$root/##g")"
  "$@"
}

probe_through() {  # probe_through LINK RESULT: an edge, an emulated link before it, and probe from the device's side
  mkdir -p "$out/empty-repository"
  rm -f "$out/serve.ready" "$out/emulate.ready"
  "$program" serve --model-repository "$out/empty-repository" --grpc-port 0 --json >"$out/serve.ready" 2>"$out/serve.log" &
  local server=$!
  wait_for_line "$out/serve.ready"
  "$program" emulate "127.0.0.1:$(port_of "$out/serve.ready")" --link "$1" --json >"$out/emulate.ready" 2>"$out/emulate.log" &
  local emulator=$!
  wait_for_line "$out/emulate.ready"
  "$program" probe "127.0.0.1:$(port_of "$out/emulate.ready")" -o "$2" || { kill "$server" "$emulator"; return 1; }
  kill "$emulator" "$server"
  wait "$emulator" "$server" || true
}
wait_for_line() {
  for _ in $(seq 300); do
    [ -s "$1" ] && return
    sleep 0.1
  done
  echo "no line in $1 after 30 s" >&2
  return 1
}
port_of() { sed -n 's/.*"port": *\([0-9]*\).*/\1/p' "$1" | head -1; }

step "$out/inspect.txt" "$model" -- sh -c "'$program' inspect '$model' | tee '$out/inspect.txt'"
step "$out/scores.json" "$model" -- "$program" score "$model" --images "$photos" --fit-images 50 --cuts "auto:$cuts" -o "$out/scores.json"
step "$out/device.json" "$out/scores.json" -- "$program" profile "$model" --name device --engine "slow:$slow:openvino" --threads 1 \
  --images "$photos" --scores "$out/scores.json" -o "$out/device.json"
step "$out/edge.json" "$out/scores.json" -- "$program" profile "$model" --name edge --engine openvino --threads 1 \
  --images "$photos" --scores "$out/scores.json" -o "$out/edge.json"
step "$out/network.json" -- probe_through "$link" "$out/network.json"
step "$out/plan.json" "$out/scores.json" "$out/device.json" "$out/edge.json" "$out/network.json" -- \
  "$program" plan --device "$out/device.json" --edge "$out/edge.json" --network "$out/network.json" --scores "$out/scores.json" \
  --min-agreement 0.85 -o "$out/plan.json"
step "$out/bench.json" "$out/plan.json" -- "$program" bench "$model" --plan "$out/plan.json" --images "$photos" -n "$images" \
  --link "$link" --device-slow "$slow" --candidates families -o "$out/bench.json"
step "$out/report.html" "$out/bench.json" -- "$program" report --plan "$out/plan.json" --bench "$out/bench.json" \
  --device-profile "$out/device.json" --edge-profile "$out/edge.json" --scores "$out/scores.json" --network "$out/network.json" -o "$out/report.html"
"$program" report --plan "$out/plan.json" --bench "$out/bench.json" --table
printf '\nThe report: %s\n' "$out/report.html"
