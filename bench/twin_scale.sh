#!/usr/bin/env bash
# What the twin costs at scale, as ratios: times real time (by wall, all threads; by CPU second, for busy machines), microseconds of CPU per node and virtual second, MiB per
# node. Large constellations are run for two lengths; the difference is the steady state, without start, heal and the last reading. The
# shorter one ends when most lasers have found each other (two minutes).
# twin_scale.sh [--short] leaves ten thousand out. Bounded: each run ends after 10 minutes (then the case prints nothing).
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 - "$@" <<'PY'
import json, os, subprocess, sys, time

THREADS = str(os.cpu_count())

def run(scenario, days, flags):
    command = ["build/noct", "twin", "run", "scenarios/%s.yaml" % scenario, "--days", str(days), "--seed", "1", "--json", "--quiet",
               "--out", "-"] + flags
    began = time.monotonic()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600)
        report = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    return {"wall": time.monotonic() - began, "cpu": report["figures"]["cpu_s"], "virtual": report["figures"]["virtual_s"],
            "rss": report["figures"]["peak_rss_mib"], "nodes": report["nodes"], "violations": sum(c["violations"] for c in report["checks"]),
            "command": " ".join(["noct"] + command[1:4] + ["--days", str(days), "--seed", "1"] + flags)}

def case(name, scenario, short, long, flags):
    a = run(scenario, short, flags) if short else {"wall": 0, "cpu": 0, "virtual": 0}
    b = a and run(scenario, long, flags)
    if not b or b["virtual"] <= a["virtual"]:
        return
    virtual, nodes = b["virtual"] - a["virtual"], b["nodes"]
    for what, unit, value in (("times_real_time", "x", virtual / max(b["wall"] - a["wall"], 1e-6)),
                              ("times_real_time_per_cpu", "x", virtual / max(b["cpu"] - a["cpu"], 1e-6)),
                              ("cpu_per_node_second", "us", (b["cpu"] - a["cpu"]) * 1e6 / virtual / nodes),
                              ("memory_per_node", "MiB", b["rss"] / nodes)):
        print(json.dumps({"name": "twin_scale_%s_%s" % (name, what), "unit": unit, "value": round(value, 3), "n": 1, "nodes": nodes,
                          "virtual_s": round(virtual, 1), "violations": b["violations"], "command": b["command"]}), flush=True)

case("first_mesh", "first-mesh", None, 0.5, [])
case("twenty_five", "twenty-five", None, 0.1, [])
case("shell_1", "shell-1", 0.0015, 0.004, ["--no-faults", "--threads", THREADS])
if "--short" not in sys.argv[1:]:
    case("ten_thousand", "ten-thousand", 0.0016, 0.0030, ["--no-faults", "--threads", THREADS])
    case("ten_thousand_busy", "ten-thousand-busy", 0.0016, 0.0030, ["--no-faults", "--threads", THREADS])
PY
