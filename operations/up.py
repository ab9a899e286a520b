"""`up`: from nothing to five healthy processes."""

import argparse
import os
import signal

from . import background, ports, prepare, processes
from .errors import OperationError
from .layout import DEFAULT_PORT, LOOPBACK, System
from .leftovers import end_leftovers
from .options import add_data_dir, port, positive, system_of
from .startup import Startup
from .state import Record, State, ownership, read_living
from .supervisor import SUPERVISOR, Supervisor, children_of
from .terminal import say

DESCRIPTION = """\
Start Plaza: make the tables, the user `admin` and a demo catalogue where they are missing, then run the
gateway, users, products, orders and the relay, and start each again if it dies. The gateway listens on
--port, users, products and orders on the next three; all of them on 127.0.0.1 only.

The password of a new `admin` is printed once; set PLAZA_ADMIN_PASSWORD to choose it. The environment is
handed on to every process, so PRODUCTS_URL=http://127.0.0.1:9999 puts another products service behind
the gateway."""
EPILOG = """\
examples:
  python3 manage_all.py up                                     stay in front; Ctrl-C stops everything
  python3 manage_all.py up --detach                            return when all answer
  python3 manage_all.py up --detach --port 9000 --data-dir /tmp/second     a second one beside it
  REDIS_URL=redis://127.0.0.1:6379/0 python3 manage_all.py up --workers 4

exit codes: 0 stopped as asked, up, or already up; 1 could not start; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("--detach", action="store_true", help="run in the background, return once all are healthy")
    parser.add_argument("--port", type=port, help=f"the gateway's port, the first of four (default: {DEFAULT_PORT})")
    add_data_dir(parser)
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="gateway processes; more than one needs REDIS_URL (default: 1)",
    )
    parser.add_argument("--no-demo", action="store_true", help="start with an empty catalogue")
    parser.add_argument(
        "--timeout",
        type=positive,
        default=90,
        metavar="S",
        help="seconds until all must answer (default: 90)",
    )


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    first_port: int = options.port or DEFAULT_PORT
    system.create()
    with ownership(system.lock_file) as is_owner:
        if not is_owner:
            return report_running(system, asked_port=options.port)
        processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
        try:
            start(system, first_port, options)
        except BaseException:
            system.state_file.unlink(missing_ok=True)
            raise
    if options.detach:  # it runs by now, whether or not anybody reads this
        announce(system, first_port, f"Stop it with `{system.command('down')}`.")
    return 0


def start(system: System, first_port: int, options: argparse.Namespace) -> None:
    make_ready(system, first_port, with_demo=not options.no_demo)
    children = children_of(system, first_port, workers=options.workers)
    say(f"Starting {len(children)} processes ...")
    supervisor = Supervisor(system, first_port, children)
    startup = Startup(system, timeout_s=options.timeout)
    if options.detach:
        background.detach(supervisor, startup)
    else:
        stay(supervisor, startup)


def report_running(system: System, *, asked_port: int | None) -> int:
    processes.wait_until(lambda: read_living(system.state_file) is not None, timeout_s=1.0)
    state = read_living(system.state_file)
    if state is None:
        raise OperationError(f"{system.base} is in use by another `up` that just began or ends; try again in a moment.")
    if asked_port not in (None, state.port):
        raise OperationError(
            f"Plaza already runs on port {state.port} with its files in {system.base}; stop it with "
            f"`{system.command('down')}`, or give the second one a --data-dir of its own."
        )
    print(f"Plaza is already running: http://{LOOPBACK}:{state.port}/ (its files are in {system.base})")
    return 0


def make_ready(system: System, first_port: int, *, with_demo: bool) -> None:
    left = State.read(system.state_file)
    if left and (ended := end_leftovers(left, system)):
        say(f"Stopped what a killed supervisor had left behind (processes: {ended}).")
    ports.require_free(first_port)
    State(Record.of(SUPERVISOR, os.getpid()), first_port).write(system.state_file)
    environment = system.environment(first_port)
    say("Preparing the databases ...")
    prepare.make_tables(environment)
    prepare.fill(environment, with_demo=with_demo)


def stay(supervisor: Supervisor, startup: Startup) -> None:
    def watch() -> bool:
        is_complete = startup.is_complete()
        if is_complete:
            announce(supervisor.system, supervisor.first_port, "Stop it with Ctrl-C.")
            supervisor.echo = say
        return is_complete

    supervisor.run(watch)


def announce(system: System, first_port: int, how_to_stop: str) -> None:
    url = f"http://{LOOPBACK}:{first_port}"
    print(
        f"Plaza is up.\n"
        f"  shop API   {url}/api/\n"
        f"  API docs   {url}/api/docs/\n"
        f"  sign in    {url}/login/\n"
        f"  status     {url}/status/\n"
        f"Logs: `{system.command('logs')} --follow`. {how_to_stop}",
        flush=True,
    )
