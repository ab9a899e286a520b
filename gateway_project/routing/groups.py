"""Behind whom a request waits for a thread: said from its head alone, before anything is read or looked up.

Requests for the same lane of a service wait together. So a service that hangs, or a crowd that wants one thing, holds
up nothing else.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from django.conf import settings
from gunicorn.http.message import Request

from common.server.lines import Group
from gateway_project.store.addresses import address_behind, network_of

from .operations import Route
from .routes import ROUTES

API, PARAMETER = "api", "*"
ANY_METHOD = ""
SEARCH = "search="
OWN, HEALTH = "gateway", "health"  # groups of what asks no service
OWN_PLACES = 8
WHO = ("AUTHORIZATION", "COOKIE")

# What asks a service and is not in the route table; of pages, the first part of the path is enough.
OTHERS = {
    (API, "auth", "token"): "users/credentials",
    (API, "auth", "token", "refresh"): "users/accounts",
    ("login",): "users/credentials",
    ("register",): "users/credentials",
    ("password-reset",): "users/credentials",
}


class Grouping:
    """`places` says how many requests of a group are worked on at the same time: as many as its lane has."""

    def __init__(self) -> None:
        lanes = {
            f"{service}/{lane}": policy.max_in_flight
            for service, config in settings.UPSTREAMS.items()
            for lane, policy in config["lanes"].items()
        }
        self.places = {**lanes, OWN: OWN_PLACES, HEALTH: OWN_PLACES}
        self._names = _names()

    def group_of(self, message: Request, peer: str) -> Group:
        headers = dict(message.headers)
        name = self._name_of(message.method or "", message.path or "", message.query or "")
        for header in WHO:
            if header in headers:
                return Group(name, hash(headers[header]))
        return Group(name, network_of(address_behind(peer, headers.get("X-FORWARDED-FOR", ""))))

    def _name_of(self, method: str, path: str, query: str) -> str:
        parts = tuple(unquote(path).strip("/").split("/"))
        if parts[0] == HEALTH:
            return HEALTH
        names = self._names.get(parts) or self._names.get(_template(parts)) or self._names.get(parts[:1])
        if names is None:
            return OWN
        if SEARCH in query and (searching := names.get(SEARCH)):
            return searching
        return names.get("GET" if method == "HEAD" else method) or names.get(ANY_METHOD, OWN)


Names = Mapping[str, str]  # a group by method, and for a GET that searches


def _names() -> dict[tuple[str, ...], Names]:
    return {(API, *_parts(route.path)): _names_of(route) for route in ROUTES} | {
        path: {ANY_METHOD: name} for path, name in OTHERS.items()
    }


def _names_of(route: Route) -> Names:
    names = {method: route.lane_of(operation, {}, {}) for method, operation in route.operations.items()}
    if (read := route.operations.get("GET")) and read.search_lane:
        names[SEARCH] = read.search_lane
    return {method: f"{route.service}/{lane}" for method, lane in names.items()}


def _parts(path: str) -> tuple[str, ...]:
    return tuple(PARAMETER if part.startswith("<") else part for part in path.strip("/").split("/"))


def _template(parts: tuple[str, ...]) -> tuple[str, ...]:
    """As if the third part were a parameter, which is where all are."""
    return (*parts[:2], PARAMETER, *parts[3:])
