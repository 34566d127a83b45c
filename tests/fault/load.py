"""Customers, operators and a CRM: who ask until they are answered, and note what they were promised."""

import itertools
import json
import threading
import time

from ask import Gone, ask, signed, told
from ledger import Broken
from stage import APP_SECRET, PAGE

# Between two tries.
PAUSE_S = 0.05

# Words of a 409 that only means "later".
LATER = {"still_running"}

# What is said of an order, by the customer's number.
PLANS = [
    ("confirmed", "cross_sold"),
    ("confirmed", "cancelled"),
    ("confirmed", "undo"),
    ("crm",),
    ("confirmed", "shipped", "delivered"),
    ("confirmed",),
]


class Stopped(Exception):
    """The run is given up."""


class Load:
    """So many hands that serve customers beside each other, each from the first word to the last tag."""

    def __init__(self, stage, hands=8, pause=0.0):
        self._stage, self._pause = stage, pause
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._no_more, self._give_up = threading.Event(), threading.Event()
        self.served, self.retries, self.failures = [], 0, []
        self.refusals = {}
        self._hands = [threading.Thread(target=self._serve, daemon=True) for _ in range(hands)]
        for hand in self._hands:
            hand.start()

    def finishes(self, within=90):
        """No new customers; returns once all who came are served."""
        self._no_more.set()
        end = time.monotonic() + within
        for hand in self._hands:
            hand.join(max(0.1, end - time.monotonic()))
        if any(hand.is_alive() for hand in self._hands):
            self._give_up.set()
            raise Broken(f"customers are not served within {within} s; last refusals: {self.refusals}")
        if self.failures:
            raise self.failures[0]

    def gives_up(self):
        self._no_more.set()
        self._give_up.set()

    def _serve(self):
        while not self._no_more.is_set():
            with self._lock:
                number = next(self._numbers)
            try:
                Customer(self, self._stage, number).deals()
            except Stopped:
                return
            except Exception as error:  # Told by `finishes`; the other hands go on.
                self.failures.append(error)
                return
            self.served.append(number)
            if self._pause:
                time.sleep(self._pause)

    def asks(self, method, path, body, key=None, headers=None):
        """Asks until there is an answer that is not "later"."""
        while True:
            if self._give_up.is_set():
                raise Stopped
            try:
                status, answer = ask(self._stage.door.port, method, path, body, key, headers)
                if status < 500 and not (status == 409 and told(answer).get("code") in LATER):
                    return status, told(answer)
                why = f"{status} {told(answer).get('code')}"
            except Gone as gone:
                why = str(gone).rsplit(": ", 1)[-1].split("(")[0]
            with self._lock:
                self.retries += 1
                self.refusals[why] = self.refusals.get(why, 0) + 1
            time.sleep(PAUSE_S)


class Customer:
    """One customer with one or two orders."""

    def __init__(self, load, stage, number):
        self._load, self._stage, self._number = load, stage, number
        self.psid, self.mid, self.order = str(70_000 + number), f"m_fault_{number}", f"F-{number}"

    def deals(self):
        plan = PLANS[self._number % len(PLANS)]
        self._writes()
        if plan == ("crm",):
            self._is_imported()
            return
        conversation = self._is_found()
        path, first = f"/v1/conversations/{conversation}/outcomes", None
        for place, kind in enumerate(plan):
            if kind == "undo":
                self._undoes(first)
                continue
            outcome = self._tags(path, place, kind)
            first = first or outcome
        if self._number % 5 == 0:
            self._writes()
            self._tags(path, 0, plan[0])

    def _writes(self):
        body = webhook(self.psid, self.mid, self._number)
        status, answer = self._load.asks("POST", "/webhooks/meta", body, headers=signed(APP_SECRET, body))
        if status != 200:
            raise Broken(f"webhook {self.mid}: {status} {answer}")
        self._stage.ledger.note("webhook", self.mid)

    def _is_found(self):
        """Projecting takes a moment."""
        for _ in range(600):
            path = f"/v1/conversations?page_id={PAGE}&psid={self.psid}"
            status, answer = self._load.asks("GET", path, None, self._stage.operator)
            if status != 200:
                raise Broken(f"conversations: {status} {answer}")
            if answer["data"]:
                return answer["data"][0]["id"]
            time.sleep(PAUSE_S)
        raise Broken(f"the customer of {self.mid} wrote, and there is no conversation")

    def _tags(self, path, place, kind):
        body = {"outcome": kind, "order_id": self.order}
        if kind == "confirmed":
            body["value"] = "20.50"
        elif kind == "cross_sold":
            body["value"] = "4.50"
        elif kind == "cancelled":
            body["reason"] = "changed their mind"
        headers = {}
        if self._number % 2:
            body["ref"] = f"{self.order}-{place}"
        else:
            headers["idempotency-key"] = f"key-{self._number}-{place}"
        status, answer = self._load.asks("POST", path, body, self._stage.operator, headers)
        if status not in (200, 201):
            raise Broken(f"tag {self.order} {kind}: {status} {answer}")
        self._stage.ledger.note("tag", f"{self.order} {kind}")
        return answer["outcome"]["id"]

    def _undoes(self, outcome):
        path, headers = f"/v1/outcomes/{outcome}/undo", {"idempotency-key": f"undo-{self._number}"}
        status, answer = self._load.asks("POST", path, {}, self._stage.operator, headers)
        if status not in (200, 201):
            raise Broken(f"undo {self.order}: {status} {answer}")
        self._stage.ledger.note("undo", self.order)

    def _is_imported(self):
        """The CRM tells of two orders in three lines, one of which is wrong."""
        orders = [self.order, f"{self.order}-b"]
        lines = [{"page_id": PAGE, "psid": self.psid, "outcome": "confirmed", "order_id": order, "value": "30.00",
                  "ref": f"{order}-crm"} for order in orders]
        lines.insert(1, {**lines[0], "value": "much", "ref": "wrong"})
        headers = {"idempotency-key": f"crm-{self._number}"}
        while True:
            status, answer = self._load.asks("POST", "/v1/outcomes", {"outcomes": lines}, self._stage.crm, headers)
            if status != 200:
                raise Broken(f"import {self.order}: {status} {answer}")
            results = answer["results"]
            states = [result["status"] for result in results]
            if not any(state in (409, 429) or state >= 500 for state in states):
                break
        if states[1] != 422 or not {states[0], states[2]} <= {200, 201}:
            raise Broken(f"import {self.order}: {json.dumps(results)}")
        for order in orders:
            self._stage.ledger.note("line", f"{order} confirmed")


def webhook(psid, mid, number, text=None):
    """A webhook's body; a few customers give their phone number, which is a lead."""
    at = int(time.time() * 1000) - 1000
    if text is None:
        text = "Call me: 555 12 34 56" if number % 30 == 0 else "Is it there?"
    item = {"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at, "message": {"mid": mid, "text": text}}
    body = {"object": "page", "entry": [{"id": PAGE, "time": at, "messaging": [item]}]}
    return json.dumps(body, separators=(",", ":")).encode()
