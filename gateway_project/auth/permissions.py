"""Deny by default: a view that says nothing is for signed-in users."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class Open(BasePermission):
    """Anyone."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return True


class Authenticated(BasePermission):
    """Any signed-in user."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user.is_authenticated)


class Staff(BasePermission):
    """Signed-in staff."""

    message = "Only staff may do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user.is_authenticated and request.user.is_staff)


class RouteAccess(BasePermission):
    """As the route table says for the method; OPTIONS like the least of the path's methods."""

    message = Staff.message

    def has_permission(self, request: Request, view: Any) -> bool:
        operations = view.route.operations
        method = "GET" if request.method == "HEAD" else request.method
        levels = [operations[method].access] if method in operations else [op.access for op in operations.values()]
        names = {level.value for level in levels}
        if "open" in names:
            return True
        allowed = Authenticated() if "user" in names else Staff()
        return allowed.has_permission(request, view)
