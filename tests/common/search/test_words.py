"""What the words of a text are."""

import unicodedata
from typing import Literal

import pytest
from hypothesis import example, given, strategies as st

from common.search.words import MAX_WORD_LENGTH, fold, words_of

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" %_\"'*:&|!()<>\\-- ", []),
        ("Cast-iron skillet, 26 cm", ["cast", "iron", "skillet", "26", "cm"]),
        ("KIT_001", ["kit", "001"]),
        ("tea Tea TEA", ["tea"]),
        ("O'Love_50%", ["o", "love", "50"]),
        ("countess@example.org", ["countess", "example", "org"]),
        ("Crème BRÛLÉE", ["creme", "brulee"]),
        ("Łódź smørrebrød Æro", ["lodz", "smorrebrod", "aero"]),
        ("Straße STRASSE", ["strasse"]),
        ("İstanbul ısı", ["istanbul", "isi"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σισυφοσ"]),
        ("Ёлка ёлка елка", ["елка"]),
        ("ﬁne ｆｕｌｌ Ⅳ", ["fine", "full", "iv"]),
        ("30 m²", ["30", "m2"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("ｶﾞﾗｽ ガラス カ", ["ガ", "ラ", "ス", "カ"]),
        ("か が", ["か", "が"]),
        ("한국어", ["한", "국", "어"]),
        ("iPad用ケース", ["ipad", "用", "ケ", "ー", "ス"]),
        ("हिन्दी की", ["हिन्दी", "की"]),
        ("ไทย", ["ไทย"]),
        ("שָׁלוֹם שלום", ["שלום"]),
        ("مُحَمَّد محمد", ["محمد"]),
        ("rail\u00adway zero\u200bwidth", ["railway", "zero", "width"]),
        ("☕ I\u2764\ufe0f €5", ["☕", "i", "\u2764", "€", "5"]),
        ("x" * 99, ["x" * MAX_WORD_LENGTH]),
        ("nul\0led", ["nul", "led"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
@example("ﬃ ŉ ΐ")
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(), st.sampled_from(FORMS))
def test_the_unicode_form_makes_no_difference(text: str, form: Form) -> None:
    assert words_of(unicodedata.normalize(form, text)) == words_of(text)


@given(st.text())
@example("ᾳ")
def test_case_makes_no_difference(text: str) -> None:
    assert words_of(text.casefold()) == words_of(text)


@given(st.text(st.characters(codec="latin-1")))
def test_capitals_make_no_difference(text: str) -> None:
    assert words_of(text.upper()) == words_of(text.lower()) == words_of(text)


@given(st.text(), st.sampled_from("\u0301\u0308\u0323\u0338\u05b8\u064e"))
def test_an_accent_makes_no_difference(text: str, accent: str) -> None:
    assert words_of("".join(letter + accent for letter in text)) == words_of(text)


@given(st.text())
def test_a_word_is_what_the_databases_take_for_one(text: str) -> None:
    """FTS5's ASCII tokenizer and the casts to `tsvector` and `tsquery` leave it as it is."""
    for word in words_of(text):
        assert 0 < len(word) <= MAX_WORD_LENGTH
        assert all(character.isalnum() and character == character.lower() for character in word if character.isascii())
        assert not any(unicodedata.category(character) in {"Cc", "Cf"} for character in word)
        assert not any(unicodedata.category(character)[0] in "PZ" for character in word)


@given(st.lists(st.text()))
def test_a_text_has_the_words_of_its_parts(texts: list[str]) -> None:
    apart = dict.fromkeys(word for text in texts for word in words_of(text))
    assert words_of(" ".join(texts)) == list(apart)


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F, exclude_characters="Ŀŀ"), min_size=1))
def test_the_beginning_of_a_word_is_the_beginning_of_its_words(text: str) -> None:
    [word] = words_of(text)
    assert all(word.startswith(words_of(text[:length])[0]) for length in range(1, len(text)))
