"""A TCP proxy that harms connections: it delays, drips, cuts after so many bytes, resets, and goes half-open."""

import asyncio
import itertools
import re
import socket
import struct
import threading
import time

CHUNK = 16 * 1024

# What can happen to a connection, and how often among those that are harmed.
HARMS = {"delay": 4, "drip": 2, "cut_asked": 2, "cut_answer": 3, "reset_asked": 2, "reset_answer": 3, "half_open": 1}

# A half-open connection takes everything and gives nothing for so long.
HALF_OPEN_S = 1.5

# A place where nobody listens is left for another one.
TRIES, TRY_AGAIN_S = 5, 0.05

EVENT_ID = re.compile(rb'"event_id":"([0-9a-f]{32})"')


class Plan:
    """What happens to one connection."""

    def __init__(self, harm, chance):
        self.harm = harm
        self.after = chance.randrange(1, 4000)
        self.pause = chance.uniform(0.005, 0.2)


class Proxy:
    """Leads each new connection to where `pick` says at that moment; `None` resets it."""

    def __init__(self, pick, chance, watch=None):
        self._pick, self._chance, self._watch = pick, chance, watch
        # So many of a thousand connections are harmed.
        self.harm_per_mille = 0
        self.harmed = dict.fromkeys(HARMS, 0)
        self.connections = 0
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(begun,), daemon=True)
        self._thread.start()
        begun.wait()

    def _run(self, begun):
        asyncio.set_event_loop(self._loop)
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096)
        self._server = self._loop.run_until_complete(start)
        self.port = self._server.sockets[0].getsockname()[1]
        begun.set()
        self._loop.run_forever()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def cut_all(self):
        """Resets every connection that stands."""
        self._loop.call_soon_threadsafe(lambda: [reset(writer) for writer in list(self._writers)])

    def _plan(self):
        if self._chance.randrange(1000) >= self.harm_per_mille:
            return Plan(None, self._chance)
        harm = self._chance.choices(list(HARMS), list(HARMS.values()))[0]
        self.harmed[harm] += 1
        return Plan(harm, self._chance)

    async def _serve(self, reader, writer):
        self.connections += 1
        plan, place = self._plan(), self._pick()
        self._writers.add(writer)
        beyond = None
        try:
            if place is None:
                raise ConnectionError
            if plan.harm == "delay":
                await asyncio.sleep(plan.pause)
            from_there, beyond = await self._connected(place)
            self._writers.add(beyond)
            seen = self._watch.connection() if self._watch else None
            ways = [
                asyncio.ensure_future(pump(reader, beyond, plan, "asked", seen)),
                asyncio.ensure_future(pump(from_there, writer, plan, "answer", seen)),
            ]
            _, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in rest:
                way.cancel()
            ends = await asyncio.gather(*ways, return_exceptions=True)
            if seen:
                seen.ends()
            if any(isinstance(end, OSError) for end in ends):
                raise ConnectionResetError
            for end in (writer, beyond):
                end.close()
        except OSError:
            for end in (writer, beyond):
                if end is not None:
                    reset(end)
        finally:
            self._writers.difference_update((writer, beyond))

    async def _connected(self, place):
        """A connection to `place`. Where nobody listens no byte was said: another place is asked, as balancers do."""
        for _ in range(TRIES):
            try:
                return await asyncio.open_connection("127.0.0.1", place)
            except ConnectionRefusedError:
                await asyncio.sleep(TRY_AGAIN_S)
                place = self._pick() or place
        raise ConnectionRefusedError


async def pump(reader, writer, plan, way, seen):
    """Hands bytes on until an end, or until the plan says otherwise."""
    passed = 0
    while True:
        piece = await reader.read(CHUNK)
        if not piece:
            return
        if plan.harm == "half_open" and way == "answer":
            await asyncio.sleep(HALF_OPEN_S)
            raise ConnectionResetError
        if plan.harm in (f"cut_{way}", f"reset_{way}") and passed + len(piece) >= plan.after:
            piece = piece[: max(0, plan.after - passed)]
            if seen:
                seen.passes(way, piece)
            writer.write(piece)
            await writer.drain()
            if plan.harm.startswith("reset"):
                raise ConnectionResetError
            return
        passed += len(piece)
        if seen:
            seen.passes(way, piece)
        if plan.harm == "drip":
            for start in range(0, len(piece), 64):
                writer.write(piece[start : start + 64])
                await writer.drain()
                await asyncio.sleep(0.002)
        else:
            writer.write(piece)
            await writer.drain()


def reset(writer):
    """Ends a connection with a reset, as a machine that fails does."""
    line = writer.get_extra_info("socket")
    if line is not None:
        try:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


class Watch:
    """Which events were out when: from the first byte of their request that passed to the first of its answer."""

    def __init__(self):
        self.requests = []
        self._numbers = itertools.count()

    def connection(self):
        return Watched(self)

    def overlapping(self):
        """Events that were in two requests at the same time."""
        by_event = {}
        for number, events, begun, ended in self.requests:
            for event in events:
                by_event.setdefault(event, []).append((begun, ended, number))
        return {
            event: spans
            for event, spans in by_event.items()
            if any(a[1] > b[0] for a, b in itertools.pairwise(sorted(spans)))
        }

    def carried(self):
        """How many requests carried each event, by its id."""
        counts = {}
        for _, events, _, _ in self.requests:
            for event in events:
                counts[event] = counts.get(event, 0) + 1
        return counts


class Watched:
    """One connection that is watched."""

    def __init__(self, watch):
        self._watch, self._asked, self._begun, self._answered = watch, b"", None, True

    def passes(self, way, piece):
        if way == "asked":
            if self._answered:
                self._asked, self._begun, self._answered = b"", time.monotonic(), False
            self._asked += piece
        elif not self._answered:
            self.ends()

    def ends(self):
        if self._begun is None or self._answered:
            return
        self._answered = True
        events = set(match.decode() for match in EVENT_ID.findall(self._asked))
        if events:
            self._watch.requests.append((next(self._watch._numbers), events, self._begun, time.monotonic()))
