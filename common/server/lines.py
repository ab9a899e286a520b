"""Who waits for a thread, behind whom, and for how many others there is room meanwhile."""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple, Protocol

from gunicorn.http.message import Request

HANGS_S = 0.1  # a group hangs when something waits and nothing has ended for so long
WIDEST = 4  # a group that hangs gets at most this part of all threads

Work = Callable[[], object]


class Group(NamedTuple):
    """What work can hold up and be held up by: other work of the same `name`. `caller` is who wants it done.

    A caller may hold only as many places of a group as it leaves free; None is nobody in particular and may hold all.
    """

    name: str
    caller: Hashable = None


EVERYTHING = Group("")


class Grouping(Protocol):
    """How one project's requests wait. `places` says how many of a group are worked on at the same time."""

    places: Mapping[str, int]

    def group_of(self, message: Request, peer: str) -> Group:
        """From a request's head, and the address that it came from."""
        ...


class Together:
    """All in one line, for all threads."""

    places: Mapping[str, int] = {}

    def group_of(self, message: Request, peer: str) -> Group:
        return EVERYTHING


class Line:
    """The work of one group: `places` for what is being done, and behind them who waits, each caller in turn.

    When all of it hangs, because what it asks for doesn't answer, there may still be work in line that would be done at
    once. So a group that hangs gets twice as many places, again and again, and gives them back one by one when it goes
    on.
    """

    def __init__(self, places: int, all_threads: int) -> None:
        self.waiting = 0
        self.places = places
        self._usual = places
        self._most = max(places, all_threads // WIDEST)
        self._busy = 0
        self._held: Counter[Hashable] = Counter()
        self._by_caller: dict[Hashable, deque[tuple[Group, Work]]] = {}  # whose turn is next comes first
        self._moved_at = 0.0

    def add(self, group: Group, work: Work, now: float) -> None:
        if not self.waiting:
            self._moved_at = now
        self.waiting += 1
        self._by_caller.setdefault(group.caller, deque()).append((group, work))

    def ready(self) -> deque[tuple[Group, Work]] | None:
        """What the next caller wants who may have a place."""
        free = self.places - self._busy
        if free <= 0 or not self.waiting:
            return None
        for caller, wanted in self._by_caller.items():
            if caller is None or self._held[caller] < free:
                return wanted
        return None

    def take(self, ready: deque[tuple[Group, Work]]) -> tuple[Group, Work]:
        """The first of what is `ready`, which now has a place. That caller's next one waits behind all others."""
        group, work = ready.popleft()
        del self._by_caller[group.caller]
        if ready:
            self._by_caller[group.caller] = ready
        self.waiting -= 1
        self._busy += 1
        self._held[group.caller] += 1
        return group, work

    def end(self, group: Group, now: float) -> None:
        self._busy -= 1
        self._held[group.caller] -= 1
        if not self._held[group.caller]:
            del self._held[group.caller]
        self.places = max(self._usual, self.places - 1)
        self._moved_at = now

    def widen(self, now: float) -> bool:
        """Whether it hangs, and now has more places."""
        if not self.waiting or now - self._moved_at < HANGS_S or self.places >= self._most:
            return False
        self.places = min(2 * self.places, self._most)
        self._moved_at = now
        return True
