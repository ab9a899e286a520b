"""Keeps the processes of one system alive, in a single thread, until it is told to stop."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import NoReturn

from . import logs, processes
from .child import Child
from .console import OperationError
from .layout import START_ORDER, SUPERVISOR, System
from .log_rotation import Archive, Retention, rotate
from .status import Record, State

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def children_of(system: System, first_port: int, *, workers: Mapping[str, int]) -> list[Child]:
    environment = system.environment(first_port)
    return [
        Child(
            name=service.name,
            port=service.port(first_port),
            command=service.command(first_port, workers=workers.get(service.name)),
            environment=environment,
            log=system.log(service.name),
        )
        for service in START_ORDER
    ]


class Supervisor:
    turn_s = 0.1
    rotate_every_s = 5.0
    grace_s = 10.0  # between SIGTERM and SIGKILL
    head_start_s = 5.0  # a process gets this long to end before those that it still calls are told to stop

    def __init__(self, system: System, first_port: int, children: Sequence[Child]) -> None:
        self.system = system
        self.first_port = first_port
        self.children = children
        self.stop_requests = 0
        self.echo: Callable[[str], None] = lambda event: None
        self.rotation_due_s = 0.0
        self.retention = Retention.from_environment()
        names = (SUPERVISOR, *(child.name for child in children))
        self.archives = [Archive(system.log(name), self.retention) for name in names]

    def run(self, watch: Callable[[], bool]) -> None:
        """Until a signal asks to stop. `watch` is called at each turn until it returns True; it may raise."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._request_stop)
        try:
            is_watched = True
            while not self.stop_requests:
                self.turn(time.monotonic())
                is_watched = is_watched and not watch()
                time.sleep(self.turn_s)
        finally:
            self.stop()

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    def turn(self, now_s: float) -> None:
        changes = [self._update(child, now_s) for child in self.children]
        if any(changes):
            self.write_state()
        if now_s >= self.rotation_due_s:
            self.rotation_due_s = now_s + self.rotate_every_s
            self._rotate_logs()

    def _update(self, child: Child, now_s: float) -> bool:
        """Whether the child ended or was started."""
        end = child.reap(now_s)
        if end:
            self.note(f"{child.name} ended with {end}; starts again in {child.due_s - now_s:.0f} s")
        if not child.is_due(now_s):
            return end is not None
        try:
            child.start(now_s)
        except OSError as error:
            self.note(f"{child.name} could not be started: {error}")
        else:
            self.note(f"{child.name} started as process {child.process.pid if child.process else None}")
        return True

    def note(self, event: str) -> None:
        with contextlib.suppress(OSError):  # a full disk must not end the supervisor
            logs.write_event(self.system.log(SUPERVISOR), event)
        self.echo(event)

    def write_state(self) -> None:
        services = tuple(child.record() for child in self.children)
        try:
            State(Record.of(SUPERVISOR, os.getpid()), self.first_port, services).write(self.system.state_file)
        except OSError as error:
            self.note(f"the state could not be written: {error}")

    def _rotate_logs(self) -> None:
        for archive in self.archives:
            with contextlib.suppress(OSError):
                rotate(archive.path, limit_bytes=self.retention.limit_bytes)
                archive.tidy(time.time())

    def stop(self) -> None:
        """In reverse order, each with time to end by itself; a second signal skips the waiting."""
        self.note("stopping")
        deadline_s = 0.0
        for child in reversed(self.children):
            child.terminate()
            deadline_s = time.monotonic() + self.grace_s
            self._wait_for(child, self.head_start_s)
        for child in self.children:
            self._wait_for(child, deadline_s - time.monotonic())
            child.kill()
            if child.process:
                child.process.wait()
        self.system.state_file.unlink(missing_ok=True)
        self.note("stopped")

    def _wait_for(self, child: Child, timeout_s: float) -> None:
        processes.wait_until(
            lambda: child.is_gone() or self.stop_requests > 1, timeout_s=max(timeout_s, 0.0), pause_s=0.02
        )


def detach(supervisor: Supervisor, is_complete: Callable[[], bool]) -> None:
    """Run the supervisor in a fork that outlives this command; return when `is_complete` says that all is healthy.

    The fork shares the lock of the system, so the system has an owner at every moment.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _run_in_background(supervisor)
    try:
        while not is_complete():
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                log = supervisor.system.log(SUPERVISOR)
                raise OperationError(f"The supervisor ended before all services were up; {log} says why.")
            time.sleep(supervisor.turn_s)
    except BaseException:
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        raise


def _run_in_background(supervisor: Supervisor) -> NoReturn:
    """Ends the process, since the rest of the command must run only once."""
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
    with logs.open_to_append(supervisor.system.log(SUPERVISOR)) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
