"""Which renderer answers a request: DRF's choice, made once for each `Accept` header and remembered."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

MAX_CHOICES = 1000
MAX_LENGTH = 300  # of a header that is worth remembering; browsers' are half as long

_choices: dict[tuple[Any, ...], tuple[int, str]] = {}


class ContentNegotiation(DefaultContentNegotiation):
    """A choice depends on nothing but the header and the view's renderers, unless the query names a `format`."""

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        renderers = list(renderers)
        accept = request.META.get("HTTP_ACCEPT", "*/*")
        if format_suffix or len(accept) > MAX_LENGTH or self.settings.URL_FORMAT_OVERRIDE in request.query_params:
            return self._choose(request, renderers, format_suffix)
        key = (accept, *map(type, renderers))
        if (choice := _choices.get(key)) is None:
            renderer, media_type = self._choose(request, renderers)
            if len(_choices) >= MAX_CHOICES:
                _choices.clear()
            choice = _choices[key] = renderers.index(renderer), media_type
        return renderers[choice[0]], choice[1]

    def _choose(self, *arguments: Any) -> tuple[Any, str]:
        choice: tuple[Any, str] = super().select_renderer(*arguments)
        return choice
