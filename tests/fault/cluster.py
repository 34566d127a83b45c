"""A private PostgreSQL cluster that keeps its word, and that can be taken down and put up again.

Not the one of `tests/postgres`: that one runs with its durability off, and ends with the command beside it.
"""

import glob
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile

from books import Postgres


def programs():
    """Where PostgreSQL's programs are: the newest of Debian's, else those in PATH."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    if found:
        newest = max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path)])
        return os.path.dirname(newest)
    initdb = shutil.which("initdb")
    if not initdb:
        raise SystemExit("tests/faults: no PostgreSQL server programs found; on Debian: apt-get install postgresql")
    return os.path.dirname(os.path.realpath(initdb))


class Cluster:
    """A cluster on a free port of 127.0.0.1."""

    def __init__(self):
        self.programs = programs()
        self.folder = tempfile.mkdtemp(prefix="salesbridge-cluster.", dir="/tmp")
        self._server = None
        self._user = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self._run("initdb", f"--pgdata={self.folder}/data", "--username=postgres", "--auth=trust",
                  "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.starts()

    def _run(self, program, *arguments):
        done = subprocess.run([*self._user, os.path.join(self.programs, program), *arguments],
                              cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def starts(self):
        """Starts the server; returns once it takes connections. It ends with this process in any case."""
        log = open(f"{self.folder}/server.log", "ab")
        self._server = subprocess.Popen(
            ["setpriv", *self._user[1:], "--pdeathsig=QUIT", os.path.join(self.programs, "postgres"),
             "-D", f"{self.folder}/data", "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}",
             "-c", "unix_socket_directories=", "-c", "max_connections=200"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
        ready = [os.path.join(self.programs, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "30"]
        for _ in range(600):
            if self._server.poll() is not None:
                raise RuntimeError("PostgreSQL ended: " + open(f"{self.folder}/server.log").read()[-2000:])
            if subprocess.run(ready, stdin=subprocess.DEVNULL).returncode == 0:
                return
        raise RuntimeError("PostgreSQL did not start")

    def falls(self):
        """Ends the server at once, as by a crash."""
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")
        self._server.wait()

    def ends(self):
        if self._server is not None and self._server.poll() is None:
            self.falls()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, name):
        """A new database."""
        base = f"postgres://postgres@127.0.0.1:{self.port}"
        Postgres(self.programs, f"{base}/postgres").run(f"create database {name}")
        return Postgres(self.programs, f"{base}/{name}")
