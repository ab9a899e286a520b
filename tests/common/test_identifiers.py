from uuid import UUID

import pytest

from common.identifiers import new_id, parse_id


def test_ids_are_distinct_uuids_of_version_7_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {(type(made), made.version) for made in ids} == {(UUID, 7)}
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


def test_a_spelled_id_is_read_in_any_case() -> None:
    made = new_id()
    assert parse_id(str(made)) == parse_id(str(made).upper()) == made


@pytest.mark.parametrize("text", ["", "1", "me", "0" * 33, "g" * 32, "ñ"])
def test_what_spells_none_is_none(text: str) -> None:
    assert parse_id(text) is None
