"""What every answer says to caches and browsers."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Scripts, styles and images are the gateway's own files; DRF's and Swagger's pages also have styles in them.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class ResponseHeadersMiddleware:
    """Answers are somebody's own unless they say otherwise: `no-store`, except what can be revalidated by ETag."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        if request.path.startswith("/api/"):
            response["Cache-Control"] = "private, no-cache" if response.has_header("ETag") else "no-store"
        return response
