"""Processes are killed, stopped and replaced at random, under load, with harmed connections on both sides and
Meta out of order; then all is put right, and nothing may be lost, doubled or left over."""

import time

import check
from books import Held
from ledger import Broken
from load import Load
from stage import Beat, Stage

# What Meta's stand-in does wrong, and how often among its faults.
META_FAULTS = [
    (4, {"fault": "lose_answer"}),
    (2, {"fault": "close_before_body"}),
    (3, {"fault": "close_in_answer"}),
    (1, {"fault": "endless_answer"}),
    (1, {"fault": "long_answer"}),
    (2, {"fault": "html_503"}),
    (3, {"fault": "graph", "code": 1, "status": 500}),
    (2, {"fault": "graph", "code": 2, "status": 503, "transient": True}),
    (2, {"fault": "throttled", "code": 4, "seconds": 1}),
    (2, {"fault": "zero"}),
    (1, {"fault": "bare", "status": 500}),
    (1, {"fault": "nearly_used_up", "percent": 96}),
    (2, {"fault": "hold"}),
    (1, {"fault": "graph", "code": 190, "subcode": 463}),
]


class Chaos:
    """The blows of one run, and how many of each there were."""

    def __init__(self, stage, stop_s):
        self._stage, self._chance, self._stop_s = stage, stage.chance, stop_s
        self.blows = {}
        self._wake_at = {}

    def strikes(self):
        """One blow."""
        blow = self._chance.choices(
            [self._kill, self._restart, self._stall, self._meta, self._poison, self._lapse, self._release],
            [8, 2, 3, 5, 1, 2, 3],
        )[0]
        name = blow.__name__.strip("_")
        if blow() is not False:
            self.blows[name] = self.blows.get(name, 0) + 1

    def rests(self, seconds):
        """Waits; whoever was stopped long enough goes on meanwhile, and whoever is dead is started."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for process, at in list(self._wake_at.items()):
                if at <= now:
                    del self._wake_at[process]
                    if process.runs():
                        process.goes_on()
            for process in self._stage.processes:
                if not process.runs():
                    process.start()
            if now >= until:
                return
            time.sleep(0.02)

    def _one(self):
        able = [process for process in self._stage.processes if process.runs()]
        return self._chance.choice(able)

    def _kill(self):
        process = self._one()
        self._wake_at.pop(process, None)
        process.kill()

    def _restart(self):
        process = self._one()
        if process.is_stopped:
            return False
        # What Meta holds back would be waited for.
        self._stage.steers("release")
        if process.ends() != 0:
            raise Broken(f"it did not end well upon SIGTERM: {process.last_words()}")
        return True

    def _stall(self):
        process = self._one()
        if process.is_stopped:
            return False
        process.pauses()
        self._wake_at[process] = time.monotonic() + self._chance.uniform(0.2, self._stop_s)
        return True

    def _meta(self):
        fault = self._chance.choices([fault for _, fault in META_FAULTS], [often for often, _ in META_FAULTS])[0]
        self._stage.steers("fault", **fault)

    def _release(self):
        self._stage.steers("release")
        # A Page that stopped for its token goes on when somebody gives one.
        if any(not process.is_stopped and process.runs() for process in self._stage.processes):
            self._stage.mends_link()

    def _poison(self):
        waiting = self._stage.books.rows("select event_id from conversion where state in ('held', 'ready') limit 1")
        if not waiting:
            return False
        self._stage.steers("poison", event_id=waiting[0][0], subcode=2804008)
        return True

    def _lapse(self):
        try:
            self._stage.lapses()
        except Held:
            return False
        return True


def run(binary, folder, books, seed, mode):
    """The whole part; gives its figures."""
    processes = 5 if books.is_shared else 1
    stage = Stage(binary, folder, books, seed, processes=processes)
    try:
        return played(stage, mode)
    finally:
        stage.ends()


def played(stage, mode):
    chaos = Chaos(stage, stop_s=55 if mode.is_long and stage.books.is_shared else 1.5)
    load = Load(stage, hands=20, pause=mode.load_pause)
    follower = check.Follower(stage)
    reading = Beat("follower", follower.reads)
    stage.door.harm_per_mille, stage.to_meta.harm_per_mille = 40, 80
    until = time.monotonic() + mode.chaos_s
    try:
        while time.monotonic() < until:
            chaos.rests(stage.chance.uniform(0.05, 0.9))
            chaos.strikes()
        chaos.rests(0)
        stage.wakes()
        load.finishes()
        stage.settles()
    finally:
        load.gives_up()
    time.sleep(1.5)
    reading.stops()
    follower.reads()
    figures = check.all_of(stage, load)
    follower.saw_all()
    if figures["unknown"] and not chaos.blows:
        raise Broken("unknown without a blow")
    harmed = sum(stage.door.harmed.values()) + sum(stage.to_meta.harmed.values())
    if not figures["sent"] or not chaos.blows.get("kill"):
        raise Broken(f"nothing was tried: {figures} {chaos.blows}")
    return {"processes": len(stage.processes), "kills": chaos.blows["kill"], **figures, "harmed": harmed,
            "retries": load.retries, "blows": chaos.blows}
