"""The browsable API: DRF's, with links that lead on within the gateway."""

import re
from typing import Any

from django.utils.html import escape
from django.utils.safestring import mark_safe
from rest_framework.renderers import BrowsableAPIRenderer

_PATH = re.compile(r"&quot;(/api/[^\s&]*(?:&amp;[^\s&]*)*)&quot;")
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_MEMBER = re.compile(rf"&quot;(id|product_id|user_id|order_id|category)&quot;: &quot;({_UUID}|[\w-]+)&quot;")
_COLLECTIONS = {"product_id": "products", "user_id": "users", "order_id": "orders", "category": "categories"}
_LISTS = frozenset({"/api/products/", "/api/users/", "/api/orders/"})


class BrowsableRenderer(BrowsableAPIRenderer):
    """JSON stays what `Accept: application/json` gives; what names another resource is a link to it."""

    def get_content(self, renderer: Any, data: Any, accepted_media_type: Any, renderer_context: Any) -> str:
        content = super().get_content(renderer, data, accepted_media_type, renderer_context)
        return mark_safe(_with_links(content, renderer_context["request"].path))  # noqa: S308 - escaped in there

    def get_context(self, data: Any, accepted_media_type: Any, renderer_context: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(data, accepted_media_type, renderer_context)
        context["user"] = renderer_context["request"].user
        return context


def _with_links(content: str, path: str) -> str:
    """`content` escaped, its paths and ids as links."""

    def link(match: re.Match[str]) -> str:
        name, value = match[1], match[2]
        if name == "id" and path in _LISTS:
            target = f"{path}{value}/"
        elif name in _COLLECTIONS:
            target = f"/api/{_COLLECTIONS[name]}/{value}/"
        else:
            return match[0]
        return f'&quot;{name}&quot;: &quot;<a href="{target}" rel="nofollow">{value}</a>&quot;'

    linked = _PATH.sub(r'&quot;<a href="\1" rel="nofollow">\1</a>&quot;', escape(content))
    return _MEMBER.sub(link, linked)
