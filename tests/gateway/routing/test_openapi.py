"""The OpenAPI document is of exactly this surface, and says what each operation may answer."""

import json
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from gateway_project.routing.routes import ROUTES, Access
from tests.gateway.clients import HTML
from tests.gateway.examples import ORDER, PRODUCT, page
from tests.gateway.pages import read

METHODS = {"get", "post", "put", "patch", "delete"}
OWN = {  # answered without asking a service
    "/api/auth/token/verify/",
    "/api/auth/logout/",
    "/api/auth/sessions/",
    "/api/auth/sessions/{session_id}/",
    "/api/status/",
}
OF_STAFF = {"/api/users/", "/api/products/{product_id}/stock/", "/api/status/"}  # to read, too
UNDOCUMENTED = {"/api/", "/api/schema/", "/api/docs/"}  # the index, and the document itself
OPEN = {
    ("/api/auth/register/", "post"),
    ("/api/auth/token/", "post"),
    ("/api/auth/token/refresh/", "post"),
    ("/api/auth/token/verify/", "post"),
    ("/api/auth/logout/", "post"),
}


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def surface(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Each path of the API as OpenAPI writes it, with each of its methods."""
    for pattern in patterns:
        path = prefix + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from surface(pattern.url_patterns, path)
        elif path.startswith("/api/") and path not in UNDOCUMENTED:
            view: Any = pattern.callback.cls  # type: ignore[union-attr]
            yield from ((path, method) for method in METHODS & set(view.http_method_names) if hasattr(view, method))


def test_it_describes_exactly_the_surface(document: Any) -> None:
    assert {(path, method) for path, method, _ in operations(document)} == set(surface(get_resolver().url_patterns))


def test_it_is_valid_openapi_3_1_and_made_without_a_warning() -> None:
    GENERATOR_STATS.reset()
    written = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=written)
    document = json.loads(written.getvalue())
    assert (document["openapi"], document["info"]["title"]) == ("3.1.0", "Plaza")


def test_it_is_served_to_anyone_in_json_and_yaml(anonymous: Client, document: Any) -> None:
    as_json = anonymous.get("/api/schema/?format=json")
    assert as_json.status_code == 200
    assert as_json.json() == document
    as_yaml = anonymous.get("/api/schema/")
    assert as_yaml["Content-Type"] == "application/vnd.oai.openapi; charset=utf-8"
    assert as_yaml.content.startswith(b"openapi: 3.1.0\n")


def test_every_operation_says_who_may_call_it(document: Any) -> None:
    unsecured = {(path, method) for path, method, operation in operations(document) if not operation.get("security")}
    assert unsecured == OPEN
    assert document["components"]["securitySchemes"] == {
        "accessToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of auth/token/.",
        }
    }


def test_every_operation_declares_its_problems(document: Any) -> None:
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        failures = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
        assert {"400", "401", "406", "429", "503"} <= set(failures), where
        assert ("404" in failures) or "{" not in path, where
        assert ("403" in failures) is (method != "get" or path in OF_STAFF), where
        assert ("413" in failures) is (method != "get"), where
        assert ("415" in failures) is ("requestBody" in operation), where
        assert ({"502", "504"} <= set(failures)) is (path not in OWN), where
        for answer in failures.values():
            assert answer["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }, where
            assert answer["description"], where


def test_what_is_passed_on_declares_what_the_table_says(document: Any) -> None:
    for route in ROUTES:
        path = "/api/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route.path)
        for method, operation in route.operations.items():
            declared = document["paths"][path][method.lower()]["responses"]
            codes = {int(code) for code in declared}
            assert {code for code in codes if code < 400} == set(operation.statuses)
            assert {502, 503, 504, *operation.errors} <= codes
            assert (403 in codes) or (operation.access is not Access.STAFF)


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert {"products_list", "products_create", "orders_order_id_cancel_create"} <= set(names)


def test_headers_that_steer_a_write_are_parameters_of_it(document: Any) -> None:
    def headers(path: str, method: str) -> set[str]:
        parameters = document["paths"][path][method].get("parameters", [])
        return {parameter["name"] for parameter in parameters if parameter["in"] == "header"}

    assert headers("/api/orders/", "post") == {"Idempotency-Key"}
    assert headers("/api/products/{product_id}/stock/", "post") == {"Idempotency-Key", "If-Match"}
    assert headers("/api/products/{product_id}/", "put") == {"If-Match"}
    assert headers("/api/products/", "get") == set()


def test_every_query_parameter_of_a_list_is_declared(document: Any) -> None:
    parameters = document["paths"]["/api/products/"]["get"]["parameters"]
    assert {parameter["name"] for parameter in parameters if parameter["in"] == "query"} == {
        "cursor",
        "page_size",
        "search",
        "category",
        "min_price",
        "max_price",
        "in_stock",
        "ordering",
    }
    assert not any(parameter.get("required") for parameter in parameters)


@pytest.mark.parametrize(
    ("name", "example"),
    [("ProductPage", page(PRODUCT)), ("Order", ORDER), ("Order", ORDER | {"total": None, "currency": None})],
)
def test_answers_fit_the_schema_and_shorter_ones_do_not(name: str, example: Any, document: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.validate(example, schema)
    for member in example:
        shorter = {key: value for key, value in example.items() if key != member}
        with pytest.raises(jsonschema.ValidationError, match=member):
            jsonschema.validate(shorter, schema)


def test_the_reference_page_is_open_and_uses_local_files_only(anonymous: Client) -> None:
    response = anonymous.get("/api/docs/", headers=HTML)
    assert response.status_code == 200
    found = read(response)
    sources = [element.attributes["src"] for element in found.all("script") if "src" in element.attributes]
    sources += [element.attributes["href"] for element in found.all("link")]
    assert len(sources) >= 4
    others = [source for source in sources if not source.startswith("/static/drf_spectacular_sidecar/")]
    assert others == ["/api/docs/?script="]
    script = anonymous.get(others[0])
    assert script["Content-Type"].startswith("application/javascript")
    assert '"/api/schema/' in script.content.decode()
    assert [element for element in found.all("script") if "src" not in element.attributes] == []  # CSP: no inline
    assert re.findall(r"(?:https?:)?//(?!www\.w3\.org)[\w.-]+\.\w+", response.content.decode()) == []


def test_the_files_of_the_reference_page_are_served(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = False
    client = Client()
    found = read(client.get("/api/docs/"))
    for element in [*found.all("script"), *found.all("link")]:
        path = element.attributes.get("src") or element.attributes.get("href")
        if path:
            response = client.get(path)
            assert response.status_code == 200, path
            assert len(response.getvalue()) > 100
