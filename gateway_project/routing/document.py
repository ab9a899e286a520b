"""The parts of the OpenAPI document that belong to no single view: its introduction, headers, problems and examples.

drf-spectacular makes the document from the views and calls `complete` with it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import override

from gateway_project.schemas import examples, products
from gateway_project.schemas.orders import Order
from gateway_project.schemas.problem_types import PROBLEM_TYPES
from gateway_project.schemas.users import User

from .operations import Operation, Route
from .reference import INTRODUCTION, TAGS
from .responses import HEADERS, SHARED_PROBLEMS, header_references, linked
from .routes import ROUTES

# What is shown with an ETag, and what has a path of its own.
_PAGES = (products.CategoryPage, products.ProductPage, products.StockMovementPage)
TAGGED = (products.Category, products.Product, *_PAGES)
ADDRESSED = (products.Category, products.Product, Order, User)

Document = dict[str, Any]


def complete(result: Document, generator: Any, request: Any, public: bool) -> Document:
    """One of drf-spectacular's POSTPROCESSING_HOOKS."""
    result["info"]["description"] = INTRODUCTION + _types_of_any_request()
    result["servers"] = [{"url": settings.PUBLIC_URL, "description": "This Plaza."}]
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    components = result["components"]
    components["headers"] = HEADERS
    with override("en"):  # as the rest of the document
        components["responses"] = {refusal.name: refusal.described() for refusal in SHARED_PROBLEMS.values()}
    for method, path, operation in _operations(result):
        described = _of_table(method, path)
        operation.setdefault("security", [])
        if method == "GET" and described and described.answer in TAGGED:
            _add_revalidation(operation)
        _add_examples(operation)
        _add_headers(operation, described)
    _drop_unused(result)
    return result


def _types_of_any_request() -> str:
    """Problems that no operation lists, because each of them may have them."""
    others = {each.status for each in PROBLEM_TYPES.values()} - set(SHARED_PROBLEMS)
    return f"\nAny request may also be refused before it reaches an operation. {linked(*others)}\n"


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


_BY_PATH: Mapping[str, Route] = {"/api/" + route.template: route for route in ROUTES}


def _of_table(method: str, path: str) -> Operation | None:
    route = _BY_PATH.get(path)
    return route.operation(method) if route else None


def _add_revalidation(operation: Document) -> None:
    known = {"name": "If-None-Match", "in": "header", "description": "Only if it is no longer this version."}
    operation["parameters"] = [*operation.get("parameters", ()), {**known, "schema": {"type": "string"}}]
    operation["responses"]["304"] = {"description": "It is still this version."}


def _add_examples(operation: Document) -> None:
    if body := operation.get("requestBody"):
        body["content"]["application/json"]["example"] = examples.BODIES[operation["operationId"]]
    for answer in operation["responses"].values():
        media = answer.get("content", {}).get("application/json")
        if media and (name := media["schema"].get("$ref", "").rpartition("/")[2]):
            media["example"] = examples.ANSWERS[name]


def _add_headers(described: Document, operation: Operation | None) -> None:
    for code, answer in described["responses"].items():
        if "$ref" not in answer:
            answer["headers"] = header_references(sorted(headers_of(operation, int(code))))


def headers_of(operation: Operation | None, status: int) -> set[str]:
    """What a success of `operation` may send, beside what every answer of any server has."""
    names = {"X-Request-ID", "Cache-Control"}
    if operation is None:
        return names
    if operation.answer in TAGGED:
        names.add("ETag")
    if operation.cacheable:
        names |= {"Age", "Cache-Status"}
    if operation.replay_safe:
        names |= {"Idempotency-Key", "Idempotent-Replayed"}
    if status in {201, 202} and operation.answer in ADDRESSED:
        names.add("Location")
    return names


def _drop_unused(document: Document) -> None:
    """The schemas of requests that hold only what an answer shows."""
    text = str(document)
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {
        name: schema for name, schema in schemas.items() if f"'#/components/schemas/{name}'" in text
    }
