"""The processes under test: started, killed, stopped in mid-work, started again."""

import os
import re
import signal
import subprocess
import threading
import time

# A start takes less, also beside other work.
START_S = 30

# Nothing is left behind, however this program ends.
DIES_WITH_US = ("setpriv", "--pdeathsig=KILL")

LISTENS = re.compile(r"(?:Listening|A stand-in for Meta is) at http://[^:]+:(\d+)")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Process:
    """One process of the program; it can be started again and again."""

    def __init__(self, command, folder, log, env=None):
        self.command, self.folder, self.env = command, folder, env or {}
        self.port, self.child, self.is_stopped = None, None, False
        self.said = []
        self._log = open(log, "a", encoding="utf-8", errors="replace")

    def start(self):
        """Starts it; returns once it listens."""
        listens = threading.Event()
        self.port, self.is_stopped = None, False
        self.child = subprocess.Popen(
            [*DIES_WITH_US, *self.command], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        )
        child = self.child
        reader = threading.Thread(target=self._read, args=(child, listens), daemon=True)
        reader.start()
        until = time.monotonic() + START_S
        while not listens.wait(0.05):
            if child.poll() is not None:
                reader.join(5)
                raise RuntimeError(f"it ended with {child.returncode}: {self.last_words()}")
            if time.monotonic() > until:
                child.kill()
                raise RuntimeError(f"it did not come to listen within {START_S} s: {self.last_words()}")
        return self

    def _read(self, child, listens):
        for line in child.stderr:
            line = ESCAPES.sub("", line)
            self._log.write(line)
            self._log.flush()
            self.said.append(line.rstrip())
            del self.said[:-400]
            found = LISTENS.search(line)
            if found and child is self.child:
                self.port = int(found.group(1))
                listens.set()

    def last_words(self, count=5):
        return " | ".join(self.said[-count:])

    def pid(self):
        """The program itself, not the strace around it."""
        pid = self.child.pid
        if "strace" in self.command:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                pid = int((file.read().split() or [pid])[0])
        return pid

    def signals(self, signal_number):
        try:
            os.kill(self.pid(), signal_number)
        except (ProcessLookupError, FileNotFoundError):
            pass

    def runs(self):
        return self.child is not None and self.child.poll() is None

    def pauses(self):
        """SIGSTOP: it holds everything and does nothing."""
        self.is_stopped = True
        self.signals(signal.SIGSTOP)

    def goes_on(self):
        self.signals(signal.SIGCONT)
        self.is_stopped = False

    def kill(self):
        """kill -9."""
        if self.child is not None:
            if self.runs():
                self.signals(signal.SIGKILL)
            self.child.wait()
            self.port = None

    def ends(self, within=15):
        """SIGTERM; gives the exit code."""
        self.signals(signal.SIGTERM)
        return self.waits(within)

    def waits(self, within):
        """Waits for its end; gives the exit code, or None if it lives on."""
        try:
            code = self.child.wait(within)
        except subprocess.TimeoutExpired:
            return None
        self.port = None
        return code


def is_listening(process):
    """Whether it can be asked."""
    return process.port is not None and not process.is_stopped and process.runs()
