from uuid import UUID

import pytest
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.api.idempotency import KeyReused, fingerprint, idempotency_key


def request(key: str | None) -> Request:
    headers = {} if key is None else {"Idempotency-Key": key}
    return Request(APIRequestFactory().post("/orders/", headers=headers))


def test_without_the_header_there_is_no_key() -> None:
    assert idempotency_key(request(None)) is None


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("k", "k"),
        ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        ('"quoted"', "quoted"),
        ('"', '"'),
        ('a"b"', 'a"b"'),
        ("!~", "!~"),
        ("k" * 255, "k" * 255),
        ('"' + "k" * 255 + '"', "k" * 255),
    ],
)
def test_a_key_is_read_bare_or_quoted(sent: str, key: str) -> None:
    assert idempotency_key(request(sent)) == key


@pytest.mark.parametrize("sent", ["", '""', "k" * 256, '"' + "k" * 256 + '"', "a b", '"a b"', "ñ", "a\tb", "\x7f"])
def test_a_key_with_other_characters_or_of_another_length_is_refused(sent: str) -> None:
    with pytest.raises(ValidationError) as error:
        idempotency_key(request(sent))
    assert error.value.detail == {"": ["Idempotency-Key takes 1 to 255 visible ASCII characters."]}


def test_the_fingerprint_does_not_depend_on_how_the_body_is_written() -> None:
    assert fingerprint({"a": 1, "b": [1, {"c": None, "d": "ñ"}]}) == fingerprint(
        {"b": [1, {"d": "ñ", "c": None}], "a": 1}
    )


def test_a_different_body_has_a_different_fingerprint() -> None:
    bodies = [{}, [], None, "", {"a": 1}, {"a": 2}, {"a": "1"}, {"b": 1}, {"a": [1, 2]}, {"a": [2, 1]}, {"a": None}]
    assert len({fingerprint(body) for body in bodies}) == len(bodies)


def test_an_id_has_the_fingerprint_of_its_text() -> None:
    assert fingerprint({"product_id": UUID(int=1)}) == fingerprint({"product_id": str(UUID(int=1))})


def test_a_reused_key_is_a_422_with_its_own_type() -> None:
    assert (KeyReused.status_code, KeyReused.slug) == (422, "idempotency-key-reused")
