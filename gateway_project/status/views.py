"""`/api/status/` for programs, `/status/` for people, both for staff; `/health/ready` for whoever balances load."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.errors import permission_denied
from common.api.semantics import reading
from common.observability.health import answer_ready
from gateway_project.auth.authentication import cookie_user
from gateway_project.auth.permissions import IsStaff
from gateway_project.upstreams.client import lanes

from .reports import report
from .schemas import StatusReport
from .texts import translated


class StatusView(APIView):
    """Each service's circuit, load and latency as the gateway's processes see them, and the last transitions."""

    permission_classes = (IsStaff,)

    @extend_schema(responses=StatusReport)
    def get(self, request: Request) -> Response:
        return Response(report())


@never_cache
@reading
def status_page(request: HttpRequest) -> HttpResponse:
    user = cookie_user(request)
    if user is None:
        return redirect(f"{settings.LOGIN_URL}?next={request.path}")
    if not user.is_staff:
        return permission_denied(request, PermissionError())
    return render(request, "status/status.html", {"user": user, "report": report(), "texts": translated()})


@reading
def ready(request: HttpRequest) -> HttpResponse:
    """200 while the gateway can serve; "degraded" names the services whose circuit is not closed."""
    out = sorted({lane.name for lane in lanes() if lane.circuit.state != "closed"})
    return answer_ready(request, status="degraded" if out else "ok", out=out)
