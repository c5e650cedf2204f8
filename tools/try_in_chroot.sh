#!/usr/bin/env bash
# Tries the README as a newcomer would: a bare Debian 12 with git, make and nothing else, a clone of HEAD, then the commands
# given (default: make demo twice, then make test). Needs root and debootstrap. Uses the APT and pip settings of the machine.
#   tools/try_in_chroot.sh FOLDER [COMMAND...]
set -euo pipefail
folder="$1"; shift
root="$(cd "$(dirname "$0")/.." && pwd)"
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock -n 9 || { echo "try_in_chroot: another trial runs in $folder; wait for it or name another folder" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "try_in_chroot: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -y -q debootstrap >/dev/null
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=("make demo" "make demo" "make test")

if [ ! -e "$folder/etc/debian_version" ]; then
  mirror="$(grep -rhE '^(deb |URIs:)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+' | grep -i debian | grep -v security | head -1 || true)"
  debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$folder" "${mirror:-http://deb.debian.org/debian}"
fi
for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/pip.conf /etc/ssl/certs \
            /usr/local/share/ca-certificates /etc/resolv.conf /etc/hosts; do
  [ -e "$path" ] && mkdir -p "$folder$(dirname "$path")" && cp -rL --remove-destination "$path" "$folder$(dirname "$path")/"
done
for mount in proc sys dev; do
  mountpoint -q "$folder/$mount" && continue
  mount --rbind "/$mount" "$folder/$mount"
  mount --make-rslave "$folder/$mount"  # so that taking it down leaves the machine's own mounts alone
done
trap 'for mount in dev sys proc; do umount -R -l "$folder/$mount" 2>/dev/null || true; done' EXIT

rm -rf "$folder/project"
git clone -q "$root" "$folder/project"
for command in "${commands[@]}"; do
  echo "== $command"
  start=$SECONDS
  chroot "$folder" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    $(env | grep -E '^(PIP_|SSL_CERT|REQUESTS_CA|CURL_CA|[a-z]+_proxy=|[A-Z]+_PROXY=)' | tr '\n' ' ') \
    bash -c "cd /project && $command"
  echo "== $command: $((SECONDS - start)) s"
done
