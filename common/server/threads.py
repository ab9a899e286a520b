"""The threads that run the application, and the lines in which work waits for them."""

import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import NamedTuple

from .lines import EVERYTHING, Group, Line, Work

IDLE_S = 10.0


def waiting_in(name: str) -> int:
    """How many requests of one group wait in this process."""
    return own.waiting_in(name) if own else 0


class _Job(NamedTuple):
    line: Line
    group: Group
    work: Work


class Threads:
    """At most `limit`, begun when they are needed. Work that finds no place in its group waits in line.

    `places` says how much of a group is done at the same time; what it doesn't name may have all threads. See
    `lines.Line`, whose places `widen` adds to: it has to be called now and then.

    Of the idle threads, the one that worked last is asked first, and who was idle for `idle_s` ends: so there are about
    as many as work at the same time, and few of them keep a database connection. `at_end` runs in a thread that ends.
    Work raises nothing.
    """

    def __init__(
        self,
        limit: int,
        at_end: Callable[[], object] = lambda: None,
        *,
        places: Mapping[str, int] | None = None,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._at_end = at_end
        self._places = places or {}
        self._idle_s = idle_s
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Job]] = []
        self._lines: dict[str, Line] = {}
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    @property
    def waiting(self) -> int:
        return sum(line.waiting for line in self._lines.values())

    def waiting_in(self, name: str) -> int:
        """How much work of one group waits."""
        line = self._lines.get(name)
        return line.waiting if line else 0

    def submit(self, work: Work, group: Group = EVERYTHING) -> None:
        with self._lock:
            line = self._lines.get(group.name)
            if line is None:
                line = self._lines[group.name] = Line(self._places.get(group.name, self._limit), self._limit)
            line.add(group, work, self._clock())
            self._begin(line)

    def widen(self) -> None:
        """Give a group that hangs more places."""
        with self._lock:
            for line in self._lines.values():
                if line.widen(self._clock()):
                    self._begin(line)

    def _begin(self, line: Line) -> None:
        """As much as may."""
        while ready := line.ready():
            inbox = self._idle.pop() if self._idle else self._started()
            if inbox is None:
                return
            inbox.put(_Job(line, *line.take(ready)))

    def _started(self) -> SimpleQueue[_Job] | None:
        """Another thread's inbox; None where there are enough, or the machine has no room for another."""
        if self._count >= self._limit:
            return None
        inbox: SimpleQueue[_Job] = SimpleQueue()
        try:
            threading.Thread(target=self._live, args=(inbox,), name="request", daemon=True).start()
        except RuntimeError:
            if not self._count:
                raise
            return None
        self._count += 1
        return inbox

    def _live(self, inbox: SimpleQueue[_Job]) -> None:
        try:
            job: _Job | None = inbox.get()
            while job:
                job.work()
                line, group, job = job.line, job.group, None  # what its work holds may be large
                job = self._next(inbox, line, group)
        finally:
            self._at_end()

    def _next(self, inbox: SimpleQueue[_Job], line: Line, group: Group) -> _Job | None:
        """What to do now, after work of this `group`; None once there was nothing for a while."""
        with self._lock:
            line.end(group, self._clock())
            for each in (line, *self._lines.values()):
                if ready := each.ready():
                    job = _Job(each, *each.take(ready))
                    self._begin(each)
                    return job
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=self._idle_s)
        except Empty:
            return self._retire(inbox)

    def _retire(self, inbox: SimpleQueue[_Job]) -> _Job | None:
        with self._lock:
            if inbox not in self._idle:  # work came at the last moment
                return inbox.get()
            self._idle.remove(inbox)
            self._count -= 1
            return None


own: Threads | None = None  # of this process's server
