"""The same as a program sees it: the request as a line of curl, and the JSON with links."""

import re
from shlex import quote
from typing import Any

from django.conf import settings
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_PATH = re.compile(r"&quot;(/api/[^\s&]*(?:&amp;[^\s&]*)*)&quot;")
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_FIELD = re.compile(rf"&quot;(id|product_id|user_id|order_id|category)&quot;: &quot;({_UUID}|[\w-]+)&quot;")
_COLLECTIONS = {"product_id": "products", "user_id": "users", "order_id": "orders", "category": "categories"}
_LISTS = frozenset({"/api/products/", "/api/users/", "/api/orders/"})


def curl_line(request: Any) -> str:
    """What a program would have sent, with its token in a variable. No body: it may hold a password."""
    method = "" if request.method == "GET" else f"-X {request.method} "
    token = ' -H "Authorization: Bearer $TOKEN"' if request.user.is_authenticated else ""
    address = f"{settings.PUBLIC_URL}{request.get_full_path()}"
    body = " --json @body.json" if request.method in ("POST", "PUT", "PATCH") else ""
    return f"curl {method}{quote(address)}{token}{body}"


def with_links(content: str, path: str) -> SafeString:
    """`content`, escaped, with its paths and ids as links."""

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
    return mark_safe(_FIELD.sub(link, linked))  # noqa: S308 - escaped above
