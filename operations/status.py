"""`status`: who runs, where, and whether it answers."""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .health import fetch, is_healthy
from .layout import NAMES, SERVICES, System
from .options import add_data_dir, system_of
from .state import Record, State, read_living
from .terminal import table

HEALTHY, UNHEALTHY, NOT_RUNNING = 0, 1, 3  # 3 as systemctl answers of a unit that isn't active
DESCRIPTION = "Show each process of Plaza, its port, and whether it answers GET /health/ready with 200."
EPILOG = """\
--json prints {"services": [{"name", "pid", "port", "healthy"}]}; the relay has no port (null) and is healthy
while it lives; a process that is about to be started again has no pid (null).

exit codes: 0 all healthy; 1 one or more are not; 2 wrong usage; 3 Plaza is not running"""


@dataclass(frozen=True)
class Report:
    name: str
    pid: int | None
    port: int | None
    healthy: bool


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("--json", action="store_true", help="for programs")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    reports = look(system)
    is_running = any(report.pid for report in reports) or read_living(system.state_file) is not None
    if options.json:
        print(json.dumps({"services": [vars(report) for report in reports]}))
    elif is_running:
        show(reports)
        if parked := parked_orders(reports):
            print(f"{parked} orders are parked: products keeps refusing what they ask; `audit` names them.")
    else:
        print(f"Plaza is not running; start it with `{system.command('up')}`.")
    if not is_running:
        return NOT_RUNNING
    return HEALTHY if all(report.healthy for report in reports) else UNHEALTHY


def parked_orders(reports: Sequence[Report]) -> int:
    """How many orders the relay has given up on until told, as orders' metrics say; 0 also when they don't answer."""
    port = next((report.port for report in reports if report.name == "orders" and report.healthy), None)
    if port is None:
        return 0
    lines = fetch(port, "/metrics").splitlines()
    return next((int(float(line.split()[1])) for line in lines if line.startswith("plaza_orders_parked ")), 0)


def look(system: System) -> list[Report]:
    state = State.read(system.state_file)
    known = {record.name: record for record in state.services} if state else {}
    records = [known.get(service.name, Record(service.name, None, None)) for service in SERVICES]
    records.sort(key=lambda record: NAMES.index(record.name))
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_look_at, records))


def _look_at(record: Record) -> Report:
    return Report(record.name, record.pid if record.is_alive() else None, record.port, is_healthy(record))


def show(reports: Sequence[Report]) -> None:
    rows = [("service", "process", "port", "state")]
    rows += [
        (
            report.name,
            str(report.pid or "-"),
            str(report.port or "-"),
            "healthy" if report.healthy else "not healthy",
        )
        for report in reports
    ]
    print(table(rows))
