"""`up`: from nothing to five healthy processes."""

import argparse
import os
import signal
import textwrap
import time
from collections.abc import Callable

from . import logs, prepare, processes
from .cli import add_data_dir, port, positive, workers
from .console import OperationError, rewrite, say
from .down import end_leftovers
from .layout import DEFAULT_PORT, LOOPBACK, SUPERVISOR, System
from .restore import require_no_half_restore
from .status import Record, State, ownership, read_living
from .supervisor import Supervisor, children_of, detach

MAX_RESTARTS = 2
SHOWN_LINES = 20
SHOWN_WIDTH = 400
DESCRIPTION = """\
Start Plaza: create the tables, the user `admin` and a demo catalogue where they are missing, then run the
gateway, users, products, orders and the relay, and start each again if it ends. The gateway listens on
--port, users, products and orders on the next three; all of them on 127.0.0.1 only.

The password of a new `admin` is printed once; set PLAZA_ADMIN_PASSWORD to choose it. Every process gets the
caller's environment, so PRODUCTS_URL=http://127.0.0.1:9999 puts another products service behind the gateway."""
EPILOG = """\
examples:
  python3 manage_all.py up                                     stay in the foreground; Ctrl-C stops everything
  python3 manage_all.py up --detach                            return when all services answer
  python3 manage_all.py up --detach --port 9000 --data-dir /tmp/second     a second one beside it
  REDIS_URL=redis://127.0.0.1:6379/0 python3 manage_all.py up --workers 4 --workers orders=2

exit codes: 0 stopped as asked, up, or already up; 1 could not start; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("--detach", action="store_true", help="run in the background, return once all are healthy")
    parser.add_argument("--port", type=port, help=f"the gateway's port, the first of four (default: {DEFAULT_PORT})")
    add_data_dir(parser)
    parser.add_argument(
        "--workers",
        type=workers,
        action="append",
        default=[],
        metavar="[SERVICE=]N",
        help="processes of the gateway, or of the service that is named; more than one gateway needs REDIS_URL; "
        "may be repeated (default: GATEWAY_WORKERS, USERS_WORKERS, PRODUCTS_WORKERS, ORDERS_WORKERS, or 1)",
    )
    parser.add_argument("--no-demo", action="store_true", help="start with an empty catalogue")
    parser.add_argument(
        "--timeout",
        type=positive,
        default=90,
        metavar="S",
        help="seconds until all services must answer (default: 90)",
    )


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    first_port: int = options.port or DEFAULT_PORT
    require_shared_store(dict(options.workers).get("gateway"))
    system.create()
    with ownership(system.lock_file) as is_owner:
        if not is_owner:
            return report_running(system, asked_port=options.port)
        processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
        try:
            made = start(system, first_port, options)
        except BaseException:
            system.state_file.unlink(missing_ok=True)
            raise
    if options.detach:  # only now: if nobody reads this, the print fails, and the system must be running by then
        announce(system, first_port, f"Stop it with `{system.command('down')}`.", made)
    return 0


def require_shared_store(workers: int | None) -> None:
    if workers is not None and workers > 1 and not (os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE")):
        raise OperationError(
            f"--workers {workers} needs REDIS_URL, since the gateway's processes share throttles and cached answers "
            "there; set it, for example REDIS_URL=redis://127.0.0.1:6379/0, or leave --workers out."
        )


def report_running(system: System, *, asked_port: int | None) -> int:
    processes.wait_until(lambda: read_living(system.state_file) is not None, timeout_s=1.0)
    state = read_living(system.state_file)
    if state is None:
        raise OperationError(f"Another `up` is just starting or ending in {system.base}; try again in a moment.")
    if asked_port not in (None, state.port):
        raise OperationError(
            f"Plaza already runs on port {state.port} with its files in {system.base}; stop it with "
            f"`{system.command('down')}`, or give the second one a --data-dir of its own."
        )
    print(f"Plaza is already running: http://{LOOPBACK}:{state.port}/ (its files are in {system.base})")
    return 0


def start(system: System, first_port: int, options: argparse.Namespace) -> str:
    """Returns what is to be said of a new user `admin`."""
    made = make_ready(system, first_port, with_demo=not options.no_demo)
    children = children_of(system, first_port, workers=dict(options.workers))
    say(f"Starting {len(children)} processes ...")
    supervisor = Supervisor(system, first_port, children)
    startup = Startup(system, timeout_s=options.timeout)
    try:
        if options.detach:
            detach(supervisor, startup.is_complete)
        else:
            stay(supervisor, startup, made)
    except BaseException:
        print(made, end="", flush=True)  # it is said only once
        raise
    return made


def make_ready(system: System, first_port: int, *, with_demo: bool) -> str:
    require_no_half_restore(system)
    left = State.read(system.state_file)
    if left and (ended := end_leftovers(left, system)):
        say(f"Stopped what a killed supervisor had left behind (processes: {ended}).")
    prepare.require_free_ports(first_port)
    State(Record.of(SUPERVISOR, os.getpid()), first_port).write(system.state_file)
    environment = system.environment(first_port)
    say("Preparing the databases ...")
    prepare.make_tables(environment)
    return prepare.fill(environment, with_demo=with_demo)


def stay(supervisor: Supervisor, startup: "Startup", made: str) -> None:
    def watch() -> bool:
        is_complete = startup.is_complete()
        if is_complete:
            announce(supervisor.system, supervisor.first_port, "Stop it with Ctrl-C.", made)
            supervisor.echo = say
        return is_complete

    supervisor.run(watch)


def announce(system: System, first_port: int, how_to_stop: str, made: str) -> None:
    """`made` stands last, where it doesn't scroll away."""
    url = f"http://{LOOPBACK}:{first_port}"
    print(
        f"Plaza is up.\n"
        f"  shop API   {url}/api/\n"
        f"  API docs   {url}/api/docs/\n"
        f"  sign in    {url}/login/\n"
        f"  status     {url}/status/\n"
        f"Logs: `{system.command('logs')} --follow`. {how_to_stop}\n{made}",
        end="",
        flush=True,
    )


