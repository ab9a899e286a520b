"""Where each project keeps its rows: in an SQLite file of the system, or on the PostgreSQL that a variable names.

The variables of a running system count for more than the caller's: a backup must not copy files that nobody uses.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .console import OperationError
from .layout import ROOT, SERVERS, Service, System
from .status import read_living

SQLITE, POSTGRESQL = "sqlite", "postgresql"
BESIDE_A_FILE = ("-wal", "-shm", "-journal")  # what SQLite may have written, and would read again


@dataclass(frozen=True)
class Database:
    """One project's. It is on PostgreSQL if `url` isn't empty."""

    server: Service
    path: Path
    url: str

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def engine(self) -> str:
        return POSTGRESQL if self.url else SQLITE

    @property
    def variable(self) -> str:
        return url_variable(self.server)


def databases(system: System) -> list[Database]:
    """Those of all projects. Raises `OperationError` for a URL in a file that can't be read."""
    variables = _variables(system)
    return [Database(server, path_of(system, server), url_in(variables, url_variable(server))) for server in SERVERS]


def environment(system: System) -> dict[str, str]:
    """For a command of a project, which then works on the system's databases, whatever the caller's variables name."""
    variables = system.environment()
    for database in databases(system):
        variables.pop(f"{database.variable}_FILE", None)
        variables[database.variable] = database.url
    return variables


def url_variable(server: Service) -> str:
    return f"{server.name.upper()}_DATABASE_URL"


def path_of(system: System, server: Service) -> Path:
    return (system.data_dir or ROOT) / server.project / "Data-base.db"


def url_in(variables: Mapping[str, str], variable: str) -> str:
    """The URL, or the content of the file that `…_FILE` names; empty if there is neither."""
    path = variables.get(f"{variable}_FILE")
    try:
        return Path(path).read_text().strip() if path else variables.get(variable, "").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperationError(f"{variable}_FILE can't be read: {error}.") from error


def _variables(system: System) -> Mapping[str, str]:
    state = read_living(system.state_file)
    running = processes.variables_of(state.supervisor.pid) if state and state.supervisor.pid else {}
    return running or os.environ
