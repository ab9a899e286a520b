from typing import Any

import pytest

from common.api.pointers import MAX_ERRORS, MAX_TEXT, first_errors, flatten


def leaf(message: str, code: str = "invalid") -> dict[str, str]:
    return {"message": message, "code": code}


@pytest.mark.parametrize(
    ("details", "pointers"),
    [
        ([leaf("a")], [""]),
        ({"name": [leaf("a"), leaf("b")]}, ["/name", "/name"]),
        ({"items": [{}, {"sku": [leaf("a")]}, {"sku": [leaf("b")]}]}, ["/items/1/sku", "/items/2/sku"]),
        ({"tags": {0: [leaf("a")], 3: [leaf("b")]}}, ["/tags/0", "/tags/3"]),
        ({"address": {"city": [leaf("a")]}}, ["/address/city"]),
        ({"items": {"non_field_errors": [leaf("a")]}}, ["/items"]),
        ({"non_field_errors": [leaf("a")]}, [""]),
        ({"": [leaf("a")]}, [""]),
        ({"?page_size": [leaf("a")]}, ["?page_size"]),
        ({"/already/a": [leaf("a")]}, ["/already/a"]),
        ({"a/b": [leaf("a")], "~": [leaf("b")]}, ["/a~1b", "/~0"]),
        ({"name": leaf("a")}, ["/name"]),
        ({"matrix": [[leaf("a")], [leaf("b")]]}, ["/matrix/0", "/matrix/1"]),
        ({"message": [leaf("a")], "code": [leaf("b")]}, ["/message", "/code"]),
    ],
)
def test_nested_errors_become_rows_with_pointers(details: Any, pointers: list[str]) -> None:
    rows = list(flatten(details))
    assert [row["pointer"] for row in rows] == pointers
    assert [row["detail"] for row in rows] == ["a", "b"][: len(pointers)]


@pytest.mark.parametrize(("count", "are_all"), [(0, True), (1, True), (20, True), (21, False), (2_000, False)])
def test_the_first_20_are_listed_and_whether_there_are_more_is_said(count: int, are_all: bool) -> None:
    rows, said = first_errors({f"m{number}": [leaf("a")] for number in range(count)})
    assert ([row["pointer"] for row in rows], said) == ([f"/m{number}" for number in range(min(count, 20))], are_all)


def test_what_was_sent_is_not_repeated_at_length() -> None:
    [row] = flatten({"k" * 65_536: [leaf("m" * 65_536)]})
    assert row["pointer"] == "/" + "k" * (MAX_TEXT - 2) + "…"
    assert row["detail"] == "m" * (MAX_TEXT - 1) + "…"
    [whole] = flatten({"k" * (MAX_TEXT - 1): [leaf("m" * MAX_TEXT)]})
    assert (whole["pointer"], whole["detail"]) == ("/" + "k" * (MAX_TEXT - 1), "m" * MAX_TEXT)


def test_the_largest_list_of_errors_is_still_small() -> None:
    rows, _ = first_errors({f"{number}{'k' * 65_536}": [leaf("m" * 65_536)] for number in range(100)})
    assert sum(len(text) for row in rows for text in row.values()) <= MAX_ERRORS * (2 * MAX_TEXT + len("invalid"))
