"""Where a form leads when it has been accepted, and what is said there."""

from typing import Any

from django.contrib import messages
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _

from .labels import STATUSES
from .looks import Look, name_of

UNDOING = "DELETE"


def lead_on(request: Any, response: Any, look: Look | None, data: Any) -> str:
    """The path of the page to show next. Leaves a message for it."""
    name = request.page_form.get("_name", "")
    if look and isinstance(data, dict) and look.named_by != "reason":
        name = name_of(look, data) or name
    messages.add_message(request._request, *_message(request, response, look, data, name))
    return _next_path(request, response, data)


def _message(request: Any, response: Any, look: Look | None, data: Any, name: str) -> tuple[int, str]:
    if response.status_code == 202:
        text = _("Thank you. %(name)s is taken, and is confirmed as soon as the catalogue answers.")
        return messages.WARNING, text % {"name": name}
    if request.path == reverse("users-me-password"):
        return messages.SUCCESS, _("Your password was changed. All your other sign-ins have ended.")
    if request.path.endswith("/cancel/") or "status" in request.page_form:
        status = STATUSES.get(data.get("status", ""), "") if isinstance(data, dict) else ""
        return messages.SUCCESS, _("%(name)s is %(status)s now.") % {"name": name, "status": status}
    text = _("Done.")
    if look:
        text = look.deleted if request.method == UNDOING else look.created if request.method == "POST" else look.changed
    return messages.SUCCESS, str(text or _("Done.")) % {"name": name}


def _next_path(request: Any, response: Any, data: Any) -> str:
    path: str = request.path
    if request.method == UNDOING:
        return _list_of(path, request.user)
    if path == reverse("users-me-password"):
        return reverse("users-me")
    if path == reverse("auth-register"):
        return reverse("login")
    if location := response.get("Location"):
        return str(location)
    if path.endswith("/cancel/"):
        return path.removesuffix("cancel/")
    slug = data.get("slug") if isinstance(data, dict) else None
    if slug and path.startswith(reverse("categories")):
        return reverse("categories-slug", kwargs={"slug": slug})  # it may be another one now
    return path


def _list_of(path: str, user: Any) -> str:
    """The list that the thing at `path` was in, or the first page where that isn't for this user."""
    parent = f"{path.rstrip('/').rpartition('/')[0]}/"
    if parent == reverse("users") and not user.is_staff:
        return "/"
    if path == reverse("users-me"):
        return "/"
    try:
        resolve(parent)
    except Resolver404:
        return "/"
    return parent
