"""Calls that run at the same time, and calls that a test holds in flight."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Queue
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

T = TypeVar("T")
TOGETHER_S = 10  # how long threads wait for each other before the test fails


def at_once(calls: Sequence[Callable[[], T]], prepare: Callable[[], object] = lambda: None) -> list[T]:
    """What each of `calls` returns. Each has a thread of its own, and all start at the same moment.

    `prepare` runs in each thread before that moment, for example to open its database connection.
    """
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            prepare()
            start.wait(TOGETHER_S)
            return call()
        finally:
            if settings.configured:  # the system tests run without Django
                connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def race(*calls: Callable[[], Any], prepare: Callable[[], object] = lambda: None) -> list[Any]:
    """As `at_once`, with the exception in place of a result where a call raised one."""

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            return error

    return at_once([partial(outcome, call) for call in calls], prepare)


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """A race of `work` against itself in `count` threads."""
    return race(*[work] * count)


class HeldCall:
    """A guarded function that runs in a thread of its own until the test says how it ends.

    `was_let_in` is False when the guard refused the call; `refusal` is then the exception it raised.
    """

    def __init__(self, guard: Callable[[Callable[[], Any]], Any]) -> None:
        self._entered = threading.Event()
        self._ending: Queue[Callable[[], Any]] = Queue()
        self._result: Future[Any] = Future()
        self._thread = threading.Thread(target=self._run, args=(guard,), daemon=True)
        self._thread.start()
        assert self._entered.wait(TOGETHER_S)

    @property
    def was_let_in(self) -> bool:
        return not self._result.done()

    @property
    def refusal(self) -> BaseException | None:
        return self._result.exception(timeout=0)

    def end(self, ending: Callable[[], Any]) -> None:
        """Let the function do `ending`, and wait until the guard has recorded the outcome."""
        self._ending.put(ending)
        self._thread.join(TOGETHER_S)
        assert not self._thread.is_alive()

    def _run(self, guard: Callable[[Callable[[], Any]], Any]) -> None:
        try:
            self._result.set_result(guard(self._held))
        except BaseException as error:
            self._result.set_exception(error)
        finally:
            self._entered.set()

    def _held(self) -> Any:
        self._entered.set()
        return self._ending.get(timeout=TOGETHER_S)()
