from uuid import UUID

import pytest

from common.identifiers import new_id, parse_id


def test_ids_are_unique_uuids_of_version_7_in_order_of_creation() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {(type(made), made.version) for made in ids} == {(UUID, 7)}
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


def test_an_id_is_read_in_any_case() -> None:
    made = new_id()
    assert parse_id(str(made)) == parse_id(str(made).upper()) == made


@pytest.mark.parametrize("text", ["", "1", "me", "0" * 33, "g" * 32, "ñ"])
def test_other_text_is_no_id(text: str) -> None:
    assert parse_id(text) is None
