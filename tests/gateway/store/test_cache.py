"""Public answers are cached, and served stale while the service fails; deleted things never."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Queue
from typing import Any

import pytest
from django.test import Client

from common.upstream import Answer, BulkheadRejected, Call, ServerFailed, TimedOut, Unreachable
from gateway_project.routing import exchange, views
from gateway_project.store import cache
from gateway_project.store.backends import LocalStore
from gateway_project.store.cache import AnswerCache, CacheKey, lifetimes
from gateway_project.upstreams.answers import ProxiedAnswer
from tests.gateway.clients import HTML, send, slug
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import read
from tests.support.clock import Clock
from tests.support.examples import CATEGORY, NEW_ORDER, NEW_PRODUCT, ORDER, ORDER_ID, PRODUCT, PRODUCT_ID, USER, page

PUBLIC = "public, max-age=1, stale-if-error=86400"
DAY_S = 86_400
PATH = f"/api/products/{PRODUCT_ID}/"
INNER = f"/products/{PRODUCT_ID}/"
DOWN = Unreachable("products", "down")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_772_600_000.0)


@pytest.fixture
def store(clock: Clock) -> LocalStore:
    return LocalStore(clock)


@pytest.fixture(autouse=True)
def _kept(store: LocalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache that the views use here."""
    kept = AnswerCache(store, clock)
    monkeypatch.setattr(views, "answer_cache", lambda: kept)
    monkeypatch.setattr(exchange, "answer_cache", lambda: kept)


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
    clock.advance(0.9)
    response = send(user, "GET", PATH)
    assert (response.json(), response["ETag"], response["Age"]) == (PRODUCT, '"v1"', "0")
    assert response["Cache-Status"] == "plaza; hit"
    assert response["Cache-Control"] == "private, no-cache"
    assert len(services.products.calls) == 1
    clock.advance(0.1)
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
    for known, status in (
        ('"v1"', 304),
        ('"v0", "v1"', 304),
        ('W/"v1"', 304),
        ('W/"v0"', 200),
        ("*", 304),
        ('"v0"', 200),
        ("x", 200),
    ):
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
    assert [call.path for call in services.products.calls].count(INNER) == 1


@pytest.mark.parametrize(
    "failure",
    [DOWN, TimedOut("products", "slow"), answer(500), answer(200, {}), answer(302), BulkheadRejected("products", "")],
)
def test_a_failing_service_is_stood_in_for(
    failure: Answer | Exception, user: Client, services: Services, clock: Clock
) -> None:
    get(user)
    services.products.on("GET", INNER, failure)
    clock.advance(DAY_S - 1)
    response = send(user, "GET", PATH)
    assert (response.status_code, response.json()) == (200, PRODUCT)
    assert (response["Cache-Status"], response["Age"]) == (STALE[1], str(DAY_S - 1))
    clock.advance(1)
    assert get(user)[0] in {502, 503, 504}


def test_an_open_circuit_is_stood_in_for_without_a_call(user: Client, services: Services, clock: Clock) -> None:
    get(user)
    clock.advance(5)
    services.products.on("GET", INNER, ServerFailed("products", 500))
    services.products.is_ready = False
    for _ in range(5):
        assert get(user) == STALE
    asked = len(services.products.calls)
    assert get(user) == STALE
    assert len(services.products.calls) == asked
    assert get(user, "/api/categories/") == (503, None)


def test_a_refusal_is_not_a_failure(user: Client, services: Services, clock: Clock) -> None:
    get(user)
    clock.advance(5)
    services.products.on("GET", INNER, problem(404, "not-found"))
    assert get(user) == (404, None)


def test_a_service_that_distrusts_the_gateway_is_not_stood_in_for(
    user: Client, services: Services, clock: Clock
) -> None:
    get(user)
    clock.advance(5)
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


KEY = CacheKey("products", "/products/", (), "en")
OTHER_KEY = CacheKey("products", "/categories/", (), "en")
Ask = Callable[[], ProxiedAnswer]


def public(content: str, control: str = "public") -> ProxiedAnswer:
    return ProxiedAnswer(200, {}, content, control)


