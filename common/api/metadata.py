"""What a service answers to OPTIONS."""

from typing import Any

from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request


class ViewMetadata(SimpleMetadata):
    """The view and its media types. A view's `serializer_class` is its answer, so it can't describe what to send."""

    def determine_actions(self, request: Request, view: Any) -> dict[str, Any]:
        return {}
