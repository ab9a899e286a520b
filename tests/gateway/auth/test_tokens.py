"""Tokens that prove a sign-in, and the many that don't; keys change while people stay signed in."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from rest_framework.request import Request

from common.identity import key_id
from gateway_project.auth import tokens
from gateway_project.auth.errors import InvalidToken
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import key_ring, make_pair, read_access, read_past_access, read_refresh
from tests.gateway.clients import BeginSession, send, slug
from tests.gateway.fakes import Services
from tests.support.examples import USER_ID

KEY = settings.JWT_KEYS


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, KEY, ["HS256"], audience="plaza", issuer="plaza"))


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(claims: dict[str, Any], key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm)


def test_an_access_token_says_who_for_five_minutes(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    claims = claims_of(pair.access)
    assert claims.pop("exp") - claims.pop("iat") == 300
    assert len(claims.pop("jti")) == 32
    assert claims == {
        "token_type": "access",
        "iss": "plaza",
        "aud": "plaza",
        "sid": str(session.pk),
        "user_id": USER_ID,
        "username": "ada",
        "is_staff": False,
    }


def test_a_refresh_token_names_its_session_and_nobody_for_seven_days(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    claims = claims_of(pair.refresh)
    assert claims.pop("exp") - claims.pop("iat") == 7 * 24 * 3600
    assert set(claims) == {"token_type", "iss", "aud", "jti", "sid"}
    assert claims["sid"] == str(session.pk)


def test_of_a_refresh_token_only_a_digest_is_kept(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    row = Session.objects.values().get(pk=session.pk)
    assert read_refresh(pair.refresh) == (session.pk, row["token_digest"])
    assert len(row["token_digest"]) == 64
    secret = claims_of(pair.refresh)["jti"]
    assert not [value for value in row.values() if secret in str(value) or pair.refresh in str(value)]


def test_two_pairs_of_one_session_differ(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    second, digest = make_pair(session)
    assert second.refresh != pair.refresh
    assert digest != session.token_digest


def test_a_valid_access_token_is_read_back(begin_session: BeginSession) -> None:
    session, pair = begin_session(is_staff=True)
    user = read_access(pair.access)
    assert (user.id, user.username, user.is_staff, user.session_id) == (UUID(USER_ID), "ada", True, session.pk)


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The access tokens that were verified, in this order."""
    verified: list[str] = []
    verify = tokens._verify

    def noted(token: str, kind: type[tokens.AccessToken]) -> tokens.TokenUser:
        verified.append(token)
        return verify(token, kind)

    monkeypatch.setattr(tokens, "_verify", noted)
    return verified


