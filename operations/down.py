"""`down`: stops the supervisor and everything it started, even if the supervisor was killed and can't do it."""

import argparse
import signal

from . import processes
from .cli import add_data_dir
from .console import OperationError
from .layout import OWNER_VARIABLE, System
from .status import State, tell_of_others

PATIENCE_S = 45.0
GRACE_S = 10.0  # between SIGTERM and SIGKILL, for what a killed supervisor left behind
DESCRIPTION = """\
Stop Plaza and wait until all of it is gone: each process gets SIGTERM, and SIGKILL if it takes more than
ten seconds. Data stay as they are. If the supervisor was killed, what it left behind is found and stopped."""
EPILOG = "exit codes: 0 nothing runs any more, or nothing ran; 1 something could not be stopped; 2 wrong usage"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    state = State.read(system.state_file)
    if state is None:
        print(f"Plaza is not running (its files would be in {system.base}).")
        tell_of_others(system, "down")
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


def end_leftovers(state: State, system: System, *, grace_s: float = GRACE_S) -> int:
    """Stop each service in `state` and all that it started. Returns how many processes there still were."""
    living = {record.pid for record in state.services if record.pid and record.is_alive()}
    found = living | set(strays(state, system))
    for pid in living:
        processes.send(pid, signal.SIGTERM)
    processes.wait_until(lambda: all_gone(state), timeout_s=grace_s)
    for record in state.services:
        if record.pid and record.is_alive():
            processes.send_group(record.pid, signal.SIGKILL)
    processes.wait_until(lambda: kill_strays(state, system) == 0 and all_gone(state), timeout_s=grace_s)
    return len(found)


def all_gone(state: State) -> bool:
    return not any(record.is_alive() for record in state.services)


def strays(state: State, system: System) -> list[int]:
    """The services and all that they started, for example workers, which may outlive them.

    A variable alone proves nothing: a shell may have it too, and what is started there. Each service has a session of
    its own, which nobody else gets into.
    """
    sessions = {record.pid for record in state.services if record.pid}
    tagged = processes.tagged(OWNER_VARIABLE, str(system.base))
    return [pid for pid in tagged if processes.session_of(pid) in sessions]


def kill_strays(state: State, system: System) -> int:
    found = strays(state, system)
    for pid in found:
        processes.send(pid, signal.SIGKILL)
    return len(found)
