#!/usr/bin/env bash
# bench/objects.sh [SECONDS]: objects through a gateway on loopback, with real clients (curl for 64 MiB, wrk with 32 connections for 4 KiB),
# against a fresh region of scenarios/bench.yaml without link emulation, one copy: on the gateway's own disk (`ground`), and on a satellite
# behind one TLS link (`sky`). Best of ROUNDS (default 5 big, 3 small). Prints JSON lines.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}
noct=${NOCT:-build/noct}
work=$(mktemp -d)
finish() { timeout 60 "$noct" down --state "$work/state" >/dev/null 2>&1 </dev/null || true; rm -rf "$work"; }
trap finish EXIT
timeout 120 "$noct" up scenarios/bench.yaml --no-emulation --detach --port "${PORT:-9077}" --state "$work/state" >"$work/up" 2>&1 </dev/null || { cat "$work/up" >&2; exit 1; }
sleep 2
. "$work/state/env"
head -c 67108864 /dev/urandom >"$work/big"

say() { jq -cn --arg name "$1" --arg unit "$2" --argjson value "$3" --argjson n "$4" '{name: $name, unit: $unit, value: $value, n: $n, command: "bench/objects.sh"}'; }
best() { sort -n | tail -1; }

# big METHOD BUCKET: MB/s of each round
big() {
    local target
    while read -r target; do
        if [ "$1" = PUT ]; then set -- "$1" "$2" -T "$work/big" -w '%{http_code} %{speed_upload}\n'
        else set -- "$1" "$2" -w '%{http_code} %{speed_download}\n'; fi
        timeout 60 curl -sS -o /dev/null "${@:3}" "$AWS_ENDPOINT_URL$target" </dev/null | awk '$1 == 200 {printf "%.0f\n", $2 / 1e6} $1 != 200 {print "HTTP " $1 > "/dev/stderr"}'
    done < <(bench/objects/presign.py "$1" "$2" big- "${ROUNDS:-5}")
}

# small METHOD BUCKET ROUND: requests per second; fails when any request failed
small() {
    bench/objects/presign.py "$1" "$2" "small-$3-" "$([ "$1" = PUT ] && echo 40000 || echo 1000)" >"$work/targets"
    timeout 120 wrk -t1 -c32 -d"${seconds}s" -s bench/objects/load.lua "$AWS_ENDPOINT_URL" -- "$1" "$work/targets" "$([ "$1" = PUT ] && echo 4096 || echo 0)" </dev/null |
        tail -1 | jq 'if .errors > 0 then error("\(.errors) of \(.requests) requests failed") else (.requests / .seconds | floor) end'
}

for bucket in ground sky; do
    [ $bucket = ground ] && where='on the gateway' || where='on a satellite, one TLS link away'
    for method in PUT GET; do
        say "$method 64 MiB, one copy $where" MB/s "$(big $method $bucket | best)" "${ROUNDS:-5}"
    done
    for method in PUT GET; do
        say "$method 4 KiB, one copy $where, 32 clients" requests/s "$(for round in 1 2 3; do small $method $bucket $round; done | best)" 3
    done
done
