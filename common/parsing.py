"""JSON as Plaza reads it: RFC 8259 without the corners in which two readers disagree (RFC 7493, I-JSON)."""

import json
from typing import Any, Never

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from common.errors import escape_pointer
from common.rendering import JSONRenderer

MAX_DEPTH = 20
MAX_DIGITS = 40


class StrictJSONParser(BaseParser):
    media_type = "application/json"
    renderer_class = JSONRenderer  # fills the browsable API's raw form

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The document in `stream`.

        Raises:
            ParseError: not UTF-8, not JSON, a key twice, NaN or Infinity, a number or a nesting beyond measure.
            ValidationError: a string with NUL or half a surrogate pair, named by its pointer.
        """
        document = parse_json(stream.read())
        if errors := list(_unstorable(document, "", 0)):
            raise ValidationError(dict(errors))
        return document


def parse_json(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_int=_short_number(int),
            parse_float=_short_number(float),
        )
    except UnicodeDecodeError as error:
        raise ParseError("The body is not UTF-8.") from error
    except RecursionError as error:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:
        raise ParseError(f"The body is not JSON: {error}") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("an object names a key twice")
    return result


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no number")


def _short_number(convert: type[int] | type[float]) -> Any:
    def convert_short(text: str) -> int | float:
        if len(text) > MAX_DIGITS:
            raise ValueError(f"a number has more than {MAX_DIGITS} digits")
        number = convert(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError("a number is out of range")
        return number

    return convert_short


def _unstorable(value: Any, pointer: str, depth: int) -> Any:
    """Pairs of pointer and message for each string that no database takes; too deep a nesting raises."""
    if depth > MAX_DEPTH:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, str) and (message := _string_fault(value)):
        yield pointer, [message]
    elif isinstance(value, dict):
        for key, item in value.items():
            if message := _string_fault(key):
                yield pointer, [f"A key is unusable. {message}"]
            else:
                yield from _unstorable(item, f"{pointer}/{escape_pointer(key)}", depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unstorable(item, f"{pointer}/{index}", depth + 1)


def _string_fault(text: str) -> str | None:
    if "\0" in text:
        return "Null characters are not allowed."
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return "The text holds half a surrogate pair."
    return None