def test_a_verified_token_is_remembered_until_the_second_it_expires(
    begin_session: BeginSession, verifications: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, pair = begin_session()
    expires_at = claims_of(pair.access)["exp"]
    for now, times in ((expires_at - 200, 1), (expires_at - 0.01, 1), (expires_at, 2)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        read_access(pair.access)
        assert verifications == [pair.access] * times


def test_what_is_no_longer_a_token_is_never_remembered_as_one(
    begin_session: BeginSession, verifications: list[str]
) -> None:
    _, pair = begin_session()
    expired = signed(claims_of(pair.access) | {"exp": int(time.time()) - 60})
    read_past_access(expired)
    for _ in range(2):
        with pytest.raises(InvalidToken):
            read_access(expired)
    assert verifications == [expired] * 3


NO_TIMES = (1e300, -1e300, 1e15, 2**63, 10**400, 253_402_300_800, float("inf"), float("nan"), "9" * 400, True, None, [])


def bad_tokens(access: str, refresh: str) -> dict[str, str]:
    claims = claims_of(access)
    header, body, signature = access.split(".")
    past = datetime.now(UTC) - timedelta(seconds=1)
    return {
        "empty": "",
        "no token": "abc",
        "three parts of nothing": "a.b.c",
        "a refresh token": refresh,
        **{f"expires at {exp!r:.20}": signed(claims | {"exp": exp}) for exp in NO_TIMES},
        "signed with another key": signed(claims, "another-key-of-sufficient-length-0123456789"),
        "signed with an internal key": signed(claims, settings.UPSTREAMS["users"]["key"]),
        "another algorithm": signed(claims, algorithm="HS512"),
        "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "alg none with the signature": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.{signature}",
        "tampered": f"{header}.{part(claims | {'is_staff': True})}.{signature}",
        "signature cut": access[:-2],
        "expired": signed(claims | {"exp": past}),
        "no expiry": signed({name: value for name, value in claims.items() if name != "exp"}),
        "another audience": signed(claims | {"aud": "users"}),
        "another issuer": signed(claims | {"iss": "gateway"}),
        "no audience": signed({name: value for name, value in claims.items() if name != "aud"}),
        "no type": signed({name: value for name, value in claims.items() if name != "token_type"}),
        "a sliding token": signed(claims | {"token_type": "sliding"}),
        "user_id of a wrong shape": signed(claims | {"user_id": "1"}),
        "no user": signed({name: value for name, value in claims.items() if name != "user_id"}),
        "no session": signed({name: value for name, value in claims.items() if name != "sid"}),
        "sid of a wrong shape": signed(claims | {"sid": 7}),
        "username of a wrong shape": signed(claims | {"username": None}),
        "is_staff of a wrong shape": signed(claims | {"is_staff": "false"}),
    }


ANY = signed({"aud": "plaza", "iss": "plaza"})


@pytest.mark.parametrize("name", bad_tokens(ANY, ANY))
def test_a_token_that_is_not_quite_right_proves_nothing(
    name: str, begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    _, pair = begin_session()
    token = bad_tokens(pair.access, pair.refresh)[name]
    with pytest.raises(InvalidToken):
        read_access(token)
    response = send(anonymous, "GET", "/api/users/me/", Authorization=f"Bearer {token}")
    assert (response.status_code, slug(response)) == (401, "invalid-token")
    assert response["WWW-Authenticate"] == 'Bearer realm="plaza"'
    assert services.calls == []


@pytest.mark.parametrize("kind", ["access", "expired", "forged", "no session"])
def test_a_refresh_token_that_is_not_one_of_ours_is_refused(kind: str, begin_session: BeginSession) -> None:
    _, pair = begin_session()
    claims = claims_of(pair.refresh)
    token = {
        "access": pair.access,
        "expired": signed(claims | {"exp": 1}),
        "forged": signed(claims, "another-key-of-sufficient-length-0123456789"),
        "no session": signed({name: value for name, value in claims.items() if name != "sid"}),
    }[kind]
    with pytest.raises(InvalidToken):
        read_refresh(token)


def test_a_misspelt_attribute_of_a_user_is_an_error_and_not_false(begin_session: BeginSession) -> None:
    user = read_access(begin_session()[1].access)
    for name in ("banned", "is_admin", "user_id", "sid"):
        with pytest.raises(AttributeError, match=name):
            getattr(user, name)
    assert (user.pk, str(user), user.is_authenticated, user.is_anonymous) == (UUID(USER_ID), "ada", True, False)


def test_a_user_without_a_valid_token_has_no_rights(rf: RequestFactory) -> None:
    user = Request(rf.get("/")).user
    assert type(user) is AnonymousUser
    assert (user.is_authenticated, user.is_staff, user.pk) == (False, False, None)


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
    read_access(pair.access)  # so it is remembered
    use(settings, NEW_KEY)
    with pytest.raises(InvalidToken):
        read_access(pair.access)
    with pytest.raises(InvalidToken):
        read_refresh(pair.refresh)


def test_a_token_that_names_a_key_it_was_not_signed_with_opens_nothing(
    settings: Any, begin_session: BeginSession
) -> None:
    _, pair = begin_session()
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    forged = jwt.encode(claims, NEW_KEY, "HS256", headers={"kid": key_id(settings.JWT_KEYS.split("\n")[0])})
    with pytest.raises(InvalidToken):
        read_access(forged)
