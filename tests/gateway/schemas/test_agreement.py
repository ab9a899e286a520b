"""The gateway's schemas against each service's own: one definition drifting from the other is found here."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import ComponentRegistry
from rest_framework.views import APIView

from gateway_project.routing.openapi import RouteSchema
from gateway_project.routing.operations import Route
from gateway_project.routing.routes import ROUTES
from gateway_project.schemas.users import Account, Credentials, CredentialsVerdict, ResetLink
from tests.gateway.agreement import METHODS, Comparison, body_of
from tests.gateway.table import TABLE, label

ROOT = Path(__file__).resolve().parents[3]
SERVICES = tuple(settings.UPSTREAMS)
Documents = dict[str, Any]

# What the services serve beside the public surface, and to whom.
INTERNAL = {
    "users": {"/credentials/", "/password-resets/", "/accounts/{user_id}/"},  # the gateway's own questions
    "products": {"/reservations/", "/reservations/{order_id}/"},  # orders
}
# Where the gateway is the stricter side, on purpose: the service looks a slug up, the gateway checks that it is one.
STRICTER = ("/category: maxLength: ", "/category: pattern: ")


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """Each service's OpenAPI document, made by its own process."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["PLAZA_DATA_DIR"] = str(tmp_path_factory.mktemp("services"))
    options = ["spectacular", "--format", "openapi-json", "--custom-settings", "tests.gateway.agreement.SPLIT_REQUESTS"]
    running = {
        name: subprocess.Popen(
            [sys.executable, str(ROOT / f"{name}_project" / "manage.py"), *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in SERVICES
    }
    finished = {name: (*process.communicate(), process.returncode) for name, process in running.items()}
    for name, (_, complaints, code) in finished.items():
        assert code == 0, f"{name}: {complaints}"
    return {name: json.loads(written) for name, (written, _, _) in finished.items()}


@pytest.fixture(scope="module")
def gateway() -> Any:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


def openapi_path(route: Route) -> str:
    return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route.path)


def without_known(differences: list[str]) -> list[str]:
    return [line for line in differences if not any(known in line for known in STRICTER)]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_serves_the_gateways_paths_and_those_that_are_internal(service: str, documents: Documents) -> None:
    public = {openapi_path(route) for route in ROUTES if route.service == service}
    served = {path for path in documents[service]["paths"] if not path.startswith("/audit/")}  # the operator's
    assert served == public | INTERNAL.get(service, set())


@pytest.mark.parametrize("route", ROUTES, ids=label)
def test_both_sides_have_the_same_methods(route: Route, documents: Documents) -> None:
    theirs = documents[route.service]["paths"][openapi_path(route)]
    assert {method.lower() for method in route.operations} == set(theirs) & set(METHODS)


@pytest.mark.parametrize(("route", "method"), TABLE, ids=label)
def test_what_the_gateway_sends_is_what_the_service_takes(
    route: Route, method: str, documents: Documents, gateway: Any
) -> None:
    ours, theirs = both(route, method, documents, gateway)
    comparison = Comparison(gateway, documents[route.service])
    our_body, their_body = body_of(ours.get("requestBody", {})), body_of(theirs.get("requestBody", {}))
    assert (our_body is None) is (their_body is None)
    differences = list(comparison.parameters(ours, theirs, openapi_path(route)))
    if our_body is not None and their_body is not None:
        differences += comparison.requests(our_body, their_body, openapi_path(route))
    assert without_known(differences) == []


@pytest.mark.parametrize(("route", "method"), TABLE, ids=label)
def test_what_the_service_answers_is_what_the_gateway_expects(
    route: Route, method: str, documents: Documents, gateway: Any
) -> None:
    ours, theirs = both(route, method, documents, gateway)
    comparison = Comparison(gateway, documents[route.service])
    our_successes = {code: answer for code, answer in ours["responses"].items() if code < "300"}
    assert set(our_successes) == {code for code in theirs["responses"] if code < "300"}
    for code, answer in our_successes.items():
        our_body, their_body = body_of(answer), body_of(theirs["responses"][code])
        assert (our_body is None) is (their_body is None)
        if our_body is not None and their_body is not None:
            assert list(comparison.answers(our_body, their_body, f"{openapi_path(route)} {code}")) == []


def both(route: Route, method: str, documents: Documents, gateway: Any) -> tuple[Any, Any]:
    ours = gateway["paths"][f"/api{openapi_path(route)}"][method.lower()]
    return ours, documents[route.service]["paths"][openapi_path(route)][method.lower()]


@pytest.mark.parametrize(
    ("serializer", "path", "method", "direction"),
    [
        (Credentials, "/credentials/", "post", "request"),
        (CredentialsVerdict, "/credentials/", "post", "response"),
        (ResetLink, "/password-resets/", "post", "request"),
        (CredentialsVerdict, "/password-resets/", "post", "response"),
        (Account, "/accounts/{user_id}/", "get", "response"),
    ],
)
def test_the_gateways_own_questions_are_as_the_users_service_takes_them(
    serializer: Any, path: str, method: str, direction: str, documents: Documents
) -> None:
    theirs = documents["users"]["paths"][path][method]
    their_schema = body_of(theirs["requestBody"] if direction == "request" else theirs["responses"]["200"])
    assert their_schema is not None
    reference, ours = schema_of(serializer, direction)
    comparison = Comparison(ours, documents["users"])
    compare = comparison.requests if direction == "request" else comparison.answers
    assert list(compare(reference, their_schema, path)) == []


def schema_of(serializer: Any, direction: str) -> tuple[Any, Any]:
    """A reference to the schema of one serializer, and the document that it refers to."""
    schema = RouteSchema()
    schema.registry, schema.view, schema.method, schema.path = ComponentRegistry(), APIView(), "POST", "/"
    component = schema.resolve_serializer(serializer(context={"view": None}), direction)
    return component.ref, {"components": schema.registry.build({})}
