#!/usr/bin/env bash
# Tries the README as a newcomer would: a bare Debian 12 with git, make and nothing else, a clone of HEAD, then the commands
# given (default: make demo twice, then make test). Needs root and debootstrap. Uses the APT and pip settings of the machine.
#   tools/try_in_chroot.sh FOLDER [COMMAND...]
set -euo pipefail
folder="$1"; shift
root="$(cd "$(dirname "$0")/.." && pwd)"
source "$root/tools/bare_debian.sh"
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock -n 9 || { echo "try_in_chroot: another trial runs in $folder; wait for it or name another folder" >&2; exit 1; }
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=("make demo" "make demo" "make test")

bare_debian "$folder" git,make,ca-certificates
mount_bare "$folder"
trap 'unmount_bare "$folder"' EXIT

mapfile -t network < <(env | grep -E '^(PIP_|SSL_CERT|REQUESTS_CA|CURL_CA|[a-z]+_proxy=|[A-Z]+_PROXY=)')  # how packages are reached from here

rm -rf "$folder/project"
git clone -q "$root" "$folder/project"
for command in "${commands[@]}"; do
  echo "== $command"
  start=$SECONDS
  chroot "$folder" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    "${network[@]}" \
    bash -c "cd /project && $command"
  echo "== $command: $((SECONDS - start)) s"
done
