"""`/api/status/` for programs, `/status/` for people, both for staff; `/health/ready` for whoever balances load."""

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

from .reports import report
from .schemas import StatusReport


class StatusView(APIView):
    """Each service's circuit, load and latency as the gateway's processes see them, and the last transitions."""

    permission_classes = (Staff,)

    @extend_schema(operation_id="status_retrieve", responses=StatusReport)
    def get(self, request: Request) -> Response:
        return Response(report())


@never_cache
@require_safe
def status_page(request: HttpRequest) -> HttpResponse:
    user = cookie_user(request)
    if user is None:
        return redirect(f"{settings.LOGIN_URL}?next={request.path}")
    if not user.is_staff:
        return permission_denied(request, PermissionError())
    return render(request, "status/status.html", {"user": user, "report": report()})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 while the gateway can serve; "degraded" names the services whose circuit is not closed."""
    if not database_answers():
        return problem_response(request, 503, "database-unavailable", "The database does not answer.")
    out = [name for name in settings.UPSTREAMS if upstream(name).circuit.current_state != "closed"]
    return JsonResponse({"status": "degraded" if out else "ok", "out": out})
