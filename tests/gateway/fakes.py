"""The services behind the gateway, played: each keeps what reached it and answers what a test told it to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from django.conf import settings
from requests.structures import CaseInsensitiveDict

from common.resilience import Deadline
from common.upstream import Answer, Call

Reply = Answer | Exception | Callable[[Call], Answer]


def answer(status: int = 200, body: Any = None, **headers: str) -> Answer:
    """`body` as JSON; header names with "_" for "-"."""
    content = b"" if body is None else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, CaseInsensitiveDict({"Content-Type": "application/json", **names}), content)


def problem(status: int, slug: str = "conflict", **members: Any) -> Answer:
    body = {
        "type": f"/problems/{slug}",
        "title": "Refused",
        "status": status,
        "detail": "The service says no.",
        "instance": "/inside/of/the/service/",
        "request_id": None,
    }
    return answer(status, body | members)


@dataclass
class FakeService:
    """A transport. What nobody told it to answer is an error of the test."""

    name: str
    calls: list[Call] = field(default_factory=list)
    replies: dict[tuple[str, str], Reply] = field(default_factory=dict)
    otherwise: Reply | None = None
    is_ready: bool = True

    def on(self, method: str, path: str, reply: Reply) -> None:
        self.replies[method, path] = reply

    def exchange(self, call: Call, deadline: Deadline) -> Answer:
        if call.path == "/health/ready":  # the prober's question is nobody's call
            return answer(200 if self.is_ready else 503)
        self.calls.append(call)
        reply = self.replies.get((call.method, call.path), self.otherwise)
        if reply is None:
            raise AssertionError(f"{self.name} was not told what to answer to {call.method} {call.path}")
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Answer) else reply(call)

    @property
    def last(self) -> Call:
        return self.calls[-1]

    @property
    def last_body(self) -> Any:
        return None if self.last.body is None else json.loads(self.last.body)

    def claims(self, call: Call | None = None) -> dict[str, Any]:
        """Of the internal token that came with a call, checked with this service's own key."""
        headers: Mapping[str, str] = (call or self.last).headers or {}
        token = headers["Authorization"].removeprefix("Bearer ")
        key = settings.UPSTREAMS[self.name]["key"]
        return dict(jwt.decode(token, key, ["HS256"], audience=self.name, issuer="gateway"))


class Services(dict[str, FakeService]):
    """The played services by their names, which are attributes too."""

    def __getattr__(self, name: str) -> FakeService:
        return self[name]

    @property
    def calls(self) -> list[Call]:
        """The calls of all services."""
        return [call for service in self.values() for call in service.calls]
