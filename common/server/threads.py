"""The threads that run the application."""

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue

IDLE_S = 10.0

Work = Callable[[], object]


class Threads:
    """At most `limit`, begun when they are needed. Work that finds none waits, first come first served.

    Of the idle ones, the one that worked last is asked first, and who was idle for `idle_s` ends: so there are about
    as many as work at the same time, and few of them keep a database connection. `at_end` runs in a thread that ends.
    Work raises nothing.
    """

    def __init__(self, limit: int, at_end: Callable[[], object] = lambda: None, *, idle_s: float = IDLE_S) -> None:
        self._limit = limit
        self._at_end = at_end
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Work]] = []
        self._waiting: deque[Work] = deque()
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    def submit(self, work: Work) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().put(work)
                return
            self._waiting.append(work)
            if self._count < self._limit:
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._live, name="request", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine has no room for another: those who are there do it
            if not self._count:
                raise
            return
        self._count += 1

    def _live(self) -> None:
        inbox: SimpleQueue[Work] = SimpleQueue()
        try:
            while work := self._next(inbox):
                work()
                del work  # what it holds may be large
        finally:
            self._at_end()

    def _next(self, inbox: SimpleQueue[Work]) -> Work | None:
        """What to do now; None once there was nothing for a while, or when there are enough others."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=self._idle_s)
        except Empty:
            return self._retire(inbox)

    def _retire(self, inbox: SimpleQueue[Work]) -> Work | None:
        with self._lock:
            if inbox not in self._idle:  # work came at the last moment
                return inbox.get()
            self._idle.remove(inbox)
            self._count -= 1
            return None
