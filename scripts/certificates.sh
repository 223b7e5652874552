# Sourced: `authority_in FOLDER` makes an authority there (ca.crt, ca.key), `certificate_in FOLDER NAME ALTERNATIVE` a certificate of
# it (NAME.crt, NAME.key) with this alternative name (DNS:…, URI:…); `free_port` prints a port that nobody listens on.
# shellcheck shell=bash

authority_in() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1/ca.key" -out "$1/ca.crt" -subj /CN=shop -days 30 2>/dev/null
}

certificate_in() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1/$2.key" -subj "/CN=$2" 2>/dev/null |
    openssl x509 -req -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial -days 30 -out "$1/$2.crt" \
      -extfile <(printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$3") 2>/dev/null
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
