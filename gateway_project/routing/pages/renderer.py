"""DRF's browsable API as Plaza's pages."""

from typing import Any

from rest_framework.renderers import BrowsableAPIRenderer

from common.upstream import SAFE_METHODS

from . import outcomes
from .page import Page
from .programs import curl_line, with_links


class BrowsableRenderer(BrowsableAPIRenderer):
    """A page, or after a form that was accepted the way to the next one."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        request, response = renderer_context["request"], renderer_context["response"]
        is_sent = getattr(request, "page_form", None) is not None and request.method not in SAFE_METHODS
        if is_sent and response.status_code < 300 and request.method != "OPTIONS":
            page = Page(renderer_context["view"], request, response, data)
            response["Location"] = outcomes.lead_on(request, response, page.look, data)
            response.status_code = 303
            return ""
        return super().render(data, accepted_media_type, renderer_context)

    def get_content(self, renderer: Any, data: Any, accepted_media_type: Any, renderer_context: Any) -> str:
        content = super().get_content(renderer, data, accepted_media_type, renderer_context)
        return with_links(content, renderer_context["request"].path)

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        return None  # `Page` makes the forms

    def get_context(self, data: Any, accepted_media_type: Any, renderer_context: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(data, accepted_media_type, renderer_context)
        page = Page(renderer_context["view"], renderer_context["request"], renderer_context["response"], data)
        raw = [(m, context[f"raw_data_{m.lower()}_form"]) for m in ("POST", "PUT", "PATCH")]
        context["curl"] = curl_line(renderer_context["request"])
        context["raw_forms"] = [(method, form["_content"].initial) for method, form in raw if form is not None]
        return context | page.context()
