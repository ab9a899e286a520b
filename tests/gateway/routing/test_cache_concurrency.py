"""Many who miss the same answer at the same time make one call."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from common.resilience import Bulkhead
from common.upstream import BulkheadRejected, TimedOut, Unreachable
from gateway_project.routing import cache
from gateway_project.routing.cache import AnswerCache, Generation, Hit
from gateway_project.routing.stores import LocalStore

KEY = {"path": "/products/"}
Fetch = Callable[[Generation], str]


def PUBLIC(fetched: str) -> bool:
    return True


class Watched(AnswerCache):
    """Tells of each thread that begins to wait for another's fetch."""

    def __init__(self) -> None:
        super().__init__(LocalStore())
        self.following = threading.Semaphore(0)

    def _follow(self, service: str, flight: "Future[Any]") -> Any:
        self.following.release()
        return super()._follow(service, flight)


@pytest.fixture
def kept() -> Watched:
    return Watched()


def ask(kept: AnswerCache, fetch: Fetch, outcomes: list[object]) -> None:
    try:
        outcomes.append(kept.serve("products", KEY, fetch, PUBLIC))
    except Exception as error:
        outcomes.append(error)


def together(kept: Watched, count: int, fetch: Fetch) -> list[object]:
    """What `count` threads get; the first fetches, and holds on until all others follow it."""
    outcomes: list[object] = []
    leads = threading.Event()

    def held(generation: Generation) -> str:
        leads.set()
        assert all(kept.following.acquire(timeout=10) for _ in range(count - 1))
        return fetch(generation)

    threads = [threading.Thread(target=ask, args=(kept, held, outcomes)) for _ in range(count)]
    threads[0].start()
    assert leads.wait(10)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(10)
    return outcomes


def test_concurrent_misses_make_one_call(kept: Watched) -> None:
    fetched: list[Generation] = []

    def fetch(generation: Generation) -> str:
        fetched.append(generation)
        return "an answer"

    assert together(kept, 8, fetch) == ["an answer"] * 8
    assert fetched == [Generation(b"0", b"0")]


def test_concurrent_misses_share_a_failure_and_the_next_one_asks_again(kept: Watched) -> None:
    error = Unreachable("products", "down")

    def fail(generation: Generation) -> str:
        raise error

    assert together(kept, 4, fail) == [error] * 4
    assert kept.serve("products", KEY, lambda generation: "an answer", PUBLIC) == "an answer"


def test_other_questions_do_not_wait(kept: Watched) -> None:
    def fetch(generation: Generation) -> str:
        return str(kept.serve("products", {"path": "/categories/"}, lambda generation: "another", PUBLIC))

    assert kept.serve("products", KEY, fetch, PUBLIC) == "another"


def test_only_so_many_wait_for_one_service(kept: Watched) -> None:
    full = Bulkhead(1)
    kept._followers["products"] = full
    with full.entered():
        outcomes = together(kept, 3, lambda generation: "an answer")
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["BulkheadRejected", "BulkheadRejected", "str"]
    rejected = next(outcome for outcome in outcomes if isinstance(outcome, BulkheadRejected))
    assert (rejected.upstream, rejected.retry_after_s) == ("products", 1.0)
    assert kept.serve("products", KEY, lambda generation: "an answer", PUBLIC) == "an answer"


def test_a_wait_ends(kept: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "FOLLOW_S", 0.01)
    outcomes: list[object] = []

    def fetch(generation: Generation) -> str:
        follower = threading.Thread(target=ask, args=(kept, lambda generation: "never called", outcomes))
        follower.start()
        follower.join(10)
        return "an answer"

    assert kept.serve("products", KEY, fetch, PUBLIC) == "an answer"
    [outcome] = outcomes
    assert isinstance(outcome, TimedOut)


def test_a_follower_that_gives_up_is_served_what_was_kept(kept: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "FOLLOW_S", 0.01)
    kept.keep("products", KEY, Generation(b"0", b"0"), kept.now() - 5, b"{}", {}, (1, 3600))
    outcomes: list[object] = []

    def fetch(generation: Generation) -> str:
        follower = threading.Thread(target=ask, args=(kept, lambda generation: "never called", outcomes))
        follower.start()
        follower.join(10)
        return "an answer"

    assert kept.serve("products", KEY, fetch, PUBLIC) == "an answer"
    [outcome] = outcomes
    assert isinstance(outcome, Hit)
    assert (outcome.entry.body, outcome.detail) == (b"{}", "stale-if-error")


def test_what_may_not_be_kept_at_all_is_not(kept: Watched) -> None:
    kept.keep("products", KEY, Generation(b"0", b"0"), kept.now(), b"{}", {}, (0, 0))
    assert kept.serve("products", KEY, lambda generation: "an answer", PUBLIC) == "an answer"


def test_a_private_answer_is_not_shared_with_who_waited_for_it(kept: Watched) -> None:
    """Or one user would be served what the service made for another."""
    outcomes: list[str] = []
    asked: list[Generation] = []
    followers: list[threading.Thread] = []

    def private(fetched: str) -> bool:
        return False

    def own(generation: Generation) -> str:
        asked.append(generation)
        return f"for {threading.current_thread().name}"

    def follow() -> None:
        outcomes.append(str(kept.serve("products", KEY, own, private)))

    def lead(generation: Generation) -> str:
        followers.extend(threading.Thread(target=follow, name=name) for name in ("ada", "grace"))
        for thread in followers:
            thread.start()
        assert all(kept.following.acquire(timeout=10) for _ in followers)
        return "for the first"

    assert kept.serve("products", KEY, lead, private) == "for the first"
    for thread in followers:
        thread.join(10)
    assert sorted(outcomes) == ["for ada", "for grace"]
    assert len(asked) == 2


def test_who_asks_after_a_write_does_not_join_a_fetch_from_before_it(kept: Watched) -> None:
    later: list[object] = []

    def overtaken(generation: Generation) -> str:
        kept.expire("products", deleted=False)
        thread = threading.Thread(target=ask, args=(kept, lambda generation: "new", later))
        thread.start()
        thread.join(10)
        return "old"

    assert kept.serve("products", KEY, overtaken, PUBLIC) == "old"
    assert later == ["new"]
