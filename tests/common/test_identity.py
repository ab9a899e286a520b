import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import jwt
import pytest
from django.http import HttpResponse
from django.test import override_settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from common import identity
from common.identity import (
    Caller,
    NamedCallers,
    StaffOnly,
    StaffWrites,
    TokenIssuer,
    caller_of,
    key_id,
    key_of,
    read_token,
)
from common.observability import tracing
from tests.support.clock import Clock

GATEWAY_KEY, ORDERS_KEY = (
    "gateway and products share this key, nobody else",
    "orders and products share this key, nobody else",
)
KEYS = {"gateway": GATEWAY_KEY, "orders": ORDERS_KEY}
USER = UUID("01890000-0000-7000-8000-000000000001")
OTHER_USER = UUID("01890000-0000-7000-8000-000000000002")
HS512_KEY = "x" * 64


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    all_claims = {"iss": "gateway", "aud": "products", "iat": now, "exp": now + 60, "sub": str(USER), "is_staff": True}
    return {name: value for name, value in (all_claims | changed).items() if value is not ...}


def signed(key: str = GATEWAY_KEY, algorithm: str = "HS256", **changed: Any) -> str:
    return signed_bytes(json.dumps(claims(**changed)).encode(), key, algorithm)


def signed_bytes(payload: bytes, key: str = GATEWAY_KEY, algorithm: str = "HS256") -> str:
    return jwt.api_jws.encode(payload, key, algorithm)


def issuer(seconds_ago: float = 0) -> TokenIssuer:
    return TokenIssuer("gateway", "products", GATEWAY_KEY, clock=lambda: time.time() - seconds_ago)


def test_a_token_proves_its_caller_and_the_user() -> None:
    token = issuer().issue(USER, is_staff=True)
    assert read_token(token, "products", KEYS) == Caller("gateway", USER, is_staff=True)
    assert read_token(issuer().issue(USER), "products", KEYS) == Caller("gateway", USER, is_staff=False)
    assert read_token(issuer().issue(), "products", KEYS) == Caller("gateway", None, is_staff=False)


def test_a_token_holds_exactly_what_the_contract_says() -> None:
    token = TokenIssuer("gateway", "products", GATEWAY_KEY, clock=lambda: 1000.9).issue(USER)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": key_id(GATEWAY_KEY)}
    assert jwt.decode(token, options={"verify_signature": False}) == {
        "iss": "gateway",
        "aud": "products",
        "iat": 1000,
        "exp": 1060,
        "is_staff": False,
        "sub": str(USER),
    }


def test_a_user_gets_the_same_token_for_half_its_lifetime() -> None:
    clock = Clock()
    issuer = TokenIssuer("gateway", "products", GATEWAY_KEY, clock)
    first = issuer.issue(USER)
    clock.advance(29.9)
    assert issuer.issue(USER) == first
    clock.advance(0.1)
    assert issuer.issue(USER) != first


def test_no_token_from_the_future_is_used_once_the_clock_is_set_back() -> None:
    clock = Clock()
    right = clock()
    issuer = TokenIssuer("gateway", "products", GATEWAY_KEY, clock)
    clock.advance(20_000)
    issuer.issue(USER)
    clock.advance(-20_000)
    claims = jwt.decode(issuer.issue(USER), options={"verify_signature": False})
    assert claims["iat"] == int(right)


def test_tokens_for_different_rights_differ() -> None:
    issuer = TokenIssuer("gateway", "products", GATEWAY_KEY, Clock())
    users = (USER, OTHER_USER, None)
    assert len({issuer.issue(user, is_staff=is_staff) for user in users for is_staff in (True, False)}) == 6
    assert issuer.issue(USER) != TokenIssuer("gateway", "orders", GATEWAY_KEY, Clock()).issue(USER)


def test_a_verified_token_is_remembered_until_the_second_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    token = issuer().issue(USER)
    refused_at = jwt.decode(token, options={"verify_signature": False})["exp"] + 10
    read_token(token, "products", KEYS)
    monkeypatch.setattr(identity, "_verify", lambda *arguments: (Caller("afresh"), 0))
    for now, caller in ((refused_at - 0.01, Caller("gateway", USER)), (refused_at, Caller("afresh"))):
        assert read_token(token, "products", KEYS, lambda now=now: now) == caller


