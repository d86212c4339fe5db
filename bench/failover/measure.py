#!/usr/bin/python3
"""measure.py NOCT STATE: kills the satellite that runs a task and holds copies, and reads from the nodes' own logs when what happened.

Every node writes scenario time with milliseconds into STATE/NODE/log; at speed 1 that is real time. The moment of the kill comes from the same
clock (STATE/clock.json anchors it to the machine's monotonic clock). Prints JSON lines.
"""
import datetime
import json
import pathlib
import re
import subprocess
import sys
import time

noct, state = sys.argv[1], pathlib.Path(sys.argv[2])
OBJECTS, OBJECT_BYTES, HEARTBEAT_S = 8, 32 << 20, 1.0
TAI_MINUS_UTC_S = 37


def run(*words, command=()):
    arguments = [noct, *words, '--state', str(state), *command]
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True).stdout.decode()


def now():
    clock = json.loads((state / 'clock.json').read_text())
    assert clock['speed'] == 1
    return (clock['anchor_wall_ns'] + time.monotonic_ns() - clock['anchor_mono_ns']) / 1e9 - TAI_MINUS_UTC_S


def events(name, node):
    """(time, text) of each trace event of that name in a node's log."""
    for line in (state / node / 'log').read_text().splitlines():
        found = re.match(r'(\S+)Z . (\S+?)(?: (\S+?))?: (.*)', line)
        if found and found.group(2) == name:
            at = datetime.datetime.fromisoformat(found.group(1)).replace(tzinfo=datetime.timezone.utc)
            yield at.timestamp(), found.group(3), found.group(4)


def wait(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    sys.exit(f'failover: {what} did not happen within {seconds} s')


def holders(i):
    seen = json.loads(run('object', 'show', f's3://pair/o{i}', '--json'))
    return [(h['chunk_count'], h['nodes'], h['alive']) for h in seen['holders']]


def say(name, unit, value, n):
    print(json.dumps({'name': name, 'unit': unit, 'value': round(value, 3), 'n': n, 'command': 'bench/failover.sh'}), flush=True)


task = run('task', 'create', '--image', 'app:spin', command=('--', '/app/spin', '90')).split()[-1]
victim = wait('the task', lambda: next((n for n in ('sat-1', 'sat-2', 'sat-3', 'sat-4')
                                        if any(task in text for _, _, text in events('TASK_STARTED', n))), None))
body = state / 'body'
body.write_bytes(__import__('os').urandom(OBJECT_BYTES))
for i in range(OBJECTS):
    run('put', str(body), f's3://pair/o{i}')
lost_bytes = sum(OBJECT_BYTES for i in range(OBJECTS) if any(victim in nodes for _, nodes, _ in holders(i)))
others = [n['name'] for n in json.loads(run('status', '--json'))['nodes'] if n['name'] != victim]
time.sleep(2)

killed = now()
run('drill', 'kill', victim)


def first(name, node, about=None, text=''):
    return next((at for at, who, said in events(name, node) if at > killed - 0.5 and (about is None or who == about) and text in said), None)


convicted = [wait(f'the conviction at {n}', lambda n=n: first('CONVICT', n, victim)) for n in others]
restarted = wait('the restart of the task', lambda: next((t for t in (first('TASK_STARTED', n, text=task) for n in others) if t), None))
say('conviction known to all connected nodes', 'heartbeats', (max(convicted) - killed) / HEARTBEAT_S, len(others))
say('task runs again after the conviction', 's', restarted - max(convicted), 1)
if lost_bytes:
    wait('the repair', lambda: all(alive >= 2 for i in range(OBJECTS) for _, _, alive in holders(i)), 300)
    done = max(at for n in others for at, _, _ in events('REPAIR_DONE', n) if at > killed)
    say('copies back to policy after the conviction', 's', done - max(convicted), OBJECTS)
    say('rate of that repair', 'MB/s', lost_bytes / 1e6 / (done - min(convicted)), OBJECTS)
for i in range(OBJECTS):
    out = state / 'back'
    run('get', f's3://pair/o{i}', str(out))
    if out.read_bytes() != body.read_bytes():
        sys.exit(f'failover: object {i} came back with other bytes')
