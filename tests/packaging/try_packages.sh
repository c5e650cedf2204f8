#!/usr/bin/env bash
# Installs both packages in a bare Debian 12 and uses them: local answers, an edge that is told to serve as its unit says, a split run against it,
# settings kept over an upgrade, nothing left after a purge. Needs root, debootstrap and Debian's mirror; takes minutes.
#   try_packages.sh FOLDER PACKAGES PROGRAM PYTHON_WITH_ONNX     FOLDER: of the bare Debian, made where it is missing; PROGRAM prepares the model
set -euo pipefail
folder="$1" packages="$2" program="$3" python="$4"
root="$(cd "$(dirname "$0")/../.." && pwd)"
source "$root/tools/bare_debian.sh"
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock -n 9 || { echo "try_packages: another trial runs in $folder" >&2; exit 1; }
bare_debian "$folder" ca-certificates
mount_bare "$folder"
edge_pid=""
finish() {
  [ -z "$edge_pid" ] || kill "$edge_pid" 2>/dev/null || true
  unmount_bare "$folder"
}
trap finish EXIT

mapfile -t proxies < <(env | grep -E '^([a-z]+_proxy=|[A-Z]+_PROXY=)')
inside() { chroot "$folder" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "${proxies[@]}" "$@"; }
as() { local user="$1"; shift; inside setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all "$@"; }
check() { local what="$1"; shift; if "$@" >"$folder/trial/check.log" 2>&1; then echo "ok     $what"; else echo "FAILED $what"; cat "$folder/trial/check.log"; exit 1; fi; }
absent() { ! inside test -e "$1"; }
# the value of an option in a settings file, as systemd reads it
setting() { sed -n "s/^$2=//p" "$folder/etc/scissionlite/$1.conf"; }
# whether the state folders of a half, HALF SUBFOLDER, belong to its user
folders_of() { [ "$(inside stat -c %U:%G "/var/lib/scissionlite-$1" "/var/lib/scissionlite-$1/$2" | sort -u)" = "scissionlite-$1:scissionlite-$1" ]; }
# the copying that docs/deployment.md tells, into a folder below /var/lib, where `prepare` wrote
follow_docs() { inside sh -ec "cd /trial; $(grep -oE "^cp -r \S+ /var/lib/$1\S*" "$root/docs/deployment.md")"; }
# the command of a unit with its settings
command_of() {
  local half="$1" line
  line="$(sed -n 's/^ExecStart=//p' "$folder/lib/systemd/system/scissionlite-$half.service")"
  for name in $(grep -oE '^[A-Z]+' "$folder/etc/scissionlite/$half.conf"); do line="${line//\$\{$name\}/$(setting "$half" "$name")}"; line="${line//\$$name/$(setting "$half" "$name")}"; done
  echo "$line"
}

rm -rf "$folder/trial"
mkdir "$folder/trial"
inside sh -c 'apt-get purge -y -q "scissionlite-*" >/dev/null 2>&1; rm -rf /var/lib/scissionlite-*' || true
"$python" "$root/tests/packaging/small_model.py" "$folder/trial"
"$program" prepare "$folder/trial/small.onnx" --candidate split/3/uint8 --images "$folder/trial/picture0.png" --engine native --package "$folder/trial/device" --repository "$folder/trial/models" >/dev/null
expected="$("$program" run "$folder/trial/device" "$folder/trial/picture0.png" --engine native -q 2>/dev/null | grep -oE '"top":\[\{"index":[0-9]+')"
cp "$packages"/scissionlite-{device,edge}_*.deb "$folder/trial/"
inside apt-get update -q >/dev/null
installed_kb() { inside dpkg-query -W -f '${Installed-Size}\n' | awk '{ sum += $1 } END { print sum }'; }

echo "== device"
before_kb="$(installed_kb)"
inside sh -c 'apt-get install -y -q --no-install-recommends /trial/scissionlite-device_*.deb' >"$folder/trial/install.log" 2>&1 || { tail -20 "$folder/trial/install.log"; exit 1; }
echo "       with all that came with it: $((($(installed_kb) - before_kb) * 1024 / 1000000)) MB"
check "the program runs" inside scissionlite --version
check "nothing is missing" sh -c "! chroot '$folder' ldd /usr/lib/scissionlite-device/bin/scissionlite | grep 'not found'"
check "there is a user for it" inside id scissionlite-device
check "no compiler, Python or systemd came with it" sh -c "! chroot '$folder' dpkg-query -W -f '\${db:Status-Abbrev}\${Package}\n' | grep -E '^ii *(gcc-12|python3|systemd|libdnnl2|ocl-icd-libopencl1)\$'"
check "its folders are its own" folders_of device images
follow_docs scissionlite-device/package
as scissionlite-device scissionlite run /var/lib/scissionlite-device/package /trial/picture0.png -q >"$folder/trial/local.jsonl" 2>"$folder/trial/local.log"
check "it answers by itself, as the program that prepared the model" grep -F "$expected" "$folder/trial/local.jsonl"
check "the origin is local" grep -F '"origin":"local"' "$folder/trial/local.jsonl"
check "verify finds the package whole" as scissionlite-device scissionlite verify --package /var/lib/scissionlite-device/package --engine native
check "there is no OpenVINO" sh -c "chroot '$folder' scissionlite verify /trial/small.onnx --engine openvino 2>&1 | grep 'built without'"
cp "$folder/trial/picture1.png" "$folder/var/lib/scissionlite-device/images/"
read -ra device_command < <(command_of device)
as scissionlite-device timeout -s TERM 10 "${device_command[@]}" >"$folder/trial/watch.jsonl" 2>"$folder/trial/watch.log" || true
check "the unit's command answers what lies in the folder" grep -F 'picture1.png' "$folder/trial/watch.jsonl"

