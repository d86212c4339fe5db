#!/usr/bin/env python3
"""Worlds for tests/twin/probes: scenarios made from the standard ones, each with a fault plan. Argument: the folder for them."""
import re
import sys

folder = sys.argv[1]


def world(name, base, workload, plan=(), more="", replaced=(), frame_loss=0.001):
    text = open("scenarios/%s.yaml" % base).read().replace("name: " + base, "name: " + name, 1)
    lines = "".join("  %s: %s\n" % pair for pair in workload.items())
    text = re.sub(r"\nworkload:\n(  .*\n)+", "\nworkload:\n" + lines, text)
    text = re.sub(r"\nfaults:\n(  .*\n)+", "\nfaults:\n  frame_loss: %g\n" % frame_loss, text)
    for pattern, by in replaced:
        text, count = re.subn(pattern, by, text)
        assert count > 0, pattern
    open("%s/%s.yaml" % (folder, name), "w").write(text + more)
    rows = ["%.10g %s draw=%d" % (at, what, i + 1) for i, (at, what) in enumerate(sorted(plan))]
    open("%s/%s.txt" % (folder, name), "w").write("\n".join(["noct-faults 1"] + rows) + "\n")


def load(puts, gets, deletes, tasks, least, most, **more):
    return dict(puts_per_hour=puts, gets_per_hour=gets, deletes_per_hour=deletes, tasks_per_hour=tasks, object_kib_min=least,
                object_kib_max=most, **more)


BUSY = dict(copies_per_hour=12, cancels_per_hour=30, task_deadline="90s")

# Customers who copy objects, cancel tasks, and are in a hurry.
world("work", "first-mesh", load(120, 240, 20, 60, 1, 48, **BUSY))

# Crashes while slow disks hold writes back: records of the log are cut off; leases move several times.
plan, draw = [], 1
for k in range(10):
    for node in ("sat-1", "sat-2", "sat-3", "sat-4", "gw-troll", "gw-svalbard"):
        at = 400 + k * 300 + draw % 7 * 3
        plan.append((at, "disk-slow %s for=200 factor=4000" % node))
        plan.append((at + 60 + (draw + 1) % 5 * 13, "%s %s for=20" % ("crash" if node.startswith("sat") else "gateway-crash", node)))
        draw += 2
world("torn", "first-mesh", load(400, 240, 20, 60, 1, 48, **BUSY), plan)

# A replacement that has more facts to hear than one answer holds.
world("late", "first-mesh", load(1500, 100, 100, 10, 1, 2), [(900, "loss sat-3 replace_s=5600")])

# Small gateways that take copies between passes, and give them back.
world("full", "every-fault", load(60, 200, 20, 1, 1, 1200, copies_per_hour=6),
      [(600 + 45 * k, "cut sat-%d sat-%d for=40" % (1 + k % 4, 2 + k % 4)) for k in range(80)],
      "memory: {satellite_mib: 6, gateway_mib: 24}\n", [("satellite_gib: .*", "satellite_gib: 0.5"), ("gateway_gib: .*", "gateway_gib: 0.03")])

# Small craft with work to do while their cells fail and their cores are heated: runs wait.
world("power", "seven", load(20, 10, 1, 120, 1, 20),
      [(1200 + 3000 * k + 300 * n, "heat sat-%d for=1500 watts=%d" % (n, 60 + 20 * n)) for n in range(1, 6) for k in range(3)] +
      [(2000 + 700 * n, "panel sat-%d for=9000 percent=80" % n) for n in range(1, 6)])

# Disks that are full for a while: the log refuses.
world("shut", "first-mesh", load(120, 60, 10, 10, 1, 20), [(900 + 400 * k, "disk-full %s for=150" % n) for k, n in
                                                           enumerate(("sat-1", "sat-2", "sat-3", "sat-4", "gw-troll", "gw-svalbard"))])

SATELLITES = ("sat-1", "sat-2", "sat-3", "sat-4")
GATEWAYS = ("gw-troll", "gw-svalbard")

# Chunks with other bytes on their way to the gateways, that come before the true ones, which are late.
down = [(a, b) for b in GATEWAYS for a in SATELLITES + GATEWAYS if a != b]
world("forged", "first-mesh", load(120, 1200, 5, 5, 1, 48),
      [(900, "forge %s %s for=2400 permille=1000" % pair) for pair in down] +
      [(901, "reorder %s %s for=2400 permille=500" % pair) for pair in down])

# Two die at once, one comes back with an empty disk while the other is still away: the facts say that it can copy what both had.
world("empty", "first-mesh", load(300, 60, 5, 5, 1, 48),
      [(1500, "loss sat-1 replace_s=6"), (1500, "crash sat-2 for=240"), (3000, "loss sat-3 replace_s=6"), (3000, "crash sat-4 for=240")])

# Gateways lose sight of satellites whose slow disks still write: what is called off waits in a spool of 63 slots. Then they crash, some
# while slots are being written.
plan = []
for k in range(5):
    at = 700 + 320 * k
    plan += [(at, "disk-slow %s for=25 factor=20000" % s) for s in SATELLITES]
    plan += [(at + 10, "station %s for=200" % g) for g in GATEWAYS]
    plan += [(at + 10, "cut %s for=200" % pair) for pair in ("gw-troll gw-svalbard", "gw-svalbard gw-troll")]
    plan += [(at + 8, "disk-slow %s for=100 factor=2000" % g) for g in GATEWAYS]
    plan += [(at + after + k / 10 + i / 20, "gateway-crash %s for=1" % g) for i, g in enumerate(GATEWAYS) for after in (13, 17, 22, 28, 35)]
world("spool", "first-mesh", load(8000, 10, 5, 1, 20, 48), plan, "spool_mib: 1\n")

# Rot in logs of facts, some of it more than a record mends, and restarts in between.
world("rot", "first-mesh", load(200, 100, 5, 30, 1, 48),
      [(900 + 300 * k + 7 * i, "flip %s count=%d area=facts" % (s, 1 if (k + i) % 3 else 4)) for k in range(10) for i, s in enumerate(SATELLITES)] +
      [(1000 + 300 * k + 50 * (k % 4), "crash %s for=30" % SATELLITES[k % 4]) for k in range(10)])

# A gateway that is away for more than an hour, and took tasks before.
world("sink", "first-mesh", load(10, 10, 1, 120, 1, 20), [(1200, "gateway-crash gw-troll for=6000")])

# Broken panels: tasks wait for power for so long that their leases end.
world("dim", "seven", load(10, 5, 1, 60, 1, 20), [(1600 + 100 * n, "panel sat-%d for=26000 percent=82" % (n + 1)) for n in range(3)])

# Two of four disks are so slow that their copies time out: a third who has its copy is convicted before the fourth is through.
plan = []
for k in range(16):
    at = 700 + 100 * k
    plan += [(at, "disk-slow %s for=20 factor=60000" % SATELLITES[(k + i) % 4]) for i in (1, 2)]
    plan.append((at + 4, "crash %s for=30" % SATELLITES[k % 4]))
world("died", "first-mesh", load(5000, 10, 5, 5, 20, 60), plan)

# A member that signs a second fact while nothing else of it is understood.
world("liar", "first-mesh", load(200, 60, 5, 30, 1, 48),
      [(1797, "corrupt sat-1 %s for=3 permille=1000" % n) for n in SATELLITES[1:] + GATEWAYS] + [(1800, "equivocate sat-1")])
