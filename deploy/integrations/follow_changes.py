#!/usr/bin/env python3
"""Follows the change feed of salesbridge and keeps a local table of orders.

An example to start from: Python's standard library alone, one file.

    export SALESBRIDGE_URL=https://bridge.shop.example
    export SALESBRIDGE_KEY=sb_...            # salesbridge key create --role crm --name orders
    python3 follow_changes.py                # follows for ever
    python3 follow_changes.py --once         # reads what is new, and ends

A change reaches its reader at least once, and each is a full snapshot with a version. So nothing needs to be
merged: a row is replaced if the version is newer, and a change that comes again changes nothing. The cursor is
written after the rows are safe; whoever is stopped between the two reads some changes again.
"""

import argparse
import json
import os
import random
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

LIMIT = 200
WAIT_SECONDS = 30
PAUSE_SECONDS_MAX = 60

SCHEMA = """
create table if not exists orders (
  id text primary key,          -- for ever the same, whatever names the order gets
  order_id text,                -- its first name
  page_id text not null,
  state text not null,
  value text,                   -- decimal text, as money should be
  paid text not null,
  currency text not null,
  version integer not null,
  ad_id text,
  same_as text,                 -- set if it turned out to be another order told again: leave it out of sums
  snapshot text not null        -- all of it
)
"""

UPSERT = """
insert into orders (id, order_id, page_id, state, value, paid, currency, version, ad_id, same_as, snapshot)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update
   set order_id = excluded.order_id, page_id = excluded.page_id, state = excluded.state, value = excluded.value,
       paid = excluded.paid, currency = excluded.currency, version = excluded.version, ad_id = excluded.ad_id,
       same_as = excluded.same_as, snapshot = excluded.snapshot
 where excluded.version > orders.version
"""


class Stopped(Exception):
    """Nothing that trying again would mend."""


class Later(Exception):
    """Trying again may help, perhaps not before so many seconds."""

    def __init__(self, why, after=None):
        super().__init__(why)
        self.after = after


def ask(url, key, cursor, wait):
    """One stretch of the feed; None if the cursor is older than what is kept."""
    asked = {"limit": LIMIT, "wait": wait}
    if cursor:
        asked["after"] = cursor
    request = urllib.request.Request(
        f"{url.rstrip('/')}/v1/changes?{urllib.parse.urlencode(asked)}",
        headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=wait + 30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        told = error.read().decode("utf-8", "replace")
        try:
            told = json.loads(told)["detail"]
        except (ValueError, KeyError, TypeError):
            told = told[:200]
        if error.code == 410:
            print(f"follow_changes: {told}", file=sys.stderr)
            return None
        if error.code in (408, 429) or error.code >= 500:
            after = error.headers.get("Retry-After", "")
            raise Later(f"{error.code}: {told}", int(after) if after.isdecimal() else None) from error
        raise Stopped(f"{error.code}: {told}") from error
    except (OSError, ValueError) as error:  # no connection, a timeout, half an answer
        raise Later(str(error)) from error


def take(database, changes):
    """Writes the orders of some changes, all of them or none."""
    with database:
        for change in changes:
            if change["type"] != "order.updated":
                continue  # types may be added: leave alone what you don't know
            order = change["data"]["order"]
            row = (
                order["id"],
                order["order_id"],
                change["page_id"],
                order["state"],
                order["value"],
                order["paid"],
                order["currency"],
                order["version"],
                (order["referral"] or {}).get("ad_id"),
                order.get("same_as"),
                json.dumps(order, ensure_ascii=False, sort_keys=True),
            )
            database.execute(UPSERT, row)


def read_cursor(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def write_cursor(path, cursor):
    """Whole or not at all, also when the power fails."""
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(f"{cursor}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def follow(url, key, database, path, once):
    cursor, failures = read_cursor(path), 0
    while True:
        try:
            answer = ask(url, key, cursor, 0 if once else WAIT_SECONDS)
        except Later as error:
            if once:
                raise Stopped(str(error)) from error
            failures += 1
            pause = min(PAUSE_SECONDS_MAX, 2 ** min(failures, 10)) * random.uniform(0.5, 1)
            pause = max(pause, error.after or 0)
            print(f"follow_changes: {error}; again in {pause:.0f} s", file=sys.stderr)
            time.sleep(pause)
            continue
        failures = 0
        if answer is None:
            # Orders that changed only in what was missed are old here until they change again: read
            # GET /v1/orders once to have them right.
            cursor = ""
            continue
        take(database, answer["data"])
        if answer["cursor"] != cursor:
            cursor = answer["cursor"]
            write_cursor(path, cursor)
        if once and not answer["data"]:
            return


def main():
    parser = argparse.ArgumentParser(description="Follows the change feed of salesbridge into a table of orders.")
    parser.add_argument("--database", default="orders.db", help="SQLite file with the table (default: %(default)s)")
    parser.add_argument("--cursor", default="orders.cursor", help="file with the cursor (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="end when nothing is new")
    options = parser.parse_args()
    url, key = os.environ.get("SALESBRIDGE_URL"), os.environ.get("SALESBRIDGE_KEY")
    if not url or not key:
        parser.error("set SALESBRIDGE_URL and SALESBRIDGE_KEY")
    database = sqlite3.connect(options.database)
    try:
        database.execute(SCHEMA)
        follow(url, key, database, options.cursor, options.once)
    except Stopped as error:
        print(f"follow_changes: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
