"""What is known of a system's processes: the supervisor writes it down, and all commands read it. `status` shows it."""

import argparse
import contextlib
import fcntl
import http.client
import json
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from . import processes
from .cli import add_data_dir
from .console import table
from .layout import LOOPBACK, OWNER_VARIABLE, ROOT, SERVERS, SERVICES, System

READY_PATH = "/health/ready"
HEALTHY, UNHEALTHY, NOT_RUNNING = 0, 1, 3  # systemctl too answers 3 for a unit that isn't active
DESCRIPTION = "Show each process of Plaza, its port, and whether it answers GET /health/ready with 200."
EPILOG = """\
Where USERS_URL, PRODUCTS_URL, ORDERS_URL and PUBLIC_URL say where the services are, as in a container, and `up` has
started none here, they are asked there.
--json prints {"services": [{"name", "pid", "port", "healthy"}]}. The relay has no port (null) and is healthy
while it lives. A process that waits to be started again has no pid (null).

exit codes: 0 all healthy; 1 one or more are not; 2 wrong usage; 3 Plaza is not running"""


@dataclass(frozen=True)
class Record:
    """One process when the file was written. While it waits to be started again, `pid` is None."""

    name: str
    pid: int | None
    identity: str | None
    port: int | None = None
    restarts: int = 0

    @classmethod
    def of(cls, name: str, pid: int | None, *, port: int | None = None, restarts: int = 0) -> Self:
        return cls(name, pid, processes.identity(pid) if pid else None, port, restarts)

    def is_alive(self) -> bool:
        return self.pid is not None and self.identity is not None and processes.identity(self.pid) == self.identity

    def is_healthy(self, *, timeout_s: float = 2.0) -> bool:
        """A process without a port is healthy while it lives."""
        if not self.is_alive():
            return False
        return self.port is None or get(self.port, READY_PATH, timeout_s=timeout_s) is not None


@dataclass(frozen=True)
class State:
    supervisor: Record
    port: int
    services: tuple[Record, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """None if the file is missing or damaged: then nothing is known to run."""
        try:
            kept = json.loads(path.read_text())
            services = tuple(Record(**service) for service in kept["services"])
            return cls(Record(**kept["supervisor"]), kept["port"], services)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, path: Path) -> None:
        """Readers see the old state or the new one, never half of either."""
        draft = path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self), indent=1))
        os.replace(draft, path)


def read_living(path: Path) -> State | None:
    """The state, if the supervisor that wrote it lives."""
    state = State.read(path)
    return state if state and state.supervisor.is_alive() else None


def running_besides(system: System) -> list[tuple[System, State]]:
    """This user's other systems that run, found by the variable of their processes; none where there is no /proc."""
    found = []
    for base in sorted(processes.values_of(OWNER_VARIABLE) - {str(system.base)}):
        other = System(None if Path(base) == ROOT / ".plaza" else Path(base))
        if state := read_living(other.state_file):
            found.append((other, state))
    return found


def tell_of_others(system: System, command: str) -> None:
    for other, state in running_besides(system):
        print(f"Another one runs on port {state.port}, with its files in {other.base}: `{other.command(command)}`.")


@contextlib.contextmanager
def ownership(path: Path) -> Iterator[bool]:
    """Whether this process now owns the system. Forks share the ownership, and it ends with the last of them."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def get(port: int, path: str, *, timeout_s: float = 2.0) -> str | None:
    """The body of a local service's answer, or None if it isn't a 200."""
    return get_from(f"http://{LOOPBACK}:{port}", path, timeout_s=timeout_s)


def get_from(url: str, path: str, *, timeout_s: float = 2.0) -> str | None:
    """As `get`, from a service wherever it is. No proxy is asked, and no other place that it may point to."""
    scheme, host = urlsplit(url)[:2]
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(host, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode(errors="replace") if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@dataclass(frozen=True)
class Report:
    name: str
    pid: int | None
    port: int | None
    healthy: bool


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="for programs")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    reports = inspect(system)
    is_running = any(report.pid or report.healthy for report in reports) or read_living(system.state_file) is not None
    if options.json:
        print(json.dumps({"services": [vars(report) for report in reports]}))
    elif is_running:
        show(system, reports)
    else:
        print(f"Plaza is not running; start it with `{system.command('up')}`.")
        tell_of_others(system, "status")
    if not is_running:
        return NOT_RUNNING
    return HEALTHY if all(report.healthy for report in reports) else UNHEALTHY


def inspect(system: System) -> list[Report]:
    state = State.read(system.state_file)
    if state is None and (urls := _urls()):
        with ThreadPoolExecutor() as pool:
            healthy = pool.map(lambda url: get_from(url, READY_PATH) is not None, urls.values())
            return [Report(name, None, None, is_healthy) for name, is_healthy in zip(urls, healthy, strict=True)]
    known = {record.name: record for record in state.services} if state else {}
    records = [known.get(service.name, Record(service.name, None, None)) for service in SERVICES]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_report, records))


def _urls() -> dict[str, str]:
    """Where the servers are, by their names, if variables say so of all of them. `up` has not started those."""
    urls = {server.name: os.environ.get(server.url_variable, "") for server in SERVERS}
    return urls if all(urls.values()) else {}


def _report(record: Record) -> Report:
    return Report(record.name, record.pid if record.is_alive() else None, record.port, record.is_healthy())


def show(system: System, reports: Sequence[Report]) -> None:
    rows = [("service", "process", "port", "state")]
    rows += [
        (each.name, str(each.pid or "-"), str(each.port or "-"), "healthy" if each.healthy else "not healthy")
        for each in reports
    ]
    print(table(rows))
    for line in describe_outbox(system, _metrics_of_orders(reports)):
        print(line)


def describe_outbox(system: System, metrics: str) -> Iterator[str]:
    """How many orders wait for products, why, and what will happen."""
    if waiting := sum(_samples(metrics, "waiting").values()):
        yield f"{waiting} orders wait for products. The relay settles them as soon as it gives a verdict."
    if failing := _samples(metrics, "failing"):
        reasons = "; ".join(f"{error} ({orders})" for error, orders in failing.items())
        yield (
            f"Products is ready and gives no verdict on {sum(failing.values())} of them: {reasons}.\n"
            "Each is tried ever more rarely, at least every 10 minutes. When the cause is fixed, try all at once:\n"
            f"  {system.manage_command('orders_project', 'retry_orders')}"
        )


def _metrics_of_orders(reports: Sequence[Report]) -> str:
    """Empty if orders does not answer."""
    port = next((report.port for report in reports if report.name == "orders" and report.healthy), None)
    return (get(port, "/metrics") if port else None) or ""


def _samples(metrics: str, name: str) -> dict[str, int]:
    """The values of `plaza_orders_<name>` by their label, without those that are 0."""
    found = re.findall(rf'^plaza_orders_{name}(?:{{\w+="(.*)"}})? (\S+)$', metrics, re.MULTILINE)
    return {label: int(float(value)) for label, value in found if float(value)}
