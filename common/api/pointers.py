"""Where in a document an error is (RFC 6901), and DRF's nested error details as rows that name it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

MAX_ERRORS = 20
MAX_TEXT = 300  # characters of a pointer or a detail: both may repeat what was sent


def first_errors(details: Any) -> tuple[list[dict[str, str]], bool]:
    """The first rows of `flatten`, and whether these are all."""
    rows = list(islice(flatten(details), MAX_ERRORS + 1))
    return rows[:MAX_ERRORS], len(rows) <= MAX_ERRORS


def flatten(details: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """`APIException.get_full_details()` as `{"pointer", "detail", "code"}` rows."""
    if _is_leaf(details):
        message, code = str(details["message"]), str(details["code"])
        yield {"pointer": _clipped(pointer), "detail": _clipped(message), "code": code}
    elif isinstance(details, dict):
        for key, value in details.items():
            yield from flatten(value, pointer + _step(str(key)))
    else:
        for index, value in enumerate(details):
            yield from flatten(value, pointer if _is_leaf(value) else f"{pointer}/{index}")


def escape_pointer(key: str) -> str:
    """A member's name as one step of a pointer (RFC 6901, 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def _is_leaf(details: Any) -> bool:
    """One error, and not the errors of two members that happen to have these names."""
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["message"], str)


def _step(key: str) -> str:
    if key == "non_field_errors" or not key:
        return ""
    if key.startswith(("/", "?")):  # already a pointer, or a query parameter
        return key
    return "/" + escape_pointer(key)


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
