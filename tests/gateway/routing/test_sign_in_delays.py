"""After some wrong passwords an account makes whoever tries it wait, twice as long with each."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from gateway_project.routing.throttles import FREE_FAILURES, LONGEST_WAIT_S, SignInThrottle
from tests.gateway.clients import send
from tests.gateway.examples import ACCOUNT
from tests.gateway.fakes import Services, answer

NOW = 1_772_600_400.0


class Clock:
    now = NOW


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Clock:
    clock = Clock()
    monkeypatch.setattr(SignInThrottle, "clock", staticmethod(lambda: clock.now))
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0) | {"sign_in_account": 1000}
    return clock


def sign_in(username: str = "ada") -> HttpResponse:
    return send(Client(), "POST", "/api/auth/token/", {"username": username, "password": "x"})


def fail(services: Services, times: int, username: str = "ada") -> None:
    services.users.otherwise = answer(200, {"user": None})
    for _ in range(times):
        assert sign_in(username).status_code == 401


def test_a_few_mistakes_cost_nothing(services: Services) -> None:
    fail(services, FREE_FAILURES)


def test_each_further_mistake_doubles_the_wait(services: Services, clock: Clock) -> None:
    fail(services, FREE_FAILURES)
    waits = []
    for _ in range(11):
        refused = sign_in()
        assert refused.status_code == 429
        waits.append(int(refused["Retry-After"]))
        clock.now += waits[-1]
        fail(services, 1)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_WAIT_S, LONGEST_WAIT_S]


def test_while_an_account_waits_the_users_service_is_not_asked(services: Services) -> None:
    fail(services, FREE_FAILURES)
    asked = len(services.users.calls)
    assert sign_in("ADA").status_code == 429
    assert len(services.users.calls) == asked


@pytest.mark.django_db
def test_another_account_does_not_wait(services: Services) -> None:
    fail(services, FREE_FAILURES)
    services.users.otherwise = answer(200, {"user": ACCOUNT})
    assert sign_in("grace").status_code == 200


@pytest.mark.django_db
def test_signing_in_forgets_the_mistakes(services: Services) -> None:
    fail(services, FREE_FAILURES - 1)
    services.users.otherwise = answer(200, {"user": ACCOUNT})
    assert sign_in().status_code == 200
    fail(services, FREE_FAILURES)


def test_without_a_limit_there_is_no_delay(services: Services, settings: Any) -> None:
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0)
    fail(services, FREE_FAILURES + 5)
