"""The gateway with played services behind it: one fake transport each, and no socket anywhere."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone

from common.resilience import Policy, Transition
from common.upstream import Prober
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import TokenPair, make_pair
from gateway_project.store import backends, cache, fallback
from gateway_project.upstreams import client
from gateway_project.upstreams.signals import circuit_changed
from tests.gateway.clients import BeginSession, signed_in
from tests.gateway.fakes import FakeService, Services
from tests.support.examples import STAFF_ID, USER_ID
from tests.support.properties import load_profile

load_profile()

# These cut connections to a server.
collect_ignore = (
    ["auth/test_revocation_connection.py"] if configured.DATABASES["default"]["ENGINE"] == "common.sqlite" else []
)


@pytest.fixture(autouse=True)
def services(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    played = Services({name: FakeService(name) for name in settings.UPSTREAMS})

    def transport(name: str, base_url: str, policy: Policy) -> FakeService:
        return played[name]

    monkeypatch.setattr("common.upstream.client.Transport", transport)
    monkeypatch.setattr(client, "Transport", transport)
    monkeypatch.setattr(Prober, "wake", Prober.probe)  # at once instead of in a thread of its own
    settings.UPSTREAMS = {
        name: {**config, "lanes": {lane: _patient(policy) for lane, policy in config["lanes"].items()}}
        for name, config in settings.UPSTREAMS.items()
    }
    _forget_upstreams()
    yield played
    _forget_upstreams()


@pytest.fixture(autouse=True)
def _clean_process(settings: Any) -> Iterator[None]:
    """Revocations are read at each look; nothing that one test counted is left to the next."""
    settings.REVOCATION_POLL_S = 0
    settings.WHITENOISE_AUTOREFRESH = True  # or each client would list all static files first
    _forget_what_is_shared()
    yield
    _forget_what_is_shared()


@pytest.fixture(autouse=True)
def transitions(monkeypatch: pytest.MonkeyPatch) -> list[Transition]:
    """What the circuits announced, instead of rows that a thread writes when it likes."""
    announced: list[Transition] = []

    def receive(transition: Transition, **signal: object) -> None:
        announced.append(transition)

    monkeypatch.setattr(circuit_changed, "receivers", [])
    circuit_changed.connect(receive, weak=False)
    return announced


@pytest.fixture(autouse=True)
def _patient_with_redis(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real Redis may take longer on a busy machine than a request could wait for it."""
    if request.node.get_closest_marker("redis"):
        monkeypatch.setattr(backends, "CONNECT_TIMEOUT_S", 5.0)
        monkeypatch.setattr(backends, "ANSWER_TIMEOUT_S", 5.0)


def _patient(policy: Policy) -> Policy:
    """Without pauses; and a machine that stands still for a moment is no failure of a service."""
    return replace(policy, backoff_base_s=0.0, backoff_cap_s=0.0, deadline_s=60.0)


def _forget_what_is_shared() -> None:
    fallback.store.cache_clear()
    cache.answer_cache.cache_clear()


def _forget_upstreams() -> None:
    client.upstream.cache_clear()
    client.prober.cache_clear()
    client.issuer.cache_clear()


@pytest.fixture
def begin_session(db: None) -> BeginSession:
    """A sign-in as it is after its first minute, without asking anyone."""

    def begin(user_id: str = USER_ID, username: str = "ada", *, is_staff: bool = False) -> tuple[Session, TokenPair]:
        session = Session(
            user_id=UUID(user_id),
            username=username,
            is_staff=is_staff,
            password_version=1,
            device="Firefox",
            address="192.0.2.7",
            expires_at=timezone.now() + timedelta(days=30),
        )
        pair, session.token_digest = make_pair(session)
        session.save()
        return session, pair

    return begin


@pytest.fixture
def anonymous() -> Client:
    return Client()


@pytest.fixture
def user(begin_session: BeginSession) -> Client:
    """Ada, by header."""
    return signed_in(begin_session()[1])


@pytest.fixture
def staff(begin_session: BeginSession) -> Client:
    """Grace, who is staff, by header."""
    return signed_in(begin_session(STAFF_ID, "grace", is_staff=True)[1])
