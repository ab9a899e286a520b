"""`/health/live` shows that the process answers, `/health/ready` that it can work, `/metrics` what it has done."""

import hmac
import threading
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from prometheus_client import CONTENT_TYPE_LATEST

from common import storage
from common.api.errors import DatabaseUnavailable, problem_of, problem_response, respond
from common.api.semantics import reading
from common.observability import metrics

_leaving = threading.Event()


def begin_leaving() -> None:
    """This process is not ready from now on: it still answers, and ends soon."""
    _leaving.set()


def is_leaving() -> bool:
    return _leaving.is_set()


@reading
def live(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@reading
def ready(request: HttpRequest) -> HttpResponse:
    return answer_ready(request)


def answer_ready(request: HttpRequest, **also: Any) -> HttpResponse:
    """503 while the database can't be read and when the process is about to end, else 200; `also` is said besides.

    A database that can't be written makes it "degraded": whoever balances load must go on sending reads.
    """
    if is_leaving():
        return problem_response(
            request, 503, "leaving", _("This process is about to end. Ask another one."), _("Leaving")
        )
    try:
        read_page()
    except Error as error:
        return respond(request, problem_of(error) or DatabaseUnavailable())
    if fault := storage.watch.fault():
        also |= {"status": "degraded", "storage": fault.value}
    return JsonResponse({"status": "ok"} | also)


def read_page() -> None:
    """Of a real table: SQLite answers `SELECT 1` without a look at its file. Raises `django.db.Error`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations LIMIT 1")
        cursor.fetchone()


@reading
def expose_metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read_metrics(request):
        detail = _("Metrics are for loopback, or for callers who send METRICS_TOKEN as a bearer token.")
        return problem_response(request, 403, "permission-denied", detail)
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(offered.encode(), token.encode()):
        return True
    # A proxy on this machine also connects from loopback, but the requests that it forwards are not local.
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and "X-Forwarded-For" not in request.headers


urlpatterns = [path("health/live", live), path("health/ready", ready), path("metrics", expose_metrics)]
