"""A database as it stands, read past the service."""

import os
import sqlite3
import subprocess

FIELD, NULL = "\x1f", "\x1e"

# Nobody waits longer for a row that a stopped process holds.
LOCK_WAIT = "2s"


# How often a statement is begun again that PostgreSQL gave up for the sake of another one.
TRIES = 20


class Held(Exception):
    """A row, or a whole file, is held by somebody else."""


class Sqlite:
    """A file."""

    is_shared = False

    def __init__(self, path):
        self.path, self.intake = path, f"{path}-intake"
        self.url = f"sqlite://{path}"

    def _line(self):
        """A connection to which the intake log, which is a file of its own, looks as it does on PostgreSQL."""
        line = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        line.execute(f"attach database '{self.intake}' as beside")
        line.execute("create temp view intake_log as select kept.id, kept.received_at, shape as unread, case when kept.id <= "
                     "(select coalesce(max(projected_row), 0) from main.intake_mark) then kept.received_at end as projected_at "
                     "from beside.intake_log as kept join json_each(kept.places) as place "
                     "left join beside.unread on unread.id = kept.id and unread.place = place.key")
        return line

    def rows(self, text):
        """Rows of texts."""
        line = self._line()
        try:
            return [tuple(None if v is None else str(v) for v in row) for row in line.execute(text)]
        finally:
            line.close()

    def run(self, text):
        line = self._line()
        try:
            line.execute(text)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise Held(str(error)) from error
            raise
        finally:
            line.close()


class Postgres:
    """A database of a cluster."""

    is_shared = True

    def __init__(self, programs, url):
        self._psql, self.url = os.path.join(programs, "psql"), url

    def _asks(self, text):
        command = [self._psql, "-X", "-q", "-A", "-t", "-F", FIELD, "-P", f"null={NULL}", "-v", "ON_ERROR_STOP=1",
                   "-d", self.url, "-c", text]
        env = {**os.environ, "PGOPTIONS": f"-c lock_timeout={LOCK_WAIT}"}
        for _ in range(TRIES):
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env)
            if "could not serialize access" not in done.stderr and "deadlock detected" not in done.stderr:
                break
        if "lock timeout" in done.stderr:
            raise Held(done.stderr.strip())
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout

    def rows(self, text):
        """Rows of texts."""
        lines = self._asks(text).split("\n")[:-1]
        return [tuple(None if v == NULL else v for v in line.split(FIELD)) for line in lines]

    def run(self, text):
        self._asks(text)


def count(books, text):
    """A count."""
    return int(books.rows(text)[0][0])
