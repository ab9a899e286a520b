"""The OpenAPI document against a running Plaza: its examples are accepted, and the headers are those it promises."""

from typing import Any

import pytest

from tests.support.plaza import Plaza
from tests.system.story import tell_story

OF_EVERY_ANSWER = {
    *("date", "server", "connection", "content-type", "content-length", "content-language", "vary", "allow"),
    *("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"),
    "cross-origin-opener-policy",
}


@pytest.fixture(scope="module")
def told(plaza: Plaza) -> Any:
    return tell_story(plaza)


def test_every_example_is_accepted(told: Any) -> None:
    for name, (operation, answers) in told.items():
        successes = {int(code) for code in operation["responses"] if code < "300"}
        assert {answer.status_code for answer in answers} <= successes, (name, answers[0].text)


def test_every_answer_has_the_headers_that_are_declared_and_no_others(told: Any) -> None:
    for name, (operation, answers) in told.items():
        declared = {each.lower() for each in operation["responses"][str(answers[0].status_code)]["headers"]}
        sent = {header.lower() for answer in answers for header in answer.headers}
        assert sent - OF_EVERY_ANSWER == declared, name
