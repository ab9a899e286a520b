"""The route table and the lanes, for tests that walk them."""

from django.conf import settings

from gateway_project.auth.permissions import IsStaff
from gateway_project.routing.operations import Route
from gateway_project.routing.routes import ROUTES

TABLE = [(route, method) for route in ROUTES for method in route.operations]
OF_STAFF = [(route, method) for route, method in TABLE if route.operations[method].permission is IsStaff]
WITH_BODY = [(route, method) for route, method in TABLE if route.operations[method].body is not None]
# How many calls each lane may have in flight, by the name that the status page gives it.
PLACES = {
    name if lane == name else f"{name}/{lane}": policy.max_in_flight
    for name, config in settings.UPSTREAMS.items()
    for lane, policy in config["lanes"].items()
}


def label(value: object) -> str:
    """A parameter's name in the test's id."""
    return value.path if isinstance(value, Route) else str(value)
