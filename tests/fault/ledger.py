"""The ledger outside: what the service acknowledged, each note on disk before anybody counts on it."""

import json
import os
import threading


class Broken(Exception):
    """A promise that was not kept."""


class Ledger:
    """Notes of what was promised; they outlive every process of the run."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._notes = {}
        self.path = path

    def note(self, kind, name):
        """An acknowledgement of `kind` for `name`; on disk when this returns."""
        line = json.dumps([kind, name], ensure_ascii=False) + "\n"
        with self._lock:
            os.write(self._file, line.encode())
            os.fsync(self._file)
            self._notes.setdefault(kind, set()).add(name)

    def noted(self, kind):
        """The names under which `kind` was acknowledged."""
        with self._lock:
            return set(self._notes.get(kind, ()))

    def counts(self):
        """How many of each kind."""
        with self._lock:
            return {kind: len(names) for kind, names in sorted(self._notes.items())}

    def close(self):
        os.close(self._file)
