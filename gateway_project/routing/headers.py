"""What every answer says to caches and browsers, and what every request counts as."""

from collections.abc import Callable

from corsheaders import middleware as corsheaders
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common.api.idempotency import HEADER, KEY

# Scripts, styles and images are the gateway's own files.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Swagger's script writes styles into its page.
SWAGGER_PATH = "/api/docs/"
SWAGGER_POLICY = CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class PublicSchemeMiddleware:
    """A request counts as secure if people reach the gateway by https: then a proxy has ended TLS before it.

    So HSTS is sent, and the origins of forms are compared as https.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.IS_HTTPS:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["wsgi.url_scheme"] = "https"
        return self.get_response(request)


class CorsMiddleware(corsheaders.CorsMiddleware):
    """Not there at all, and no `Vary: origin`, while no origin may read answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.CORS_ALLOWED_ORIGINS:
            raise MiddlewareNotUsed
        super().__init__(get_response)


class ResponseHeadersMiddleware:
    """Answers belong to one user: `no-store`, or `no-cache` where an ETag allows a revalidation."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_swagger = request.path == SWAGGER_PATH
        response["Content-Security-Policy"] = SWAGGER_POLICY if is_swagger else CONTENT_SECURITY_POLICY
        if request.method == "POST" and KEY.fullmatch(key := request.headers.get(HEADER, "")):
            response[HEADER] = key  # whatever happened, the answer says with which key to ask again
        response["Cache-Control"] = "private, no-cache" if response.has_header("ETag") else "no-store"
        del response["Expires"]  # Django's way to say the same to HTTP/1.0
        return response
