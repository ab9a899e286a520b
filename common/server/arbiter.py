"""Begins the workers by gunicorn's means, then becomes their caretaker."""

import json
import os
import signal
import sys
from typing import NoReturn

from django.conf import settings
from gunicorn import arbiter

from . import caretaker
from .caretaker import BEFORE_VARIABLE, KEPT_VARIABLE, SIGNALS


class Kept:
    """A worker that the process before has begun, and that stays. `descriptor` is its heartbeat's."""

    age = 0

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.tmp = self

    def fileno(self) -> int:
        return self.descriptor

    def close(self) -> None:
        os.close(self.descriptor)


class Arbiter(arbiter.Arbiter):
    def init_signals(self) -> None:
        """Signals wait until there is a caretaker. A worker listens to them as soon as it has set up its own."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def run(self) -> NoReturn:
        self.start()
        before = [int(pid) for pid in handed_on(BEFORE_VARIABLE)]
        kept = [map(int, pair.split(":")) for pair in handed_on(KEPT_VARIABLE)]
        self.WORKERS = {pid: Kept(descriptor) for pid, descriptor in kept}
        self.spawn_workers()
        self._become_caretaker(before)

    def _become_caretaker(self, before: list[int]) -> NoReturn:
        heartbeats = {pid: worker.tmp.fileno() for pid, worker in self.WORKERS.items()}
        listeners = [listener.sock.fileno() for listener in self.LISTENERS]
        for descriptor in (*heartbeats.values(), *listeners):
            os.set_inheritable(descriptor, True)
        charge = {
            "service": settings.SERVICE_NAME,
            "program": sys.argv[0],
            "listeners": listeners,
            "workers": heartbeats,
            "before": before,
            "notice_s": self.app.limits.notice_s,
            "grace_s": self.cfg.graceful_timeout,
        }
        command = [sys.executable, "-S", "-E", caretaker.__file__, json.dumps(charge), *sys.orig_argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - no shell is meant


def handed_on(variable: str) -> list[str]:
    """The parts of an environment variable, which is taken away: it is for this process, and no child of it."""
    return [part for part in os.environ.pop(variable, "").split(",") if part]
