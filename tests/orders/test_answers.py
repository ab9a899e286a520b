"""What this service answers, beside what DRF makes of the same serializers."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from orders_project.orders import serializers
from tests.support.answers import answer_serializers, assert_same, instances

ANSWERS = answer_serializers(serializers)


@pytest.mark.parametrize("schema", ANSWERS)
@given(data=st.data())
def test_an_answer_is_what_drf_would_make_of_it(schema: type[Any], data: st.DataObject) -> None:
    assert_same(schema, data.draw(instances(schema())))
