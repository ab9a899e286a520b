"""Every operation of the public API as the gateway itself publishes it, and what each asks of its callers.

An operation that is new in the route table is here without a word. A parameter or a member that is new needs a value:
the scene says so with a `KeyError`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.system.client import Client

OWNED = {"user_id", "order_id", "session_id"}  # another's does not exist
OWNED_FROM_STAFF_TOO = {"session_id"}
TOLD_BY_THE_BODY = re.compile("/api/auth/(token/|logout/)")  # and not by an Authorization header

Refusal = tuple[int, str]
FORBIDDEN, MISSING = (403, "permission-denied"), (404, "not-found")


@dataclass(frozen=True)
class Operation:
    """`access` is open, user or staff; `body` the schema of what is sent; `success` the status of who may."""

    method: str
    path: str
    access: str
    success: int
    body: Mapping[str, Any] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> set[str]:
        return set(re.findall(r"{(\w+)}", self.path))

    @property
    def is_safe(self) -> bool:
        return self.method in {"GET", "HEAD"}

    @property
    def reads_the_header(self) -> bool:
        return not TOLD_BY_THE_BODY.match(self.path)

    def refusal(self, role: str) -> Refusal | None:
        """What a signed-in `user`, `other user` or `staff` is told; None for who may."""
        if self.access == "staff" and role != "staff":
            return FORBIDDEN
        hidden: set[str] = {"user": set(), "other user": OWNED, "staff": OWNED_FROM_STAFF_TOO}[role]
        return MISSING if self.parameters & hidden else None


def read_operations(client: Client) -> list[Operation]:
    """All there are, HEAD beside each GET; what deletes comes last."""
    document = Document(published(client))
    return sorted(document.operations(), key=lambda operation: (operation.method == "DELETE", operation.path))


def published(client: Client) -> dict[str, Any]:
    response = client.get("/api/schema/?format=json")
    assert response.status_code == 200
    schema: dict[str, Any] = response.json()
    return schema


class Document:
    """An OpenAPI document, its references followed."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def operations(self) -> Iterator[Operation]:
        for path, item in self._schema["paths"].items():
            for method, described in item.items():
                success = min(int(status) for status in described["responses"])
                operation = Operation(method.upper(), path, described["x-access"], success, self._body(described))
                yield operation
                if method == "get":
                    yield Operation("HEAD", path, operation.access, success)

    def _body(self, described: Mapping[str, Any]) -> Any:
        if "requestBody" not in described:
            return None
        return self._resolved(described["requestBody"]["content"]["application/json"]["schema"])

    def _resolved(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._resolved(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if reference := schema.get("$ref"):
            return self._resolved(self._schema["components"]["schemas"][reference.rpartition("/")[2]])
        return {name: self._resolved(item) for name, item in schema.items()}
