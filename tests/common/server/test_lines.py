"""Who gets a place, who waits, and what happens in a group that hangs."""

from collections.abc import Hashable

import pytest

from common.server.lines import HANGS_S, WIDEST, Group, Line

ALL_THREADS = 400


def nothing() -> None: ...


class Crowd:
    """A line, in which a caller's work is told apart by its number."""

    def __init__(self, places: int) -> None:
        self.line = Line(places, ALL_THREADS)
        self.now = 100.0

    def comes(self, *callers: Hashable) -> None:
        for caller in callers:
            self.line.add(Group("g", caller), nothing, self.now)

    def begin(self) -> list[Hashable]:
        """All who get a place now."""
        begun: list[Hashable] = []
        while ready := self.line.ready():
            begun.append(self.line.take(ready)[0].caller)
        return begun

    def ends(self, *callers: Hashable) -> None:
        for caller in callers:
            self.line.end(Group("g", caller), self.now)

    def hang(self, seconds: float = 2 * HANGS_S) -> bool:
        self.now += seconds
        return self.line.widen(self.now)


def test_there_are_as_many_places_as_it_says() -> None:
    crowd = Crowd(3)
    crowd.comes(*"abcde")
    assert crowd.begin() == ["a", "b", "c"]
    assert crowd.line.waiting == 2
    crowd.ends("b")
    assert crowd.begin() == ["d"]
    crowd.ends("a", "c")
    assert crowd.begin() == ["e"]
    assert crowd.line.waiting == 0


def test_one_caller_gets_as_many_places_as_it_leaves_free() -> None:
    crowd = Crowd(8)
    crowd.comes(*["loud"] * 30)
    assert crowd.begin() == ["loud"] * 4
    crowd.comes("quiet")
    assert crowd.begin() == ["quiet"]


def test_nobody_in_particular_gets_them_all() -> None:
    crowd = Crowd(8)
    crowd.comes(*[None] * 9)
    assert crowd.begin() == [None] * 8


def test_each_caller_has_its_turn_however_much_others_want() -> None:
    crowd = Crowd(1)
    crowd.comes("a", "a", "a", "b", "b", "c")
    begun = []
    for _ in range(6):
        (caller,) = crowd.begin()
        begun.append(caller)
        crowd.ends(caller)
    assert begun == ["a", "b", "c", "a", "b", "a"]


def test_the_work_of_one_caller_keeps_its_order() -> None:
    done: list[int] = []
    line = Line(1, ALL_THREADS)
    for number in range(3):
        line.add(Group("g", "a"), lambda number=number: done.append(number), 0.0)  # type: ignore[misc]
    while ready := line.ready():
        group, work = line.take(ready)
        work()
        line.end(group, 0.0)
    assert done == [0, 1, 2]


def test_who_has_left_leaves_nothing_behind() -> None:
    crowd = Crowd(2)
    crowd.comes(*range(50))
    while begun := crowd.begin():
        crowd.ends(*begun)
    assert not crowd.line._held
    assert not crowd.line._by_caller


def test_a_group_that_hangs_gets_more_places_and_gives_them_back() -> None:
    crowd = Crowd(4)
    crowd.comes(*range(40))
    assert len(crowd.begin()) == 4
    assert not crowd.hang(HANGS_S / 2)
    assert crowd.hang()
    assert len(crowd.begin()) == 4
    assert crowd.hang()
    assert crowd.line.places == 16
    assert len(crowd.begin()) == 8

    crowd.ends(*range(16))
    assert crowd.line.places == 4


def test_a_group_does_not_hang_while_some_of_it_ends() -> None:
    crowd = Crowd(2)
    crowd.comes(*range(40))
    begun = crowd.begin()
    for _ in range(10):
        crowd.now += HANGS_S * 0.9
        crowd.ends(begun.pop(0))
        begun += crowd.begin()
        assert not crowd.line.widen(crowd.now)


def test_time_without_work_is_not_time_that_it_hangs() -> None:
    crowd = Crowd(1)
    crowd.comes("a")
    assert crowd.begin() == ["a"]
    assert not crowd.hang(60)  # nobody waits
    crowd.comes("b")
    assert not crowd.hang(HANGS_S / 2)
    assert crowd.hang()


@pytest.mark.parametrize(("places", "most"), [(4, ALL_THREADS // WIDEST), (ALL_THREADS, ALL_THREADS)])
def test_it_never_gets_all_threads_that_others_need(places: int, most: int) -> None:
    crowd = Crowd(places)
    crowd.comes(*range(2 * ALL_THREADS))
    crowd.begin()
    while crowd.hang():
        crowd.begin()
    assert crowd.line.places == most
