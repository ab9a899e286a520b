"""Names and passwords that look alike are alike, however a keyboard or a system writes them (UAX #15, NFKC)."""

import unicodedata


def normal_form(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def folded(text: str) -> str:
    """The same for all spellings of `text`: of case, width and form. Databases fold only ASCII letters alike."""
    return normal_form(normal_form(text).casefold())
