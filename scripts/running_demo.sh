# Sourced by checks that need a whole running rightful: `running_demo BINARY WORK` starts the demo in WORK, keeps it up until the
# script ends, and sets `server` (HOST:PORT), `downstreams` (its three, as a configuration has them) and `email` (somebody who has
# not been forgotten).
# shellcheck shell=bash

started=()
trap 'kill "${started[@]}" 2>/dev/null; wait 2>/dev/null || true' EXIT

# Waits until a command succeeds, two minutes at the most. Needs `work`, whose texts are shown when it was in vain.
until_it() {
  local what="$1"
  shift
  for _ in $(seq 480); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.25
  done
  echo "waited in vain for $what" >&2
  tail -n 30 "$work"/*.txt >&2
  exit 1
}

running_demo() {
  local binary="$1" work="$2"
  "$binary" demo --dir "$work/demo" --keep-running >"$work/demo.txt" 2>&1 &
  started+=($!)
  until_it "the demo" grep -q "case list" "$work/demo.txt"
  server=$(sed -n 's/.*grpcurl -plaintext \([0-9.:]*\) list.*/\1/p' "$work/demo.txt")
  downstreams=$(sed -n 's/^  \(billing\|marketing\|analytics\) *\(http[^ ]*\) .*/[[downstream]]\nname = "\1"\nendpoint = "\2"/p' "$work/demo.txt")
  email=$(sed -n 's/.*"kind": "email", "value": "\([^"]*\)".*/\1/p' "$work/demo.txt")
  test -n "$server" -a "$(grep -c endpoint <<<"$downstreams")" = 3 -a -n "$email"
}
