"""Every path of the public surface."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from common.api import errors
from common.api.semantics import reading
from common.observability import health
from gateway_project.auth.urls import api_urlpatterns as auth_api, page_urlpatterns as auth_pages
from gateway_project.routing.pages.middleware import LanguageChoice
from gateway_project.routing.urls import urlpatterns as routed
from gateway_project.routing.views import IndexView
from gateway_project.site.urls import urlpatterns as site
from gateway_project.status.urls import api_urlpatterns as status_api, page_urlpatterns as status_pages
from gateway_project.status.views import ready

READING = ("get", "head")


@reading
def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("plaza/favicon.svg"))


urlpatterns = [
    path("favicon.ico", favicon),
    path("language/", LanguageChoice.as_view(), name="language"),
    path(
        "api/",
        include(
            [
                *routed,  # first, since Django tries one after the other
                path("", IndexView.as_view(), name="index"),
                *auth_api,
                *status_api,
                path("schema/", SpectacularAPIView.as_view(http_method_names=READING), name="schema"),
                path(
                    "docs/",
                    SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=READING),
                    name="docs",
                ),
            ]
        ),
    ),
    *site,
    *auth_pages,
    *status_pages,
    path("health/ready", ready),
    path("", include(health)),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
