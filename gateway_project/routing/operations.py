"""What the route table is made of: a path, and what each of its methods does."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from common.api.serializers import QuerySerializer, StrictSerializer
from gateway_project.auth.permissions import Permission


class NoQuery(QuerySerializer):
    """No query parameters but `format`."""


# Called with the request, the path's parameters and the validated body.
AfterSuccess = Callable[[Request, Mapping[str, Any], Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path.

    Attributes:
        permission: who may call it.
        answer, body: what leaves and what enters; None where there is no content.
        query: the query parameters.
        statuses: the successes.
        errors: the 4xx beyond those that every operation of its kind may answer.
        max_body_bytes: how large the body may be, where that isn't MAX_BODY_BYTES.
        replay_safe: a write that the service makes idempotent by its key.
        lane: the service's lane for this operation, where it isn't the route's.
        search_lane: the lane for a query that searches.
        guesses: the field of the body with which the user's current password can be guessed. The service checks it
            whenever it is sent, and answers an error of the code `wrong-password` at it. See `PasswordGuess`.
        guess_lane: the lane for a body with that field.
        counted: the field of the body that names an account. Requests for it are counted; see `count_reset`.
        cacheable: answers are kept if the service marks them public.
        also_invalidates: services, besides its own, whose cached answers a write makes old.
        after_success: runs once the service has agreed.
    """

    permission: Permission
    answer: type[Serializer[Any]] | None = None
    body: type[StrictSerializer] | None = None
    query: type[QuerySerializer] = NoQuery
    statuses: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    max_body_bytes: int | None = None
    replay_safe: bool = False
    lane: str = ""
    search_lane: str = ""
    guesses: str = ""
    guess_lane: str = ""
    counted: str = ""
    cacheable: bool = False
    also_invalidates: tuple[str, ...] = ()
    after_success: AfterSuccess | None = None


@dataclass(frozen=True, slots=True)
class Route:
    path: str
    service: str
    lane: str
    operations: Mapping[str, Operation]

    def lane_of(self, operation: Operation, query: Mapping[str, Any], body: Mapping[str, Any]) -> str:
        """Where a call with this `query` and `body` belongs: what is costly keeps to itself."""
        search_lane = operation.search_lane if "search" in query else ""
        guess_lane = operation.guess_lane if operation.guesses in body else ""
        return search_lane or guess_lane or operation.lane or self.lane

    @property
    def name(self) -> str:
        """For the resolver: the path without its parameters."""
        parts = [part.strip("<>").rpartition(":")[2] for part in self.path.strip("/").split("/")]
        return "-".join(parts)

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return re.sub(r"<\w+:(\w+)>", r"{\1}", self.path)

    @property
    def http_method_names(self) -> list[str]:
        """As Django's views have them."""
        methods = [method.lower() for method in (*self.operations, "OPTIONS")]
        return [*methods, "head"] if "GET" in self.operations else methods

    @property
    def max_body_bytes(self) -> dict[str, int]:
        """For each method that has a limit of its own."""
        limits = {method: operation.max_body_bytes for method, operation in self.operations.items()}
        return {method: limit for method, limit in limits.items() if limit is not None}

    def operation(self, method: str) -> Operation:
        """What `method` does; HEAD is a GET. Raises `KeyError` for a method that the path doesn't have."""
        return self.operations["GET" if method == "HEAD" else method]

    def permission(self, method: str) -> Any:
        """Who may use `method`. OPTIONS, and a method that isn't here, are for whoever may use one of the others."""
        try:
            return self.operation(method).permission
        except KeyError:
            return reduce(or_, dict.fromkeys(operation.permission for operation in self.operations.values()))
