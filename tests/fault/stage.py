"""A shop on a database: its folder, its keys, Meta's stand-in, the proxies between, and any number of processes."""

import os
import random
import subprocess
import threading
import time

from ask import Gone, ask, told
from books import count
from keeper import DIES_WITH_US, Process, is_listening
from ledger import Broken, Ledger
from proxy import Proxy, Watch

PAGE, DATASET, TOKEN = "1111111111", "1234567890123456", "token-of-the-page"
APP_SECRET = "app_secret_test"

CONFIG = """listen = "127.0.0.1:0"
database_url = "{database}"
phone_key_file = "phone.key"
keep_text = "{keep_text}"

[meta]
app_secret = "{secret}"
verify_token = "my_secret"
graph_url = "http://127.0.0.1:{graph}"

[[pages]]
id = "{page}"
name = "Shop"
dataset_id = "{dataset}"
access_token = "{token}"
currency = "GEL"
timezone = "Asia/Tbilisi"

[pages.signals]
hold = "{hold}"
on_unknown = "{on_unknown}"
"""

OPEN = "select count(*) from conversion where state in ('held', 'ready', 'sending')"


class Stage:
    """Everything that one part of the run needs; ended with `ends`."""

    def __init__(self, binary, folder, books, seed, processes=1, hold="1s", on_unknown="keep", keep_text="7d"):
        self.binary, self.folder, self.books = binary, folder, books
        self.chance = random.Random(seed)
        os.makedirs(folder, exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "SALESBRIDGE_LOG": "info", "WITHOUT": os.environ.get("WITHOUT", "")}
        self.ledger = Ledger(os.path.join(folder, "ledger.jsonl"))
        self.meta = Process([binary, "sandbox", "--listen", "127.0.0.1:0"], folder, self._log("meta"), self.env)
        self.meta.start()
        self.steers("link", page=PAGE, dataset=DATASET, token=TOKEN)
        self.steers("keep", count=10_000_000)
        self.watch = Watch()
        self.to_meta = Proxy(lambda: self.meta.port, random.Random(seed + 1), self.watch)
        self.door = Proxy(self._picks, random.Random(seed + 2))
        with open(os.path.join(folder, "phone.key"), "w", encoding="ascii") as file:
            file.write("0123456789abcdef" * 4)
        with open(os.path.join(folder, "salesbridge.toml"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(
                database=books.url, keep_text=keep_text, secret=APP_SECRET, graph=self.to_meta.port, page=PAGE,
                dataset=DATASET, token=TOKEN, hold=hold, on_unknown=on_unknown,
            ))
        self.operator, self.crm, self.admin = (self.key(role) for role in ("operator", "crm", "admin"))
        self.processes = [self.process(number) for number in range(processes)]
        self.is_picked = is_listening
        for process in self.processes:
            process.start()

    def _log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def process(self, number, before=(), env=None):
        """A `serve` that is not started yet; `before` goes before its command."""
        command = [*before, *DIES_WITH_US, self.binary, "serve"] if before else [self.binary, "serve"]
        return Process(command, self.folder, self._log(f"serve-{number}"), {**self.env, **(env or {})})

    def runs(self, *arguments, within=30):
        """A command of the program."""
        return subprocess.run([self.binary, *arguments], cwd=self.folder, env=self.env, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=within)

    def key(self, role):
        made = self.runs("key", "create", "--role", role, "--name", role)
        if made.returncode != 0:
            raise Broken(f"key create: {made.stderr}")
        return made.stdout.strip()

    def _picks(self):
        able = [process.port for process in self.processes if self.is_picked(process)]
        return self.door._chance.choice(able) if able else None

    def steers(self, room, **what):
        """A word to Meta's stand-in."""
        status, body = ask(self.meta.port, "POST", f"/_sandbox/{room}", what)
        if status != 200:
            raise Broken(f"the sandbox refuses {room}: {body!r}")

    def mends_link(self):
        """The token works, and the service is told so."""
        self.steers("revive", token=TOKEN)
        return self.persists("PATCH", f"/v1/pages/{PAGE}", {"access_token": TOKEN}, self.admin)

    def persists(self, method, path, body, key, until=30):
        """Asks until there is an answer that is not the service's own failure."""
        end = time.monotonic() + until
        while True:
            try:
                status, answer = ask(self.door.port, method, path, body, key)
                if status < 500:
                    return status, told(answer)
                why = f"{status} {answer!r}"
            except Gone as error:
                why = str(error)
            if time.monotonic() > end:
                raise Broken(f"no answer within {until} s: {why}")
            time.sleep(0.1)

    def wakes(self):
        """Every process runs, nobody is harmed any more."""
        self.door.harm_per_mille = self.to_meta.harm_per_mille = 0
        self.steers("lift")
        self.steers("release")
        for process in self.processes:
            if process.is_stopped:
                process.goes_on()
            if not process.runs():
                process.start()
        self.mends_link()

    def settles(self, within=60, hurries=True):
        """Returns once nothing is open any more. `hurries`: leases, pauses and waits are over at once."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if hurries:
                self.hurries()
            open_rows = (count(self.books, OPEN), count(self.books, "select count(*) from attempt where verdict is null"),
                         count(self.books, "select count(*) from intake_log where projected_at is null"),
                         count(self.books, "select count(*) from change where sequence is null"))
            if not any(open_rows):
                return
            time.sleep(0.5)
        shown = self.books.rows("select event_id, state, reason, next_at, lease_until from conversion "
                                "where state in ('held', 'ready', 'sending') limit 5")
        raise Broken(f"open after {within} s (conversions, attempts, inbox, changes): {open_rows}; {shown}")

    def hurries(self):
        """As if a while had passed: leases are over, and whoever waits for a later try waits no longer."""
        for text in ("update conversion set lease_until = 0 where lease_until is not null and state <> 'sending'",
                     "update conversion set next_at = 0 where state = 'ready' and next_at > 0",
                     "update dataset set throttled_until = 0"):
            self.books.run(text)

    def lapses(self):
        """Every lease is over, as if its time had passed."""
        self.books.run("update conversion set lease_until = 0 where lease_until is not null")

    def accepted(self):
        """What Meta's stand-in took, in order."""
        _, body = ask(self.meta.port, "GET", "/_sandbox/accepted?limit=10000000", patience=120)
        return [line["event"] for line in told(body)["data"]]

    def panics(self):
        """Lines of any log in which a thread says that it panicked."""
        found = []
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
                    found += [f"{name}: {line.strip()}" for line in file if "panicked at" in line]
        return found

    def ends(self):
        for process in (*self.processes, self.meta):
            if process.runs():
                process.kill()
        self.door.close()
        self.to_meta.close()
        self.ledger.close()


class Beat:
    """Runs a function again and again on a thread of its own, until it is told to stop."""

    def __init__(self, name, act, pause=0.0):
        self._stop, self.failure = threading.Event(), None
        self._thread = threading.Thread(target=self._run, args=(act, pause), name=name, daemon=True)
        self._thread.start()

    def _run(self, act, pause):
        try:
            while not self._stop.is_set():
                act()
                self._stop.wait(pause)
        except Exception as error:  # Handed to whoever stops it.
            self.failure = error

    def stops(self, within=60):
        self._stop.set()
        self._thread.join(within)
        if self._thread.is_alive():
            raise Broken(f"{self._thread.name} hangs")
        if self.failure:
            raise self.failure
