# A PostgreSQL cluster that lives as long as whoever holds this script's standard input, however that one ends.
# Prints its folder once it serves (on a socket there), then carries out orders: stop, start. Each is answered by "done".
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/rightful-postgresql.XXXXXX")
end() {
  pg_ctl -D "$dir/data" -m immediate stop >"$dir/end.log" 2>&1 || true
  rm -rf "$dir"
}
trap end EXIT
trap '' INT TERM HUP

start() {
  pg_ctl -D "$dir/data" -l "$dir/log" -w -t 60 -o "-k $dir" start >"$dir/start.log" 2>&1 </dev/null ||
    { cat "$dir/start.log" "$dir/log" >&2; exit 1; }
}

initdb -D "$dir/data" -U rightful -A trust -E UTF8 --locale=C >"$dir/initdb.log" 2>&1 ||
  { cat "$dir/initdb.log" >&2; exit 1; }
cat >>"$dir/data/postgresql.conf" <<'SETTINGS'
# No port: a socket in a folder of its own cannot be taken already.
listen_addresses = ''
# Each server holds up to 17, and many run at once.
max_connections = 400
shared_buffers = 64MB
SETTINGS
start
echo "$dir"
while read -r order; do
  case $order in
    stop) pg_ctl -D "$dir/data" -m immediate -w stop >"$dir/stop.log" 2>&1 ;;
    start) start ;;
  esac
  echo done
done