def test_a_remembered_token_opens_nothing_else() -> None:
    token = issuer().issue(USER)
    read_token(token, "products", KEYS)
    for audience, keys in (
        ("orders", KEYS),
        ("products", {"gateway": OTHER_KEY}),
        ("products", {"orders": ORDERS_KEY}),
    ):
        with pytest.raises(jwt.InvalidTokenError):
            read_token(token, audience, keys)


OTHER_KEY = "another-key-of-the-gateway-for-products-1234"


def test_the_first_key_of_a_ring_signs_and_each_key_verifies() -> None:
    old = TokenIssuer("gateway", "products", GATEWAY_KEY).issue()
    new = TokenIssuer("gateway", "products", f"{OTHER_KEY}\n{GATEWAY_KEY}").issue()
    assert jwt.get_unverified_header(new)["kid"] == key_id(OTHER_KEY)
    ring = {"gateway": f"{OTHER_KEY}\n{GATEWAY_KEY}"}
    assert read_token(old, "products", ring) == read_token(new, "products", ring) == Caller("gateway")


def test_a_key_removed_from_the_ring_verifies_nothing() -> None:
    old = TokenIssuer("gateway", "products", GATEWAY_KEY).issue()
    read_token(old, "products", KEYS)  # so it is remembered
    with pytest.raises(jwt.InvalidTokenError):
        read_token(old, "products", {"gateway": OTHER_KEY})


@pytest.mark.parametrize("seconds_ago", [0, 55, 65, -5])
def test_a_token_is_valid_within_its_lifetime_and_the_leeway(seconds_ago: float) -> None:
    assert read_token(issuer(seconds_ago).issue(), "products", KEYS) == Caller("gateway")


@pytest.mark.parametrize("seconds_ago", [75, 3600, -15, -3600])
def test_a_token_outside_its_lifetime_and_the_leeway_is_refused(seconds_ago: float) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        read_token(issuer(seconds_ago).issue(), "products", KEYS)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "users"},
        {"iss": "nobody"},
        {"iss": "orders"},
        {"iss": ["gateway"]},
        {"iss": {"a": 1}},
        {"iss": None},
        {"iss": ""},
        {"iss": ...},
        {"aud": "users"},
        {"aud": ["users", "orders"]},
        {"aud": 7},
        {"aud": ""},
        {"aud": ...},
        {"exp": ...},
        {"exp": "soon"},
        {"exp": None},
        {"exp": [1]},
        {"exp": float("inf")},
        {"iat": ...},
        {"iat": "then"},
        {"iat": None},
        {"iat": float("nan")},
        {"nbf": 4_000_000_000},
        {"sub": "someone"},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"sub": [str(USER)]},
    ],
)
def test_a_token_with_a_wrong_or_missing_claim_is_refused(changed: dict[str, Any]) -> None:
    assert read_token(signed(), "products", KEYS) == Caller("gateway", USER, is_staff=True)
    with pytest.raises(jwt.InvalidTokenError):
        read_token(signed(**changed), "products", KEYS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: jwt.encode(claims(), None, "none"),
        lambda token: signed(ORDERS_KEY),
        lambda token: signed("a key that nobody shares with anyone at all"),
        lambda token: token + "x",
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.rpartition(".")[0],
        lambda token: ".".join(reversed(token.split("."))),
        lambda token: signed_bytes(b"[1]"),
        lambda token: signed_bytes(b"no json"),
        lambda token: signed_bytes(b"\xff"),
        lambda token: "a.b.c",
        lambda token: "ñ",
        lambda token: "..",
    ],
)
def test_a_spoiled_token_is_refused(spoil: Callable[[str], str]) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        read_token(spoil(signed()), "products", KEYS)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused_even_with_the_right_key(algorithm: str) -> None:
    with pytest.raises(jwt.InvalidAlgorithmError):
        read_token(signed(HS512_KEY, algorithm), "products", {"gateway": HS512_KEY})


@pytest.mark.parametrize("is_staff", ["true", 1, [True], {}, None, ..., False])
def test_only_the_value_true_makes_staff(is_staff: Any) -> None:
    assert read_token(signed(is_staff=is_staff), "products", KEYS).is_staff is False


class EchoView(APIView):
    callers: tuple[str, ...] = ("gateway",)

    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        return Response({"service": caller.service, "user": caller.user_id, "staff": caller.is_staff})

    post = get


