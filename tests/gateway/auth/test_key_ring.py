"""Keys change while people stay signed in."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from rest_framework_simplejwt.exceptions import TokenError

from common.identity import key_id
from gateway_project.auth.tokens import key_ring, make_pair, read_access, read_refresh
from tests.gateway.clients import BeginSession

NEW_KEY = "the-key-that-came-with-the-rotation-0123456789"


@pytest.fixture(autouse=True)
def _forget_the_ring() -> Iterator[None]:
    yield
    key_ring.cache_clear()


def use(settings: Any, ring: str) -> None:
    settings.JWT_KEYS = ring
    key_ring.cache_clear()


def test_tokens_of_the_key_before_still_open(settings: Any, begin_session: BeginSession) -> None:
    session, pair = begin_session()
    use(settings, f"{NEW_KEY}\n{settings.JWT_KEYS}")
    assert read_access(pair.access).session_id == session.pk
    assert read_refresh(pair.refresh)[0] == session.pk


def test_new_tokens_name_the_new_key(settings: Any, begin_session: BeginSession) -> None:
    session, _ = begin_session()
    use(settings, f"{NEW_KEY}\n{settings.JWT_KEYS}")
    pair, _ = make_pair(session)
    assert jwt.get_unverified_header(pair.access)["kid"] == key_id(NEW_KEY)
    assert read_access(pair.access).session_id == session.pk


def test_tokens_of_a_key_that_is_gone_open_nothing(settings: Any, begin_session: BeginSession) -> None:
    _, pair = begin_session()
    use(settings, NEW_KEY)
    with pytest.raises(TokenError):
        read_access(pair.access)
    with pytest.raises(TokenError):
        read_refresh(pair.refresh)


def test_a_token_that_names_a_key_it_was_not_signed_with_opens_nothing(
    settings: Any, begin_session: BeginSession
) -> None:
    _, pair = begin_session()
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    forged = jwt.encode(claims, NEW_KEY, "HS256", headers={"kid": key_id(settings.JWT_KEYS.split("\n")[0])})
    with pytest.raises(TokenError):
        read_access(forged)
