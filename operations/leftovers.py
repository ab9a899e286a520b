"""Ends what a supervisor left behind when it was killed and could not do so itself."""

import signal

from . import processes
from .layout import OWNER_VARIABLE, System
from .state import State

GRACE_S = 10.0


def end_leftovers(state: State, system: System, *, grace_s: float = GRACE_S) -> int:
    """Stop each recorded service and all that it started; returns how many processes there still were."""
    living = {record.pid for record in state.services if record.pid and record.is_alive()}
    found = living | set(strays(system))
    for pid in living:
        processes.send(pid, signal.SIGTERM)
    processes.wait_until(lambda: all_gone(state), timeout_s=grace_s)
    for record in state.services:
        if record.pid and record.is_alive():
            processes.send_group(record.pid, signal.SIGKILL)
    processes.wait_until(lambda: kill_strays(system) == 0 and all_gone(state), timeout_s=grace_s)
    return len(found)


def all_gone(state: State) -> bool:
    return not any(record.is_alive() for record in state.services)


def strays(system: System) -> list[int]:
    """Besides the services, their workers, which may outlive them."""
    return processes.tagged(OWNER_VARIABLE, str(system.base))


def kill_strays(system: System) -> int:
    found = strays(system)
    for pid in found:
        processes.send(pid, signal.SIGKILL)
    return len(found)
