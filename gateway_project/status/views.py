"""`/api/status/` for programs, `/status/` for people, both for staff; `/health/ready` for whoever balances load."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import permission_denied, problem_response
from common.health import database_answers
from gateway_project.auth.authentication import cookie_user
from gateway_project.auth.permissions import Staff
from gateway_project.routing.upstreams import upstream

from .models import CircuitTransition
from .schemas import StatusReport

SHOWN_TRANSITIONS = 20


class StatusView(APIView):
    """Each service's circuit, load and failures as this gateway process sees them, and the last transitions."""

    permission_classes = (Staff,)

    @extend_schema(operation_id="status_retrieve", responses=StatusReport)
    def get(self, request: Request) -> Response:
        return Response(StatusReport(report()).data)


@never_cache
@require_safe
def status_page(request: HttpRequest) -> HttpResponse:
    user = cookie_user(request)
    if user is None:
        return redirect(f"{settings.LOGIN_URL}?next={request.path}")
    if not user.is_staff:
        return permission_denied(request, PermissionError())
    return render(request, "status/status.html", {"user": user, **report()})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 while the gateway can serve; "degraded" names the services whose circuit is not closed."""
    if not database_answers():
        return problem_response(request, 503, "database-unavailable", "The database does not answer.")
    out = [name for name in settings.UPSTREAMS if upstream(name).circuit.current_state != "closed"]
    return JsonResponse({"status": "degraded" if out else "ok", "out": out})


def report() -> dict[str, Any]:
    transitions = CircuitTransition.objects.order_by("-at", "-id")[:SHOWN_TRANSITIONS]
    return {"upstreams": [_describe(name) for name in settings.UPSTREAMS], "transitions": list(transitions)}


def _describe(name: str) -> dict[str, Any]:
    service = upstream(name)
    total, failed = service.circuit.window.totals()
    return {
        "name": name,
        "circuit": service.circuit.current_state,
        "in_flight": service.bulkhead.in_flight,
        "max_in_flight": service.bulkhead.limit,
        "rejected": service.bulkhead.rejected,
        "calls": total,
        "failures": failed,
        "retries": service.retries,
    }
