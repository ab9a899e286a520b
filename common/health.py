"""`/health/live` says that the process answers, `/health/ready` that it can do its work, `/metrics` what it did."""

import hmac

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from common import metrics
from common.errors import problem_response


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503."""
    if not database_answers():
        return problem_response(request, 503, "database-unavailable", "The database does not answer.")
    return JsonResponse({"status": "ok"})


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


@require_safe
def expose_metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read_metrics(request):
        detail = "Metrics are for loopback, or for who has METRICS_TOKEN."
        return problem_response(request, 403, "permission-denied", detail)
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(offered.encode(), token.encode()):
        return True
    # A proxy on this machine also connects from loopback, but what it forwards isn't local.
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and "X-Forwarded-For" not in request.headers


urlpatterns = [path("health/live", live), path("health/ready", ready), path("metrics", expose_metrics)]
