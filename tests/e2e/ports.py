"""Ports for servers of the tests. Below the range that the system gives to outgoing connections: there a connection that
lingers in TIME_WAIT from a test before would keep a server from listening."""
import random, socket


def _is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(('127.0.0.1', port))
            s.listen(1)
        except OSError:
            return False
    return True


def free_ports(count=1):
    """The first of `count` ports in a row on which nobody listens."""
    try:
        low = int(open('/proc/sys/net/ipv4/ip_local_port_range').read().split()[0])
    except OSError:  # not shown here: the kernel's default
        low = 32768
    for _ in range(1000):
        first = random.randrange(10000, max(low, 11000) - count)
        if all(_is_free(p) for p in range(first, first + count)):
            return first
    raise RuntimeError('no free ports below the range of outgoing connections')
