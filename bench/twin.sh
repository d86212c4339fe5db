#!/usr/bin/env bash
# The twin's figures as JSON lines: CPU seconds for 7 days of first-mesh; CPU seconds and peak memory for one orbit of a thousand satellites.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
lines() { # SCENARIO DAYS NAME=FIGURE:UNIT...
    local scenario=$1 days=$2 command; shift 2
    command="noct twin run scenarios/$scenario.yaml --days $days --seed 1 --json"
    build/noct twin run "scenarios/$scenario.yaml" --days "$days" --seed 1 --json --quiet --out "$out/$scenario" >"$out/$scenario.json" || true
    python3 - "$out/$scenario.json" "$command" "$@" <<'PY'
import json, sys
report, command = json.load(open(sys.argv[1])), sys.argv[2]
broken = sum(c["violations"] for c in report["checks"])
for spec in sys.argv[3:]:
    name, rest = spec.split("=")
    figure, unit = rest.split(":")
    print(json.dumps({"name": name, "unit": unit, "value": round(report["figures"][figure], 3), "n": 1, "command": command, "violations": broken}))
PY
}
lines first-mesh 7 twin_first_mesh_7_days_cpu=cpu_s:s twin_first_mesh_conviction_max=conviction_max_s:s \
    twin_first_mesh_restart_max=restart_max_s:s twin_first_mesh_repair_max=repair_max_s:s
[ "${1:-}" = --short ] || lines thousand 0.0664 twin_thousand_orbit_cpu=cpu_s:s twin_thousand_orbit_peak_rss=peak_rss_mib:MiB
