"""Public answers are kept for a while, and serve when the service can't; deleted things never."""

from typing import Any

import pytest
from django.test import Client

from common.upstream import Answer, BulkheadRejected, Call, TimedOut, Unreachable
from gateway_project.routing import views
from gateway_project.routing.cache import AnswerCache, lifetimes
from gateway_project.routing.stores import LocalStore
from tests.gateway.clients import HTML, send, slug
from tests.gateway.examples import CATEGORY, NEW_ORDER, NEW_PRODUCT, ORDER, ORDER_ID, PRODUCT, PRODUCT_ID, USER, page
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import read

PUBLIC = "public, max-age=1, stale-if-error=86400"
DAY_S = 86_400
PATH = f"/api/products/{PRODUCT_ID}/"
INNER = f"/products/{PRODUCT_ID}/"
DOWN = Unreachable("products", "down")


class Clock:
    now = 1_772_600_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> LocalStore:
    return LocalStore(clock)


@pytest.fixture(autouse=True)
def _kept(store: LocalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache that the views use here."""
    kept = AnswerCache(store, clock)
    monkeypatch.setattr(views, "answers", lambda: kept)


@pytest.fixture(autouse=True)
def _catalogue(services: Services) -> None:
    services.products.on("GET", INNER, answer(200, PRODUCT, Cache_Control=PUBLIC, ETag='"v1"'))
    services.products.on("GET", "/products/", answer(200, page(PRODUCT), Cache_Control=PUBLIC))
    services.products.on("GET", "/categories/", answer(200, page(CATEGORY), Cache_Control=PUBLIC))


def get(client: Client, path: str = PATH, **headers: str) -> tuple[int, str | None]:
    """The status, and where the answer comes from."""
    response = send(client, "GET", path, **headers)
    return response.status_code, response.get("Cache-Status")


FRESH = (200, None)
HIT = (200, "plaza; hit")
STALE = (200, "plaza; hit; detail=stale-if-error")


def test_a_public_answer_is_asked_for_once_while_it_is_fresh(user: Client, services: Services, clock: Clock) -> None:
    assert get(user) == FRESH
    clock.now += 0.9
    response = send(user, "GET", PATH)
    assert (response.json(), response["ETag"], response["Age"]) == (PRODUCT, '"v1"', "0")
    assert response["Cache-Status"] == "plaza; hit"
    assert response["Cache-Control"] == "private, no-cache"
    assert len(services.products.calls) == 1
    clock.now += 0.1
    assert get(user) == FRESH
    assert len(services.products.calls) == 2


def test_what_is_kept_serves_everyone_who_may_ask(user: Client, staff: Client, anonymous: Client) -> None:
    assert get(user) == FRESH
    assert get(staff) == HIT
    assert get(anonymous) == (401, None)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/products/?page_size=1", {}),
        ("/api/products/?search=a", {}),
        ("/api/categories/", {}),
        (PATH, {}),
        ("/api/products/", {"Accept_Language": "es"}),
    ],
)
def test_the_key_holds_all_that_selects_an_answer(path: str, headers: dict[str, str], user: Client) -> None:
    assert get(user, "/api/products/") == FRESH
    assert get(user, path, **headers) == FRESH
    assert get(user, path, **headers) == HIT
    assert get(user, "/api/products/") == HIT


def test_two_spellings_of_one_question_share_an_answer(user: Client) -> None:
    assert get(user, "/api/products/?min_price=1&search=&format=json") == FRESH
    assert get(user, "/api/products/?min_price=1.00") == HIT


@pytest.mark.parametrize("control", ["", "private, max-age=60", "max-age=60", "no-store, public, max-age=60", "public"])
def test_what_is_not_marked_public_is_not_kept(control: str, user: Client, services: Services) -> None:
    services.products.on("GET", INNER, answer(200, PRODUCT, Cache_Control=control))
    assert [get(user), get(user)] == [FRESH, FRESH]
    services.products.on("GET", INNER, DOWN)
    assert get(user) == (502, None)


def test_only_what_the_table_calls_cacheable_is_kept(user: Client, services: Services) -> None:
    services.users.on("GET", "/users/me/", answer(200, USER, Cache_Control=PUBLIC))
    services.orders.on("GET", "/orders/", answer(200, page(ORDER), Cache_Control=PUBLIC))
    for path in ("/api/users/me/", "/api/orders/"):
        assert [get(user, path), get(user, path)] == [FRESH, FRESH]


@pytest.mark.parametrize("refusal", [problem(404, "not-found"), problem(401)])
def test_a_refusal_is_not_kept(refusal: Answer, user: Client, services: Services) -> None:
    inner = Answer(refusal.status, {**refusal.headers, "Cache-Control": PUBLIC}, refusal.body)
    services.products.on("GET", INNER, inner)
    before = get(user)
    assert get(user) == before
    assert len(services.products.calls) == 2


def test_not_modified_is_decided_here(user: Client, services: Services) -> None:
    assert send(user, "GET", PATH, If_None_Match='"v1"').status_code == 304
    assert "If-None-Match" not in (services.products.last.headers or {})
    for known, status in (('"v1"', 304), ('"v0", "v1"', 304), ('W/"v1"', 200), ("*", 304), ('"v0"', 200), ("x", 200)):
        response = send(user, "GET", PATH, If_None_Match=known)
        assert response.status_code == status, known
        assert response["ETag"] == '"v1"'
        assert bool(response.content) is (status == 200)
    assert len(services.products.calls) == 1
    assert send(user, "HEAD", PATH).content == b""
    assert len(services.products.calls) == 1


def test_people_are_shown_what_is_kept_too(staff: Client, services: Services) -> None:
    get(staff)
    response = staff.get(PATH, headers=HTML)
    assert read(response).one("input", name="sku").attributes["value"] == "GO-19"
    assert "ETag" not in response
    assert len(services.products.calls) == 1


@pytest.mark.parametrize(
    "failure",
    [DOWN, TimedOut("products", "slow"), answer(500), answer(200, {}), answer(302), BulkheadRejected("products", "")],
)
def test_a_failing_service_is_stood_in_for(
    failure: Answer | Exception, user: Client, services: Services, clock: Clock
) -> None:
    get(user)
    services.products.on("GET", INNER, failure)
    clock.now += DAY_S - 1
    response = send(user, "GET", PATH)
    assert (response.status_code, response.json()) == (200, PRODUCT)
    assert (response["Cache-Status"], response["Age"]) == (STALE[1], str(DAY_S - 1))
    clock.now += 1
    assert get(user)[0] in {502, 503, 504}


def test_an_open_circuit_is_stood_in_for_without_a_call(user: Client, services: Services, clock: Clock) -> None:
    get(user)
    clock.now += 5
    services.products.on("GET", INNER, TimedOut("products", "slow"))
    for _ in range(5):
        assert get(user) == STALE
    asked = len(services.products.calls)
    assert get(user) == STALE
    assert len(services.products.calls) == asked
    assert get(user, "/api/categories/") == (503, None)


def test_a_refusal_is_not_a_failure(user: Client, services: Services, clock: Clock) -> None:
    get(user)
    clock.now += 5
    services.products.on("GET", INNER, problem(404, "not-found"))
    assert get(user) == (404, None)


def test_a_service_that_distrusts_the_gateway_is_not_stood_in_for(
    user: Client, services: Services, clock: Clock
) -> None:
    get(user)
    clock.now += 5
    services.products.on("GET", INNER, problem(401))
    assert slug(send(user, "GET", PATH)) == "upstream-refused-gateway"


WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/api/products/", NEW_PRODUCT),
    ("PATCH", PATH, {"name": "Goban"}),
    ("PUT", PATH, NEW_PRODUCT),
    ("POST", f"{PATH}stock/", {"delta": 1}),
    ("PATCH", "/api/categories/board-games/", {"name": "Games"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("outcome", [problem(409), TimedOut("products", "perhaps it happened")])
def test_a_write_makes_what_is_kept_old_but_not_unservable(
    outcome: Answer | Exception, method: str, path: str, body: Any, user: Client, staff: Client, services: Services
) -> None:
    get(user)
    assert get(user) == HIT
    services.products.on(method, path.removeprefix("/api"), outcome)
    send(staff, method, path, body)
    services.products.on("GET", INNER, DOWN)
    assert get(user) == STALE


@pytest.mark.parametrize("outcome", [answer(204), TimedOut("products", "perhaps it happened")])
def test_a_deleted_thing_is_never_served_again(
    outcome: Answer | Exception, user: Client, staff: Client, services: Services
) -> None:
    get(user)
    services.products.on("DELETE", INNER, outcome)
    send(staff, "DELETE", PATH)
    services.products.on("GET", INNER, DOWN)
    assert get(user) == (502, None)


@pytest.mark.parametrize("path", ["/api/orders/", f"/api/orders/{ORDER_ID}/cancel/"])
def test_an_order_makes_the_kept_stock_old(path: str, user: Client, services: Services) -> None:
    get(user)
    services.orders.otherwise = problem(409)
    send(user, "POST", path, NEW_ORDER if path == "/api/orders/" else None)
    assert get(user) == FRESH
    services.orders.otherwise = answer(200, ORDER)
    send(user, "GET", f"/api/orders/{ORDER_ID}/")
    assert get(user) == HIT


def test_what_another_version_kept_is_passed_over(user: Client, store: LocalStore, services: Services) -> None:
    get(user)
    for key in list(store._entries):
        store.put(key, b"\xc1 nothing that was ever kept", 60)
    assert get(user) == FRESH
    services.products.on("GET", INNER, DOWN)
    for key in list(store._entries):
        store.put(key, b"\xc1", 60)
    assert get(user) == (502, None)


def test_writes_to_other_services_leave_it_alone(user: Client, services: Services) -> None:
    get(user)
    services.users.on("DELETE", "/users/me/", problem(409))
    send(user, "DELETE", "/api/users/me/")
    assert get(user) == HIT


def test_a_refused_write_that_never_left_changes_nothing(user: Client, staff: Client) -> None:
    get(user)
    assert send(user, "DELETE", PATH).status_code == 403
    assert send(staff, "PATCH", PATH, {"price": "free"}).status_code == 400
    assert get(user) == HIT


@pytest.mark.parametrize(("method", "after"), [("PATCH", STALE), ("DELETE", (502, None))])
def test_what_was_fetched_before_a_write_and_arrives_after_it_is_not_fresh(
    method: str, after: tuple[int, str | None], user: Client, staff: Client, services: Services
) -> None:
    def overtaken(call: Call) -> Answer:
        services.products.on(method, INNER, problem(409))
        send(staff, method, PATH, {"name": "Goban"} if method == "PATCH" else None)
        return answer(200, PRODUCT, Cache_Control=PUBLIC)

    services.products.on("GET", INNER, overtaken)
    assert get(user) == FRESH
    services.products.on("GET", INNER, DOWN)
    assert get(user) == after


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (PUBLIC, (1, DAY_S)),
        ("Public, Max-Age=60", (60, 0)),
        ('public,max-age="5" , stale-if-error=9', (5, 9)),
        ("public", (0, 0)),
        ("", None),
        ("private, max-age=60", None),
        ("max-age=60", None),
        ("public, no-store, max-age=60", None),
        ("public, private, max-age=60", None),
        ("public, max-age=-1", (0, 0)),
        ("public, max-age=soon", (0, 0)),
        ("publicly, max-age=60", None),
    ],
)
def test_lifetimes_are_read_as_the_service_wrote_them(control: str, expected: tuple[int, int] | None) -> None:
    assert lifetimes(control) == expected
