"""Writes transitions to the database in a thread of its own, because a circuit's listener must not wait."""

import os
import queue
import socket
import threading
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import Error, connection

from common.resilience import Transition

from .models import CircuitTransition

log = structlog.get_logger(__name__)


def process_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


class Recorder:
    """One daemon thread in each process, started by the first transition. What can't be written is only logged."""

    def __init__(self) -> None:
        self._pending: queue.SimpleQueue[tuple[Transition, datetime]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def record(self, transition: Transition, **signal: Any) -> None:
        """A receiver of `circuit_changed`."""
        self._pending.put((transition, datetime.now(UTC)))
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="transitions", daemon=True)
                self._writer.start()

    def _write_all(self) -> None:
        while True:
            write(*self._pending.get())
            connection.close()


def write(transition: Transition, at: datetime) -> None:
    try:
        CircuitTransition.objects.create(
            upstream=transition.circuit,
            old=transition.old,
            new=transition.new,
            failed=transition.failed,
            total=transition.total,
            process=process_name(),
            at=at,
        )
    except Error:
        log.exception("a transition was not written down", upstream=transition.circuit, new=transition.new)


recorder = Recorder()
