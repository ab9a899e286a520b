"""A PostgreSQL and a Redis of the test's own, which it may freeze, kill and start again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.plaza import eventually, free_ports, paused

# PostgreSQL refuses to run as root, so root runs it as the user that its package has made.
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


class Postgres:
    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = free_ports(1)
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._programs = Path(sorted(glob("/usr/lib/postgresql/*/bin"))[-1])
        options = f"-p {self.port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=200"
        self._options = ["-D", str(self.data), "-o", options, "-l", str(folder / "log"), "-w", "-t", "60"]

    def run(self, program: str, *arguments: str) -> None:
        command = [*AS_POSTGRES, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)

    def make(self) -> None:
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--no-sync")
        self.run("pg_ctl", "start", *self._options)

    def make_database(self, name: str) -> str:
        """Returns its URL."""
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", name)
        return urlsplit(self.url)._replace(path=name).geturl()

    def restart(self) -> None:
        self.run("pg_ctl", "restart", "-m", "fast", *self._options)

    def crash(self) -> None:
        """Without a shutdown; it then recovers from its log."""
        self.run("pg_ctl", "restart", "-m", "immediate", *self._options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-m", "immediate", *self._options[:2])


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="plaza-postgres-"))
    if AS_POSTGRES:
        shutil.chown(folder, "postgres", "postgres")
    server = Postgres(folder)
    try:
        server.make()
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.stop()
        shutil.rmtree(folder)


class Redis:
    def __init__(self) -> None:
        self.port = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(self._listens)

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        assert self.process
        with paused(os.kill, self.process.pid):
            yield

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    server = Redis()
    server.start()
    try:
        yield server
    finally:
        server.kill()
