"""The fault harness: see `tests/faults`."""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
import traceback

import chaos
import durable
import hostile
import replicas
import storage_postgres
import storage_sqlite
from books import Sqlite
from cluster import Cluster
from ledger import Broken


class Mode:
    """How long things last."""

    def __init__(self, is_long, chaos_s):
        self.is_long = is_long
        self.chaos_s = chaos_s or (1200 if is_long else 30)
        self.down_s = 60 if is_long else 6
        self.slow_connections = 4000 if is_long else 2000
        # A short run is cut short by nothing but its time; a long one is not to fill the disk.
        self.load_pause = 0.2 if is_long else 0.05


# Name → the parts of a run on each database, in order.
PARTS = {
    "sqlite": [
        ("chaos", chaos.run),
        ("beside", storage_sqlite.beside),
        ("full", storage_sqlite.full),
        ("failing", storage_sqlite.failing),
        ("reader", storage_sqlite.long_reader),
        ("hostile", hostile.run),
        ("durable", durable.run),
    ],
    "postgres": [
        ("chaos", chaos.run),
        ("rolling", replicas.rolling),
        ("stalled", replicas.stalled),
        ("falls", storage_postgres.falls),
        ("cut_off", storage_postgres.cut_off),
        ("exhausted", storage_postgres.exhausted),
        ("contended", storage_postgres.contended),
        ("durable", durable.run),
    ],
}


def main():
    parser = argparse.ArgumentParser(prog="tests/faults")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--database", choices=sorted(PARTS), action="append")
    parser.add_argument("--part", action="append")
    parser.add_argument("--json", default="target/faults.json")
    asked = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    mode = Mode(asked.long, asked.seconds)
    databases = asked.database or sorted(PARTS)
    folder = tempfile.mkdtemp(prefix="salesbridge-faults.", dir=os.environ.get("TMPDIR", "/tmp"))
    began = time.monotonic()
    print(f"seed {asked.seed}, {'long' if asked.long else 'short'} mode; logs and ledgers in {folder}", flush=True)
    run = Run(asked, mode, folder)
    sides = [threading.Thread(target=run.side, args=(database,)) for database in databases]
    for side in sides:
        side.start()
    for side in sides:
        side.join()
    results = sorted(run.results, key=lambda result: (result["database"], result["part"]))
    show(results)
    took = round(time.monotonic() - began)
    failed = [result for result in results if result["broken"]]
    write(asked.json, {"seed": asked.seed, "mode": "long" if asked.long else "short", "seconds": took,
                       "results": results})
    print(f"{len(results)} parts, {len(failed)} broken, in {took} s; figures in {asked.json}")
    if failed:
        print(f"What was left behind is in {folder}; again with: tests/faults --seed {asked.seed}")
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)


class Run:
    """The parts of both databases, one database beside the other."""

    def __init__(self, asked, mode, folder):
        self._asked, self._mode, self._folder = asked, mode, folder
        self.results = []

    def side(self, database):
        cluster = Cluster() if database == "postgres" else None
        try:
            for name, part in PARTS[database]:
                if not self._asked.part or name in self._asked.part:
                    self._part(database, name, part, cluster)
        finally:
            if cluster:
                cluster.ends()

    def _part(self, database, name, part, cluster):
        folder = os.path.join(self._folder, f"{database}-{name}")
        os.makedirs(folder)
        books = cluster.database(name) if cluster else Sqlite(os.path.join(folder, "shop.db"))
        began, figures, broken = time.monotonic(), {}, None
        try:
            scene = (self._asked.binary, folder, books, self._asked.seed, self._mode)
            figures = part(*scene, cluster) if getattr(part, "wants_cluster", False) else part(*scene)
        except Broken as error:
            broken = str(error)
        except Exception:
            broken = traceback.format_exc()
        took = round(time.monotonic() - began, 1)
        self.results.append({"database": database, "part": name, "seconds": took, "broken": broken, **figures})
        print(f"{'BROKEN' if broken else 'kept':6} {database:8} {name:10} {took:6} s", flush=True)
        if broken:
            print(broken, flush=True)


def show(results):
    """The figures as a table."""
    columns = ["database", "part", "kills", "acknowledged", "lost", "doubled", "due", "sent", "rejected", "expired",
               "unknown", "suppressed", "changes"]
    lines = [columns] + [[str(result.get(column, "-")) for column in columns] for result in results]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def write(path, figures):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    main()
