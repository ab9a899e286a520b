"""The paths of a project, with examples in place of their parameters."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

EXAMPLES = {"uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "slug": "things", "str": "things", "int": "1"}
PARAMETER = re.compile(r"<(?:(\w+):)?\w+>")


def views() -> dict[str, Any]:
    """Each path that the project serves, and its view function."""
    found: dict[str, Any] = {}
    for path, view in _walk(get_resolver(), "/"):
        found.setdefault(path, view)  # as the resolver: the first one is asked
    return found


def _walk(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = prefix + PARAMETER.sub(lambda found: EXAMPLES[found[1] or "str"], str(entry.pattern))
        if isinstance(entry, URLPattern):
            yield path, entry.callback
        else:
            yield from _walk(entry, path)
