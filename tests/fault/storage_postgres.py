"""PostgreSQL falls, stays away, has no connection left, and lets transactions fail: never a false 200, and no person
is needed afterwards."""

import threading
import time

import check
from ask import Gone, ask
from books import count
from ledger import Broken
from load import Load
from stage import PAGE, Beat, Stage
from webhooks import Webhooks, all_stored

# A webhook is told 503 within this time: Meta waits no longer for long.
REFUSED_WITHIN_S = 15

# After the fault is over, webhooks are taken again within this time.
BACK_WITHIN_S = 12

# A process that is told to end does so within this time, before Docker would kill it, and a little more.
ENDS_WITHIN_S = 11


def staged(part):
    def run(binary, folder, books, seed, mode, cluster):
        stage = Stage(binary, folder, books, seed, processes=2)
        try:
            hooks = Webhooks(stage)
            hooks.goes_on(10)
            figures = part(stage, hooks, mode, cluster) or {}
            hooks.stops()
            runs = all(process.runs() for process in stage.processes)
            if not runs:
                raise Broken("a process ended")
            if hooks.slowest() > REFUSED_WITHIN_S:
                raise Broken(f"an answer took {hooks.slowest()} s")
            figures.update(acknowledged=all_stored(stage), lost=0, slowest=hooks.slowest(),
                           answers={str(status): times for status, times in sorted(hooks.answers.items())})
            return figures
        finally:
            stage.ends()

    run.wants_cluster = True
    return run


@staged
def falls(stage, hooks, mode, cluster):
    """It crashes under load and comes back at once; then it stays away for a while."""
    back = []
    for away in (0, mode.down_s):
        cluster.falls()
        time.sleep(away)
        cluster.starts()
        back.append(hooks.goes_on(BACK_WITHIN_S))
    if not hooks.answers.get(503):
        raise Broken(f"nobody was told 503: {hooks.answers}")
    return {"restarts": 2, "away": mode.down_s, "back": back}


@staged
def cut_off(stage, hooks, mode, cluster):
    """Its connections are ended in mid-work, again and again."""
    text = ("select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()")
    ended = 0
    for _ in range(40 if mode.is_long else 8):
        ended += count(stage.books, text)
        time.sleep(stage.chance.uniform(0.05, 0.4))
    back = hooks.goes_on(BACK_WITHIN_S)
    if not ended:
        raise Broken("no connection was ended")
    return {"connections_ended": ended, "back": back}


@staged
def exhausted(stage, hooks, mode, cluster):
    """Somebody holds what every reader needs, until no connection is left for anybody; then lets it go."""
    held_s = 40 if mode.is_long else 14
    lock = threading.Thread(target=stage.books.run, args=(
        f"set lock_timeout = 0; begin; lock table conversation in access exclusive mode; select pg_sleep({held_s}); commit",))
    readers = [Beat(f"reader-{number}", lambda: asks_quietly(stage), 0.05) for number in range(40)]
    lock.start()
    time.sleep(2)
    # Who is told to end meanwhile ends, although its queries wait for somebody else.
    told_to_end = stage.processes[1]
    if told_to_end.ends(ENDS_WITHIN_S) != 0:
        raise Broken(f"it does not end while somebody holds a table: {told_to_end.last_words()}")
    lock.join()
    told_to_end.start()
    back = hooks.goes_on(BACK_WITHIN_S)
    for reader in readers:
        reader.stops()
    return {"held": held_s, "back": back}


def asks_quietly(stage):
    try:
        path = f"/v1/conversations?page_id={PAGE}"
        status, answer = ask(stage.door.port, "GET", path, None, stage.operator)
    except Gone:
        return
    if status not in (200, 503):
        raise Broken(f"a list was answered {status}: {answer!r}")


def contended(binary, folder, books, seed, mode, cluster):
    """Every transaction is serializable, so that many fail and are begun again."""
    name = books.url.rsplit("/", 1)[1]
    books.run(f"alter database {name} set default_transaction_isolation = 'serializable'")
    stage = Stage(binary, folder, books, seed, processes=2, hold="0s")
    try:
        load = Load(stage, hands=12)
        time.sleep(60 if mode.is_long else 6)
        load.finishes()
        stage.settles()
        figures = check.all_of(stage, load)
        refused = {why: times for why, times in load.refusals.items() if not why.startswith("503")}
        if refused:
            raise Broken(f"answered otherwise than 503: {refused}")
        rolled_back = count(books, "select xact_rollback from pg_stat_database where datname = current_database()")
        return {**figures, "rolled_back": rolled_back, "retries": load.retries}
    finally:
        stage.ends()


contended.wants_cluster = True
