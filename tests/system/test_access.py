"""Every operation times every kind of caller: who is let in, and what each of the others is told.

The operations come from the gateway's own OpenAPI document, so a new route is tested by existing.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import requests

from tests.system.access_contents import changed, contents
from tests.system.access_operations import Operation, Refusal, read_operations
from tests.system.access_scene import NEW_PASSWORD, Scene, make_scene, make_staff
from tests.system.access_tokens import FORGERIES, Forger
from tests.system.client import Client, done, problem, succeeded
from tests.system.plaza import CUSTOMER_PASSWORD, PROJECTS, System

ANONYMOUS, FORGED, ENDED = (401, "not-authenticated"), (401, "invalid-token"), (401, "session-ended")
NO_CSRF = (403, "csrf-failed")
ROLES = ("user", "other user", "staff")
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
Headers = Mapping[str, str]


@pytest.fixture(scope="module")
def operations(system: System) -> list[Operation]:
    return read_operations(system.client())


@pytest.fixture(scope="module")
def scene(system: System) -> Scene:
    return make_scene(system)


@pytest.fixture(scope="module")
def forger(system: System, staff: Client, customer: Client) -> Forger:
    return Forger(system, staff, customer)


@pytest.fixture(scope="module")
def ended(system: System) -> Client:
    """Staff who has signed out."""
    client = make_staff(system)
    done(client.post("/api/auth/logout/", {"refresh": client.refresh}))
    return client


def closed(operations: Iterable[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.access != "open"]


def told(response: requests.Response) -> Refusal:
    """Status and problem; a HEAD has no body to hold one."""
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
    """Each operation, sent so that it would succeed for who may, is told what is `expected`, and nothing changes."""
    assert len(expected) >= number
    requested = [(operation, scene.path(operation), scene.body(operation)) for operation in expected]
    before = contents(scene.system)

    answers = {
        str(operation): told(client.request(operation.method, path, json=body, headers=headers))
        for operation, path, body in requested
    }
    assert answers == {
        str(operation): (status, "" if operation.method == "HEAD" else slug)
        for operation, (status, slug) in expected.items()
    }
    assert contents(scene.system) == before


def test_nobody_gets_in_without_a_token(scene: Scene, nobody: Client, operations: list[Operation]) -> None:
    assert_refused(scene, nobody, {}, dict.fromkeys(closed(operations), ANONYMOUS), number=30)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_token_gets_in_that_is_not_quite_one(
    scene: Scene, nobody: Client, operations: list[Operation], forger: Forger, forgery: str
) -> None:
    headers = {"Authorization": f"Bearer {FORGERIES[forgery](forger)}"}

    reading = [operation for operation in operations if operation.reads_the_header]
    assert_refused(scene, nobody, headers, dict.fromkeys(reading, FORGED), number=31)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_in_a_cookie_neither(
    scene: Scene, nobody: Client, operations: list[Operation], forger: Forger, forgery: str
) -> None:
    headers = {"Cookie": f"plaza_access={FORGERIES[forgery](forger)}"}

    assert_refused(scene, nobody, headers, dict.fromkeys(closed(operations), ANONYMOUS), number=30)


def test_the_forger_can_make_a_good_one(nobody: Client, forger: Forger) -> None:
    """So each forgery is refused for the one thing in which it differs."""
    succeeded(nobody.get("/api/users/", headers={"Authorization": f"Bearer {forger.sign()}"}))
    succeeded(nobody.get("/api/users/", headers={"Cookie": f"plaza_access={forger.sign()}"}))


def test_a_sign_in_that_has_ended_opens_nothing(
    scene: Scene, ended: Client, nobody: Client, operations: list[Operation]
) -> None:
    reading = [operation for operation in operations if operation.reads_the_header]
    assert_refused(scene, ended, {}, dict.fromkeys(reading, ENDED), number=31)
    cookie = {"Cookie": f"plaza_access={ended.access}"}
    assert_refused(scene, nobody, cookie, dict.fromkeys(closed(operations), ANONYMOUS), number=30)


def test_a_cookie_alone_changes_nothing(
    scene: Scene, staff: Client, nobody: Client, operations: list[Operation]
) -> None:
    """Any site's form brings it; a CSRF token shows that it is ours."""
    unsafe = [operation for operation in operations if operation.reads_the_header and not operation.is_safe]

    headers = {"Cookie": f"plaza_access={staff.access}"}
    assert_refused(scene, nobody, headers, dict.fromkeys(unsafe, NO_CSRF), number=20)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_is_refused(
    scene: Scene, staff: Client, stranger: Client, operations: list[Operation], role: str
) -> None:
    client = {"user": scene.owner, "other user": stranger, "staff": staff}[role]

    refusals = {operation: operation.refusal(role) for operation in closed(operations)}
    assert_refused(scene, client, {}, {operation: told for operation, told in refusals.items() if told})


