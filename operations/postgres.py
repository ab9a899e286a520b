"""PostgreSQL's own programs: `psql`, `pg_dump` and `pg_restore`. A password is in their environment, never in a list of
processes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Self
from urllib.parse import unquote, urlsplit

from .console import OperationError

OWN_TABLES = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND nspname !~ '^(pg_|information_schema$)'"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
MIGRATIONS = "SELECT app || '.' || name FROM django_migrations ORDER BY id"
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot()"


class Psql:
    """One session. Each failure is an `OperationError` with what the server says."""

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._numbers = count(1)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the session)
        options = ("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1")
        self._process = subprocess.Popen(
            [program("psql"), *options, f"--dbname={without_password(url)}"],
            env=environment(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()  # the server rolls back
        self._process.communicate()
        self._errors.close()

    def ask(self, statement: str) -> list[str]:
        """The lines of the answer."""
        end = f"-- answered {next(self._numbers)}"
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(f"{statement};\n\\echo {end}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.rstrip("\n") == end:
                return lines
            lines.append(line.rstrip("\n"))
        return self._fail()

    def number(self, statement: str) -> int:
        return int(self.ask(statement)[0])

    def _fail(self) -> list[str]:
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip() or "psql ended"
        raise OperationError(f"The database of {self._name}: {said}")


def run(name: str, url: str, command: Sequence[str]) -> None:
    """`pg_dump` or `pg_restore`, to its end. Raises `OperationError`."""
    with running(name, url, command) as process:
        process.wait()


@contextmanager
def running(name: str, url: str, command: Sequence[str]) -> "Iterator[subprocess.Popen[str]]":
    """The block waits for the end of the process. Raises `OperationError` if it failed."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [program(command[0]), *command[1:], f"--dbname={without_password(url)}"],
            env=environment(url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode != 0:
            errors.seek(0)
            raise OperationError(f"{command[0]} of {name} failed: {errors.read().strip()}")


def program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise OperationError(f"`{name}` is missing; install it (for example apt install postgresql-client).")


def without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    return parts._replace(netloc=f"{user}@{host}" if user else host).geturl()


def environment(url: str) -> dict[str, str]:
    """Of a client. What else libpq knows, for example PGSSLROOTCERT, is the caller's, as for the services."""
    password = unquote(urlsplit(url).password or "")
    return {"PGCONNECT_TIMEOUT": "5", **os.environ, **({"PGPASSWORD": password} if password else {})}
