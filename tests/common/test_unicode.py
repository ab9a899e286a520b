import pytest
from hypothesis import given, strategies as st

from common.unicode import folded, normal_form


@pytest.mark.parametrize(
    "twin",
    ["josé", "JOSÉ", "jose\u0301", "ｊｏｓé", "\U0001d4bf\U0001d45c\U0001d4c8é"],
)
def test_all_spellings_of_a_name_are_one(twin: str) -> None:
    assert folded(twin) == "josé"


def test_other_letters_stay_others() -> None:
    assert len({folded(name) for name in ("jose", "josé", "јose")}) == 3  # the last one begins in Cyrillic


@given(st.text())
def test_what_is_folded_is_not_folded_any_further(text: str) -> None:
    assert folded(folded(text)) == folded(text) == folded(normal_form(text))


@pytest.mark.parametrize("letter", ["ß", "İ", "ŉ", "ǰ", "ΐ", "ﬃ", "ẞ", "ſ", "ϓ", "Å", "ᾳ"])
def test_a_letter_that_unfolds_into_several_is_folded_at_once(letter: str) -> None:
    assert folded(folded(letter)) == folded(letter)
