import io
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from rest_framework.exceptions import ParseError, ValidationError

from common.api.parsing import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, StrictJSONParser
from common.api.pointers import MAX_ERRORS

TOO_MANY = f"The body holds more than {MAX_VALUES} fields and items. Send less at once."


def parse(body: bytes | str) -> Any:
    return StrictJSONParser().parse(io.BytesIO(body if isinstance(body, bytes) else body.encode()))


def refusal(body: bytes | str) -> str:
    with pytest.raises(ParseError) as error:
        parse(body)
    return str(error.value.detail)


def faults(body: bytes | str) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as error:
        parse(body)
    assert isinstance(error.value.detail, dict)
    return {pointer: [str(message) for message in messages] for pointer, messages in error.value.detail.items()}


Storable = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
Documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | Storable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(Storable, inner, max_size=4),
    max_leaves=15,
)


@given(Documents, st.booleans())
def test_what_is_plain_json_comes_out_as_it_went_in(document: Any, is_ascii: bool) -> None:
    assert parse(json.dumps(document, ensure_ascii=is_ascii)) == document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"[1, 2",
        b"{} {}",
        b"nul",
        b'"\t"',
        b"01",
        b"+1",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert refusal(body).startswith("The body is not JSON: ")


@pytest.mark.parametrize(
    "body", [b'"\xff"', b'"\xc3"', '{"a": "ñ"}'.encode("latin-1"), "{}".encode("utf-16"), b'"\xed\xa0\x80"']
)
def test_what_is_not_utf_8_is_refused(body: bytes) -> None:
    assert refusal(body) == "The body is not UTF-8. Encode it as UTF-8."


@pytest.mark.parametrize("body", ['{"a": 1, "a": 1}', '{"a": 1, "\\u0061": 2}', '[{"b": {"a": 1, "c": 2, "a": 3}}]'])
def test_a_key_twice_is_refused(body: str) -> None:
    assert refusal(body) == "The body is not JSON: an object names a key twice"


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(name: str) -> None:
    assert refusal(f'{{"a": [{name}]}}') == f"The body is not JSON: {name} is no number"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1.5E+400"])
def test_a_number_out_of_range_is_refused(number: str) -> None:
    assert refusal(number) == "The body is not JSON: a number is out of range"


@pytest.mark.parametrize("number", ["9" * 41, "-" + "9" * 40, "0." + "1" * 39, "9" * 10**6, "1." + "0" * 10**6])
def test_a_number_of_too_many_digits_is_refused(number: str) -> None:
    assert refusal(number) == f"The body is not JSON: a number has more than {MAX_DIGITS} digits"


def test_a_number_of_as_many_digits_as_allowed_is_taken() -> None:
    assert parse("9" * 40) == 10**40 - 1
    assert parse("1e-400") == 0.0


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_nesting_beyond_measure_is_refused(opening: str, closing: str) -> None:
    assert parse(opening * MAX_DEPTH + "1" + closing * MAX_DEPTH)
    too_deep = MAX_DEPTH + 1
    message = f"The body is nested deeper than {MAX_DEPTH} levels. Send it flatter."
    assert refusal(opening * too_deep + "1" + closing * too_deep) == message
    assert refusal(opening * MAX_VALUES) == message
    assert refusal(opening * 100_000 + "1" + closing * 100_000) == TOO_MANY


@pytest.mark.parametrize(
    "document",
    [
        [1] * MAX_VALUES,
        {str(number): number for number in range(MAX_VALUES)},
        [[[number, {}]] for number in range(MAX_VALUES // 5)],
        {"items": [{"product_id": "x" * 36, "quantity": 1}] * 600},
    ],
)
def test_a_document_may_hold_so_many_values_and_no_more(document: Any) -> None:
    assert parse(json.dumps(document)) == document
    more = document * 2 if isinstance(document, list) else [document, document]
    assert refusal(json.dumps(more)) == TOO_MANY


def test_what_is_in_a_text_is_not_counted() -> None:
    text = '",[{:}]\\' * MAX_VALUES
    assert parse(json.dumps({text: text})) == {text: text}


@pytest.mark.parametrize(
    "body", ['"' + r"\"" * 100_000, '"' + "\\" * 100_001, '"' * 100_001, '{"a": "' + r"\\" * 100_000]
)
def test_a_text_without_an_end_is_read_once(body: str) -> None:
    """Each of these would be read 100,000 times if the search for an end were begun anew at each quotation mark."""
    assert refusal(body).startswith("The body is not JSON: ")


def test_a_null_character_is_named_by_its_pointer() -> None:
    body = r'{"name": "a\u0000b", "items": [{"sku": "x"}, {"sku": "\u0000"}], "note": "fine"}'
    message = "Null characters are not allowed. Remove them."
    assert faults(body) == {"/name": [message], "/items/1/sku": [message]}


@pytest.mark.parametrize("text", [r"\ud800", r"a\udfffb", r"\udc00\ud800", r"ñ\ud83d"])
def test_half_a_surrogate_pair_is_named_by_its_pointer(text: str) -> None:
    assert faults(f'{{"name": "{text}"}}') == {
        "/name": ["The text holds half a surrogate pair. Send whole characters."]
    }


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse(r'"\ud83d\ude00 ñ"') == "😀 ñ"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (r"a\u0000", "Null characters are not allowed. Remove them."),
        (r"\ud800", "The text holds half a surrogate pair. Send whole characters."),
    ],
)
def test_a_key_that_no_database_takes_is_named_by_its_objects_pointer(key: str, message: str) -> None:
    assert faults(f'{{"a": {{"{key}": 1}}}}') == {"/a": [f"The name of a field is unusable. {message}"]}


def test_a_pointer_escapes_what_is_its_own_notation() -> None:
    assert faults(r'{"a/b": {"~c": "\u0000"}}') == {"/a~1b/~0c": ["Null characters are not allowed. Remove them."]}


@pytest.mark.parametrize("body", [r'"\u0000"', r'"\ud800"'])
def test_a_document_that_is_one_bad_string_has_the_empty_pointer(body: str) -> None:
    assert list(faults(body)) == [""]


def test_of_many_unusable_strings_only_some_are_named() -> None:
    body = json.dumps({"k" * 40_000: ["\0"] * 1_000})
    assert len(faults(body)) == MAX_ERRORS + 1