class WatchedCache(AnswerCache):
    """Tells of each thread that begins to wait for another's answer."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(LocalStore(clock), clock)
        self.following = threading.Semaphore(0)

    def _follow(self, service: str, leader: "Future[ProxiedAnswer]") -> ProxiedAnswer:
        self.following.release()
        return super()._follow(service, leader)


@pytest.fixture
def watched(clock: Clock) -> WatchedCache:
    return WatchedCache(clock)


def outcome_of(kept: AnswerCache, ask: Ask, outcomes: list[Any]) -> None:
    try:
        outcomes.append(kept.serve(KEY, ask))
    except Exception as error:
        outcomes.append(error)


def together(kept: WatchedCache, count: int, ask: Ask) -> list[Any]:
    """What `count` threads get; the first asks, and holds on until all others follow it."""
    outcomes: list[Any] = []
    leads = threading.Event()

    def held() -> ProxiedAnswer:
        leads.set()
        assert all(kept.following.acquire(timeout=10) for _ in range(count - 1))
        return ask()

    threads = [threading.Thread(target=outcome_of, args=(kept, held, outcomes)) for _ in range(count)]
    threads[0].start()
    assert leads.wait(10)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(10)
    return outcomes


def test_concurrent_misses_make_one_call(watched: WatchedCache) -> None:
    asked: list[str] = []

    def ask() -> ProxiedAnswer:
        asked.append("once")
        return public("an answer")

    assert together(watched, 8, ask) == [public("an answer")] * 8
    assert asked == ["once"]


def test_concurrent_misses_share_a_failure_and_the_next_one_asks_again(watched: WatchedCache) -> None:
    error = Unreachable("products", "down")

    def fail() -> ProxiedAnswer:
        raise error

    assert together(watched, 4, fail) == [error] * 4
    assert watched.serve(KEY, lambda: public("an answer")).content == "an answer"


def test_other_questions_do_not_wait(watched: WatchedCache) -> None:
    def ask() -> ProxiedAnswer:
        return watched.serve(OTHER_KEY, lambda: public("another"))

    assert watched.serve(KEY, ask).content == "another"


def test_only_so_many_wait_for_one_service(watched: WatchedCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_FOLLOWERS", 2)
    outcomes: list[Any] = []
    refused: Queue[Any] = Queue()

    def follow() -> None:
        mine: list[Any] = []
        outcome_of(watched, lambda: public("never asked"), mine)
        outcomes.extend(mine)
        refused.put(mine[0])

    def ask() -> ProxiedAnswer:
        for thread in followers:
            thread.start()
        for _ in range(2):  # the two that find a place wait for this answer, so these are the others
            assert isinstance(refused.get(timeout=10), BulkheadRejected)
        return public("an answer")

    followers = [threading.Thread(target=follow) for _ in range(4)]
    assert watched.serve(KEY, ask).content == "an answer"
    for thread in followers:
        thread.join(10)
    served = [outcome.content for outcome in outcomes if isinstance(outcome, ProxiedAnswer)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, BulkheadRejected)]
    assert (served, len(rejected)) == (["an answer"] * 2, 2)
    assert {(error.upstream, error.retry_after_s) for error in rejected} == {("products", 1.0)}


def test_as_many_wait_for_an_answer_as_may_wait_in_a_lane(settings: Any) -> None:
    lanes = [policy for config in settings.UPSTREAMS.values() for policy in config["lanes"].values()]
    assert {policy.max_waiting for policy in lanes} == {cache.MAX_FOLLOWERS} == {300}


def test_an_answer_is_as_old_as_its_question_and_is_not_served_beyond_its_day(clock: Clock) -> None:
    kept = AnswerCache(LocalStore(lambda: 0.0), clock)  # a store that forgets nothing

    def slowly() -> ProxiedAnswer:
        clock.advance(5)
        return public("an answer", PUBLIC)

    def fail() -> ProxiedAnswer:
        raise DOWN

    assert kept.serve(KEY, slowly).content == "an answer"
    clock.advance(DAY_S - 5.5)
    assert kept.serve(KEY, fail).headers["Age"] == str(DAY_S - 1)
    clock.advance(0.5)
    with pytest.raises(Unreachable):
        kept.serve(KEY, fail)


def lead_past_a_follower(kept: WatchedCache, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a follower gets whose patience ends before the leader's answer comes."""
    monkeypatch.setattr(cache, "FOLLOW_S", 0.01)
    outcomes: list[Any] = []

    def ask() -> ProxiedAnswer:
        follower = threading.Thread(target=outcome_of, args=(kept, lambda: public("never asked"), outcomes))
        follower.start()
        follower.join(10)
        return public("an answer")

    assert kept.serve(KEY, ask).content == "an answer"
    [outcome] = outcomes
    return outcome


def test_a_wait_ends(watched: WatchedCache, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(lead_past_a_follower(watched, monkeypatch), TimedOut)


def test_a_follower_that_gives_up_is_served_stale(
    watched: WatchedCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.serve(KEY, lambda: public("stale", "public, max-age=1, stale-if-error=3600"))
    clock.advance(5)
    answer = lead_past_a_follower(watched, monkeypatch)
    assert bytes(answer.content) == b'"stale"'
    assert answer.headers == {"Age": "5", "Cache-Status": "plaza; hit; detail=stale-if-error"}


def test_what_may_not_be_kept_at_all_is_not(watched: WatchedCache) -> None:
    answers = [public("first", "public, max-age=0"), public("second", "public, max-age=0")]
    assert [watched.serve(KEY, lambda: answers.pop(0)).content for _ in range(2)] == ["first", "second"]
    assert list(watched._store._entries) == []  # type: ignore[attr-defined]


def test_a_private_answer_is_not_shared_with_who_waited_for_it(watched: WatchedCache) -> None:
    """Or one user would be served what the service made for another."""
    outcomes: list[Any] = []
    asked: list[str] = []
    followers: list[threading.Thread] = []

    def own() -> ProxiedAnswer:
        name = threading.current_thread().name
        asked.append(name)
        return public(f"for {name}", "private")

    def lead() -> ProxiedAnswer:
        followers.extend(
            threading.Thread(target=outcome_of, args=(watched, own, outcomes), name=name) for name in ("ada", "grace")
        )
        for thread in followers:
            thread.start()
        assert all(watched.following.acquire(timeout=10) for _ in followers)
        return public("for the first", "private")

    assert watched.serve(KEY, lead).content == "for the first"
    for thread in followers:
        thread.join(10)
    assert sorted(outcome.content for outcome in outcomes) == ["for ada", "for grace"]
    assert sorted(asked) == ["ada", "grace"]


def test_who_asks_after_a_write_does_not_join_a_question_from_before_it(watched: WatchedCache) -> None:
    later: list[Any] = []

    def overtaken() -> ProxiedAnswer:
        watched.invalidate(["products"], deleted=False)
        thread = threading.Thread(target=outcome_of, args=(watched, lambda: public("new"), later))
        thread.start()
        thread.join(10)
        return public("old")

    assert watched.serve(KEY, overtaken).content == "old"
    assert later == [public("new")]
