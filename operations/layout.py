"""Where things are: the repository, its projects, and what belongs to one running system."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from .errors import OperationError

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 8000
LOOPBACK = "127.0.0.1"
OWNER_VARIABLE = "PLAZA_SYSTEM"  # in every process of a system: its directory, by which strays are found


@dataclass(frozen=True)
class Service:
    """One long-lived process. `offset` is how far its port is from the gateway's; the relay has none."""

    name: str
    project: str
    offset: int | None

    def port(self, first_port: int) -> int | None:
        return None if self.offset is None else first_port + self.offset

    def command(self, first_port: int, *, workers: int | None = None) -> list[str]:
        port = self.port(first_port)
        if port is None:
            return manage(self.project, self.name)
        several = ["--workers", str(workers)] if workers is not None and self.name == "gateway" else []
        return manage(self.project, "serve", "--port", str(port), *several)


RELAY_COMMAND = ROOT / "orders_project/orders/management/commands/relay.py"

# In the order of their start; they are stopped the other way round, so that the gateway goes first.
SERVICES = (
    Service("users", "users_project", 1),
    Service("products", "products_project", 2),
    Service("orders", "orders_project", 3),
    *([Service("relay", "orders_project", None)] if RELAY_COMMAND.exists() else []),
    Service("gateway", "gateway_project", 0),
)
NAMES = ("gateway", "users", "products", "orders", "relay")
PROJECTS = ("gateway_project", "users_project", "products_project", "orders_project")


def manage(project: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / project / "manage.py"), *arguments]


@dataclass(frozen=True)
class System:
    """One Plaza: the repository's own, which keeps its files under `.plaza/`, or one in its own directory."""

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
        """The command line that a person types for this system, as in `python3 manage_all.py down`."""
        chosen = ["--data-dir", str(self.data_dir)] if self.data_dir else []
        return shlex.join(["python3", "manage_all.py", name, *chosen])

    def environment(self, first_port: int = DEFAULT_PORT) -> dict[str, str]:
        """What every process gets: the caller's own environment, completed where it is silent."""
        environment = dict(os.environ)
        environment.pop("DJANGO_SETTINGS_MODULE", None)  # each manage.py names its own
        for offset, name in enumerate(("PUBLIC_URL", "USERS_URL", "PRODUCTS_URL", "ORDERS_URL")):
            environment[name] = environment.get(name) or f"http://{LOOPBACK}:{first_port + offset}"
        environment.setdefault("PYTHONUNBUFFERED", "1")
        environment[OWNER_VARIABLE] = str(self.base)
        if self.data_dir:
            environment["PLAZA_DATA_DIR"] = str(self.data_dir)
        return environment
