"""Several processes on one PostgreSQL: restarted one by one without a refused webhook; a stalled owner whose verdict
comes late."""

import threading
import time

from ask import ask, told
from ledger import Broken
from load import webhook
from stage import PAGE, Stage, Beat
from webhooks import Webhooks, all_stored

# A balancer asks for readiness so often.
LOOK_S = 0.1

# The lease on what is being sent, and the time within which a lost answer is seen.
LEASE_S = 45


class Balancer:
    """Leads to the processes that say they are ready, as a load balancer does."""

    def __init__(self, stage):
        self._stage, self._ready, self._lock = stage, set(), threading.Lock()
        stage.is_picked = lambda process: id(process) in self._ready
        self.looks()
        self._beat = Beat("balancer", self.looks, LOOK_S)

    def looks(self):
        ready = set()
        for process in self._stage.processes:
            try:
                if process.port and ask(process.port, "GET", "/readyz", patience=2)[0] == 200:
                    ready.add(id(process))
            except Exception:
                continue
        with self._lock:
            self._ready = ready

    def stops(self):
        self._beat.stops()


def rolling(binary, folder, books, seed, mode):
    """Each process is told to end and started again, in turn, while webhooks come; none is refused."""
    stage = Stage(binary, folder, books, seed, processes=3)
    try:
        balancer = Balancer(stage)
        hooks = Webhooks(stage)
        for _ in range(5 if mode.is_long else 1):
            for process in stage.processes:
                hooks.goes_on(10)
                if process.ends() != 0:
                    raise Broken(f"it did not end well: {process.last_words()}")
                process.start()
                while id(process) not in balancer._ready:
                    time.sleep(0.02)
        hooks.goes_on(10)
        hooks.stops()
        balancer.stops()
        refused = {status: times for status, times in hooks.answers.items() if status != 200}
        if refused:
            raise Broken(f"a rolling restart refused webhooks: {refused}")
        return {"acknowledged": all_stored(stage), "lost": 0, "restarts": 3, "refused": 0}
    finally:
        stage.ends()


def stalled(binary, folder, books, seed, mode):
    """The owner of a request stalls past its lease; another process writes `unknown`; the owner comes back with
    Meta's answer, which settles its own unknowns. Nothing is sent twice."""
    stage = Stage(binary, folder, books, seed, processes=2, hold="0s")
    owner, other = stage.processes
    try:
        other.pauses()
        stage.steers("fault", fault="hold")
        body = webhook("1", "m_stalled", 1)
        hooks = Webhooks(stage, senders=0)
        if not hooks.posts("m_stalled", body):
            raise Broken("the webhook was not taken")
        found = waits(lambda: stage.persists("GET", f"/v1/conversations?page_id={PAGE}&psid=1", None,
                                             stage.operator)[1]["data"], 10)
        tag = {"outcome": "confirmed", "order_id": "F-1", "value": "20.50"}
        stage.persists("POST", f"/v1/conversations/{found[0]['id']}/outcomes", tag, stage.operator)
        waits(lambda: state_of(books) == "sending" and held(stage), 10)
        owner.pauses()
        other.goes_on()
        if mode.is_long:
            waits(lambda: state_of(books) == "unknown", LEASE_S + 15)
        else:
            stage.lapses()
            waits(lambda: state_of(books) == "unknown", 10)
        stage.steers("release")
        if len(stage.accepted()) != 1:
            raise Broken("Meta did not take it")
        owner.goes_on()
        waits(lambda: state_of(books) == "sent", 10)
        all_stored(stage)
        if len(stage.accepted()) != 1:
            raise Broken("it was sent again")
        return {"acknowledged": 1, "lost": 0, "doubled": 0, "sent": 1, "unknown": 0}
    finally:
        stage.ends()


def state_of(books):
    rows = books.rows("select state from conversion")
    return rows[0][0] if rows else None


def held(stage):
    return told(ask(stage.meta.port, "GET", "/_sandbox/state")[1])["held"] > 0


def waits(look, within):
    """Returns what `look` finds, once it finds something."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise Broken(f"it did not come true within {within} s")