echo "== edge beside it"
inside sh -c 'apt-get install -y -q --no-install-recommends /trial/scissionlite-edge_*.deb' >"$folder/trial/install.log" 2>&1 || { tail -20 "$folder/trial/install.log"; exit 1; }
check "nothing is missing" sh -c "! chroot '$folder' sh -c 'ldd /usr/lib/scissionlite-edge/bin/scissionlite /usr/lib/scissionlite-edge/lib/scissionlite/*.so /usr/lib/scissionlite-edge/lib/scissionlite/openvino/*' | grep 'not found'"
check "its program is the one in the path" sh -c "chroot '$folder' readlink -f /usr/bin/scissionlite | grep -x /usr/lib/scissionlite-edge/bin/scissionlite"
check "its folders are its own" folders_of edge models
follow_docs scissionlite-edge/models
port="$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
sed -i "s/^PORT=.*/PORT=$port/; s/^OPTIONS=.*/OPTIONS=--http-port 0 --metrics-port 0/" "$folder/etc/scissionlite/edge.conf"
: >"$folder/trial/edge.out"
read -ra edge_command < <(command_of edge)
chroot "$folder" setpriv --reuid scissionlite-edge --regid scissionlite-edge --clear-groups --no-new-privs --bounding-set=-all "${edge_command[@]}" >"$folder/trial/edge.out" 2>"$folder/trial/edge.log" &
edge_pid=$!
for _ in $(seq 600); do grep -q "^ready" "$folder/trial/edge.out" && break; kill -0 "$edge_pid" || break; sleep 0.1; done
check "the unit's command serves, as its user, without capabilities" grep "^ready grpc://127.0.0.1:$port http://127.0.0.1:[0-9]* http://127.0.0.1:[0-9]*/metrics models=small_tail" "$folder/trial/edge.out"
check "by OpenVINO" grep "openvino" "$folder/trial/edge.log"
as scissionlite-device /usr/lib/scissionlite-device/bin/scissionlite run /var/lib/scissionlite-device/package /trial/picture0.png --edge "127.0.0.1:$port" -q >"$folder/trial/split.jsonl" 2>"$folder/trial/split.log" || { cat "$folder/trial/split.log"; exit 1; }
check "the device is answered by the edge" grep -F '"origin":"edge"' "$folder/trial/split.jsonl"
check "with the same class" grep -F "$expected" "$folder/trial/split.jsonl"
kill -TERM "$edge_pid"
check "the edge ends by SIGTERM with 0" wait "$edge_pid"
edge_pid=""

echo "== upgrade and purge"
for half in device edge; do
  mkdir -p "$folder/trial/next"
  dpkg-deb -R "$folder/trial/scissionlite-$half"_*.deb "$folder/trial/next/$half"
  sed -i 's/^Version: .*/&+next/' "$folder/trial/next/$half/DEBIAN/control"
  echo "# of the next version" >>"$folder/trial/next/$half/etc/scissionlite/$half.conf"
  dpkg-deb -Znone -b "$folder/trial/next/$half" "$folder/trial/next/" >/dev/null
done
inside sh -c 'dpkg --force-confold -i /trial/next/*.deb' >"$folder/trial/install.log" 2>&1 || { tail -20 "$folder/trial/install.log"; exit 1; }
check "changed settings are kept" grep -x "PORT=$port" "$folder/etc/scissionlite/edge.conf"
check "settings that nobody changed are renewed" grep "next version" "$folder/etc/scissionlite/device.conf"
check "the program is still in the path" inside scissionlite --version
inside apt-get remove -y -q scissionlite-edge >/dev/null 2>&1
check "without the edge the device's program is in the path" sh -c "chroot '$folder' readlink -f /usr/bin/scissionlite | grep -x /usr/lib/scissionlite-device/bin/scissionlite"
check "removed, not purged: settings stay" inside test -e /etc/scissionlite/edge.conf
check "and models" inside test -e /var/lib/scissionlite-edge/models/small_tail/config.pbtxt
inside apt-get purge -y -q scissionlite-edge scissionlite-device >/dev/null 2>&1
for path in /etc/scissionlite /var/lib/scissionlite-device /var/lib/scissionlite-edge /usr/bin/scissionlite /usr/lib/scissionlite-edge /usr/lib/scissionlite-device; do check "$path is gone" absent "$path"; done
check "the users are gone" sh -c "! grep scissionlite '$folder/etc/passwd'"
echo "all held"
