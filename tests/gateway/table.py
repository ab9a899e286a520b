"""The route table, for tests that walk it."""

from gateway_project.routing.routes import ROUTES, Access, Route

TABLE = [(route, method) for route in ROUTES for method in route.operations]
OF_STAFF = [(route, method) for route, method in TABLE if route.operations[method].access is Access.STAFF]
WITH_BODY = [(route, method) for route, method in TABLE if route.operations[method].body is not None]


def label(value: object) -> str:
    """A parameter's name in the test's id."""
    return value.path if isinstance(value, Route) else str(value)
