"""Tokens that prove a sign-in, and the many that don't."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from django.conf import settings
from django.test import Client
from rest_framework_simplejwt.exceptions import TokenError

from gateway_project.auth.models import Session
from gateway_project.auth.tokens import NobodyUser, SessionUser, make_pair, read_access, read_refresh
from tests.gateway.clients import BeginSession, send, slug
from tests.gateway.examples import USER_ID
from tests.gateway.fakes import Services

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
    assert read_access(pair.access) == SessionUser(UUID(USER_ID), "ada", True, session.pk)


def bad_tokens(access: str, refresh: str) -> dict[str, str]:
    claims = claims_of(access)
    header, body, signature = access.split(".")
    past = datetime.now(UTC) - timedelta(seconds=1)
    return {
        "empty": "",
        "no token": "abc",
        "three parts of nothing": "a.b.c",
        "a refresh token": refresh,
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
    with pytest.raises(TokenError):
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
    with pytest.raises(TokenError):
        read_refresh(token)


def test_a_misspelt_attribute_of_a_user_is_an_error_and_not_false() -> None:
    user = SessionUser(UUID(USER_ID), "ada", False, UUID(USER_ID))
    with pytest.raises(AttributeError):
        _ = user.banned  # type: ignore[attr-defined]
    assert (user.pk, str(user), user.is_authenticated) == (UUID(USER_ID), "ada", True)
    assert (NobodyUser().is_authenticated, NobodyUser().is_staff, NobodyUser().user_id) == (False, False, None)