@pytest.mark.parametrize("role", ROLES)
def test_who_may_is_let_in(system: System, operations: list[Operation], role: str) -> None:
    make: dict[str, Callable[[Scene], Client]] = {
        "user": lambda scene: scene.owner,
        "other user": lambda scene: system.customer(),
        "staff": lambda scene: make_staff(system),
    }
    permitted = [operation for operation in operations if operation.refusal(role) is None]
    answers, scene, client = {}, None, None
    before = contents(system)

    for operation in permitted:
        if scene is None or client is None or client.get("/api/auth/sessions/").status_code == 401:
            scene = make_scene(system)  # the last operation ended the caller's sign-in
            client = make[role](scene)
        response = client.request(operation.method, scene.path(operation), json=scene.body(operation))
        answers[str(operation)] = response.status_code
    assert answers == {str(operation): operation.success for operation in permitted}
    assert {project for project in PROJECTS if changed(before, contents(system), project)} == set(PROJECTS)


@pytest.mark.parametrize("caller", ["nobody", "a customer", "staff", "ended", "forged"])
def test_an_open_operation_takes_anyone_whose_token_is_not_wrong(
    scene: Scene, operations: list[Operation], forger: Forger, ended: Client, caller: str
) -> None:
    tokens = {"a customer": scene.owner.access, "ended": ended.access, "staff": forger.sign(), "forged": "let-me-in"}
    headers = {"Authorization": f"Bearer {tokens[caller]}"} if caller in tokens else {}
    nobody = scene.system.client()

    is_wrong = caller in {"ended", "forged"}
    sweep = [operation for operation in operations if operation.access == "open"]
    answers = {
        str(each): nobody.request(each.method, scene.path(each), json=scene.body(each), headers=headers).status_code
        for each in sweep
    }
    assert answers == {str(each): 401 if is_wrong and each.reads_the_header else each.success for each in sweep}


def test_a_method_that_a_path_does_not_have_is_405(
    scene: Scene, staff: Client, nobody: Client, operations: list[Operation]
) -> None:
    known: dict[str, set[str]] = {}
    for operation in operations:
        known.setdefault(operation.path, set()).add(operation.method)
    closed_paths = {operation.path for operation in closed(operations)}
    before = contents(scene.system)

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
    assert contents(scene.system) == before


def test_options_tells_who_may_do_something_there(
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


def test_lists_hold_nothing_of_anyone_else(scene: Scene, stranger: Client) -> None:
    for path in ("/api/orders/", f"/api/orders/?user_id={scene.owner.user['id']}"):
        rows = [row for page in stranger.pages(path) for row in page["results"]]
        assert {row["user_id"] for row in rows} <= {stranger.user["id"]}
    own = succeeded(stranger.get("/api/auth/sessions/"))
    assert scene.ids["session_id"] not in {session["id"] for session in own}
    assert succeeded(stranger.get("/api/users/me/"))["id"] == stranger.user["id"]


def by_deactivation(system: System, client: Client, other: Client) -> requests.Response:
    return system.staff().patch(f"/api/users/{client.user['id']}/", {"is_active": False})


def by_a_new_role(system: System, client: Client, other: Client) -> requests.Response:
    return system.staff().patch(f"/api/users/{client.user['id']}/", {"is_staff": True})


def by_deletion(system: System, client: Client, other: Client) -> requests.Response:
    return other.delete("/api/users/me/")


def by_a_new_password(system: System, client: Client, other: Client) -> requests.Response:
    change = {"current_password": CUSTOMER_PASSWORD, "new_password": NEW_PASSWORD}
    return other.post("/api/users/me/password/", change)


def by_signing_out(system: System, client: Client, other: Client) -> requests.Response:
    return system.client().post("/api/auth/logout/", {"refresh": client.refresh})


def by_signing_out_everywhere(system: System, client: Client, other: Client) -> requests.Response:
    return other.delete("/api/auth/sessions/")


def by_ending_one_sign_in(system: System, client: Client, other: Client) -> requests.Response:
    (ended,) = [each for each in succeeded(other.get("/api/auth/sessions/")) if not each["current"]]
    return other.delete(f"/api/auth/sessions/{ended['id']}/")


@pytest.mark.parametrize(
    "end",
    [
        by_signing_out,
        by_signing_out_everywhere,
        by_ending_one_sign_in,
        by_a_new_password,
        by_a_new_role,
        by_deactivation,
        by_deletion,
    ],
)
def test_a_sign_in_ends_within_a_second(
    system: System, end: Callable[[System, Client, Client], requests.Response]
) -> None:
    client = system.customer()
    other = system.client().signed_in(client.user["username"], CUSTOMER_PASSWORD)
    succeeded(client.get("/api/products/"))

    assert end(system, client, other).status_code in (200, 204)
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
