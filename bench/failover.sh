#!/usr/bin/env bash
# bench/failover.sh: `noct drill kill` of the satellite that runs a task and holds copies, links up: when all others know, when the task runs
# again, when all copies are back and at what rate. Fresh region of scenarios/bench.yaml without link emulation. Prints JSON lines.
set -euo pipefail
cd "$(dirname "$0")/.."
noct=${NOCT:-build/noct}
work=$(mktemp -d)
finish() { timeout 60 "$noct" down --state "$work/state" >/dev/null 2>&1 </dev/null || true; rm -rf "$work"; }
trap finish EXIT
timeout 120 "$noct" up scenarios/bench.yaml --no-emulation --detach --port "${PORT:-9078}" --state "$work/state" >"$work/up" 2>&1 </dev/null || { cat "$work/up" >&2; exit 1; }
sleep 2
timeout 300 /usr/bin/python3 bench/failover/measure.py "$noct" "$work/state" </dev/null
