"""Every operation times every kind of caller: who is allowed, and how everyone else is refused.

The operations come from the gateway's own OpenAPI document, so a new route is tested without being listed here.
"""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jwt
import pytest
import requests

from tests.support.http import Client, assert_no_content, problem, succeeded
from tests.support.plaza import CUSTOMER_PASSWORD, PROJECTS, Plaza
from tests.system.scene import (
    NEW_PASSWORD,
    Operation,
    Refusal,
    Scene,
    changed,
    contents,
    make_scene,
    make_staff,
    read_operations,
)
from tests.system.shop import make_product, place_order

ANONYMOUS, FORGED, ENDED = (401, "not-authenticated"), (401, "invalid-token"), (401, "session-ended")
NO_CSRF = (403, "csrf-failed")
ROLES = ("user", "other user", "staff")
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
HOUR_S = 3600
Headers = Mapping[str, str]
Claims = dict[str, Any]


class Forger:
    """Makes access tokens that differ in one thing each from a token that staff could use. It knows the signing key."""

    def __init__(self, plaza: Plaza, staff: Client, customer: Client) -> None:
        self._plaza, self._staff, self._customer = plaza, staff, customer
        self._key = plaza.secret("jwt-signing").split("\n")[0]

    def header(self) -> dict[str, Any]:
        header: dict[str, Any] = jwt.get_unverified_header(self._staff.access)
        return header

    def claims(self) -> Claims:
        """The claims of a token that the gateway gave to staff."""
        claims: Claims = jwt.decode(self._staff.access, options={"verify_signature": False})
        return claims

    def sign(
        self, key: str | None = None, algorithm: str = "HS256", headers: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """A change to None removes the claim."""
        claims = {name: value for name, value in (self.claims() | changes).items() if value is not None}
        token = jwt.encode(claims, key or self._key, headers={**self.header(), "alg": algorithm, **(headers or {})})
        self._plaza.sensitive.add(token)
        return token

    def with_another_key(self) -> str:
        return self.sign(self._plaza.secret("gateway-users"))

    def with_an_empty_key(self) -> str:
        return self._signed(b"")

    def with_its_own_key_in_the_header(self) -> str:
        own = "a key of the caller's own making"
        return self.sign(own, headers={"jwk": {"kty": "oct", "k": encoded_bytes(own.encode())}, "kid": "own"})

    def tampered(self) -> str:
        """A customer's token that claims to be staff's. Its signature is the gateway's, for the original claims."""
        header, payload, signature = self._customer.access.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        return f"{header}.{encoded(claims | {'is_staff': True})}.{signature}"

    def relabelled(self, **header: Any) -> str:
        """A token with another header. Its signature is the gateway's, for the original header."""
        _, payload, signature = self._staff.access.split(".")
        return f"{encoded(self.header() | header)}.{payload}.{signature}"

    def unsigned(self, algorithm: str = "none") -> str:
        return f"{encoded(self.header() | {'alg': algorithm})}.{encoded(self.claims())}."

    def _signed(self, key: bytes) -> str:
        """Signed by hand, because PyJWT refuses such a key."""
        signed = f"{encoded(self.header())}.{encoded(self.claims())}"
        return f"{signed}.{encoded_bytes(hmac.digest(key, signed.encode(), 'sha256'))}"

    def stripped(self) -> str:
        return self._staff.access.rpartition(".")[0] + "."

    def refresh(self) -> str:
        return self._staff.refresh


def encoded(part: Claims) -> str:
    return encoded_bytes(json.dumps(part).encode())


def encoded_bytes(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def now() -> int:
    return int(time.time())


FORGERIES: Mapping[str, Callable[[Forger], str]] = {
    "expired": lambda forger: forger.sign(iat=now() - 2 * HOUR_S, exp=now() - HOUR_S),
    "expired a second ago": lambda forger: forger.sign(exp=now() - 1),
    "not valid yet": lambda forger: forger.sign(nbf=now() + HOUR_S),
    "without an expiry": lambda forger: forger.sign(exp=None),
    "refresh as access": Forger.refresh,
    "without a type": lambda forger: forger.sign(token_type=None),
    "foreign key": Forger.with_another_key,
    "empty key": Forger.with_an_empty_key,
    "its own key": Forger.with_its_own_key_in_the_header,
    "alg: none": Forger.unsigned,
    "alg: None": lambda forger: forger.unsigned("None"),
    "another algorithm": lambda forger: forger.sign(algorithm="HS512"),
    "without its signature": Forger.stripped,
    "a key id that is a path": lambda forger: forger.sign(headers={"kid": "../../dev/null"}),
    "a key id that is a list": lambda forger: forger.relabelled(kid=["a"]),
    "an unknown critical header": lambda forger: forger.sign(headers={"crit": ["b64"], "b64": False}),
    "wrong audience": lambda forger: forger.sign(aud="users"),
    "without an audience": lambda forger: forger.sign(aud=None),
    "wrong issuer": lambda forger: forger.sign(iss="gateway"),
    "tampered claim": Forger.tampered,
    "without a user": lambda forger: forger.sign(user_id=None),
    "without a session": lambda forger: forger.sign(sid=None),
    "session that is no id": lambda forger: forger.sign(sid="' OR 1=1"),
    "staff by a word": lambda forger: forger.sign(is_staff="true"),
    "no token at all": lambda forger: "let-me-in",
}


@pytest.fixture(scope="module")
def operations(plaza: Plaza) -> list[Operation]:
    return read_operations(plaza.client())


@pytest.fixture(scope="module")
def scene(plaza: Plaza) -> Scene:
    return make_scene(plaza)


@pytest.fixture(scope="module")
def forger(plaza: Plaza, staff: Client, customer: Client) -> Forger:
    return Forger(plaza, staff, customer)


@pytest.fixture(scope="module")
def ended(plaza: Plaza) -> Client:
    """A member of staff who has signed out."""
    client = make_staff(plaza)
    assert_no_content(client.post("/api/auth/logout/", {"refresh": client.refresh}))
    return client


def closed(operations: Iterable[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.access != "open"]


def refusal_in(response: requests.Response) -> Refusal:
    """Status and problem of an answer that must be a refusal. That of a HEAD has no body to name a problem."""
    assert response.headers["Content-Type"] == "application/problem+json", (response.request.url, response.text)
    assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)
    if response.request.method == "HEAD":
        assert response.content == b""
        return response.status_code, ""
    slug = response.json()["type"].removeprefix("/problems/")
    return problem(response, response.status_code, slug)["status"], slug


def assert_refused(
    scene: Scene, client: Client, headers: Headers, expected: Mapping[Operation, Refusal], *, number: int = 1
) -> None:
    """Send requests that would succeed for an allowed caller: each is refused as `expected`, and nothing changes.

    `number` is how many operations there are at least, so that the test cannot pass because it sent nothing.
    """
    assert len(expected) >= number
    scene.plaza.renew_clients()
    requested = [(operation, scene.path(operation), scene.body(operation)) for operation in expected]
    before = contents(scene.plaza)

    answers = {
        str(operation): refusal_in(client.request(operation.method, path, json=body, headers=headers))
        for operation, path, body in requested
    }
    assert answers == {
        str(operation): (status, "" if operation.method == "HEAD" else slug)
        for operation, (status, slug) in expected.items()
    }
    assert contents(scene.plaza) == before


def test_nobody_gets_in_without_a_token(scene: Scene, nobody: Client, operations: list[Operation]) -> None:
    assert_refused(scene, nobody, {}, dict.fromkeys(closed(operations), ANONYMOUS), number=30)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_opens_nothing(
    scene: Scene, nobody: Client, operations: list[Operation], forger: Forger, forgery: str
) -> None:
    headers = {"Authorization": f"Bearer {FORGERIES[forgery](forger)}"}

    assert_refused(scene, nobody, headers, dict.fromkeys(closed(operations), FORGED), number=30)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_nor_does_a_forged_cookie(
    scene: Scene, nobody: Client, operations: list[Operation], forger: Forger, forgery: str
) -> None:
    headers = {"Cookie": f"plaza_access={FORGERIES[forgery](forger)}"}

    assert_refused(scene, nobody, headers, dict.fromkeys(closed(operations), ANONYMOUS), number=30)


def test_the_forger_can_make_a_good_one(nobody: Client, forger: Forger) -> None:
    """This shows that each forgery is refused for the one thing in which it differs."""
    succeeded(nobody.get("/api/users/", headers={"Authorization": f"Bearer {forger.sign()}"}))
    succeeded(nobody.get("/api/users/", headers={"Cookie": f"plaza_access={forger.sign()}"}))


def test_an_ended_session_opens_nothing(
    scene: Scene, ended: Client, nobody: Client, operations: list[Operation]
) -> None:
    assert_refused(scene, ended, {}, dict.fromkeys(closed(operations), ENDED), number=30)
    cookie = {"Cookie": f"plaza_access={ended.access}"}
    assert_refused(scene, nobody, cookie, dict.fromkeys(closed(operations), ANONYMOUS), number=30)


def test_a_cookie_alone_changes_nothing(
    scene: Scene, staff: Client, nobody: Client, operations: list[Operation]
) -> None:
    """A form on any site sends the cookie along. Only the CSRF token shows that the form is the gateway's own."""
    unsafe = [operation for operation in operations if operation.reads_the_header and not operation.is_safe]

    headers = {"Cookie": f"plaza_access={staff.access}"}
    assert_refused(scene, nobody, headers, dict.fromkeys(unsafe, NO_CSRF), number=20)


@pytest.mark.parametrize("role", ROLES)
def test_a_caller_who_is_not_allowed_is_refused(
    scene: Scene, staff: Client, stranger: Client, operations: list[Operation], role: str
) -> None:
    client = {"user": scene.owner, "other user": stranger, "staff": staff}[role]

    refusals = {operation: operation.refusal(role) for operation in closed(operations)}
    assert_refused(scene, client, {}, {operation: refusal for operation, refusal in refusals.items() if refusal})


@pytest.mark.parametrize("role", ROLES)
def test_a_caller_who_is_allowed_succeeds(plaza: Plaza, operations: list[Operation], role: str) -> None:
    make: dict[str, Callable[[Scene], Client]] = {
        "user": lambda scene: scene.owner,
        "other user": lambda scene: plaza.customer(),
        "staff": lambda scene: make_staff(plaza),
    }
    permitted = [operation for operation in operations if operation.refusal(role) is None]
    answers, scene, client = {}, None, None
    before = contents(plaza)

    for operation in permitted:
        if scene is None or client is None or client.get("/api/auth/sessions/").status_code == 401:
            scene = make_scene(plaza)  # the last operation ended the caller's session
            client = make[role](scene)
        response = client.request(operation.method, scene.path(operation), json=scene.body(operation))
        answers[str(operation)] = response.status_code
    assert answers == {str(operation): operation.success for operation in permitted}
    written = {project for project in PROJECTS if changed(before, contents(plaza), project)}
    assert written >= {"gateway_project", "users_project", "products_project", "orders_project"}


@pytest.mark.parametrize("caller", ["nobody", "a customer", "staff", "ended", "forged"])
def test_an_open_operation_is_open_to_all_whatever_their_token(
    scene: Scene, operations: list[Operation], forger: Forger, ended: Client, caller: str
) -> None:
    tokens = {"a customer": scene.owner.access, "ended": ended.access, "staff": forger.sign(), "forged": "let-me-in"}
    headers = {"Authorization": f"Bearer {tokens[caller]}"} if caller in tokens else {}
    nobody = scene.plaza.client()

    sweep = [operation for operation in operations if operation.access == "open"]
    answers = {
        str(each): nobody.request(each.method, scene.path(each), json=scene.body(each), headers=headers).status_code
        for each in sweep
    }
    assert answers == {str(each): each.success for each in sweep}


def test_a_method_that_a_path_does_not_have_is_405(
    scene: Scene, staff: Client, nobody: Client, operations: list[Operation]
) -> None:
    known: dict[str, set[str]] = {}
    for operation in operations:
        known.setdefault(operation.path, set()).add(operation.method)
    closed_paths = {operation.path for operation in closed(operations)}
    scene.plaza.renew_clients()
    before = contents(scene.plaza)

    answers: dict[str, Any] = {}
    for path in known:
        for method in METHODS - known[path]:
            filled = path.format_map(scene.ids)
            allowed = {name.strip() for name in staff.request(method, filled).headers["Allow"].split(",")}
            statuses = [client.request(method, filled).status_code for client in (staff, nobody)]
            answers[f"{method} {path}"] = (statuses, allowed - {"HEAD", "OPTIONS"} == known[path] - {"HEAD"})
    expected = {name: ([405, 401 if name.split()[1] in closed_paths else 405], True) for name in answers}
    assert len(answers) > 30
    assert answers == expected
    assert contents(scene.plaza) == before


def test_options_is_for_those_who_are_allowed_some_method(
    scene: Scene, staff: Client, nobody: Client, operations: list[Operation]
) -> None:
    levels: dict[str, set[str]] = {}
    for operation in operations:
        levels.setdefault(operation.path, set()).add(operation.access)

    for path, access in levels.items():
        clients = (nobody, scene.owner, staff)
        statuses = [client.request("OPTIONS", path.format_map(scene.ids)).status_code for client in clients]
        if "open" in access:
            assert statuses == [200, 200, 200], path
        else:
            assert statuses == [401, 200 if "user" in access else 403, 200], path


def test_lists_show_a_customer_only_their_own(scene: Scene, staff: Client, stranger: Client) -> None:
    mine = place_order(stranger, make_product(staff))
    rows = [row for page in stranger.pages("/api/orders/") for row in page["results"]]
    assert {row["user_id"] for row in rows} == {stranger.user["id"]}
    assert mine["id"] in {row["id"] for row in rows}
    of_another = succeeded(stranger.get(f"/api/orders/?user_id={scene.owner.user['id']}"))
    assert of_another["results"] == []
    own = succeeded(stranger.get("/api/auth/sessions/"))["results"]
    assert scene.ids["session_id"] not in {session["id"] for session in own}
    assert succeeded(stranger.get("/api/users/me/"))["id"] == stranger.user["id"]


def by_deactivation(plaza: Plaza, client: Client, other: Client) -> requests.Response:
    return plaza.staff().patch(f"/api/users/{client.user['id']}/", {"is_active": False})


def by_a_new_role(plaza: Plaza, client: Client, other: Client) -> requests.Response:
    return plaza.staff().patch(f"/api/users/{client.user['id']}/", {"is_staff": True})


def by_deletion(plaza: Plaza, client: Client, other: Client) -> requests.Response:
    return other.delete("/api/users/me/", json={"current_password": CUSTOMER_PASSWORD})


def by_a_new_password(plaza: Plaza, client: Client, other: Client) -> requests.Response:
    change = {"current_password": CUSTOMER_PASSWORD, "new_password": NEW_PASSWORD}
    return other.post("/api/users/me/password/", change)


def by_signing_out(plaza: Plaza, client: Client, other: Client) -> requests.Response:
    return plaza.client().post("/api/auth/logout/", {"refresh": client.refresh})


def by_signing_out_everywhere(plaza: Plaza, client: Client, other: Client) -> requests.Response:
    return other.delete("/api/auth/sessions/")


def by_ending_one_session(plaza: Plaza, client: Client, other: Client) -> requests.Response:
    (ended,) = [each for each in succeeded(other.get("/api/auth/sessions/"))["results"] if not each["current"]]
    return other.delete(f"/api/auth/sessions/{ended['id']}/")


@pytest.mark.parametrize(
    "end",
    [
        by_signing_out,
        by_signing_out_everywhere,
        by_ending_one_session,
        by_a_new_password,
        by_a_new_role,
        by_deactivation,
        by_deletion,
    ],
)
def test_a_session_ends_within_a_second(
    plaza: Plaza, end: Callable[[Plaza, Client, Client], requests.Response]
) -> None:
    client = plaza.customer()
    other = plaza.client().signed_in(client.user["username"], CUSTOMER_PASSWORD)
    succeeded(client.get("/api/products/"))

    assert end(plaza, client, other).status_code in (200, 204)
    ended_at = time.monotonic()
    while (response := client.get("/api/products/")).status_code == 200:
        assert time.monotonic() < ended_at + 1
    problem(response, *ENDED)
    problem(client.renew(), *ENDED)


def test_the_page_for_staff_is_for_staff(
    nobody: Client, staff: Client, customer: Client, ended: Client, forger: Forger
) -> None:
    def status(access: str) -> int:
        return nobody.get("/status/", headers={"Cookie": f"plaza_access={access}"}).status_code

    assert (status(""), status(customer.access), status(staff.access)) == (302, 403, 200)
    assert status(ended.access) == 302
    assert {name: status(forge(forger)) for name, forge in FORGERIES.items()} == dict.fromkeys(FORGERIES, 302)
