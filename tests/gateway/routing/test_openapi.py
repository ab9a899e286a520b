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

from gateway_project.auth.permissions import IsStaff
from gateway_project.routing.document import TAGGED
from gateway_project.routing.reference import WORDS, words_of
from gateway_project.routing.routes import ROUTES
from gateway_project.schemas.examples import ANSWERS, BODIES
from gateway_project.schemas.problem_types import PROBLEM_TYPES
from tests.gateway.clients import HTML
from tests.gateway.pages import read
from tests.support.examples import ORDER, PRODUCT, page

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
    ("/api/auth/password-reset/", "post"),
    ("/api/auth/password-reset/confirm/", "post"),
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
            view: Any = pattern.callback.view_class(**pattern.callback.view_initkwargs)
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
            "description": "An access token of `POST /api/auth/token/`. In a browser that has signed in at /login/ "
            "none is needed: its cookies are sent instead.",
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
            assert set(answer) == {"$ref"}, where


def test_each_refusal_is_described_once_and_used(document: Any) -> None:
    refusals = document["components"]["responses"]
    used = {
        each["$ref"]
        for _, _, operation in operations(document)
        for each in operation["responses"].values()
        if "$ref" in each
    }
    assert used == {f"#/components/responses/{name}" for name in refusals}
    for name, refusal in refusals.items():
        media = refusal["content"]["application/problem+json"]
        assert media["schema"] == {"$ref": "#/components/schemas/Problem"}, name
        jsonschema.validate(media["example"], {**media["schema"], "components": document["components"]})
        assert refusal["description"], name
        assert set(refusal["headers"]) <= set(document["components"]["headers"]), name


def test_what_is_passed_on_declares_what_the_table_says(document: Any) -> None:
    for route in ROUTES:
        path = "/api/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route.path)
        for method, operation in route.operations.items():
            declared = document["paths"][path][method.lower()]["responses"]
            codes = {int(code) for code in declared}
            unchanged = {304} if method == "GET" and operation.answer in TAGGED else set()
            assert {code for code in codes if code < 400} == {*operation.statuses, *unchanged}
            assert {502, 503, 504, *operation.errors} <= codes
            assert (422 in codes) is (method == "GET" or 422 in operation.errors)
            assert (403 in codes) or (operation.permission is not IsStaff)


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert {"listProducts", "getProduct", "placeOrder", "cancelOrder"} <= set(names)
    assert [name for name in names if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)] == []


def test_every_operation_has_its_words_and_no_words_are_left_over(document: Any) -> None:
    described = {f"{method.upper()} {path.removeprefix('/api/')}" for path, method, _ in operations(document)}
    assert described == set(WORDS)
    for path, method, operation in operations(document):
        words = words_of(method.upper(), path)
        assert (operation["operationId"], operation["summary"]) == (words.id, words.summary)
        assert operation["description"].startswith(f"{words.description}\n\n")
        assert len(words.summary) < 50
        assert not words.summary.endswith(".")
        assert words.description.endswith((".", "?"))


def test_every_type_of_problem_is_linked_to_its_page(document: Any) -> None:
    described = [document["info"], *document["components"]["responses"].values()]
    linked = [link for each in described for link in re.findall(r"\]\(/problems/([\w-]+)\)", each["description"])]
    assert sorted(linked) == sorted(PROBLEM_TYPES)


def test_every_tag_is_described(document: Any) -> None:
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"]}


def test_it_names_the_server_that_people_reach(settings: Any) -> None:
    settings.PUBLIC_URL = "https://shop.example"
    document = SchemaGenerator().get_schema(request=None, public=True)
    assert document["servers"] == [{"url": "https://shop.example", "description": "This Plaza."}]


def test_every_body_and_every_answer_has_an_example_that_fits(document: Any) -> None:
    shown, sent = set(), set()
    for _, _, operation in operations(document):
        messages = [operation["requestBody"]] if "requestBody" in operation else []
        messages += [each for each in operation["responses"].values() if "content" in each]
        for message in messages:
            media = message["content"]["application/json"]
            schema = {**media["schema"], "components": document["components"]}
            jsonschema.validate(media["example"], schema, format_checker=jsonschema.FormatChecker())
            shown.add(media["schema"]["$ref"].rpartition("/")[2])
        sent |= {operation["operationId"]} if "requestBody" in operation else set()
    assert sent == set(BODIES)
    assert set(ANSWERS) <= shown


def test_no_schema_and_no_header_is_left_over(document: Any) -> None:
    written = json.dumps(document)
    for kind in ("schemas", "headers", "responses"):
        for name in document["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in written, name


def test_what_has_an_etag_can_be_asked_for_anew(document: Any) -> None:
    tagged = {
        path
        for path, method, operation in operations(document)
        if method == "get" and "ETag" in operation["responses"]["200"]["headers"]
    }
    assert tagged == {
        "/api/products/",
        "/api/products/{product_id}/",
        "/api/products/{product_id}/stock/",
        "/api/categories/",
        "/api/categories/{slug}/",
    }
    for path in tagged:
        operation = document["paths"][path]["get"]
        assert "304" in operation["responses"]
        assert "If-None-Match" in {parameter["name"] for parameter in operation["parameters"]}


def test_headers_that_steer_a_write_are_parameters_of_it(document: Any) -> None:
    def headers(path: str, method: str) -> set[str]:
        parameters = document["paths"][path][method].get("parameters", [])
        return {parameter["name"] for parameter in parameters if parameter["in"] == "header"}

    assert headers("/api/orders/", "post") == {"Idempotency-Key"}
    assert headers("/api/products/{product_id}/stock/", "post") == {"Idempotency-Key", "If-Match"}
    assert headers("/api/products/{product_id}/", "put") == {"If-Match"}
    assert headers("/api/products/", "get") == {"If-None-Match"}
    assert headers("/api/orders/", "get") == set()


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
    others = [source for source in sources if not source.startswith("/static/")]
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


def test_a_deletion_has_a_body_where_it_needs_the_current_password(document: Any) -> None:
    bodies = {path: item["delete"].get("requestBody") for path, item in document["paths"].items() if "delete" in item}
    schemas = {path: body["content"]["application/json"]["schema"] for path, body in bodies.items() if body}
    reference = {"$ref": "#/components/schemas/UserDeletionRequest"}
    assert schemas == {"/api/users/me/": reference, "/api/users/{user_id}/": reference}
    schema = document["components"]["schemas"]["UserDeletionRequest"]
    assert "current password" in schema["description"]
    assert schema["properties"]["current_password"]["writeOnly"] is True
    assert "415" in document["paths"]["/api/users/me/"]["delete"]["responses"]
