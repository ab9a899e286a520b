"""What leaves: a service's answer, held against the route table and given the gateway's own addresses."""

from typing import Any

from common.upstream import Answer, BrokenContract, Call
from gateway_project.schemas.problems import Problem
from gateway_project.upstreams.answers import ProxiedAnswer
from gateway_project.upstreams.contracts import contract_for

from .operations import Operation

API = "/api"
WRONG_CODE = "wrong-password"
RESPONSE_HEADERS = ("ETag", "Idempotent-Replayed", "Content-Language", "Retry-After")


def check_answer(answer: Answer, *, call: Call, operation: Operation, service: str) -> ProxiedAnswer:
    """What the client may see of `answer`, which `service` gave to `call`.

    Raises:
        BrokenContract: it is not what `operation` says.
    """
    headers = {name: answer.headers[name] for name in RESPONSE_HEADERS if name in answer.headers}
    content = _check_content(answer, call, operation, service)
    if location := answer.headers.get("Location"):
        headers["Location"] = _public_location(location, service)
    return ProxiedAnswer(answer.status, headers, content, answer.headers.get("Cache-Control", ""))


def was_right(answer: ProxiedAnswer, guesses: str) -> bool | None:
    """What `answer` says about the password in the field `guesses` of the body. None if it says nothing."""
    if answer.status < 300:
        return True
    errors = getattr(answer.content, "errors", None) or ()
    return False if (f"/{guesses}", WRONG_CODE) in {(each.pointer, each.code) for each in errors} else None


def _check_content(answer: Answer, call: Call, operation: Operation, service: str) -> Any:
    if answer.status == 401 or (answer.status == 304 and call.method == "GET"):
        return None
    if answer.status >= 400:
        problem = contract_for(Problem).decode(service, answer.body)
        problem.instance = API + call.path
        return problem
    if answer.status not in operation.statuses:
        raise BrokenContract(service, f"answered {answer.status}")
    if operation.answer is None:
        return None
    content = contract_for(operation.answer).decode(service, answer.body)
    _prefix_links(content, service, call.path)
    return content


def _prefix_links(content: Any, service: str, path: str) -> None:
    """The links of a page, under the gateway's own path."""
    for name in ("next", "previous"):
        if link := getattr(content, name, None):
            if not link.startswith(f"{path}?"):
                raise BrokenContract(service, f"{name} does not stay on {path}")
            setattr(content, name, API + link)


def _public_location(location: str, service: str) -> str:
    if not location.startswith("/") or location.startswith("//"):
        raise BrokenContract(service, "Location leaves the shop")
    return API + location
