"""On which core a process settles, and when it moves."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.server import one_core
from common.server.one_core import OneCore, Times, allowed_cores, core_times, keep_to


class Machine:
    """Cores that are as busy as a test says. `rand` decides whether a process that is crowded moves at once."""

    def __init__(self, *cores: int, rand: float = 0.0) -> None:
        self.times = {core: Times(100.0, 900.0) for core in cores}
        self.own_s = 5.0
        self.moves: list[int] = []
        self.place = OneCore(
            frozenset(cores),
            times=lambda: dict(self.times),
            own_s=lambda: self.own_s,
            keep_to=self.moves.append,
            rand=lambda: rand,
        )
        self.place.settle()

    def second(self, *busy: float, own: float = 0.0) -> list[int]:
        """One goes by, in which each core is so busy; where the process has moved then."""
        for (core, times), share in zip(self.times.items(), busy, strict=True):
            self.times[core] = Times(times.busy + share, times.idle + 1 - share)
        self.own_s += own
        before = len(self.moves)
        self.place.settle()
        return self.moves[before:]


def test_it_settles_where_least_is_done() -> None:
    machine = Machine(0, 1, 4)
    assert machine.moves == []  # nothing is known yet
    assert machine.second(0.9, 0.5, 0.1) == [4]
    assert machine.place.core == 4


def test_its_own_work_moves_it_nowhere() -> None:
    machine = Machine(0, 1)
    assert machine.second(0.0, 0.3) == [0]
    assert machine.second(1.0, 0.0, own=1.0) == []
    assert machine.second(1.0, 0.0, own=0.8) == []


def test_it_leaves_a_core_on_which_others_do_much_for_one_that_has_room() -> None:
    machine = Machine(0, 1)
    machine.second(0.0, 0.3)
    assert machine.second(1.0, 0.0, own=0.6) == [1]
    assert machine.second(0.0, 1.0, own=0.9) == []
    assert machine.second(1.0, 0.6, own=0.1) == []  # it is where there is most room


def test_it_stays_where_all_cores_are_as_busy() -> None:
    machine = Machine(0, 1)
    machine.second(0.0, 0.3)
    assert machine.second(1.0, 0.5, own=0.5) == []


def test_of_two_that_are_in_each_others_way_only_one_moves() -> None:
    machine = Machine(0, 1, rand=0.7)
    machine.second(0.0, 0.3)
    assert machine.second(1.0, 0.0, own=0.5) == []


@pytest.mark.parametrize("cores", [(), (3,)])
def test_without_a_choice_it_does_nothing(cores: tuple[int, ...]) -> None:
    machine = Machine(*cores)
    assert machine.second(*[0.5] * len(cores)) == []
    assert machine.place.core is None


def test_a_core_that_it_may_not_use_any_more_is_no_error() -> None:
    asked: list[int] = []

    def refuse(core: int) -> None:
        asked.append(core)
        raise OSError("no such core for you")

    times = {0: Times(1.0, 1.0), 1: Times(1.0, 1.0)}
    place = OneCore(frozenset({0, 1}), times=lambda: dict(times), keep_to=refuse)
    for _ in range(4):
        place.settle()
    assert asked == [0]
    assert place.core is None


@pytest.mark.parametrize("said", [None, "nonsense", "cpu0 1 2"])
def test_a_kernel_that_says_nothing_leaves_it_where_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str | None
) -> None:
    monkeypatch.setattr(one_core, "STATISTICS", tmp_path / "stat")
    if said is not None:
        (tmp_path / "stat").write_text(said)
    assert core_times() == {}
    place = OneCore(frozenset({0, 1}), times=core_times)
    place.settle()
    place.settle()
    assert place.core is None


@pytest.fixture
def unbound() -> Iterator[frozenset[int]]:
    allowed = allowed_cores()
    yield allowed
    if allowed:
        keep_to(*allowed)


def test_all_threads_keep_to_the_core_and_so_do_later_ones(unbound: frozenset[int]) -> None:
    if not unbound:
        assert not hasattr(os, "sched_setaffinity")
        return
    core = max(unbound)
    seen: list[set[int]] = []
    goes_on, looks = threading.Event(), lambda: seen.append(os.sched_getaffinity(0))
    older = threading.Thread(target=lambda: (goes_on.wait(), looks()))
    older.start()
    keep_to(core)
    goes_on.set()
    newer = threading.Thread(target=looks)
    newer.start()
    older.join()
    newer.join()
    assert seen == [{core}, {core}]


def test_the_kernel_says_of_each_core_what_it_did() -> None:
    before, after = core_times(), core_times()
    assert set(before) >= allowed_cores()
    assert all(after[core].busy >= times.busy >= 0 for core, times in before.items())
