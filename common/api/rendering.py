"""JSON as Plaza writes it."""

from typing import Any

from rest_framework import renderers

PROBLEM_JSON = "application/problem+json"


class JSONRenderer(renderers.JSONRenderer):
    """DRF's renderer, which also says `application/problem+json` (RFC 9457) where the answer is an error."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        response = (renderer_context or {}).get("response")
        # Within the browsable API's page, the page's type stands.
        is_whole_answer = getattr(response, "accepted_renderer", self) is self
        if response is not None and response.status_code >= 400 and is_whole_answer:
            response["Content-Type"] = PROBLEM_JSON
        return super().render(data, accepted_media_type, renderer_context)
