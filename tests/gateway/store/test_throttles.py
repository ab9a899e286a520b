"""Requests are counted by user, else by address. Who guesses passwords must pause, twice as long after each mistake."""

import itertools
import os
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.test import Client
from rest_framework.exceptions import Throttled

from gateway_project.store import throttles
from gateway_project.store.backends import LocalStore, RedisStore
from gateway_project.store.throttles import LONGEST_PAUSE_S, Guess
from tests.gateway.clients import BeginSession, send, signed_in, slug
from tests.gateway.fakes import Services, answer
from tests.support.clock import Clock
from tests.support.examples import OTHER_ID
from tests.support.threads import HeldCall


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of what is counted."""
    clock = Clock()
    local = LocalStore(clock)
    monkeypatch.setattr(throttles, "store", lambda: local)
    return clock


def limit(settings: Any, **limits: int) -> None:
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0) | limits


def refused(response: Any) -> str:
    """How long to wait."""
    assert (response.status_code, slug(response)) == (429, "throttled")
    return str(response["Retry-After"])


def test_the_defaults_let_people_work_and_stop_guessers() -> None:
    expected = {"user": 1200, "address": 300, "guesses": 5, "sign_in_account": 100, "sign_in_address": 300}
    expected |= {"reset_account": 5, "reset_address": 30}
    assert expected == configured.THROTTLES


def test_a_user_is_counted_on_all_devices_together(begin_session: BeginSession, settings: Any, clock: Clock) -> None:
    limit(settings, user=3)
    first, second = signed_in(begin_session()[1]), signed_in(begin_session()[1])
    other = signed_in(begin_session(OTHER_ID, "bob")[1])
    assert [client.get("/api/").status_code for client in (first, second, first)] == [200, 200, 200]
    clock.advance(20)
    assert refused(second.get("/api/")) == "40"
    assert other.get("/api/").status_code == 200


def test_the_count_starts_anew_a_minute_after_the_first_request(user: Client, settings: Any, clock: Clock) -> None:
    limit(settings, user=1)
    assert user.get("/api/").status_code == 200
    clock.advance(59.9)
    assert refused(user.get("/api/")) == "1"
    clock.advance(0.1)
    assert user.get("/api/").status_code == 200


def test_a_throttled_request_goes_no_further(user: Client, settings: Any, services: Services) -> None:
    limit(settings, user=1)
    services.users.otherwise = answer(500)
    assert user.get("/api/users/me/").status_code == 502
    assert refused(user.get("/api/users/me/")) == "60"
    assert len(services.calls) == 1


def test_who_is_not_signed_in_is_counted_by_address(anonymous: Client, user: Client, settings: Any) -> None:
    limit(settings, address=2)
    assert anonymous.get("/api/").status_code == 200
    assert anonymous.get("/api/", REMOTE_ADDR="192.0.2.9").status_code == 200
    assert anonymous.get("/api/").status_code == 200
    assert refused(anonymous.get("/api/")) == "60"
    assert anonymous.get("/api/", REMOTE_ADDR="192.0.2.9").status_code == 200
    assert user.get("/api/").status_code == 200


def test_the_addresses_of_one_ipv6_network_are_counted_together(anonymous: Client, settings: Any) -> None:
    limit(settings, address=2)
    for number in range(2):
        assert anonymous.get("/api/", REMOTE_ADDR=f"2001:db8::{number}").status_code == 200
    assert refused(anonymous.get("/api/", REMOTE_ADDR="2001:db8::ffff:2")) == "60"
    assert anonymous.get("/api/", REMOTE_ADDR="2001:db8:0:1::").status_code == 200


def test_a_refused_caller_is_counted_too(anonymous: Client, settings: Any) -> None:
    limit(settings, address=2)
    anonymous.get("/api/")
    anonymous.get("/api/")
    assert refused(send(anonymous, "POST", "/api/auth/token/verify/", {"token": "x"})) == "60"


def test_no_limit_is_no_limit(user: Client, settings: Any) -> None:
    limit(settings)
    assert {user.get("/api/").status_code for _ in range(30)} == {200}


class Shared(Guess):
    """A guess that counts together with those of others."""

    def limits(self) -> list[tuple[str, ...]]:
        return [("sign_in_account", "ada")]


def guess(who: str = "eve", *, right: bool | None = False, kind: type[Guess] = Guess) -> None:
    with kind(who) as attempt:
        attempt.was_right = right


def wait_s(who: str = "eve", kind: type[Guess] = Guess) -> float:
    """How long `who` must wait. That attempt itself doesn't count."""
    with pytest.raises(Throttled) as raised, kind(who):
        raise AssertionError("let in")
    return float(raised.value.wait)  # type: ignore[attr-defined]


