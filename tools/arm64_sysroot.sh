#!/usr/bin/env bash
# Debian 12's libraries for arm-64 in a folder of their own, for cmake/arm64.cmake and qemu-user; the machine's own packages stay as they are.
# Repeatable: does nothing where the folder is complete. Needs root and mmdebstrap; nothing of arm-64 is run.
#   tools/arm64_sysroot.sh FOLDER
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
folder="$1"
packages=libgrpc++-dev,libprotobuf-dev,nlohmann-json3-dev,libcli11-dev,libspdlog-dev,libjpeg62-turbo-dev,libpng-dev,libwebp-dev,zlib1g-dev,libssl-dev,libeigen3-dev,libgtest-dev,librapidcheck-dev,libboost-dev,prometheus-cpp-dev,libgomp1,libstdc++-12-dev
[ "$(cat "$folder/.complete" 2>/dev/null)" = "$packages" ] && exit 0
command -v mmdebstrap >/dev/null || { echo "arm64_sysroot: no mmdebstrap; apt-get install mmdebstrap" >&2; exit 1; }
mirror="$(grep -rhE '^(deb |URIs:)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+' | grep -i debian | grep -v security | head -1 || true)"
rm -rf "$folder"
mkdir -p "$folder"
mmdebstrap --quiet --variant=extract --architectures=arm64 --include="$packages" bookworm "$folder" "deb ${mirror:-http://deb.debian.org/debian} bookworm main"
# Absolute links would lead a linker to this machine's libraries.
find "$folder/usr/lib" -type l -lname '/*' -print0 | while IFS= read -r -d '' link; do ln -sfnr "$folder$(readlink "$link")" "$link"; done
printf '%s' "$packages" >"$folder/.complete"
