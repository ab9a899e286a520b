"""One shared serializer reads what a new one of its own would, for everything that the table names."""

from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given, settings, strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.api.serializers import QuerySerializer, StrictSerializer
from gateway_project.routing.routes import ROUTES
from tests.support import examples

OPERATIONS = [operation for route in ROUTES for operation in route.operations.values()]
BODIES = sorted({operation.body for operation in OPERATIONS if operation.body}, key=lambda body: body.__name__)
QUERIES = sorted({operation.query for operation in OPERATIONS}, key=lambda query: query.__name__)
EXAMPLES = 30  # of each of some fifty serializers
WORDS = sorted({text for text in vars(examples).values() if isinstance(text, str)})

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2_000_000_000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", " ", " a ", "1.50", "-0", "5", "true", "ada@example.com", "board-games", "paid", *WORDS])
    | st.text(max_size=20)
)


def values_of(field: Any) -> st.SearchStrategy[Any]:
    if hasattr(field, "child"):
        return st.lists(bodies_of(type(field.child)), max_size=3) | scalars
    return scalars


def bodies_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    fields = {name: values_of(field) for name, field in kind().fields.items()}
    return st.fixed_dictionaries({}, optional={**fields, "other": scalars}) | scalars


def outcome(read: Any) -> tuple[Any, Any]:
    """The values, and the errors."""
    try:
        return dict(read()), None
    except ValidationError as error:
        return None, error.get_full_details()


def afresh(kind: type[Any], data: Any, *, partial: bool = False) -> Any:
    serializer = kind(data=data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize("kind", BODIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_body_is_read_as_by_a_serializer_of_its_own(
    kind: type[StrictSerializer], partial: bool, data: st.DataObject
) -> None:
    body = data.draw(bodies_of(kind))
    assert outcome(lambda: kind.read(body, partial=partial)) == outcome(lambda: afresh(kind, body, partial=partial))


@pytest.mark.parametrize("kind", QUERIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_query_is_read_as_by_a_serializer_of_its_own(kind: type[QuerySerializer], data: st.DataObject) -> None:
    texts = scalars.map(lambda value: str(value).encode(errors="ignore").decode()).filter(bool)
    query = data.draw(st.dictionaries(st.sampled_from(sorted(kind().fields) or ["format"]), texts))
    encoded = QueryDict(mutable=True)
    encoded.update(query)
    request = Request(APIRequestFactory().get(f"/?{encoded.urlencode()}"))
    values, errors = outcome(lambda: afresh(kind, {name: text for name, text in query.items() if name != "format"}))
    assert outcome(lambda: kind.read(request)) == (
        {name: value for name, value in values.items() if value is not None} if values is not None else None,
        {f"?{name}": details for name, details in errors.items()} if errors is not None else None,
    )
