"""Hostile traffic: thousands of connections that drip or say nothing, bodies that fill the memory, bombs. Memory stays
flat, and good requests keep their latency."""

import gzip
import selectors
import socket
import threading
import time

from ask import Gone, ask, signed, told
from ledger import Broken
from stage import APP_SECRET, Stage
from webhooks import Webhooks, all_stored

MIB = 1024 * 1024

# What the service may take more than before for each connection: it takes some 22 KiB, and three times that if a body
# that drips holds the buffers it came through.
CONNECTION_KIB = 48

# What it may take more for large bodies, in MiB: their room, and once more for the copies in which they grow.
# Without that room it is 500 MiB and more.
BODIES_MIB = 256

# A good request is answered within this time in the middle of it; on a quiet machine it takes some milliseconds.
GOOD_WITHIN_S = 5.0


def run(binary, folder, books, seed, mode):
    stage = Stage(binary, folder, books, seed)
    try:
        hooks = Webhooks(stage, senders=2, pause=0.02)
        hooks.goes_on(10, more=50)
        calm = latency(hooks)
        before = memory_mib(stage)
        figures = {}
        slow = mode.slow_connections * CONNECTION_KIB // 1024
        attacks = (("silent", silent, slow), ("dripping", dripping, slow), ("bodies", bodies, BODIES_MIB),
                   ("documents", documents, BODIES_MIB))
        for name, attack, grows_at_most in attacks:
            hooks.times.clear()
            peak = Peak(stage)
            attack(stage, mode)
            hooks.goes_on(10)
            figures[name] = {"p99_ms": latency(hooks), "grown_mib": peak.stops() - before}
            slowest = max(took for _, took in list(hooks.times))
            if slowest > GOOD_WITHIN_S:
                raise Broken(f"{name}: a good request took {slowest:.2f} s")
            if figures[name]["grown_mib"] > grows_at_most:
                raise Broken(f"{name}: memory grew by {figures[name]['grown_mib']} MiB")
        hooks.stops()
        if set(hooks.answers) != {200}:
            raise Broken(f"good webhooks were refused: {hooks.answers}")
        return {"acknowledged": all_stored(stage), "lost": 0, "connections": mode.slow_connections,
                "calm_p99_ms": calm, "memory_mib": before, **figures}
    finally:
        stage.ends()


def latency(hooks):
    """The 99th percentile in ms."""
    times = sorted(took for _, took in list(hooks.times))
    return round(1000 * times[int(len(times) * 0.99)], 1) if times else 0


def memory_mib(stage):
    with open(f"/proc/{stage.processes[0].pid()}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1024


class Peak:
    """The most memory that the service takes meanwhile."""

    def __init__(self, stage):
        self._stage, self._most, self._stop = stage, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while not self._stop.wait(0.1):
            self._most = max(self._most, memory_mib(self._stage))

    def stops(self):
        self._stop.set()
        self._thread.join()
        return self._most


def connected(stage, count):
    """So many connections to the service itself."""
    lines = []
    for _ in range(count):
        line = socket.create_connection(("127.0.0.1", stage.processes[0].port), timeout=10)
        line.setblocking(False)
        lines.append(line)
    return lines


def closed(lines, within):
    """Waits until the other side has closed every one of them; gives how many it has not."""
    waiting = selectors.DefaultSelector()
    for line in lines:
        waiting.register(line, selectors.EVENT_READ)
    end = time.monotonic() + within
    while waiting.get_map() and time.monotonic() < end:
        for key, _ in waiting.select(timeout=0.2):
            try:
                if key.fileobj.recv(65536):
                    continue
            except OSError:
                pass
            waiting.unregister(key.fileobj)
    left = len(waiting.get_map() or ())
    waiting.close()
    for line in lines:
        line.close()
    return left


def silent(stage, mode):
    """Connections that say nothing, or half a head; the service closes them."""
    lines = connected(stage, mode.slow_connections)
    for line in lines[::2]:
        line.send(b"POST /webhooks/meta HTTP/1.1\r\nhost: x\r\n")
    left = closed(lines, 20)
    if left:
        raise Broken(f"{left} silent connections are still open after 20 s")


def dripping(stage, mode):
    """Heads and bodies that come byte by byte."""
    lines = connected(stage, mode.slow_connections)
    head = b"POST /webhooks/meta HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n"
    for place, line in enumerate(lines):
        line.send(head + (b"\r\n" if place % 2 else b""))
    end = time.monotonic() + (40 if mode.is_long else 12)
    open_lines = list(lines)
    while open_lines and time.monotonic() < end:
        for line in list(open_lines):
            try:
                line.send(b"x")
            except BlockingIOError:
                continue
            except OSError:
                open_lines.remove(line)
        time.sleep(0.5)
    for line in lines:
        line.close()
    heads = sum(place % 2 == 0 and line in open_lines for place, line in enumerate(lines))
    if heads:
        raise Broken(f"{heads} dripping heads are still open")


def bodies(stage, mode):
    """Unsigned bodies, all but their last byte, from many at once: each may be 8 MiB."""
    size, many = 8 * MIB - 1, 60
    lines = connected(stage, many)
    piece, left = b" " * 65536, {}
    for line in lines:
        line.send(b"POST /webhooks/meta HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (size + 1))
        left[line] = size
    end = time.monotonic() + 15
    while left and time.monotonic() < end:
        for line in list(left):
            try:
                left[line] -= line.send(piece[: left[line]])
            except BlockingIOError:
                continue
            except OSError:
                left[line] = 0
            if left[line] <= 0:
                del left[line]
        time.sleep(0.001)
    time.sleep(1)
    for line in lines:
        line.close()


def documents(stage, mode):
    """Bombs, depths and millions of members, signed and with a key: refused, or kept without being unpacked."""
    bomb = gzip.compress(b"[" * (200 * MIB), 6)
    headers = {**signed(APP_SECRET, bomb), "content-encoding": "gzip"}
    expects(stage, "a bomb as a webhook", "/webhooks/meta", bomb, headers, None, {200})
    key = stage.operator
    path = "/v1/conversations/none/outcomes"
    json_kind = {"content-type": "application/json"}
    unpacked = {**json_kind, "content-encoding": "gzip"}
    deep, wide = b'{"outcome":' * 100_000 + b"1" + b"}" * 100_000, b",".join(b'"%d":0' % n for n in range(1_000_000))
    twice = b'{"outcome":"confirmed","outcome":"cancelled"}'
    for name, body, kind in (("a bomb", bomb, unpacked), ("a depth of 100,000", deep, json_kind),
                             ("1,000,000 members", b"{" + wide[: 8 * MIB - 2] + b"}", json_kind),
                             ("a member twice", twice, json_kind)):
        expects(stage, name, path, body, kind, key, {400, 404, 413, 415, 422})
        lines = b'{"outcomes":[' + body + b"]}"
        expects(stage, f"{name} in an import", "/v1/outcomes", lines, kind, stage.crm, {200, 400, 413, 415, 422})
    large = b" " * (8 * MIB + 1)
    expects(stage, "a body over the limit", "/webhooks/meta", large, signed(APP_SECRET, large), None, {413, 0})
    expects(stage, "a tag over the limit", path, large, json_kind, key, {413, 0})


def expects(stage, what, path, body, headers, key, statuses):
    """An answer with one of these statuses (0: none, for a body that is not read to its end)."""
    try:
        status, answer = ask(stage.processes[0].port, "POST", path, body, key, headers)
    except Gone:
        status, answer = 0, b""
    if status not in statuses:
        raise Broken(f"{what} was answered {status}: {told(answer)}")
