# Sourced: `prometheus_in FOLDER` puts Prometheus and promtool there, out of Debian's package, which is not installed.
# shellcheck shell=bash

prometheus_in() {
  [ -x "$1/usr/bin/promtool" ] && [ -x "$1/usr/bin/prometheus" ] && return
  mkdir -p "$1"
  (
    cd "$1"
    # A fresh machine has no lists of packages yet.
    apt-get download -q prometheus >/dev/null 2>&1 || { apt-get update -q >/dev/null && apt-get download -q prometheus >/dev/null; }
    dpkg -x prometheus_*.deb .
  )
}
