"""`down`: stops the supervisor and everything it started, also when it can't do so itself any more."""

import argparse
import signal

from . import processes
from .errors import OperationError
from .layout import System
from .leftovers import end_leftovers
from .options import add_data_dir, system_of
from .state import State

PATIENCE_S = 30.0
DESCRIPTION = """\
Stop Plaza and wait until all of it is gone: each process gets SIGTERM, and SIGKILL if it takes more than
ten seconds. Data stay as they are. If the supervisor was killed, what it left behind is found and stopped."""
EPILOG = "exit codes: 0 nothing runs any more, or nothing ran; 1 something could not be stopped; 2 wrong usage"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    state = State.read(system.state_file)
    if state is None:
        print(f"Plaza is not running (its files would be in {system.base}).")
        return 0
    was_running = stop_supervisor(state, system)
    left = end_leftovers(State.read(system.state_file) or state, system)
    system.state_file.unlink(missing_ok=True)
    if was_running:
        print("Plaza is stopped.")
    elif left:
        print(f"Stopped what a killed supervisor had left behind (processes: {left}).")
    else:
        print("Plaza was not running any more.")
    return 0


def stop_supervisor(state: State, system: System) -> bool:
    """Whether there was one to stop."""
    supervisor = state.supervisor
    if supervisor.pid is None or not supervisor.is_alive():
        return False
    processes.send(supervisor.pid, signal.SIGTERM)
    if processes.wait_until(lambda: not supervisor.is_alive(), timeout_s=PATIENCE_S):
        return True
    processes.send(supervisor.pid, signal.SIGKILL)
    if not processes.wait_until(lambda: not supervisor.is_alive(), timeout_s=5.0):
        raise OperationError(
            f"Process {supervisor.pid}, which runs the Plaza in {system.base}, can't be stopped; is it yours?"
        )
    return True