class Startup:
    """Watches a system start. It shows which services are missing, and fails with a reason if one doesn't answer."""

    def __init__(self, system: System, *, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.system = system
        self.timeout_s = timeout_s
        self.clock = clock
        self.give_up_s = clock() + timeout_s
        self.healthy: set[str] = set()

    def is_complete(self) -> bool:
        """Called again and again; raises OperationError when there is no point in waiting longer."""
        state = State.read(self.system.state_file)
        records = state.services if state else ()
        self.healthy |= {record.name for record in self._missing(records) if record.is_healthy(timeout_s=1.0)}
        missing = self._missing(records)
        self._show(records, missing)
        if records and not missing:
            return True
        for record in missing:
            if record.restarts > MAX_RESTARTS:
                self._fail(record, f"ended {record.restarts} times in a row")
        if self.clock() > self.give_up_s:
            self._fail(missing[0] if missing else None, f"did not answer within {self.timeout_s:.0f} s")
        return False

    def _missing(self, records: tuple[Record, ...]) -> list[Record]:
        return [record for record in records if record.name not in self.healthy]

    def _show(self, records: tuple[Record, ...], missing: list[Record]) -> None:
        names = ", ".join(record.name for record in missing)
        ready = len(records) - len(missing)
        rewrite(f"Starting: {ready} of {len(records)} ready, waiting for {names} ..." if missing else "")

    def _fail(self, record: Record | None, reason: str) -> None:
        name = record.name if record else SUPERVISOR
        log = self.system.log(name)
        rewrite("")
        if log.exists():
            for line in logs.last_lines(log, SHOWN_LINES)[0]:
                say(f"  {textwrap.shorten(line, SHOWN_WIDTH, placeholder=' ...')}")
        raise OperationError(f"{name} {reason}; its last words are above, all of them in {log}.")
