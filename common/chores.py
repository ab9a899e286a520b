"""What each process that serves does now and then, beside the requests."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import Error, connections

log = structlog.get_logger(__name__)


@dataclass
class Chore:
    interval_s: float
    work: Callable[[], object]
    due_at: float = field(default=0.0)


@dataclass
class Chores:
    """Each is done at the start, and from then on as often as it asks for. `clock` is monotonic."""

    clock: Callable[[], float] = time.monotonic
    _chores: list[Chore] = field(default_factory=list)

    def add(self, interval_s: float, work: Callable[[], object]) -> None:
        self._chores.append(Chore(interval_s, work))

    def do_what_is_due(self) -> float:
        """Returns the seconds until the next is due."""
        for chore in self._chores:
            if chore.due_at <= self.clock():
                self._do(chore)
        return max(0.0, min(chore.due_at for chore in self._chores) - self.clock())

    def _do(self, chore: Chore) -> None:
        try:
            chore.work()
        except Error as error:  # a database that is full, locked or gone now; the next time it may not be
            log.warning("a chore failed", chore=chore.work.__qualname__, error=str(error))
        finally:
            connections.close_all()
            chore.due_at = self.clock() + chore.interval_s


chores = Chores()


def begin() -> None:
    """Do the chores in a thread, as long as this process lives."""
    threading.Thread(target=_work, name="chores", daemon=True).start()


def _work() -> None:
    while True:
        time.sleep(chores.do_what_is_due())
