"""OpenAPI 3.1 of exactly this surface, from the route table and, for the gateway's own views, from decorators."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from common.api.openapi import Schema
from common.api.serializers import StrictSerializer
from gateway_project.auth.permissions import AllowAny, IsStaff
from gateway_project.schemas.problems import Problem

from .operations import Operation
from .reference import Words, words_of
from .responses import SHARED_PROBLEMS

SLUG = "^[-a-zA-Z0-9_]+$"
KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}


class JWTScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "gateway_project.auth.authentication.JWTAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of `POST /api/auth/token/`. In a browser that has signed in at /login/ "
            "none is needed: its cookies are sent instead.",
        }


class RouteSchema(Schema):
    @property
    def _operation(self) -> Operation | None:
        route = getattr(self.view, "route", None)
        return route.operations.get(self.method) if route else None

    @property
    def _words(self) -> Words:
        return words_of(self.method, self.path)

    @property
    def _permission(self) -> Any:
        [permission] = self.view.get_permissions()
        return permission

    def get_operation_id(self) -> str:
        return self._words.id

    def get_summary(self) -> str:
        return self._words.summary

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/").split("/")[0]]

    def get_description(self) -> str:  # type: ignore[override]
        return f"{self._words.description}\n\n{self._permission.audience}"

    def get_auth(self) -> list[dict[str, Any]]:
        return [] if isinstance(self._permission, AllowAny) else list(super().get_auth())

    def get_extensions(self) -> dict[str, str]:
        return {"x-access": self._permission.access}

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
        """Query parameters may be empty: that counts as absent."""
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
        """The successes come from the table or from a decorator, the problems are listed once for all."""
        self.resolve_serializer(Problem, "response")  # the shared answers refer to it
        problems = {str(status): SHARED_PROBLEMS[status].reference for status in self._errors()}
        return dict(super()._get_response_bodies(direction)) | problems

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """An answer holds every field, even one that is optional in a request. A request holds no unknown fields."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "response":
            optional: frozenset[str] = getattr(serializer, "optional_fields", frozenset())
            schema["required"] = sorted(set(schema["properties"]) - optional)
        elif issubclass(serializer if isinstance(serializer, type) else type(serializer), StrictSerializer):
            schema["additionalProperties"] = False
        return schema

    def _errors(self) -> list[int]:
        operation = self._operation
        codes = {400, 401, 406, 429, 503}
        if self.method not in {"GET", "HEAD"}:
            codes |= {403, 411, 413}
        if self.method not in {"GET", "HEAD"} and self.get_request_serializer() is not None:
            codes.add(415)
        if "{" in self.path:
            codes.add(404)
        if operation is not None:
            codes |= {404, 502, 504, *operation.errors}
            if self.method == "GET":  # a query may be too costly
                codes.add(422)
        if isinstance(self._permission, IsStaff):
            codes.add(403)
        if getattr(self.view, "asks_a_service", False):
            codes |= {502, 504}
        return sorted(codes)


def _header(name: str, description: str, schema: dict[str, Any]) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)
