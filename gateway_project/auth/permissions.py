"""Who may call an operation. Deny by default: a view that says nothing is for signed-in users.

`access` and `audience` are how the OpenAPI document says it, to programs and to people.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import permissions
from rest_framework.request import Request


class AllowAny(permissions.AllowAny):
    access = "open"
    audience = "Open to anyone."


class IsAuthenticated(permissions.IsAuthenticated):
    access = "user"
    audience = "For signed-in users."


class IsStaff(IsAuthenticated):
    access = "staff"
    audience = "For staff."
    message = _("Only staff may do this. Sign in as staff.")

    def has_permission(self, request: Request, view: Any) -> bool:
        return super().has_permission(request, view) and bool(request.user.is_staff)


Permission = type[AllowAny] | type[IsAuthenticated]
