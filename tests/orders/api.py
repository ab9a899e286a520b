"""The orders service's HTTP surface as the gateway uses it."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.test import Client

from common.identifiers import new_id
from common.identity import TokenIssuer


@dataclass
class Reply:
    status: int
    headers: Any
    body: Any


@dataclass
class Api:
    """One user's requests; the token is made by the gateway's key unless `headers` bring another."""

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
        """Place an order of pairs of product id and quantity."""
        body = {"items": [{"product_id": str(p), "quantity": q} for p, q in items], **members}
        return self.post("/orders/", body, **({} if key is None else {"Idempotency-Key": key}))

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        """`body` is sent as JSON, or as it is when it is a text already."""
        response = Client().generic(
            method,
            path,
            "" if body is None else body if isinstance(body, str) else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.token()}", **headers},
        )
        return Reply(response.status_code, response.headers, json.loads(response.content or b"null"))

    def token(self) -> str:
        return TokenIssuer("gateway", "orders", settings.CALLER_KEYS["gateway"]).issue(
            self.user_id, is_staff=self.is_staff
        )
