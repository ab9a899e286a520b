"""The orders service over HTTP, as the gateway calls it."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from common.identifiers import new_id
from tests.support.service import client_for


@dataclass
class Reply:
    status: int
    headers: Any
    body: Any


@dataclass
class Api:
    """The requests of one user. `headers` may replace the gateway's token."""

    user_id: UUID | None = field(default_factory=new_id)
    is_staff: bool = False

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.send("POST", path, body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> Reply:
        return self.send("PATCH", path, body, headers)

    def delete(self, path: str, **headers: str) -> Reply:
        return self.send("DELETE", path, None, headers)

    def order(self, *items: tuple[UUID, int], key: str | None = None, **members: Any) -> Reply:
        """Place an order. `items` are pairs of product id and quantity."""
        body = {"items": [{"product_id": str(p), "quantity": q} for p, q in items], **members}
        return self.post("/orders/", body, **({} if key is None else {"Idempotency-Key": key}))

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        """`body` is sent as JSON. A text is sent unchanged."""
        client = client_for(self.user_id, is_staff=self.is_staff)
        if "Authorization" in headers:
            client.credentials()
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        response = client.generic(method, path, text, content_type="application/json", headers=headers)
        return Reply(response.status_code, response.headers, json.loads(response.content or b"null"))
