import threading
from queue import SimpleQueue

import pytest

from common.server.lines import EVERYTHING, HANGS_S, Group, Line
from common.server.threads import Threads, _Job
from tests.support.clock import Clock

LONG_S = 10


class Job:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ending = threading.Event()
        self.thread = 0

    def __call__(self) -> None:
        self.thread = threading.get_ident()
        self.begun.set()
        assert self.ending.wait(LONG_S)

    def end(self) -> None:
        self.ending.set()


def submitted(threads: Threads, count: int) -> list[Job]:
    jobs = [Job() for _ in range(count)]
    for job in jobs:
        threads.submit(job)
    return jobs


def test_there_are_as_many_as_work_at_the_same_time_and_the_others_wait_in_line() -> None:
    threads = Threads(2)
    first, second, third, fourth = submitted(threads, 4)
    assert first.begun.wait(LONG_S)
    assert second.begun.wait(LONG_S)
    assert not third.begun.is_set()

    second.end()
    assert third.begun.wait(LONG_S)
    assert not fourth.begun.is_set()
    for job in (first, third, fourth):
        job.end()
    assert fourth.begun.wait(LONG_S)
    assert threads.count == 2


def finish(threads: Threads, job: Job) -> None:
    """And wait until its thread is idle."""
    idle = len(threads._idle)
    job.end()
    while len(threads._idle) == idle:
        pass


def test_the_one_that_worked_last_works_next() -> None:
    threads = Threads(8)
    jobs = submitted(threads, 3)
    for job in jobs:
        assert job.begun.wait(LONG_S)
    for job in (jobs[1], jobs[2], jobs[0]):
        finish(threads, job)

    (again,) = submitted(threads, 1)
    assert again.begun.wait(LONG_S)
    assert again.thread == jobs[0].thread
    assert threads.count == 3
    again.end()


def test_who_has_nothing_to_do_ends_and_tidies_up() -> None:
    ended: SimpleQueue[int] = SimpleQueue()
    threads = Threads(8, at_end=lambda: ended.put(threading.get_ident()), idle_s=0.01)
    (job,) = submitted(threads, 1)
    job.end()

    assert ended.get(timeout=LONG_S) == job.thread
    assert threads.count == 0
    (another,) = submitted(threads, 1)
    another.end()
    assert another.begun.wait(LONG_S)


def test_work_that_comes_while_one_gives_up_waiting_is_done() -> None:
    threads = Threads(1)
    inbox: SimpleQueue[_Job] = SimpleQueue()
    job = _Job(Line(1, 1), EVERYTHING, Job())
    inbox.put(job)  # as `submit` does, which has taken the inbox from the idle ones
    assert threads._retire(inbox) is job


def test_a_group_whose_places_are_taken_holds_up_no_other() -> None:
    threads = Threads(8, places={"slow": 2})
    slow = [Job() for _ in range(3)]
    for number, job in enumerate(slow):
        threads.submit(job, Group("slow", number))
    assert slow[0].begun.wait(LONG_S)
    assert slow[1].begun.wait(LONG_S)
    quick = Job()
    threads.submit(quick, Group("quick"))
    assert quick.begun.wait(LONG_S)
    assert not slow[2].begun.is_set()
    assert threads.waiting == 1
    assert [threads.waiting_in(name) for name in ("slow", "quick", "none")] == [1, 0, 0]

    slow[0].end()
    assert slow[2].begun.wait(LONG_S)
    assert threads.waiting == 0
    for job in (*slow, quick):
        job.end()


def test_a_group_that_hangs_gets_more_threads() -> None:
    clock = Clock()
    threads = Threads(8, places={"hung": 1}, clock=clock)
    first, second = Job(), Job()
    threads.submit(first, Group("hung", 1))
    threads.submit(second, Group("hung", 2))
    assert first.begun.wait(LONG_S)
    threads.widen()
    assert threads.waiting == 1

    clock.advance(2 * HANGS_S)
    threads.widen()
    assert second.begun.wait(LONG_S)
    first.end()
    second.end()


def test_when_there_are_no_more_threads_another_group_gets_the_one_that_is_free() -> None:
    threads = Threads(1)
    first, second = Job(), Job()
    threads.submit(first, Group("a"))
    threads.submit(second, Group("b"))
    assert first.begun.wait(LONG_S)
    assert not second.begun.is_set()
    first.end()
    assert second.begun.wait(LONG_S)
    second.end()


def test_a_machine_without_room_for_more_goes_on_with_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads(8)
    (first,) = submitted(threads, 1)
    assert first.begun.wait(LONG_S)

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    (second,) = submitted(threads, 1)
    first.end()
    assert second.begun.wait(LONG_S)
    assert second.thread == first.thread
    second.end()
    with pytest.raises(RuntimeError):
        submitted(Threads(8), 1)
