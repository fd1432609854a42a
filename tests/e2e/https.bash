# SPDX-License-Identifier: GPL-2.0-or-later
# https.bash: certificates and a server of HTTP/2 over TLS for a bats file.

# Makes $certs: ca, and signed by it good, other (of another host), old (expired) and client; alone
# signs itself.
https_certificates() {
    certs=$BATS_FILE_TMPDIR/certs
    mkdir -p "$certs"
    certificate_alone ca /CN=ca
    certificate_alone alone /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1
    certificate good 2 DNS:localhost,IP:127.0.0.1
    certificate other 2 DNS:other.invalid
    certificate old -1 DNS:localhost,IP:127.0.0.1
    certificate client 2 DNS:client.invalid
}

# certificate_alone NAME SUBJECT [OPTION...]
certificate_alone() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "$2" \
        -keyout "$certs/$1.key" -out "$certs/$1.pem" "${@:3}" 2>"$certs/log"
}

# certificate NAME DAYS SUBJECT_ALT_NAME
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
        -keyout "$certs/$1.key" -out "$certs/$1.csr" 2>"$certs/log"
    openssl x509 -req -in "$certs/$1.csr" -CA "$certs/ca.pem" -CAkey "$certs/ca.key" -days "$2" \
        -extfile <(echo "subjectAltName=$3") -out "$certs/$1.pem" 2>"$certs/log"
}

# Starts the server with a certificate, and the CA of its clients or none; sets port and proxy.
https_start() {
    command -v node >/dev/null || skip "node is missing (Debian package: nodejs)"
    coproc HTTPS { exec node "$LLMSPOOL_SOURCE/tests/e2e/https.mjs" "$certs" "$@" 3>&- 2>&1; }
    https_pid=$HTTPS_PID
    local line
    read -r -t 20 line <&"${HTTPS[0]}"
    port=$(jq .port <<<"$line")
    proxy=$(jq .proxy <<<"$line")
}

https_stop() {
    if [ -n "${https_pid:-}" ]; then
        kill "$https_pid" 2>/dev/null || true
        wait "$https_pid" 2>/dev/null || true
    fi
}

# What the server has seen, through a filter of jq.
https_report() {
    curl -sS --noproxy '*' "http://127.0.0.1:$proxy/report" | jq -c "$1"
}
