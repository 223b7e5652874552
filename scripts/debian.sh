# Sourced: `debian_into FOLDER PACKAGE…` unpacks Debian packages into a folder, without installing them and without what they
# depend on; `trixie_into` takes those of the release trixie, whichever the machine has.
# shellcheck shell=bash

debian_into() {
  unpacked_into "$1" "" "${@:2}"
}

trixie_into() {
  local folder="$1" mirror
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
  mirror="$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/*.sources)"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$folder/apt/sources.list"
  printf '%s "%s";\n' Dir::Etc::sourcelist "$PWD/$folder/apt/sources.list" Dir::Etc::sourceparts /dev/null \
    Dir::State::lists "$PWD/$folder/apt/lists" Dir::State::status /dev/null Dir::Cache "$PWD/$folder/apt/cache" >"$folder/apt/apt.conf"
  unpacked_into "$folder" "$PWD/$folder/apt/apt.conf" "${@:2}"
}

# Takes the folder, a configuration of apt or nothing for the machine's, and the packages.
unpacked_into() {
  [ -e "$1/unpacked" ] && return
  mkdir -p "$1"
  (
    cd "$1"
    [ -z "$2" ] || export APT_CONFIG="$2"
    # A fresh machine has no lists of packages yet.
    apt-get download -q "${@:3}" >/dev/null 2>&1 || { apt-get update -q >/dev/null && apt-get download -q "${@:3}" >/dev/null 2>&1; }
    for package in ./*.deb; do dpkg -x "$package" .; done
    rm ./*.deb
    touch unpacked
  )
}
