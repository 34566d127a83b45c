"""No 200 is written before the fsync of its batch returned: told by strace, from the calls of the real program."""

import os
import re
import shutil

from ledger import Broken
from stage import Stage
from webhooks import Webhooks, all_stored

CALLS = "fsync,fdatasync,write,writev,sendto,sendmsg,pwrite64,recvfrom,read,recvmsg,accept4"

# `1234  12:00:00.000001 pwrite64(11, "…", 4096, 0) = 4096`, or one half of it.
LINE = re.compile(r"^(\d+) +([\d.]+) (.*)$")
BEGUN = re.compile(r"^(\w+)\((\d+)(?:<([^>]*)>)?")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>")
# PostgreSQL says what was done, and then that it is in no transaction: a statement of its own, or a commit.
COMMITTED = re.compile(r"(?:INSERT 0 \d+|COMMIT)\\0.{0,40}?Z\\0\\0\\0\\5I")
MID = re.compile(r"m_durable_\d+(?=\\\\?\")")


def run(binary, folder, books, seed, mode):
    """Webhooks come, alone and together; the trace of the process is read afterwards."""
    if not shutil.which("strace"):
        raise Broken("strace is missing: apt-get install strace")
    stage = Stage(binary, folder, books, seed)
    trace = os.path.join(folder, "calls.trace")
    try:
        stage.processes[0].kill()
        traced = ["strace", "-f", "-q", "-ttt", "-y", "-s", "200000", "-o", trace, "-e", f"trace={CALLS}"]
        stage.processes[0] = stage.process("traced", before=traced).start()
        hooks = Webhooks(stage, senders=12, pause=0, prefix="m_durable")
        hooks.goes_on(60, more=600 if mode.is_long else 100)
        hooks.stops()
        acknowledged = all_stored(stage)
        stage.processes[0].ends(30)
    finally:
        stage.ends()
    answers, early = judged(trace, books.is_shared)
    if early:
        raise Broken(f"{len(early)} of {answers} webhooks were answered before they were durable: {early[:3]}")
    if answers < acknowledged * 0.9:
        raise Broken(f"only {answers} of {acknowledged} answers were recognised in the trace: nothing is shown")
    return {"acknowledged": acknowledged, "lost": 0, "answers_traced": answers}


def calls(path):
    """The calls in the order of their ends: thread, when begun, when ended, name, file, whole text."""
    halves = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = LINE.match(line)
            if not found:
                continue
            thread, at, text = found.group(1), float(found.group(2)), found.group(3)
            resumed = RESUMED.match(text)
            if resumed:
                begun = halves.pop(thread, None)
                if begun:
                    yield (*begun[:1], at, *begun[1:3], begun[3] + text, thread)
                continue
            begun = BEGUN.match(text)
            if not begun:
                continue
            where = f"{begun.group(2)}<{begun.group(3) or ''}>"
            if text.endswith("<unfinished ...>"):
                halves[thread] = (at, begun.group(1), where, text)
            else:
                yield (at, at, begun.group(1), where, text, thread)


def judged(path, is_shared):
    """How many webhooks were answered 200, and those that were not durable by then."""
    asked, held, durable, answers, early = {}, {}, set(), 0, []
    for _, _, name, where, text, _ in sorted(calls(path), key=order):
        is_socket = "socket:" in where or "TCP:" in where
        mids = set(MID.findall(text))
        if name in ("recvfrom", "read", "recvmsg") and is_socket and "POST /webhooks/meta" in text:
            asked[where] = mids
        elif is_shared and name in ("sendto", "write", "writev", "sendmsg") and mids and "HTTP/1.1" not in text:
            held.setdefault(where, set()).update(mids)
        elif is_shared and name in ("recvfrom", "read", "recvmsg") and COMMITTED.search(text) and where in held:
            durable |= held.pop(where)
        elif not is_shared and name == "pwrite64" and "-wal" in where:
            held.setdefault(where, set()).update(mids)
        elif not is_shared and name in ("fsync", "fdatasync") and "-wal" in where and text.rstrip().endswith("= 0"):
            durable |= held.pop(where, set())
        elif name in ("sendto", "write", "writev", "sendmsg") and is_socket and "HTTP/1.1 200" in text:
            for mid in asked.pop(where, ()):
                answers += 1
                if mid not in durable:
                    early.append(mid)
    return answers, early


def order(call):
    """An answer counts from its beginning, everything else from its end."""
    begun, ended, name, _, text, _ = call
    return begun if "HTTP/1.1 200" in text and name not in ("recvfrom", "read", "recvmsg") else ended
