"""The cookies with a browser's tokens: HttpOnly, SameSite, and with the prefix __Host- on https."""

from django.conf import settings
from django.http.response import HttpResponseBase

from .authentication import ACCESS_COOKIE, REFRESH_COOKIE
from .tokens import TokenPair


def set_tokens(response: HttpResponseBase, pair: TokenPair) -> None:
    max_age = int(settings.REFRESH_LIFETIME.total_seconds())
    for name, value in ((ACCESS_COOKIE, pair.access), (REFRESH_COOKIE, pair.refresh)):
        response.set_cookie(name, value, max_age=max_age, secure=settings.IS_HTTPS, httponly=True, samesite="Lax")


def clear_tokens(response: HttpResponseBase) -> None:
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        response.set_cookie(name, "", max_age=0, secure=settings.IS_HTTPS, httponly=True, samesite="Lax")
