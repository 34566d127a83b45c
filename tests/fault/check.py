"""What the database, Meta's stand-in and the feed must say at the end."""

import collections
import hashlib

from ask import ask, told
from ledger import Broken
from load import PLANS
from stage import PAGE

ENDS = {"sent", "rejected", "expired", "unknown", "suppressed"}


def all_of(stage, load):
    """Holds every promise against what is there; gives the figures."""
    figures = promises(stage, load)
    figures.update(events(stage))
    figures.update(feed(stage))
    panics = stage.panics()
    if panics:
        raise Broken(f"a thread panicked: {panics[:3]}")
    return figures


def promises(stage, load):
    """Acknowledged - stored = ∅, and everything is there once."""
    books, ledger = stage.books, stage.ledger
    mids = collections.Counter(mid for (mid,) in books.rows("select mid from message"))
    lost = ledger.noted("webhook") - set(mids)
    facts = collections.Counter(
        f"{name} {kind}" for name, kind in books.rows(
            "select order_number.number, kind from outcome join order_number on order_number.order_id = outcome.order_id"))
    tags = ledger.noted("tag") | ledger.noted("line") | {f"{order} undo" for order in ledger.noted("undo")}
    lost |= tags - set(facts)
    doubled = [name for name, times in (mids + facts).items() if times > 1]
    if lost or doubled:
        raise Broken(f"lost: {sorted(lost)[:5]} ({len(lost)}); stored twice: {doubled[:5]} ({len(doubled)})")
    unread = books.rows("select id from intake_log where unread is not null")
    if unread:
        raise Broken(f"{len(unread)} webhooks could not be read")
    said = set()
    for number in load.served:
        plan = PLANS[number % len(PLANS)]
        orders = [f"F-{number}", f"F-{number}-b"] if plan == ("crm",) else [f"F-{number}"]
        kinds = ("confirmed",) if plan == ("crm",) else plan
        said |= {f"{order} {kind}" for order in orders for kind in kinds}
    if said != set(facts):
        raise Broken(f"said and stored differ: {sorted(said ^ set(facts))[:5]}")
    return {"acknowledged": len(ledger.noted("webhook")) + len(tags), "webhooks": len(mids), "facts": len(facts),
            "lost": 0}


def events(stage):
    """Each conversion has one event_id, reached Meta at most once, and ended with a reason."""
    rows = stage.books.rows(
        "select conversion.event_id, state, reason, event_name, number, "
        "(select number from order_number where order_number.order_id = conversion.order_id order by position limit 1) "
        "from conversion")
    ids = collections.Counter(row[0] for row in rows)
    taken = collections.Counter(event["event_id"] for event in stage.accepted())
    if any(times > 1 for times in ids.values()):
        raise Broken("an event has two rows")
    doubled = {event: times for event, times in taken.items() if times > 1}
    if doubled:
        raise Broken(f"Meta took twice: {list(doubled.items())[:5]} ({len(doubled)})")
    strange = set(taken) - set(ids)
    if strange:
        raise Broken(f"Meta took what nobody knows of: {sorted(strange)[:5]}")
    states = collections.Counter()
    for event, state, reason, name, number, order in rows:
        if state not in ENDS or not reason:
            raise Broken(f"{event} ended {state} for {reason}")
        if (state == "sent") != (taken[event] == 1) and state != "unknown":
            raise Broken(f"{event} is {state}, and Meta took it {taken[event]} times")
        if order and event != event_id(order, name, number):
            raise Broken(f"the {name} of {order} has the id {event}")
        states[state] += 1
    attempts(stage)
    return {"due": len(rows), **{state: states[state] for state in sorted(ENDS)}, "doubled": 0}


def event_id(order, name, number):
    """As the documentation has it."""
    text = "\n".join((PAGE, order, name, str(number)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def attempts(stage):
    """Every request that was seen on its way has its row, and no event was in two at the same time."""
    overlapping = stage.watch.overlapping()
    if overlapping:
        raise Broken(f"in two requests at the same time: {list(overlapping.items())[:2]}")
    rows = collections.Counter(event for (event,) in stage.books.rows(
        "select conversion.event_id from attempt_conversion "
        "join conversion on conversion.id = attempt_conversion.conversion_id"))
    unwritten = {event for event, times in stage.watch.carried().items() if times > rows[event]}
    if unwritten:
        raise Broken(f"requests without an attempt: {sorted(unwritten)[:5]} ({len(unwritten)})")


def read_feed(stage):
    """The whole feed, from its beginning."""
    changes, after = [], None
    while True:
        path = "/v1/changes?limit=200" + (f"&after={after}" if after else "")
        status, answer = stage.persists("GET", path, None, stage.crm)
        if status != 200:
            raise Broken(f"the feed answers {status}: {answer}")
        changes += answer["data"]
        after = answer["cursor"]
        if not answer["data"]:
            return changes


def feed(stage):
    """Every order's versions are there in order, none skipped, to the last one; conversations likewise."""
    versions, conversations = collections.defaultdict(list), {}
    changes = read_feed(stage)
    for change in changes:
        data = change["data"]
        if change["type"] == "order.updated":
            versions[data["order"]["order_id"]].append(data["order"]["version"])
        else:
            conversations[data["conversation"]["id"]] = data["conversation"]["version"]
    stand = stage.books.rows(
        "select (select number from order_number where order_number.order_id = sale_order.id order by position limit 1), "
        "version from sale_order")
    for order, version in stand:
        if versions[order] != list(range(1, int(version) + 1)):
            raise Broken(f"the feed has {versions[order]} of {order}, which is at {version}")
    missing = [row for row in stage.books.rows("select id, version from conversation where version > 0")
               if conversations.get(row[0]) != int(row[1])]
    if missing:
        raise Broken(f"the feed's end and conversations differ: {missing[:5]} ({len(missing)})")
    return {"changes": len(changes)}


class Follower:
    """Follows the feed all the while, as a CRM does."""

    def __init__(self, stage):
        self._stage, self._after, self.seen = stage, None, []

    def reads(self):
        path = "/v1/changes?limit=200&wait=1" + (f"&after={self._after}" if self._after else "")
        try:
            status, body = ask(self._stage.door.port, "GET", path, None, self._stage.crm)
        except Exception:
            return
        if status == 200:
            answer = told(body)
            self.seen += [change["id"] for change in answer["data"]]
            self._after = answer["cursor"]
        elif status < 500:
            raise Broken(f"the feed answers {status}: {body!r}")

    def saw_all(self):
        """What was read along the way is the feed, change by change."""
        whole = [change["id"] for change in read_feed(self._stage)]
        if self.seen != whole:
            raise Broken(f"the follower read {len(self.seen)} changes, the feed has {len(whole)}: it skipped some")
