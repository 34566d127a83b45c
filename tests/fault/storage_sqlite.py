"""SQLite's disk is full, fails, or is held by others: never a false 200, and no person is needed afterwards."""

import os
import shutil
import sqlite3
import subprocess
import time

from books import Sqlite
from ledger import Broken
from stage import Stage
from webhooks import Webhooks, all_stored

# The log of SQLite is cut to this size after a long reader is gone.
LOG_KEPT = 64 * 1024 * 1024

BACK_WITHIN_S = 15


def beside(binary, folder, books, seed, mode):
    """A second `serve` on the same file is refused in clear words; `key` and `migrate` work beside it."""
    stage = Stage(binary, folder, books, seed)
    try:
        hooks = Webhooks(stage)
        hooks.goes_on(10)
        second = stage.runs("serve")
        if second.returncode != 1 or "Another `salesbridge serve` runs on" not in second.stderr:
            raise Broken(f"a second serve ended with {second.returncode}: {second.stderr[-300:]}")
        for arguments in (("key", "list"), ("key", "create", "--role", "analyst", "--name", "beside"), ("migrate",)):
            done = stage.runs(*arguments)
            if done.returncode != 0:
                raise Broken(f"{arguments} beside a serve: {done.stderr[-300:]}")
        hooks.goes_on(10)
        hooks.stops()
        if set(hooks.answers) != {200}:
            raise Broken(f"webhooks were refused meanwhile: {hooks.answers}")
        return {"acknowledged": all_stored(stage), "lost": 0}
    finally:
        stage.ends()


def full(binary, folder, books, seed, mode):
    """The disk fills up under load; room is made, and the same process goes on."""
    disk = Disk(os.path.join(folder, "disk"))
    if not disk.mounts("12m"):
        return full_by_strace(binary, folder, books, seed, mode)
    stage = None
    try:
        books = Sqlite(os.path.join(disk.path, "shop.db"))
        stage = Stage(binary, folder, books, seed)
        hooks = Webhooks(stage, padding=60_000, pause=0)
        until_refused(hooks, 60)
        time.sleep(1)
        if not stage.processes[0].runs():
            raise Broken(f"it ended on a full disk: {stage.processes[0].last_words()}")
        refused = hooks.answers[503]
        disk.mounts("600m", again=True)
        back = hooks.goes_on(BACK_WITHIN_S)
        hooks.stops()
        return {"acknowledged": all_stored(stage), "lost": 0, "refused": refused, "back": back, "disk": "tmpfs"}
    finally:
        if stage:
            stage.ends()
        disk.ends()


def full_by_strace(binary, folder, books, seed, mode):
    """The same where no disk can be made: every hundredth write says that there is no room."""
    stage = Stage(binary, folder, books, seed)
    try:
        stage.processes[0].kill()
        harmed = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=pwrite64", "-e",
                  "inject=pwrite64:error=ENOSPC:when=200+100"]
        stage.processes[0] = stage.process("full", before=harmed).start()
        hooks = Webhooks(stage)
        until_refused(hooks, 60)
        hooks.goes_on(BACK_WITHIN_S)
        hooks.stops()
        return {"acknowledged": all_stored(stage), "lost": 0, "refused": hooks.answers[503], "disk": "strace"}
    finally:
        stage.ends()


def failing(binary, folder, books, seed, mode):
    """An fsync fails: the process ends rather than ask again, and nobody is told 200 for what it held."""
    if not shutil.which("strace"):
        raise Broken("strace is missing: apt-get install strace")
    stage = Stage(binary, folder, books, seed)
    try:
        ended = 0
        for round_number in range(6 if mode.is_long else 2):
            stage.processes[0].kill()
            fails = f"inject=fsync,fdatasync:error=EIO:when={40 + 17 * round_number}+"
            trace = os.path.join(folder, f"fsync-{round_number}.trace")
            harmed = ["strace", "-f", "-q", "-o", trace, "-e", "trace=fsync,fdatasync", "-e", fails]
            process = stage.process(f"failing-{round_number}", before=harmed)
            stage.processes[0] = process.start()
            hooks = Webhooks(stage, prefix=f"m_fsync{round_number}")
            code = process.waits(60)
            if code is None:
                raise Broken("it lives on after a failed fsync")
            if code == 0 or "The disk failed while writing" not in "\n".join(process.said):
                raise Broken(f"it ended with {code}: {process.last_words()}")
            ended += 1
            stage.processes[0] = stage.process(f"after-{round_number}").start()
            hooks.goes_on(BACK_WITHIN_S)
            hooks.stops()
            with open(trace, encoding="utf-8", errors="replace") as file:
                failures = sum("EIO" in line for line in file)
            if failures > 2:
                raise Broken(f"{failures} times it asked again after a failed fsync")
        return {"acknowledged": all_stored(stage), "lost": 0, "kills": ended}
    finally:
        stage.ends()


def long_reader(binary, folder, books, seed, mode):
    """Somebody reads for long, so that the log can't be taken into the file and grows; afterwards it shrinks."""
    stage = Stage(binary, folder, books, seed)
    try:
        hooks = Webhooks(stage, padding=200_000, pause=0)
        hooks.goes_on(10)
        reader = sqlite3.connect(books.intake, isolation_level=None)
        reader.execute("begin")
        reader.execute("select count(*) from intake_log").fetchone()
        log, until = f"{books.intake}-wal", time.monotonic() + 90
        while os.path.getsize(log) < 1.5 * LOG_KEPT and time.monotonic() < until:
            time.sleep(0.1)
        grown = os.path.getsize(log)
        reader.execute("rollback")
        reader.close()
        if grown < 1.5 * LOG_KEPT:
            raise Broken(f"the log grew to {grown} bytes only: nothing was tried")
        while os.path.getsize(log) > LOG_KEPT and time.monotonic() < until:
            time.sleep(0.1)
        shrunk = os.path.getsize(log)
        hooks.stops()
        if shrunk > LOG_KEPT:
            raise Broken(f"the log stays at {shrunk} bytes after the reader is gone")
        if set(hooks.answers) != {200}:
            raise Broken(f"webhooks were refused: {hooks.answers}")
        return {"acknowledged": all_stored(stage), "lost": 0, "log_mib": [grown >> 20, shrunk >> 20]}
    finally:
        stage.ends()


def until_refused(hooks, within):
    end = time.monotonic() + within
    while hooks.answers.get(503, 0) < 5:
        if time.monotonic() > end:
            raise Broken(f"nothing was refused: {hooks.answers}")
        time.sleep(0.05)


class Disk:
    """A small disk in memory, where this process may mount one."""

    def __init__(self, path):
        self.path, self._is_mounted = path, False
        os.makedirs(path)

    def mounts(self, size, again=False):
        options = f"remount,size={size}" if again else f"size={size},mode=700"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path]
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
        self._is_mounted = self._is_mounted or done.returncode == 0
        return done.returncode == 0

    def ends(self):
        if self._is_mounted:
            subprocess.run(["umount", "-l", self.path], stdin=subprocess.DEVNULL)
