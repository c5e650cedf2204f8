# shellcheck shell=bash
# To be sourced: a bare Debian 12 in a folder, with this machine's settings of APT and pip. Needs root and debootstrap.
#   bare_debian FOLDER PACKAGES     makes it, unless it is there
#   mount_bare FOLDER               proc, sys and dev inside, until unmount_bare FOLDER
bare_debian() {
  local folder="$1" packages="$2" mirror path
  [ "$(id -u)" = 0 ] || { echo "bare_debian: needs root" >&2; return 1; }
  command -v debootstrap >/dev/null || apt-get install -y -q debootstrap >/dev/null
  if [ ! -e "$folder/etc/debian_version" ]; then
    mirror="$(grep -rhE '^(deb |URIs:)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+' | grep -i debian | grep -v security | head -1 || true)"
    debootstrap --variant=minbase --include="$packages" bookworm "$folder" "${mirror:-http://deb.debian.org/debian}"
  fi
  for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/pip.conf /etc/ssl/certs \
              /usr/local/share/ca-certificates /etc/resolv.conf /etc/hosts; do
    [ -e "$path" ] && mkdir -p "$folder$(dirname "$path")" && cp -rL --remove-destination "$path" "$folder$(dirname "$path")/"
  done
  return 0
}

mount_bare() {
  local mount
  for mount in proc sys dev; do
    mountpoint -q "$1/$mount" && continue
    mount --rbind "/$mount" "$1/$mount"
    mount --make-rslave "$1/$mount"  # so that taking it down leaves the machine's own mounts alone
  done
}

unmount_bare() {
  local mount
  for mount in dev sys proc; do umount -R -l "$1/$mount" 2>/dev/null || true; done
}
