"""JSON as Plaza reads it: RFC 8259 without the corners in which two readers disagree (RFC 7493, I-JSON).

How much a document holds is measured before any of it is built, so what is too much costs as little as its bytes.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Never

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from common.api.pointers import MAX_ERRORS, escape_pointer
from common.api.rendering import JSONRenderer

MAX_DEPTH = 20
MAX_DIGITS = 40
MAX_VALUES = 2_000  # members of all objects and items of all arrays; an order of 100 lines has some 300

# Possessive, and an end that may be missing: no text makes it read a byte twice.
STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class StrictJSONParser(BaseParser):
    media_type = "application/json"
    renderer_class = JSONRenderer  # fills the browsable API's raw form

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The document in `stream`.

        Raises:
            ParseError: not UTF-8, not JSON, a key twice, NaN or Infinity; a number, a nesting or a count beyond
                measure.
            ValidationError: a string with NUL or half a surrogate pair, named by its pointer.
        """
        body = stream.read()
        measure(body)
        document = parse_json(body)
        faults = _unstorable(document, "") if b"\\u" in body else ()  # only an escape can spell one
        if errors := dict(islice(faults, MAX_ERRORS + 1)):
            raise ValidationError(errors)
        return document


def measure(body: bytes) -> None:
    """Raises `ParseError` for a document of too many values, or nested too deep."""
    skeleton = STRING.sub(b"", body)
    if sum(skeleton.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise ParseError(
            _("The body holds more than %(limit)d fields and items. Send less at once.") % {"limit": MAX_VALUES}
        )
    depth = 0
    for bracket in skeleton.translate(None, NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ParseError(
                _("The body is nested deeper than %(limit)d levels. Send it flatter.") % {"limit": MAX_DEPTH}
            )


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
        raise ParseError(_("The body is not UTF-8. Encode it as UTF-8.")) from error
    except ValueError as error:
        raise ParseError(_("The body is not JSON: %(fault)s") % {"fault": error}) from error


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


def _unstorable(value: Any, pointer: str) -> Iterator[tuple[str, list[str]]]:
    """Pairs of pointer and message for each string that no database takes."""
    if isinstance(value, str) and (message := _string_fault(value)):
        yield pointer, [message]
    elif isinstance(value, dict):
        for key, item in value.items():
            if message := _string_fault(key):
                yield pointer, [_("The name of a field is unusable. %(fault)s") % {"fault": message}]
            else:
                yield from _unstorable(item, f"{pointer}/{escape_pointer(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unstorable(item, f"{pointer}/{index}")


def _string_fault(text: str) -> str | None:
    if "\0" in text:
        return _("Null characters are not allowed. Remove them.")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return _("The text holds half a surrogate pair. Send whole characters.")
    return None
