"""The words of a text, for those who store them and for those who look for them.

Case, accents, width and Unicode form are folded, in every alphabet. A word is a run of letters, digits and the marks
that belong to them. A Chinese, Japanese or Korean character is a word of its own, and so is a symbol such as € or ☕.
"""

import re
import unicodedata
from collections.abc import Callable

MAX_WORD_LENGTH = 64  # what a longer word goes on with doesn't count
LONGEST_SORT_KEY = 200

# Letters that have no accent by Unicode's tables, and for people are another letter with one.
STROKES = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
)

# Radicals, kana, bopomofo, jamo, ideographs and syllables.
CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u3105-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb"
    "\uf900-\ufaff\U00016fe0-\U00016fe3\U0001aff0-\U0001b16f\U00020000-\U0003ffff]"
)


class Table(dict[int, str]):
    """For `str.translate`: what becomes of each character. It is found out once, when the character first comes."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        self.rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = self.rule(chr(code))
        return self[code]


def words_of(text: str) -> list[str]:
    """Each word of `text` once, in the order of their first appearance."""
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in fold(text).translate(_apart).split()))


def fold(text: str) -> str:
    """`text` without what the eye of a hurried reader skips. Folded text is not folded any further."""
    bare = unicodedata.normalize("NFKD", text).translate(_bare)
    lower = unicodedata.normalize("NFKD", bare.casefold()).translate(_bare)
    return unicodedata.normalize("NFC", lower.translate(STROKES))


def sort_key(text: str) -> str:
    """Where `text` stands in a sorted list. Both databases are given the same one, and compare it by its characters."""
    return fold(text).strip()[:LONGEST_SORT_KEY]


def _without_accent(character: str) -> str:
    """Nothing for an accent, a vowel point or what has no shape. Other marks make another letter or syllable."""
    kind = unicodedata.combining(character)
    is_accent = kind == 1 or 10 <= kind <= 36 or 200 <= kind < 240  # an iota below (240) is a letter in capitals
    is_shapeless = unicodedata.category(character) == "Cf" and character != "\u200b"  # the space of no width
    is_variant = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return "" if is_accent or is_shapeless or is_variant else character


def _spaced(character: str) -> str:
    category = unicodedata.category(character)
    if CJK.match(character) or (category in {"Sc", "Sm", "So"} and not character.isascii()):
        return f" {character} "
    return character if category[0] in "LMN" else " "


_bare, _apart = Table(_without_accent), Table(_spaced)
