"""Keeps the processes of one system alive, in a single thread, until it is told to stop."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType

from . import logfiles, processes
from .child import Child
from .layout import SERVICES, System
from .state import Record, State

SUPERVISOR = "supervisor"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def children_of(system: System, first_port: int, *, workers: int | None) -> list[Child]:
    environment = system.environment(first_port)
    return [
        Child(
            name=service.name,
            port=service.port(first_port),
            command=service.command(first_port, workers=workers),
            environment=environment,
            log=system.log(service.name),
        )
        for service in SERVICES
    ]


class Supervisor:
    turn_s = 0.1
    rotate_every_s = 5.0
    log_limit_bytes = 20 * 1024 * 1024
    grace_s = 10.0  # between SIGTERM and SIGKILL
    head_start_s = 2.0  # for who is told to stop first, so that nothing it still asks for has gone

    def __init__(self, system: System, first_port: int, children: Sequence[Child]) -> None:
        self.system = system
        self.first_port = first_port
        self.children = children
        self.stop_requests = 0
        self.echo: Callable[[str], None] = lambda event: None
        self.rotation_due_s = 0.0

    def run(self, watch: Callable[[], bool]) -> None:
        """Until a signal asks to stop. `watch` is asked at each turn until it says True; it may raise."""
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
        changes = [self._follow(child, now_s) for child in self.children]
        if any(changes):
            self.write_state()
        if now_s >= self.rotation_due_s:
            self.rotation_due_s = now_s + self.rotate_every_s
            self._rotate_logs()

    def _follow(self, child: Child, now_s: float) -> bool:
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
            logfiles.write_event(self.system.log(SUPERVISOR), event)
        self.echo(event)

    def write_state(self) -> None:
        services = tuple(child.record() for child in self.children)
        try:
            State(Record.of(SUPERVISOR, os.getpid()), self.first_port, services).write(self.system.state_file)
        except OSError as error:
            self.note(f"the state could not be written: {error}")

    def _rotate_logs(self) -> None:
        for name in (SUPERVISOR, *(child.name for child in self.children)):
            with contextlib.suppress(OSError):
                logfiles.rotate(self.system.log(name), limit_bytes=self.log_limit_bytes)

    def stop(self) -> None:
        """In reverse order, patiently; a second signal ends the patience."""
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
