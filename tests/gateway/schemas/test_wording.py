"""Each refusal by a pattern says the rule in words: nobody has to guess it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.validators import RegexValidator
from rest_framework import serializers

from gateway_project.routing.routes import ROUTES
from gateway_project.schemas import sessions
from gateway_project.schemas.users import Credentials

OPERATIONS = [operation for route in ROUTES for operation in route.operations.values()]
KINDS = {kind for operation in OPERATIONS for kind in (operation.body, operation.query) if kind}
KINDS |= {Credentials, sessions.RefreshInput, sessions.TokenInput}
NO_RULE = {
    str(serializers.RegexField.default_error_messages["invalid"]),
    str(RegexValidator.message),
}


def fields_of(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    for name, field in kind().fields.items():
        yield f"{kind.__name__}.{name}", field
        if hasattr(field, "child"):
            yield from fields_of(type(field.child))


PATTERNS = [
    pytest.param(validator, id=f"{name} {validator.regex.pattern}")
    for kind in sorted(KINDS, key=lambda kind: kind.__name__)
    for name, field in fields_of(kind)
    for validator in field.validators
    if isinstance(validator, RegexValidator)
]


def test_there_are_patterns_to_look_at() -> None:
    assert len(PATTERNS) >= 10


@pytest.mark.parametrize("validator", PATTERNS)
def test_a_refusal_by_a_pattern_says_the_rule(validator: RegexValidator) -> None:
    assert str(validator.message) not in NO_RULE
