"""Keeps a process on one core.

Its threads take turns at the interpreter's lock, so it can use no more than one. Left alone, though, the kernel wakes
each of them on a core that is idle, where it finds the lock taken and its memory cold: that took a fifth to a third of
the gateway's CPU.
"""

import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

STATISTICS = Path("/proc/stat")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
CROWDED = 0.25  # what others take of this process's core before it looks for a better one


class Times(NamedTuple):
    """Of one core since the machine was started, or between two moments, in seconds."""

    busy: float
    idle: float

    @property
    def seconds(self) -> float:
        return max(self.busy + self.idle, 0.01)

    @property
    def busy_share(self) -> float:
        """From 0 to 1."""
        return self.busy / self.seconds

    def since(self, before: "Times") -> "Times":
        return Times(self.busy - before.busy, self.idle - before.idle)


def core_times() -> dict[int, Times]:
    """Of each core. Empty where the kernel doesn't say."""
    found = {}
    with contextlib.suppress(OSError, ValueError):
        for line in STATISTICS.read_text().splitlines():
            name, *counts = line.split()
            if name.startswith("cpu") and name != "cpu":
                user, nice, system, idle, waiting, *others = (int(count) / TICKS_A_SECOND for count in counts[:8])
                found[int(name[3:])] = Times(user + nice + system + sum(others), idle + waiting)
    return found


def keep_to(*cores: int) -> None:
    """All threads of this process, and those that they begin from now on."""
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(int(thread), cores)


def allowed_cores() -> frozenset[int]:
    """Where this process may run. Empty where it can't choose, or has no need to."""
    can_choose = hasattr(os, "sched_setaffinity") and getattr(sys, "_is_gil_enabled", lambda: True)()
    return frozenset(os.sched_getaffinity(0)) if can_choose else frozenset()


class OneCore:
    """`settle` is called about once a second. It moves to where others do least, and then seldom again.

    Others that aren't bound to a core are moved out of the way by the kernel. Those that are, as a second gateway is,
    may look for a better place at the same moment: so each of them only does every second time.

    `allowed` are the cores to choose from, by default all where this process may run. With less than two of them it
    does nothing.
    """

    def __init__(
        self,
        allowed: frozenset[int] | None = None,
        *,
        times: Callable[[], Mapping[int, Times]] = core_times,
        own_s: Callable[[], float] = time.process_time,
        keep_to: Callable[[int], None] = keep_to,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self.core: int | None = None
        self._allowed = allowed_cores() if allowed is None else allowed
        self._times = times
        self._own_s = own_s
        self._keep_to = keep_to
        self._rand = rand
        self._last: tuple[Mapping[int, Times], float] = {}, 0.0

    def settle(self) -> None:
        if len(self._allowed) < 2:
            return
        (before, own_before_s), self._last = self._last, (self._times(), self._own_s())
        now, own_s = self._last
        spent = {core: now[core].since(before[core]) for core in self._allowed & set(before) & set(now)}
        if not spent:
            return
        best = min(spent, key=lambda core: spent[core].busy_share)
        if self.core not in spent:
            self._move(best)
        elif best != self.core:
            here = spent[self.core]
            by_others = here.busy_share - (own_s - own_before_s) / here.seconds
            if by_others > CROWDED + spent[best].busy_share and self._rand() < 0.5:
                self._move(best)

    def _move(self, core: int) -> None:
        try:
            self._keep_to(core)
        except OSError:  # not here, or not any more
            self._allowed = frozenset()
        else:
            self.core = core
