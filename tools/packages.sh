#!/usr/bin/env bash
# Builds the Debian packages: scissionlite-device (native engine only) and scissionlite-edge (with OpenVINO).
#   tools/packages.sh OUT [device] [edge]        both where none is named; OUT gets the .deb files
# Needs debhelper and what the build needs (tools/install_deps.sh test). Each half has a build tree of its own, build/package-HALF;
# SCISSIONLITE_BUILD_EDGE names one that is there already. SCISSIONLITE_COMPRESSION is what dpkg-deb is told, as "-Zxz -z9".
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,5s/^# *//p' "$0" >&2; exit 2; }
mkdir -p "$1"
out="$(cd "$1" && pwd)"
shift
halves=("$@")
[ ${#halves[@]} -gt 0 ] || halves=(device edge)
root="$(cd "$(dirname "$0")/.." && pwd)"
deps="${SCISSIONLITE_DEPS:-$root/.deps}"
work="$root/build/packages"
command -v dh >/dev/null || { echo "packages: no dh; apt-get install debhelper" >&2; exit 1; }
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$root"

# build FOLDER OPTIONS...: the program in a build tree
build() {
  local folder="$1"; shift
  cmake -G Ninja -S "$root" -B "$folder" -DCMAKE_BUILD_TYPE=Release -DSCISSIONLITE_DEPS="$deps" -DSCISSIONLITE_TESTS=OFF -DSCISSIONLITE_TRAIN=OFF -DSCISSIONLITE_HALIDE=OFF "$@" >/dev/null
  cmake --build "$folder" -j "${JOBS:-$(nproc)}" --target scissionlite
}
device="$root/build/package-device" edge="${SCISSIONLITE_BUILD_EDGE:-$root/build/package-edge}"  # as deep as other build trees, for ccache
for half in "${halves[@]}"; do
  case "$half" in
    # oneDNN's and OpenCL's packages would take 40 MB of a device.
    device) build "$device" -DSCISSIONLITE_OPENVINO=OFF -DSCISSIONLITE_ONEDNN=OFF ;;
    edge) [ -n "${SCISSIONLITE_BUILD_EDGE:-}" ] || build "$edge" ;;
    *) echo "packages: unknown package '$half'; expected device or edge" >&2; exit 2 ;;
  esac
done

version="${SCISSIONLITE_PACKAGE_VERSION:-$(sed -n 's/^project(ScissionLite VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")}"
rm -rf "$work/tree"
mkdir -p "$work/tree"
cp -r "$root/packaging/debian" "$work/tree/debian"
printf 'scissionlite (%s) unstable; urgency=medium\n\n  * See the CHANGELOG.md of this version.\n\n -- ScissionLite maintainers <maintainers@scissionlite.invalid>  %s\n' \
  "$version" "$(git -C "$root" log -1 --format=%cD 2>/dev/null || date -R)" >"$work/tree/debian/changelog"
cd "$work/tree"
env -u MAKEFLAGS -u DESTDIR ROOT="$root" DEPS="$deps" PACKAGES="${halves[*]}" BUILD_DEVICE="$device" BUILD_EDGE="$edge" COMPRESSION="${SCISSIONLITE_COMPRESSION:--Zxz}" debian/rules binary
for half in "${halves[@]}"; do mv ../scissionlite-"$half"_*.deb "$out/"; done
ls -l "$out"/*.deb
