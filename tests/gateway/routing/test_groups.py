"""In which line each request waits: over the whole route table, since what is in none waits with what asks nobody."""

import re
from ipaddress import ip_network
from typing import Any

import pytest
from django.conf import settings
from django.urls import resolve
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from common.server.framing import Settings
from gateway_project.routing.groups import API, HEALTH, OTHERS, OWN, OWN_PLACES, Grouping
from gateway_project.routing.operations import Operation, Route
from gateway_project.routing.routes import ROUTES

PEER = "192.0.2.7"
OPERATIONS = [(route, method, operation) for route in ROUTES for method, operation in route.operations.items()]
EXAMPLES = {"uuid": "01a218d0-9c40-75b8-aed1-0bd67432e064", "slug": "tea"}


@pytest.fixture(scope="module")
def grouping() -> Grouping:
    return Grouping()


def head(target: str, method: str = "GET", **headers: str) -> Request:
    lines = [f"{method} {target} HTTP/1.1", "Host: test", *(f"{name}: {value}" for name, value in headers.items())]
    text = "\r\n".join([*lines, "", ""]).replace("_", "-")
    return Request(Settings(Config()), IterUnreader([text.encode()]), (PEER, 1))


def name_of(grouping: Grouping, target: str, method: str = "GET") -> str:
    return grouping.group_of(head(target, method), PEER).name


def path_of(route: Route) -> str:
    return f"/{API}/" + re.sub(r"<(\w+):\w+>", lambda match: EXAMPLES[match[1]], route.path)


@pytest.mark.parametrize(
    ("route", "method", "operation"), OPERATIONS, ids=[f"{method} {route.path}" for route, method, _ in OPERATIONS]
)
def test_a_request_waits_with_those_for_the_same_lane(
    grouping: Grouping, route: Route, method: str, operation: Operation
) -> None:
    lane = f"{route.service}/{route.lane_of(operation, {}, {})}"
    assert name_of(grouping, path_of(route), method) == lane
    assert name_of(grouping, f"http://shop.example{path_of(route)}?page_size=5", method) == lane
    assert name_of(grouping, path_of(route).replace("s", "%73"), method) == lane
    if operation.search_lane:
        searching = f"{route.service}/{operation.search_lane}"
        assert name_of(grouping, f"{path_of(route)}?page_size=5&search=tea", method) == searching
    if method == "GET":
        assert name_of(grouping, path_of(route), "HEAD") == lane


@pytest.mark.parametrize("path", OTHERS, ids="/".join)
def test_what_else_asks_a_service_is_there(grouping: Grouping, path: tuple[str, ...]) -> None:
    url = f"/{'/'.join(path)}/"
    assert resolve(url)
    assert name_of(grouping, url, "POST") == OTHERS[path]


def test_a_page_below_a_page_waits_with_it(grouping: Grouping) -> None:
    url = f"/password-reset/{EXAMPLES['uuid']}/token/"
    assert resolve(url)
    assert name_of(grouping, url, "POST") == OTHERS[("password-reset",)]


@pytest.mark.parametrize(
    ("target", "method", "name"),
    [
        ("/health/live", "GET", HEALTH),
        ("/health/ready", "HEAD", HEALTH),
        ("/", "OPTIONS", OWN),
        ("*", "OPTIONS", OWN),
        ("/api/", "GET", OWN),
        ("/api/schema/", "GET", OWN),
        ("/api/orders/", "BREW", OWN),
        ("/api/orders/1/2/3/", "GET", OWN),
        ("/api/%ff/%00/", "GET", OWN),
        ("//////", "GET", OWN),
    ],
)
def test_all_else_waits_with_what_asks_no_service(grouping: Grouping, target: str, method: str, name: str) -> None:
    assert name_of(grouping, target, method) == name


def test_each_group_has_as_many_places_as_its_lane(grouping: Grouping) -> None:
    names = {name for names in grouping._names.values() for name in names.values()}
    assert names < set(grouping.places)
    assert grouping.places["users/credentials"] == settings.UPSTREAMS["users"]["lanes"]["credentials"].max_in_flight
    assert grouping.places[OWN] == grouping.places[HEALTH] == OWN_PLACES


def caller(grouping: Grouping, peer: str = PEER, **headers: Any) -> Any:
    return grouping.group_of(head("/api/orders/", **headers), peer).caller


def test_who_asks_is_told_by_its_token_its_cookies_or_its_address(grouping: Grouping, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    callers = [
        caller(grouping, Authorization="Bearer a"),
        caller(grouping, Authorization="Bearer b"),
        caller(grouping, Cookie="a=1"),
        caller(grouping, Cookie="a=2"),
        caller(grouping),
        caller(grouping, "10.0.0.7", X_Forwarded_For="203.0.113.9"),
    ]
    assert len(set(callers)) == len(callers)
    assert caller(grouping, Authorization="Bearer a", Cookie="a=1") == callers[0]
    assert callers[-2:] == [PEER, "203.0.113.9"]
    assert caller(grouping, "2001:db8::1") == caller(grouping, "2001:db8::2")
    assert caller(grouping, X_Forwarded_For="203.0.113.9") == PEER
