"""Webhooks alone, as fast as they are taken: who is told 200 is noted, who is told anything else asks again."""

import itertools
import threading
import time

from ask import Gone, ask, signed, told
from ledger import Broken
from load import webhook
from stage import APP_SECRET


class Webhooks:
    """So many senders beside each other, each of which repeats what was not taken, as Meta does."""

    def __init__(self, stage, senders=6, pause=0.01, padding=0, patience=40, prefix="m_hook"):
        self._stage, self._pause, self._padding, self._patience = stage, pause, padding, patience
        self._prefix, self._numbers, self._stop = prefix, itertools.count(), threading.Event()
        self._lock = threading.Lock()
        # The answers by status, with 0 for none, and how long each took.
        self.answers, self.times, self.failures = {}, [], []
        self.last_taken = 0.0
        self._senders = [threading.Thread(target=self._send, daemon=True) for _ in range(senders)]
        for sender in self._senders:
            sender.start()

    def _send(self):
        while not self._stop.is_set():
            number = next(self._numbers)
            mid = f"{self._prefix}_{number}"
            text = "x" * self._padding + " Is it there?" if self._padding else None
            body = webhook(str(900_000 + number % 500), mid, number * 30 + 1, text)
            while not self.posts(mid, body):
                if self._stop.is_set():
                    return
                time.sleep(0.05)
            time.sleep(self._pause)

    def posts(self, mid, body):
        """Sends once; whether it was taken."""
        began = time.monotonic()
        why = None
        try:
            status, answer = ask(self._stage.door.port, "POST", "/webhooks/meta", body, None,
                                 signed(APP_SECRET, body), self._patience)
        except Gone:
            status = 0
        else:
            why = told(answer).get("code") if status != 200 else None
        took = time.monotonic() - began
        if status == 200:
            self._stage.ledger.note("webhook", mid)
            self.last_taken = time.monotonic()
        elif status not in (0, 503):
            self.failures.append(f"{status} {why}")
        with self._lock:
            self.answers[status] = self.answers.get(status, 0) + 1
            self.times.append((status, took))
        return status == 200

    def taken(self):
        return self.answers.get(200, 0)

    def goes_on(self, within, more=20):
        """Returns the seconds until `more` further webhooks were taken."""
        began, before = time.monotonic(), self.taken()
        while self.taken() < before + more:
            if time.monotonic() - began > within:
                raise Broken(f"no webhooks are taken within {within} s: {self.answers}")
            time.sleep(0.02)
        return round(time.monotonic() - began, 2)

    def stops(self, within=60):
        """Ends; an answer other than 200, 503 and none at all breaks a promise."""
        self._stop.set()
        for sender in self._senders:
            sender.join(within)
            if sender.is_alive():
                raise Broken("a webhook hangs")
        if self.failures:
            raise Broken(f"webhooks were answered {sorted(set(self.failures))}")

    def slowest(self):
        """The longest time until an answer of 200 or 503."""
        return round(max((took for status, took in self.times if status), default=0), 2)


def all_stored(stage, within=60):
    """Every webhook that was acknowledged is read, once; gives their number."""
    stage.settles(within)
    noted = stage.ledger.noted("webhook")
    rows = [mid for (mid,) in stage.books.rows("select mid from message")]
    lost = noted - set(rows)
    if lost or len(rows) != len(set(rows)):
        raise Broken(f"lost: {sorted(lost)[:5]} ({len(lost)} of {len(noted)}); {len(rows) - len(set(rows))} doubled")
    panics = stage.panics()
    if panics:
        raise Broken(f"a thread panicked: {panics[:3]}")
    return len(noted)