def test_a_few_mistakes_cost_nothing() -> None:
    for _ in range(5):
        guess()


def test_each_further_mistake_doubles_the_pause(clock: Clock) -> None:
    for _ in range(5):
        guess()
    pauses = []
    for _ in range(11):
        pauses.append(wait_s())
        clock.advance(pauses[-1] - 0.5)
        assert wait_s() == 1  # half a second, rounded up
        clock.advance(0.5)
        guess()
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_who_is_impatient_waits_no_longer_for_it(clock: Clock) -> None:
    for _ in range(6):
        guess()
        clock.advance(1)
    assert [wait_s() for _ in range(50)] == [1] * 50
    clock.advance(1)
    guess()
    assert wait_s() == 4


def test_another_guesser_does_not_wait() -> None:
    for _ in range(5):
        guess()
    guess("bob")
    assert wait_s() == 1


def test_mistakes_are_forgotten_after_an_hour(clock: Clock) -> None:
    for _ in range(5):
        guess()
    clock.advance(3600)
    for _ in range(4):
        guess()


def test_a_right_password_forgets_the_mistakes(clock: Clock) -> None:
    for _ in range(5):
        guess()
    clock.advance(1)
    guess(right=True)
    for _ in range(5):
        guess()
    assert wait_s() == 1


@pytest.mark.parametrize("mistakes", [0, 5])
def test_an_attempt_without_a_verdict_does_not_count(mistakes: int, clock: Clock) -> None:
    for _ in range(mistakes):
        guess()
    clock.advance(1)
    for _ in range(20):
        guess(right=None)
        with pytest.raises(ZeroDivisionError), Guess("eve"):
            raise ZeroDivisionError
    guess()


def test_of_a_hundred_attempts_at_once_no_more_are_let_in_than_of_a_hundred_in_a_row() -> None:
    def guarded(work: Any) -> None:
        with Guess("eve"):
            work()

    calls = [HeldCall(guarded) for _ in range(100)]
    held = [call for call in calls if call.was_let_in]
    assert len(held) == 5
    assert all(isinstance(call.refusal, Throttled) for call in calls if call not in held)
    for call in held:
        call.end(lambda: None)
    for _ in range(5):
        guess()
    assert wait_s() == 1


def test_a_limit_counts_the_mistakes_of_all_who_share_it(settings: Any, clock: Clock) -> None:
    limit(settings, sign_in_account=3)
    for name in ("eve", "mallory", "trudy"):
        guess(name, kind=Shared)
    clock.advance(600)
    assert wait_s("oscar", Shared) == 3000
    assert [wait_s("oscar", Shared) for _ in range(5)] == [3000] * 5
    clock.advance(3000)
    guess("oscar", kind=Shared)


def test_right_passwords_use_up_no_limit(settings: Any) -> None:
    limit(settings, sign_in_account=1, guesses=1)
    for _ in range(10):
        guess(right=True, kind=Shared)
        guess(right=None, kind=Shared)
    guess(kind=Shared)


def test_what_a_limit_refuses_is_no_mistake_of_the_guesser(settings: Any, clock: Clock) -> None:
    limit(settings, sign_in_account=1, guesses=2)
    guess("eve", kind=Shared)
    for _ in range(10):
        assert wait_s("bob", Shared) == 3600
    guess("bob")


def test_without_a_limit_there_is_no_pause(settings: Any) -> None:
    limit(settings)
    for _ in range(20):
        guess(kind=Shared)


def test_no_number_of_cached_answers_pushes_a_counter_out() -> None:
    for _ in range(5):
        guess()
    for number in range(6_000):
        throttles.store().put(f"plaza:answer:{number}", b"a page of products", 60)
    assert wait_s() == 1


@pytest.mark.redis
def test_several_processes_keep_one_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    url = os.environ.get("PLAZA_TEST_REDIS") or "redis://127.0.0.1:6379/15"
    processes, who = [RedisStore(url), RedisStore(url)], f"eve {uuid4()}"
    turns = itertools.cycle(processes)
    monkeypatch.setattr(throttles, "store", lambda: next(turns))
    for _ in range(5):
        guess(who)
    assert [wait_s(who) for _ in range(3)] == [1] * 3
    guess(f"bob {uuid4()}", right=True)
