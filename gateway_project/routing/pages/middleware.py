"""What HTML has no words for, and what the last page has to tell the next one."""

from typing import Any

from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views import View
from django.views.i18n import set_language

from common.api.idempotency import KEY

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
METHODS = ("PUT", "PATCH", "DELETE", "OPTIONS")


class MessageStorage(CookieStorage):
    """A cookie as the others are: signed, HttpOnly, and with the prefix __Host- on https."""

    cookie_name = f"{settings.COOKIE_PREFIX}plaza_messages"


class PagesMiddleware(MessageMiddleware):
    """For requests that want a page; what programs ask for costs nothing here. It comes after BodyLimitMiddleware.

    A form says in fields that begin with "_" what HTML can't: the `_method`, the idempotency `_key`, a whole body in
    `_content`, of the type `_content_type`. With `_more` it asks for itself again, with a line more. Its CSRF token
    counts as the header's, where Django looks for it with all methods but POST. `request.page_form` is the form.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "text/html" not in request.META.get("HTTP_ACCEPT", ""):
            return self.get_response(request)  # type: ignore[return-value]  # nothing is asynchronous here
        return super().__call__(request)  # type: ignore[return-value]

    def process_view(self, request: HttpRequest, view: Any, *arguments: Any) -> None:
        if request.method != "POST" or request.content_type not in FORMS or not hasattr(view, "cls"):
            return
        if "text/html" not in request.META.get("HTTP_ACCEPT", ""):
            return
        form = request.page_form = request.POST  # type: ignore[attr-defined]
        if token := form.get("csrfmiddlewaretoken"):
            request.META.setdefault(settings.CSRF_HEADER_NAME, token)
        if KEY.fullmatch(key := form.get("_key", "")):  # no header has a line break in it, or a letter beyond Latin-1
            request.META.setdefault("HTTP_IDEMPOTENCY_KEY", key)
        request.__dict__.pop("headers", None)  # Django made them of META, once
        if "_more" in form:
            request.method = "GET"
        elif form.get("_method") in METHODS:
            request.method = form["_method"]
        if "_content" in form:
            _use_content(request, form["_content"], form.get("_content_type", "application/json"))


def _use_content(request: HttpRequest, content: str, content_type: str) -> None:
    request._body = content.encode()
    request.META["CONTENT_TYPE"] = request.content_type = content_type
    request.META["CONTENT_LENGTH"] = str(len(request.body))


class LanguageChoice(View):
    """Remembers a language in a cookie, which counts before what the browser says, and leads back to the page."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("/")

    def post(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = set_language(request)
        return response
