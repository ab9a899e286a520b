"""The supervisor as a process of its own, which outlives the command that started it."""

import os
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

from . import logfiles
from .errors import OperationError
from .startup import Startup
from .supervisor import SUPERVISOR, Supervisor


def detach(supervisor: Supervisor, startup: Startup) -> None:
    """Fork, and return when all is healthy. The fork shares the lock: the system is owned without a gap."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _run(supervisor)
    try:
        while not startup.is_complete():
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                log = supervisor.system.log(SUPERVISOR)
                raise OperationError(f"The supervisor ended before all was up; {log} says why.")
            time.sleep(supervisor.turn_s)
    except BaseException:
        with suppress(ChildProcessError, ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        raise


def _run(supervisor: Supervisor) -> NoReturn:
    """Ends the process, since nothing of the command that forked it may run twice."""
    exit_code = 1
    try:
        _leave_terminal(supervisor)
        supervisor.run(lambda: True)
        exit_code = 0
    except BaseException as error:
        supervisor.note(f"ended by {error!r}")
    finally:
        os._exit(exit_code)


def _leave_terminal(supervisor: Supervisor) -> None:
    os.setsid()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    with logfiles.open_to_append(supervisor.system.log(SUPERVISOR)) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