class StaffOnlyView(EchoView):
    permission_classes = (StaffOnly,)


class StaffWritesView(EchoView):
    permission_classes = (StaffWrites,)


class NamelessView(EchoView):
    callers = ()


class ForgetfulView(APIView):
    def get(self, request: Request) -> Response:
        return Response({"reached": True})


def call(view: type[APIView], authorization: str | None, method: str = "get") -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    request = getattr(APIRequestFactory(), method)("/", headers=headers)
    with override_settings(SERVICE_NAME="products", CALLER_KEYS=KEYS):
        response: HttpResponse = view.as_view()(request)
    return response


def as_staff(is_staff: bool = True) -> str:
    return f"Bearer {issuer().issue(USER, is_staff=is_staff)}"


def test_a_permitted_caller_is_let_in_and_known() -> None:
    trace = tracing.begin_trace()
    response = call(EchoView, as_staff())
    assert (response.status_code, response.data) == (200, {"service": "gateway", "user": USER, "staff": True})
    assert trace.notes == {"caller": "gateway", "user_id": str(USER)}


def test_a_caller_without_a_user_is_logged_without_one() -> None:
    trace = tracing.begin_trace()
    assert call(EchoView, f"bearer {issuer().issue()}").status_code == 200
    assert trace.notes == {"caller": "gateway", "user_id": None}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Token x",
        "Bearer x",
        "Bearer \xff",
    ],
)
def test_a_request_without_a_valid_token_is_401_with_a_challenge(authorization: str | None) -> None:
    trace = tracing.begin_trace()
    response = call(EchoView, authorization)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="products"')
    assert trace.notes == {}


def test_a_token_without_its_scheme_or_of_another_caller_is_refused() -> None:
    assert [call(EchoView, text).status_code for text in (signed(), f"Bearer {signed(ORDERS_KEY)}")] == [401, 401]


def test_a_refused_token_does_not_say_why() -> None:
    details = {
        call(EchoView, f"Bearer {token}").data["detail"] for token in ("x", signed(iss="users"), signed(aud="users"))
    }
    assert details == {"The internal token is not valid here."}


def test_a_caller_that_the_view_does_not_name_is_403() -> None:
    token = TokenIssuer("orders", "products", ORDERS_KEY).issue(USER, is_staff=True)
    for view in (EchoView, StaffOnlyView, StaffWritesView):
        response = call(view, f"Bearer {token}")
        assert (response.status_code, response.data["type"]) == (403, "/problems/permission-denied")


@pytest.mark.parametrize("view", [NamelessView, ForgetfulView])
def test_a_view_that_names_nobody_lets_nobody_in(view: type[APIView]) -> None:
    assert call(view, as_staff()).status_code == 403
    assert call(view, None).status_code == 401


def test_staff_only_is_for_staff() -> None:
    assert call(StaffOnlyView, as_staff()).status_code == 200
    refused = call(StaffOnlyView, as_staff(False))
    assert (refused.status_code, refused.data["detail"]) == (403, "Only staff may do this. Sign in as staff.")


def test_staff_write_and_everyone_reads() -> None:
    outcomes = {
        (method, is_staff): call(StaffWritesView, as_staff(is_staff), method).status_code
        for method in ("get", "post")
        for is_staff in (True, False)
    }
    assert outcomes == {("get", True): 200, ("get", False): 200, ("post", True): 200, ("post", False): 403}


def test_a_user_who_is_no_caller_is_not_let_in() -> None:
    request = Request(APIRequestFactory().get("/"))
    request.user = object()  # type: ignore[assignment]
    assert NamedCallers().has_permission(request, EchoView()) is False


def test_a_caller_counts_as_a_user() -> None:
    caller = Caller("gateway", USER)
    assert (caller.pk, caller.is_authenticated, caller.is_active) == (USER, True, True)


def test_a_token_that_names_an_unknown_key_is_read_with_none() -> None:
    of_the_first = jwt.encode(claims(), GATEWAY_KEY, headers={"kid": key_id("a key that was taken out of the ring")})
    with pytest.raises(jwt.InvalidTokenError):
        key_of(of_the_first, f"{GATEWAY_KEY}\n{ORDERS_KEY}")
    unnamed = jwt.encode(claims(), GATEWAY_KEY)
    assert key_of(unnamed, f"{GATEWAY_KEY}\n{ORDERS_KEY}") == GATEWAY_KEY
