"""What is around every page: the context processor of `plaza/page.html`, the template that all pages extend.

A page sets its `title`, `main` and, if it likes, `head`, `breadcrumbs` and `foot`. It needs no context for the rest.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_noop

from gateway_project.auth.authentication import cookie_user
from gateway_project.auth.errors import RevocationsUnknown
from gateway_project.auth.tokens import TokenUser

# Labels and names of pages; the second ones are for staff.
MENU = (
    (gettext_noop("Products"), "products"),
    (gettext_noop("Categories"), "categories"),
    (gettext_noop("Orders"), "orders"),
)
DOCS = (gettext_noop("Docs"), "docs")
STAFF_MENU = ((gettext_noop("Users"), "users"), (gettext_noop("Status"), "status"))


@dataclass(frozen=True, slots=True)
class Entry:
    label: str
    path: str
    is_current: bool


def frame(request: Any) -> dict[str, Any]:
    """`person` is who is signed in, or None; `menu`, `languages` and `plaza_version` are as they are called."""
    person = person_of(request)
    entries = (*MENU, *(STAFF_MENU if person and person.is_staff else ()), DOCS)
    return {
        "person": person,
        "menu": [_entry(_(label), reverse(name), request.path) for label, name in entries],
        "languages": settings.LANGUAGES,
        "plaza_version": settings.VERSION,
    }


def person_of(request: HttpRequest) -> TokenUser | None:
    """Who is signed in, by whatever the view has found out, else by the cookies."""
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:  # a view that doesn't ask who calls
        try:
            return cookie_user(request)
        except RevocationsUnknown:  # this page may be the one that says so
            return None
    return user  # type: ignore[no-any-return]


def _entry(label: str, path: str, current: str) -> Entry:
    own = (reverse("users-me"), reverse("users-me-password"))
    return Entry(label, path, current.startswith(path) and current not in own)
