"""The gateway with played services behind it: one fake transport each, and no socket anywhere."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from common.resilience import Policy, Transition
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import TokenPair, make_pair
from gateway_project.routing import cache, shared, upstreams
from tests.gateway.clients import BeginSession, signed_in
from tests.gateway.examples import STAFF_ID, USER_ID
from tests.gateway.fakes import FakeService, Services


@pytest.fixture(autouse=True)
def services(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    played = Services(FakeService("users"), FakeService("products"), FakeService("orders"))

    def transport(name: str, base_url: str, policy: Policy) -> FakeService:
        return played[name]

    monkeypatch.setattr("common.upstream.client.Transport", transport)
    settings.UPSTREAMS = {
        name: {**config, "policy": replace(config["policy"], backoff_base_s=0.0, backoff_cap_s=0.0)}
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
    monkeypatch.setattr(upstreams, "record_transition", announced.append)
    return announced


def _forget_what_is_shared() -> None:
    shared.store.cache_clear()
    cache.answers.cache_clear()


def _forget_upstreams() -> None:
    upstreams.upstream.cache_clear()
    upstreams.issuer.cache_clear()


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
