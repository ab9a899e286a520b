"""OpenAPI 3.1 of exactly this surface: the route table for what is passed on, decorators for the gateway's own."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from common.openapi import Schema
from common.serializers import StrictSerializer
from gateway_project.schemas.problems import Problem

from .routes import Access, Operation

PROBLEM = "application/problem+json"
SLUG = "^[-a-zA-Z0-9_]+$"
KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
MEANINGS = {
    400: "Something sent is not as it must be; `errors` says what.",
    401: "Not signed in, or no longer.",
    403: "Not for this user, or a browser's form without its CSRF token.",
    404: "There is no such thing, or it is somebody else's.",
    406: "Only JSON, or HTML for people, can be answered.",
    409: "In conflict with how things stand.",
    411: "A body without Content-Length.",
    412: "`If-Match` names another version.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The Idempotency-Key came with another body before.",
    429: "Too many requests; see `Retry-After`.",
    502: "A service failed, or broke the contract.",
    503: "A service is out of order or overloaded; see `Retry-After`.",
    504: "A service did not answer in time.",
}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "gateway_project.auth.authentication.SessionAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of auth/token/.",
        }


class RouteSchema(Schema):
    @property
    def _operation(self) -> Operation | None:
        route = getattr(self.view, "route", None)
        return route.operations.get(self.method) if route else None

    @property
    def _access(self) -> Access:
        if self._operation:
            return self._operation.access
        names = {type(permission).__name__ for permission in self.view.get_permissions()}
        return Access.OPEN if "Open" in names else Access.STAFF if "Staff" in names else Access.USER

    def get_operation_id(self) -> str:
        route = getattr(self.view, "route", None)
        if route is None:
            return str(super().get_operation_id())
        verb = {"GET": "retrieve", "POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}[
            self.method
        ]
        if self._operation and "POST" in route.operations and self.method == "GET":
            verb = "list"
        return f"{route.name.replace('-', '_')}_{verb}"

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/").split("/")[0]]

    def get_description(self) -> str:  # type: ignore[override]
        if self._operation is None:
            return str(super().get_description())
        who = {
            Access.OPEN: "Open to anyone.",
            Access.USER: "For signed-in users.",
            Access.STAFF: "For staff.",
        }
        return who[self._operation.access]

    def get_auth(self) -> list[dict[str, Any]]:
        return [] if self._access is Access.OPEN else list(super().get_auth())

    def get_extensions(self) -> dict[str, str]:
        return {"x-access": self._access.value}

    def get_request_serializer(self) -> Any:
        return self._operation.body if self._operation else super().get_request_serializer()

    def map_parsers(self) -> list[str]:
        return ["application/json"]

    def map_renderers(self, attribute: str) -> list[str]:
        return ["application/json"]

    def get_override_parameters(self) -> list[Any]:
        operation = self._operation
        if operation is None:
            return list(super().get_override_parameters())
        parameters: list[Any] = [operation.query] if operation.query().fields else []
        if operation.replay_safe:
            parameters.append(_header("Idempotency-Key", "The same key and body again do nothing again.", KEY))
        if 412 in operation.errors:
            parameters.append(_header("If-Match", "Only if it is still this version.", {"type": "string"}))
        return parameters

    def _process_override_parameters(self, direction: str = "request") -> dict[Any, Any]:
        """A query parameter with an empty value counts as absent."""
        parameters: dict[Any, Any] = super()._process_override_parameters(direction)  # type: ignore[no-untyped-call]
        return {
            (name, place): {**each, "allowEmptyValue": True} if place == OpenApiParameter.QUERY else each
            for (name, place), each in parameters.items()
        }

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        for parameter in parameters:
            if f"<slug:{parameter['name']}>" in self.path_regex:
                parameter["schema"]["pattern"] = SLUG
        return parameters

    def get_response_serializers(self) -> Any:
        operation = self._operation
        if operation is None:
            return super().get_response_serializers()
        return dict.fromkeys(operation.statuses, operation.answer or OpenApiResponse(description="Done."))

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        """The successes, and beside them the problems; also where a decorator names the successes."""
        problems = {
            str(status): self._get_response_for_code(  # type: ignore[no-untyped-call]
                OpenApiResponse(Problem, description=MEANINGS[status]), str(status), (PROBLEM,), direction
            )
            for status in self._errors()
        }
        return dict(super()._get_response_bodies(direction)) | problems

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """An answer holds each of its members, also those that need not be sent; what is sent holds no others."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "response":
            optional: frozenset[str] = getattr(serializer, "optional_members", frozenset())
            schema["required"] = sorted(set(schema["properties"]) - optional)
        elif issubclass(serializer if isinstance(serializer, type) else type(serializer), StrictSerializer):
            schema["additionalProperties"] = False
        return schema

    def _errors(self) -> list[int]:
        operation = self._operation
        codes = {400, 401, 406, 429, 503}
        if self.method not in {"GET", "HEAD"}:
            codes |= {403, 411, 413}
        if self.method in {"POST", "PUT", "PATCH"} and self.get_request_serializer() is not None:
            codes.add(415)
        if "{" in self.path:
            codes.add(404)
        if operation is not None:
            codes |= {404, 502, 504, *operation.errors}
        if self._access is Access.STAFF:
            codes.add(403)
        if getattr(self.view, "asks_a_service", False):
            codes |= {502, 504}
        return sorted(codes)


def _header(name: str, description: str, schema: dict[str, Any]) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)
