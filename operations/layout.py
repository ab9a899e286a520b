"""Where things are: the repository, its services, and the files of one running system."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from . import admin_password
from .console import OperationError

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 8000
LOOPBACK = "127.0.0.1"
SUPERVISOR = "supervisor"
OWNER_VARIABLE = "PLAZA_SYSTEM"  # every process of a system has it, set to the system's directory


@dataclass(frozen=True)
class Service:
    """One long-lived process. `offset` says how far its port is from the gateway's; the relay listens on none."""

    name: str
    project: str
    offset: int | None = None

    def port(self, first_port: int) -> int | None:
        return None if self.offset is None else first_port + self.offset

    def url(self, first_port: int) -> str:
        return f"http://{LOOPBACK}:{self.port(first_port)}"

    @property
    def url_variable(self) -> str:
        """The variable that tells the other services, or the public, where it is."""
        return "PUBLIC_URL" if self.name == "gateway" else f"{self.name.upper()}_URL"

    def command(self, first_port: int, *, workers: int | None = None) -> list[str]:
        port = self.port(first_port)
        if port is None:
            return manage(self.project, self.name)
        several = ["--workers", str(workers)] if workers is not None else []
        return manage(self.project, "serve", "--port", str(port), *several)


# The one list of Plaza's processes: ports, databases, secrets and what commands print follow from it.
SERVICES = (
    Service("gateway", "gateway_project", 0),
    Service("users", "users_project", 1),
    Service("products", "products_project", 2),
    Service("orders", "orders_project", 3),
    Service("relay", "orders_project"),
)
SERVERS = tuple(service for service in SERVICES if service.offset is not None)  # one in each project
START_ORDER = (*SERVICES[1:], SERVICES[0])  # they stop in the reverse order, so the gateway stops first


def service(name: str) -> Service:
    return next(service for service in SERVICES if service.name == name)


def manage(project: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / project / "manage.py"), *arguments]


@dataclass(frozen=True)
class System:
    """One Plaza. Without `data_dir` it is the repository's own, whose files are under `.plaza/`."""

    data_dir: Path | None = None

    @property
    def base(self) -> Path:
        return self.data_dir or ROOT / ".plaza"

    @property
    def logs(self) -> Path:
        return self.base / "logs"

    @property
    def run(self) -> Path:
        return self.base / "run"

    @property
    def state_file(self) -> Path:
        return self.run / "supervisor.json"

    @property
    def lock_file(self) -> Path:
        return self.run / "supervisor.lock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def create(self) -> None:
        try:
            for directory in (self.base, self.logs, self.run):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OperationError(
                f"{self.base} can't be used ({error.strerror}); name another directory with --data-dir."
            ) from error

    def command(self, name: str) -> str:
        """The command line that a person types for this system, for example `python3 manage_all.py down`."""
        chosen = ["--data-dir", str(self.data_dir)] if self.data_dir else []
        return shlex.join(["python3", "manage_all.py", name, *chosen])

    def manage_command(self, project: str, *arguments: str) -> str:
        """The command line that a person types for one project of this system."""
        chosen = f"PLAZA_DATA_DIR={shlex.quote(str(self.data_dir))} " if self.data_dir else ""
        return chosen + shlex.join(manage(project, *arguments))

    def environment(self, first_port: int = DEFAULT_PORT) -> dict[str, str]:
        """The variables of each process: the caller's own, and the services' addresses where the caller names none."""
        environment = admin_password.without(os.environ)
        environment.pop("DJANGO_SETTINGS_MODULE", None)  # each manage.py names its own
        for server in SERVERS:
            environment[server.url_variable] = environment.get(server.url_variable) or server.url(first_port)
        environment.setdefault("PYTHONUNBUFFERED", "1")
        environment[OWNER_VARIABLE] = str(self.base)
        if self.data_dir:
            environment["PLAZA_DATA_DIR"] = str(self.data_dir)
        return environment
