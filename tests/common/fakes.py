"""Time that stands still until a test moves it, and calls that a test holds in flight."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from typing import Any


class FakeClock:
    """Seconds that pass only by `advance`."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class HeldCall:
    """A guarded function running in a thread of its own until the test says how it ends.

    `was_let_in` is False when the guard refused; `refusal` then holds what it raised.
    """

    def __init__(self, guard: Callable[[Callable[[], Any]], Any]) -> None:
        self._entered = threading.Event()
        self._ending: Queue[Callable[[], Any]] = Queue()
        self._result: Future[Any] = Future()
        self._thread = threading.Thread(target=self._run, args=(guard,), daemon=True)
        self._thread.start()
        assert self._entered.wait(10)

    @property
    def was_let_in(self) -> bool:
        return not self._result.done()

    @property
    def refusal(self) -> BaseException | None:
        return self._result.exception(timeout=0)

    def end(self, ending: Callable[[], Any]) -> None:
        """Let the function do `ending`, and wait until the guard has settled it."""
        self._ending.put(ending)
        self._thread.join(10)
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
        return self._ending.get(timeout=10)()


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """What `work` returned in each of `count` threads; the exception where it raised."""

    def caught() -> Any:
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(caught) for _ in range(count)]]
